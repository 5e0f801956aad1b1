"""Opening databases: schema brought up to date, and a clear line for each way it cannot be used."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import URL, Engine, inspect, make_url, text

from diameter.errors import ConfigError
from nfs.common import database
from nfs.common.database import database_url, open_engine

pytestmark = pytest.mark.usefixtures("databases_as_in_production")


def open_hss(url: URL, busy_s: float = 1.0) -> Engine:
    return open_engine(url, migrations="nfs.hss:migrations", name="hss", busy_s=busy_s)


def test_a_new_file_gets_the_newest_schema_and_keeps_it(tmp_path: Path) -> None:
    url = database_url("hss.db", tmp_path)
    for _ in range(2):
        engine = open_hss(url)
        assert {"subscriber", "hss_revision"} <= set(inspect(engine).get_table_names())
        with engine.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar() == 2
        engine.dispose()


def test_urls_and_paths(tmp_path: Path) -> None:
    assert database_url("a/b.db", tmp_path).database == str(tmp_path / "a/b.db")
    assert database_url("postgresql+psycopg://db.example/hss", tmp_path).host == "db.example"
    with pytest.raises(ConfigError, match="neither the path"):
        database_url("://nonsense", tmp_path)


def _text(path: Path) -> None:
    path.write_text("this is no database, and long enough to have a header of one hundred octets" * 3)


def _folder(path: Path) -> None:
    path.mkdir()


def _torn(path: Path) -> None:
    open_hss(database_url(str(path), path.parent)).dispose()
    octets = bytearray(path.read_bytes())
    octets[4096:] = b"\xa5" * (len(octets) - 4096)
    path.write_bytes(octets)


def _newer(path: Path) -> None:
    engine = open_hss(database_url(str(path), path.parent))
    with engine.begin() as connection:
        connection.execute(text("UPDATE hss_revision SET version_num = 'f00'"))
    engine.dispose()


@pytest.mark.parametrize(
    ("spoil", "what"),
    [
        (_text, "file is not a database"),
        (_folder, "unable to open database file"),
        (_torn, "corrupt|malformed"),
        (_newer, "made by a newer version of hss"),
    ],
)
def test_a_database_that_cannot_be_used_is_one_line(tmp_path: Path, spoil: Callable[[Path], None], what: str) -> None:
    path = tmp_path / "hss.db"
    spoil(path)
    with pytest.raises(ConfigError, match=what) as caught:
        open_hss(database_url("hss.db", tmp_path))
    assert len(caught.value.lines) == 1
    assert caught.value.lines[0].startswith(f"database {path}: ")


def test_a_database_that_another_process_holds_is_one_line(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "hss.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    with pytest.raises(ConfigError, match="locked"):
        open_hss(database_url("hss.db", tmp_path), busy_s=0.01)
    holder.close()


def test_a_driver_that_is_not_installed_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Can't load plugin"):
        open_hss(database_url("nosuchengine://u:secret@db/hss", tmp_path))


def test_a_password_is_never_shown(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        open_hss(database_url("nosuchengine://u:secret@db/hss", tmp_path))
    assert "secret" not in str(caught.value)


def test_a_driver_that_is_missing_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(*_: object, **__: object) -> None:
        raise ModuleNotFoundError("No module named 'psycopg'", name="psycopg")

    monkeypatch.setattr(database, "create_engine", missing)
    with pytest.raises(ConfigError) as caught:
        open_hss(make_url("postgresql+psycopg://u:secret@db.example/hss"))
    (line,) = caught.value.lines
    assert line == (
        "database postgresql+psycopg://u:***@db.example/hss: the driver psycopg is not installed;"
        " pip install 'mtc-diameter[postgres]' brings it"
    )
    with pytest.raises(ConfigError, match=r"the driver psycopg is not installed$"):
        open_hss(make_url("oracle://db.example/hss"))
