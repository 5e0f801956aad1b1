"""Opening a database: its URL, its schema brought up to date, and one clear line when it cannot be used.

Knows neither threads nor Twisted: `nfs.common.store` runs work on the engine, `mtc subscriber` uses it directly.

With PostgreSQL a transaction sees one state of the database (REPEATABLE READ, as SQLite's do), and one that met
another in its way is to be begun again: `passing` knows which.  What locks its rows itself may ask for READ COMMITTED.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any, Final

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Engine, create_engine, event, func, select
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError, NoSuchModuleError, SQLAlchemyError

from diameter.errors import ConfigError
from nfs.common.statements import run_text

BUSY_S: Final = 5.0
"""How long a transaction waits for one of another process (`mtc subscriber` beside a running HSS) before it fails."""

READS: Final = "mtc_reads"
"""The execution option of engines from `reading`."""
EXTRAS: Final = {"postgresql": "postgres"}
"""Kind of database to the extra of the distribution that brings its driver."""

POSTGRES: Final[dict[str, Any]] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 2,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""libpq's parameters for a server that does not answer, unless the URL has others; seconds, the last milliseconds."""
IDLE_MS: Final = 30_000
"""A transaction whose process went away without a word holds its locks no longer than this."""
_SYNCHRONOUS: Final = (
    "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off'"
)
_IN_THE_WAY: Final = frozenset({"40001", "40P01"})  # serialization_failure, deadlock_detected
_MIGRATION_LOCK: Final = 0x4D5443  # any number that is always the same


class NewerSchema(ConfigError):
    """The database was made by a later version of the program."""


def database_url(text: str, folder: Path) -> URL:
    """A database as configurations name it: a URL (`postgresql+psycopg://host/name`), or a file of SQLite.

    A relative file counts from `folder`.  PostgreSQL is reached by psycopg 3 unless the URL says otherwise.  Raises
    ConfigError.
    """
    if "://" not in text:
        return URL.create("sqlite", database=str(folder / Path(text).expanduser()))
    try:
        url = make_url(text)
    except ArgumentError:
        raise ConfigError("database: neither the path of a file nor a database URL") from None
    return url.set(drivername="postgresql+psycopg") if url.drivername == "postgresql" else url


def reading(engine: Engine) -> Engine:
    """The same database for work that only reads: it waits for no writer, and no writer waits for it.

    Each statement is a transaction of its own, so that what belongs together is asked for by one.
    """
    if engine.dialect.name == "sqlite":
        return engine.execution_options(**{READS: True})
    return engine.execution_options(isolation_level="AUTOCOMMIT", **{READS: True})


@contextmanager
def snapshot(engine: Engine) -> Iterator[Connection]:
    """One state of the database, for as long as it is read; no writer waits for it."""
    if engine.dialect.name != "sqlite":
        with engine.begin() as connection:
            yield connection
        return
    with reading(engine).connect() as connection:
        connection.exec_driver_sql("BEGIN")
        try:
            yield connection
        finally:
            connection.exec_driver_sql("ROLLBACK")


def is_shared(text: str) -> bool:
    """Whether a database, as configurations name it, may serve several processes that write all the time."""
    return "://" in text and not text.startswith("sqlite")


def open_engine(
    url: URL, *, migrations: str, name: str, busy_s: float = BUSY_S, isolation: str = "REPEATABLE READ"
) -> Engine:
    """An engine whose database can be used and has the newest schema; a file of SQLite is made when it is not there.

    migrations: resource name of a folder of alembic revisions ("nfs.hss:migrations").  name: of the function, whose
    revision is kept in the table `<name>_revision`.  isolation: of transactions on PostgreSQL.  Raises ConfigError
    with one line that says what is wrong.
    """
    sqlite = url.get_backend_name() == "sqlite"
    shown = f"database {url.database if sqlite else url.render_as_string(hide_password=True)}"
    try:
        engine = create_engine(url, **_options(url, busy_s, isolation))
    except ModuleNotFoundError as error:
        extra = EXTRAS.get(url.get_backend_name(), "")
        hint = f"; pip install 'mtc-diameter[{extra}]' brings it" if extra else ""
        raise ConfigError(f"{shown}: the driver {error.name} is not installed{hint}") from None
    except (ArgumentError, NoSuchModuleError, ImportError) as error:
        raise ConfigError(f"{shown}: {one_line(error)}") from None
    if sqlite:
        event.listen(engine, "connect", _sqlite_connect)
        event.listen(engine, "begin", _sqlite_begin)
    elif url.get_driver_name() == "psycopg":
        event.listen(engine, "connect", lambda connection, _record: _postgres_connect(connection, busy_s))
    try:
        with _migrating(engine) as connection:
            if sqlite:
                _check_sqlite(connection)
            upgrade(connection, migrations=migrations, name=name)
    except (SQLAlchemyError, OSError) as error:
        engine.dispose()
        raise ConfigError(f"{shown}: {one_line(error)}") from None
    except NewerSchema as error:
        engine.dispose()
        raise ConfigError(f"{shown}: {error}") from None
    return engine


