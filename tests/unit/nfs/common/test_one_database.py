"""The tables of all functions may stand in one database."""

from __future__ import annotations

from pathlib import Path

from nfs.common.database import database_url, open_engine

FUNCTIONS = ("mtc-iwf", "sms-sc", "hss", "scs")


def test_each_function_makes_its_own_beside_those_of_the_others(database: str) -> None:
    for name in FUNCTIONS:
        migrations = f"nfs.{name.replace('-', '_')}:migrations"
        open_engine(database_url(database, Path()), migrations=migrations, name=name).dispose()
