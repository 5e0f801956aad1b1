"""Every database has one line of revisions, which goes up, down and up again."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic import command as alembic_command
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

from nfs.common.database import database_url, migration_config

FUNCTIONS = ("hss", "mtc_iwf", "scs", "sms_sc")


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_line_of_revisions_goes_both_ways(tmp_path: Path, function: str) -> None:
    engine = create_engine(database_url("f.db", tmp_path))
    with engine.begin() as connection:
        config = migration_config(connection, f"nfs.{function}:migrations", function)
        script = ScriptDirectory.from_config(config)
        assert len(script.get_heads()) == len(script.get_bases()) == 1
        alembic_command.upgrade(config, "head")
        tables = set(inspect(connection).get_table_names())
    with engine.begin() as connection:
        config = migration_config(connection, f"nfs.{function}:migrations", function)
        alembic_command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == [f"{function}_revision"]
    with engine.begin() as connection:
        alembic_command.upgrade(migration_config(connection, f"nfs.{function}:migrations", function), "head")
        assert set(inspect(connection).get_table_names()) == tables
    engine.dispose()


def test_a_program_from_before_tsms_gets_no_message_of_an_sme(tmp_path: Path) -> None:
    engine = create_engine(database_url("f.db", tmp_path))
    with engine.begin() as connection:
        config = migration_config(connection, "nfs.sms_sc:migrations", "sms-sc")
        alembic_command.upgrade(config, "head")
        names = "imsi, payload, priority, iwf_host, iwf_realm, submission, accepted_at, expires_at, scts, concatenation"
        for scs in ("15550000100", "sme:meters"):
            values = "'1', '', 0, '', '', '', 1, 2, 1, 0"
            connection.execute(
                text(f"INSERT INTO sms_sc_trigger (key, scs, {names}) VALUES (:k, :k, {values})"), {"k": scs}
            )
        alembic_command.downgrade(config, "0001")
        assert connection.execute(text("SELECT scs FROM sms_sc_trigger")).scalars().all() == ["15550000100"]
    engine.dispose()