def _options(url: URL, busy_s: float, isolation: str) -> dict[str, Any]:
    """What `create_engine` is told beside the URL."""
    if url.get_backend_name() == "sqlite":
        return {"connect_args": {"timeout": busy_s}}
    if url.get_driver_name() == "psycopg":
        asked = {key: value for key, value in POSTGRES.items() if key not in url.query}
        return {"connect_args": asked, "isolation_level": isolation}
    return {}


@contextmanager
def _migrating(engine: Engine) -> Iterator[Connection]:
    """A transaction for looking at the schema, one process at a time; each sees what the one before it has made."""
    if engine.dialect.name != "postgresql":
        with engine.begin() as connection:
            yield connection
        return
    with engine.connect().execution_options(isolation_level="READ COMMITTED") as connection, connection.begin():
        connection.execute(select(func.pg_advisory_xact_lock(_MIGRATION_LOCK)))
        yield connection


def upgrade(connection: Connection, *, migrations: str, name: str) -> None:
    """Bring the schema to the newest revision, in the transaction of `connection`.  Raises NewerSchema."""
    newest, known = _revisions(migrations)
    kept = {"version_table": _version_table(name)}
    current = set(MigrationContext.configure(connection, opts=kept).get_current_heads())
    if current == newest:
        return
    if not current <= known:
        raise NewerSchema(f"made by a newer version of {name}")
    command.upgrade(migration_config(connection, migrations, name), "head")


@cache
def _revisions(migrations: str) -> tuple[frozenset[str], frozenset[str]]:
    """(the newest, all) revisions of a folder of alembic."""
    scripts = ScriptDirectory.from_config(migration_config(None, migrations, ""))
    return frozenset(scripts.get_heads()), frozenset(script.revision for script in scripts.walk_revisions())


def passing(error: DBAPIError) -> bool:
    """Whether the transaction is worth beginning again at once: another was in its way, or its connection was lost."""
    return error.connection_invalidated or getattr(error.orig, "sqlstate", None) in _IN_THE_WAY


def migration_config(connection: Connection | None, migrations: str, name: str) -> Config:
    """What alembic needs to know, with a connection of ours."""
    config = Config(attributes={"connection": connection, "version_table": _version_table(name)})
    config.set_main_option("script_location", "nfs.common:migrations")
    config.set_main_option("version_locations", migrations)
    config.set_main_option("path_separator", "newline")
    return config


def _version_table(name: str) -> str:
    return f"{name.replace('-', '_')}_revision"


def one_line(error: BaseException) -> str:
    """The driver's own words, first line only, without SQLAlchemy's statement, parameters and link."""
    cause = error.orig if isinstance(error, DBAPIError) and error.orig is not None else error
    lines = str(cause).strip().splitlines()
    return lines[0] if lines else type(cause).__name__


def _check_sqlite(connection: Connection) -> None:
    """Find a torn file at start and not in the middle of a request (reads every page once)."""
    found = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
    if found != "ok":
        raise DatabaseError("PRAGMA quick_check", None, RuntimeError(f"corrupt: {str(found).strip()}"))


def _sqlite_connect(connection: Any, _record: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions of its own: savepoints need ours
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _sqlite_begin(connection: Connection) -> None:
    # DEFERRED would fail at once, without waiting, when a reader becomes a writer beside another writer
    if not connection.get_execution_options().get(READS, False):
        run_text(connection, "BEGIN IMMEDIATE")


def _postgres_connect(connection: Any, busy_s: float) -> None:
    autocommit, connection.autocommit = connection.autocommit, True
    connection.execute(f"SET lock_timeout = {round(busy_s * 1000)}")
    connection.execute(f"SET idle_in_transaction_session_timeout = {IDLE_MS}")
    connection.execute(_SYNCHRONOUS)  # what was acknowledged is on disk, however the server is set up
    connection.autocommit = autocommit
