"""What every verb on the HSS's database has: where it is, and a connection to it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection, Engine

F = TypeVar("F", bound=Callable[..., Any])


def options(function: F) -> F:
    """The options every verb has: where the database is, and JSON."""
    function = click.option("--json", "as_json", is_flag=True, help="Print JSON.")(function)
    function = click.option(
        "-c", "--config", type=click.Path(path_type=Path), help="TOML file of the HSS that owns the database."
    )(function)
    return click.option("-d", "--database", help="SQLite file or database URL.")(function)


@contextmanager
def opened(database: str | None, config: Path | None, *, make: bool = True) -> Iterator[Engine]:
    """The HSS's database.  Raises UsageError, ConfigError, the latter also for a database that fails.

    make: a file of SQLite that is not there is made; to read from it, or remove, would hide a wrong name.
    """
    from sqlalchemy.exc import IntegrityError, SQLAlchemyError

    from diameter.config import load
    from diameter.errors import ConfigError
    from nfs.common.database import database_url, one_line, open_engine
    from nfs.hss.config import HssConfig

    if (database is None) == (config is None):
        raise click.UsageError("name the database with --database, or with -c the HSS's configuration, one of the two")
    folder = Path()
    if config is not None:
        folder, database = config.parent, load(config, HssConfig).hss.database
    url = database_url(database or "", folder)
    if not make and url.get_backend_name() == "sqlite" and url.database and not Path(url.database).exists():
        raise ConfigError(f"database {url.database}: there is none")
    engine = open_engine(url, migrations="nfs.hss:migrations", name="hss")
    try:
        yield engine
    except IntegrityError:
        raise
    except SQLAlchemyError as error:
        raise ConfigError(f"database: {one_line(error)}") from None
    finally:
        engine.dispose()


@contextmanager
def connected(
    database: str | None, config: Path | None, *, make: bool = True, writes: bool = True
) -> Iterator[Connection]:
    """A transaction on the HSS's database; committed when the block ends well.  Raises UsageError, ConfigError.

    make: see `opened`.  writes: else it sees one state of the database, and nobody waits for it.
    """
    from nfs.common.database import snapshot

    with opened(database, config, make=make) as engine:
        if writes:
            with engine.begin() as connection:
                yield connection
        else:
            with snapshot(engine) as connection:
                yield connection
