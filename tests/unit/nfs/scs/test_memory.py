"""What an SCS remembers over a restart: open triggers, ends, and the order in which applications hear of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor
from helpers.schemas import assert_fits
from helpers.scs_runs import TOKEN, Run, Runs, Web
from nfs.common.tsp import RequestStatus
from nfs.scs.api import Ended, Scs, Stage, TriggerRequest
from nfs.scs.http import Http
from nfs.scs.logic import Ledger
from nfs.scs.memory import FORGET_EVERY, KEEP_S, METADATA, OPEN_S, Memory

DICTIONARY = Dictionary.load()
REQUEST = TriggerRequest(payload=b"wake", external_identifier="meter-1@customer.example")


class Process(Run):
    """One run of an SCS."""

    def __init__(self, database: str, clock: InlineReactor) -> None:
        super().__init__(database, clock)
        self.status: int | Exception = int(RequestStatus.SUCCESS)
        self.scs = Scs(
            number="15550000100",
            realm="operator.example",
            clock=clock.seconds,
            ledger=Ledger(first_reference=7),
            memory=Memory(self.store),
        )
        self.fake = FakeRequester(self.scs.tsp, DICTIONARY, {"Device-Action-Request": [self._answer] * 9}, clock=clock)

    def _answer(self, request: Message) -> Message:
        notification = {
            "Reference-Number": request["Device-Action"]["Reference-Number"],
            "Action-Type": 1,
            "Request-Status": self.status,
        }
        return request.answer(2001, {"Device-Notification": notification})

    def submit(self, **more: Any) -> Stage:
        request = TriggerRequest(payload=b"wake", external_identifier="meter-1@customer.example", **more)
        return run(self.scs.submit(request), self.clock).stage

    def notify(self, reference: int) -> int:
        return self.tell(Reference_Number=reference, Action_Type=2, Delivery_Outcome=0)

    def reports(self, after: int = 0) -> list[tuple[int, int, Stage]]:
        found: list[Ended] = run(self.scs.reports(after, 100), self.clock)
        return [(each.seq, each.report.reference, each.report.stage) for each in found]


Rig = Runs[Process]


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database, Process)
    yield rig
    rig.close()


@pytest.mark.usefixtures("databases_as_in_production")
def test_the_migrations_make_the_tables_that_the_code_knows(rig: Rig) -> None:
    with rig.start().engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": "scs_revision"})
        assert compare_metadata(context, METADATA) == []


def test_a_report_after_a_restart_is_taken_once(rig: Rig) -> None:
    first = rig.start().remember()
    assert [first.submit(), first.submit()] == [Stage.ACCEPTED, Stage.ACCEPTED]
    assert first.notify(7) == 2001
    second = rig.start().remember()
    assert [second.notify(each) for each in (7, 8, 8)] == [2001] * 3
    assert (second.scs.ledger.duplicates, second.scs.ledger.unknown) == (2, 0)
    assert second.scs.progress(8).delivered
    third = rig.start().remember()
    assert third.notify(8) == 2001
    assert third.reports() == [(1, 7, Stage.REPORTED), (2, 8, Stage.REPORTED)]
    assert third.reports(after=1) == [(2, 8, Stage.REPORTED)]
    assert third.submit() is Stage.ACCEPTED
    assert set(third.scs.ledger.open) == {9}  # the numbers of before are not used again by themselves


def test_no_report_is_taken_before_everything_is_remembered(rig: Rig) -> None:
    rig.start().remember().submit()
    again = rig.start()
    assert again.notify(7) == 3004
    again.remember()
    again.remember()
    assert again.notify(7) == 2001


def test_a_report_that_cannot_be_kept_is_not_acknowledged(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit()
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE scs_trigger RENAME TO away"))
    assert process.notify(7) == 3004
    assert process.scs.progress(7).stage is Stage.ACCEPTED
    assert process.submit() is Stage.FAILED  # nor is a trigger asked for
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO scs_trigger"))
    assert process.notify(7) == 2001
    assert process.reports() == [(1, 7, Stage.REPORTED)]


def test_every_end_is_in_the_list(rig: Rig) -> None:
    process = rig.start().remember()
    process.status = int(RequestStatus.INVEXTID)
    assert process.submit() is Stage.REFUSED
    process.fake._answers["Device-Action-Request"] = [RequestTimeout("no answer")]
    assert process.submit() is Stage.FAILED
    expected = [(1, 7, Stage.REFUSED), (2, 8, Stage.FAILED)]
    assert process.reports() == rig.start().remember().reports() == expected


def test_a_report_without_an_answer_is_an_end(rig: Rig) -> None:
    process = rig.start().remember()

    def reported_only(request: Message) -> Message:
        assert process.notify(7) == 2001
        raise RequestTimeout("no answer")

    process.fake._answers["Device-Action-Request"] = [reported_only]
    assert process.submit() is Stage.REPORTED
    assert process.reports() == [(1, 7, Stage.REPORTED)]


def test_a_number_that_is_used_again_is_another_trigger(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit(reference=7)
    process.notify(7)
    process.submit(reference=7)
    process.notify(7)
    assert process.reports() == [(2, 7, Stage.REPORTED)]
    rig.clock.advance(KEEP_S + 1)
    again = rig.start().remember()
    assert again.reports() == []
    again.submit(reference=7)
    again.notify(7)
    assert again.reports(after=2) == [(3, 7, Stage.REPORTED)]


def test_a_report_that_comes_after_a_week_is_not_a_stranger_s(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit(reference=7)
    process.submit(reference=8)
    rig.clock.advance(KEEP_S + 86_400)
    again = rig.start().remember()
    again.notify(7)
    rig.clock.advance(KEEP_S - 10)
    assert rig.start().remember().reports() == [(1, 7, Stage.REPORTED)]  # kept from its end on
    rig.clock.advance(OPEN_S)
    last = rig.start().remember()
    assert (last.reports(), dict(last.scs.ledger.open)) == ([], {})


def test_what_is_old_is_forgotten_without_a_restart_too(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit(reference=7)
    process.notify(7)
    rig.clock.advance(KEEP_S + 1)
    memory = process.scs._memory
    assert memory is not None
    assert process.reports() == [(1, 7, Stage.REPORTED)]
    for reference in range(100, 100 + FORGET_EVERY):
        _ = memory.begin(reference, rig.clock.seconds())
    assert process.reports() == []


def test_reports_by_http(rig: Rig) -> None:
    process = rig.start().remember()
    process.submit()
    process.notify(7)
    web = Web(Http(process.scs, TOKEN, 1.0, rig.clock), rig.clock)

    def ask(query: str, token: bytes = TOKEN) -> tuple[int, Any]:
        return web.ask(f"reports{query}", token=token)

    status, document = ask("")
    assert_fits("scs-reports", document)
    assert (status, [each["seq"] for each in document["reports"]]) == (200, [1])
    assert document["reports"][0]["report"]["delivered"]
    assert ask("?after=1") == (200, {"schema": 1, "reports": []})
    assert [ask(query)[0] for query in ("?after=x", "?after=-1", "?limit=0", "?limit=10001")] == [400] * 4
    assert ask(f"?after={1 << 64}")[0] == 400
    assert ask("", b"another token")[0] == 401
    with process.engine.begin() as connection:
        connection.execute(text("DROP TABLE scs_trigger"))
    assert ask("")[0] == 503


def test_without_a_database_there_is_no_list() -> None:
    scs = Scs(number="15550000100", realm="operator.example", clock=lambda: 0.0)
    run(scs.remember())
    with pytest.raises(ValueError, match="no database"):
        run(scs.reports(0, 10))
