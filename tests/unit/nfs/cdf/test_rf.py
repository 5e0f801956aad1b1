"""A charging data function: a record is on disk before it is acknowledged, and there once."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from click.testing import CliRunner

from diameter.testing import FakeRequester
from helpers.inline import InlineReactor, InlineThreads
from helpers.messages import dictionary
from helpers.schemas import assert_fits
from nfs.cdf.rf import Rf
from nfs.cli.cdr import command
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store

TOML = '[node]\norigin_host = "cdf.example.org"\norigin_realm = "example.org"\n[cdf]\ndatabase = "cdf.db"\n'
START: dict[str, Any] = {"Accounting-Record-Type": 2, "Accounting-Record-Number": 0, "Acct-Application-Id": 3}


def test_records_are_kept_once_and_shown(tmp_path: Path) -> None:
    (tmp_path / "cdf.toml").write_text(TOML)
    runner = CliRunner()
    nothing = runner.invoke(command, ["received", "-c", str(tmp_path / "cdf.toml")])
    assert "there is none" in str(nothing.exception)
    engine = open_engine(database_url("cdf.db", tmp_path), migrations="nfs.cdf:migrations", name="cdf")
    clock = InlineReactor()
    store = Store(engine, clock, InlineThreads())
    rf = Rf(store, clock.seconds)
    fake = FakeRequester(rf, dictionary(), clock=clock, origin_host="cdf.example.org")
    one = {**START, "Session-Id": "sms-sc.example.org;1;2"}
    for avps in (one, one, one | {"Accounting-Record-Type": 4, "Accounting-Record-Number": 1}):
        answer = fake.deliver("Accounting", avps)
        assert (answer.faults, answer.result) == ((), (0, 2001))
        assert [answer[name] for name in START] == [avps[name] for name in START]
    assert rf.counted == {"taken": 2, "repeated": 1}
    shown = runner.invoke(command, ["received", "-c", str(tmp_path / "cdf.toml"), "--json"])
    rows = [json.loads(line) for line in shown.output.splitlines()]
    assert [(each["session"], each["number"], each["kind"]) for each in rows] == [
        ("sms-sc.example.org;1;2", 0, 2), ("sms-sc.example.org;1;2", 1, 4),
    ]  # fmt: skip
    for each in rows:
        assert_fits("cdr-received", each)
    text = runner.invoke(command, ["received", "-c", str(tmp_path / "cdf.toml")]).output
    assert text.count("Accounting-Record-Number") == 2
    _ = store.close()
    assert fake.deliver("Accounting", one | {"Session-Id": "b;1;2"}).result == (0, 4002)  # OUT_OF_SPACE
    assert rf.counted["refused"] == 1
