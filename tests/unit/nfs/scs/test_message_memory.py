"""Short messages of devices at an SCS that remembers: on disk before the MTC-IWF is told, and each handed on once."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import func, select, text
from twisted.internet.defer import Deferred

from diameter import Dictionary
from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor
from helpers.schemas import assert_fits
from helpers.scs_runs import TOKEN, Run, Runs, Web
from nfs.common.sms import Submit, split
from nfs.common.sms_layout import SmsAddress
from nfs.scs import message_memory
from nfs.scs.api import Scs
from nfs.scs.http import Http
from nfs.scs.memory import MESSAGE_HAD, MESSAGE_PART, Memory
from nfs.scs.message_memory import FORGET_EVERY, PARTS_S, MessageMemory
from nfs.scs.mo_sms import ShortMessage, Taking

DICTIONARY = Dictionary.load()
METER = "meter-1@customer.example"
LONG = bytes(range(256)) + b"the rest"


def tpdus(payload: bytes, reference: int = 1) -> list[bytes]:
    destination = SmsAddress(digits="4711", ton=0)
    return [
        Submit(reference=reference, destination=destination, user_data=each).encode()
        for each in split(payload, port=16000, reference=reference)
    ]


(HELLO,) = tpdus(b"hello")


class Process(Run):
    """One run of an SCS."""

    def __init__(self, database: str, clock: InlineReactor, *, held: bool = False) -> None:
        super().__init__(database, clock, held=held)
        memory = Memory(self.store)
        self.scs = Scs(number="15550000100", realm="operator.example", clock=clock.seconds, memory=memory)
        self.messages = self.scs.tsp.messages
        self.messages.limit = 3
        self.scs.keep_messages(MessageMemory(self.store, clock.seconds))
        self.fake = FakeRequester(self.scs.tsp, DICTIONARY, {}, clock=clock)

    def bring(self, reference: int, tpdu: bytes = HELLO, device: str = METER) -> int:
        return self.tell(External_Identifier=device, Reference_Number=reference, Action_Type=5, SM_RP_UI=tpdu)

    def take(self, reference: int, tpdu: bytes, device: str = METER) -> None:
        run(self.messages.taken("iwf", device, reference, tpdu), self.clock)

    def behind(self, number: int, most: int = 100) -> list[tuple[int, int, bytes]]:
        found = run(self.messages.behind(number, most), self.clock)
        return [(each.number, each.reference, each.payload) for each in found]

    def count(self, table: Any) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(select(func.count()).select_from(table)).scalar_one())


Rig = Runs[Process]


@pytest.fixture
def rig(database: str) -> Iterator[Rig]:
    rig = Rig(database, Process)
    yield rig
    rig.close()


def test_what_was_acknowledged_is_there_after_a_kill_and_once(rig: Rig) -> None:
    first = rig.start().remember()
    assert [first.bring(7), first.bring(8), first.bring(8)] == [2001] * 3
    second = rig.start().remember()
    assert len(second.messages) == 2
    assert [second.bring(each) for each in (7, 8)] == [2001] * 2
    assert second.messages.duplicates == 2
    assert second.behind(0) == [(1, 7, b"hello"), (2, 8, b"hello")]
    (message, _) = run(second.messages.behind(0), rig.clock)
    assert message == ShortMessage(
        number=1, external_identifier=METER, to="4711", payload=b"hello", port=16000, coding=4, reference=7
    )


def test_what_is_taken_stays_so_and_numbers_go_on(rig: Rig) -> None:
    first = rig.start().remember()
    first.bring(7)
    first.bring(8)
    assert first.behind(1) == [(2, 8, b"hello")]
    assert first.behind(2) == []
    second = rig.start().remember()
    assert (len(second.messages), second.behind(0)) == (0, [])
    assert [second.bring(8), second.bring(9)] == [2001] * 2  # the first came before, and is taken
    assert second.behind(2) == [(3, 9, b"hello")]


def test_parts_that_came_before_a_kill_are_joined_with_those_after_it(rig: Rig) -> None:
    first, second, third = tpdus(LONG)
    process = rig.start().remember()
    assert [process.bring(9, third), process.bring(7, first)] == [2001] * 2
    assert process.behind(0) == []
    again = rig.start().remember()
    assert [again.bring(7, first), again.bring(8, second)] == [2001] * 2
    assert again.messages.duplicates == 1
    assert again.behind(0) == [(1, 8, LONG)]
    assert again.count(MESSAGE_PART) == 0


def test_parts_are_not_joined_with_those_of_another_day_or_device(rig: Rig) -> None:
    first, second, third = tpdus(LONG)
    process = rig.start().remember()
    process.bring(1, first)
    process.bring(2, second, device="meter-2@customer.example")
    rig.clock.advance(PARTS_S + 1)
    process.bring(3, second)
    process.bring(4, third)
    assert process.behind(0) == []
    process.bring(5, first)
    assert process.behind(0) == [(1, 5, LONG)]


def test_no_more_wait_than_may_also_after_a_restart(rig: Rig) -> None:
    process = rig.start().remember()
    assert [process.bring(each) for each in (1, 2, 3)] == [2001] * 3
    again = rig.start().remember()
    assert [again.bring(4), again.bring(3), len(again.messages)] == [3004, 2001, 3]
    assert again.bring(5, b"\x00") == 5004
    assert [number for number, _, _ in again.behind(1, most=1)] == [2]
    assert (len(again.messages), again.bring(4)) == (2, 2001)
    again.messages.limit = 0
    assert again.bring(6) == 5012


def test_what_cannot_be_kept_is_not_acknowledged(rig: Rig) -> None:
    process = rig.start().remember()
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE scs_message RENAME TO away"))
    assert process.bring(7) == 3004
    with process.engine.begin() as connection:
        connection.execute(text("ALTER TABLE away RENAME TO scs_message"))
    assert (process.bring(7), process.messages.duplicates) == (2001, 0)
    assert process.behind(0) == [(1, 7, b"hello")]


def test_the_answer_waits_for_the_disk(rig: Rig) -> None:
    process = rig.start(held=True)
    found: list[Taking] = []
    taking = Deferred.fromCoroutine(process.messages.taken("iwf", METER, 7, HELLO))
    _ = taking.addCallback(found.append)
    rig.clock.advance(0)
    assert found == []
    process.threads.run()
    rig.clock.advance(0)
    assert found == [Taking.TAKEN]


def test_what_came_long_ago_is_not_recognised_for_ever(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(message_memory, "REMEMBERED", 5)
    process = rig.start().remember()
    first, *_ = tpdus(LONG)
    for number in range(FORGET_EVERY):
        process.take(number, first, f"meter-{number}@customer.example")
    assert (process.count(MESSAGE_HAD), process.count(MESSAGE_PART)) == (5, 5)


def test_a_listener_gets_what_it_had_not_returned_from(rig: Rig) -> None:
    process = rig.start().remember()
    process.bring(7)
    process.bring(8)
    again = rig.start()
    heard: list[int] = []
    again.messages.listener = lambda message: heard.append(message.number)
    again.remember()
    assert again.bring(9) == 2001
    assert (heard, len(again.messages)) == ([1, 2, 3], 0)
    last = rig.start().remember()
    assert (len(last.messages), last.behind(0)) == (0, [])


def test_messages_by_http(rig: Rig) -> None:
    process = rig.start().remember()
    web = Web(Http(process.scs, TOKEN, 30.0, rig.clock), rig.clock)
    found = web.begin("messages?wait_s=20")
    assert found == []
    process.bring(7)
    web.flush()
    code, form = web.end(found)
    assert_fits("scs-messages", form)
    assert (code, form["after"], [each["reference"] for each in form["messages"]]) == (200, 1, [7])
    assert web.ask("messages?after=1") == (200, {"schema": 1, "messages": [], "after": 1})
    with process.engine.begin() as connection:
        connection.execute(text("DROP TABLE scs_message"))
    assert web.ask("messages")[0] == 503


def test_without_a_memory_they_are_in_the_process() -> None:
    scs = Scs(number="15550000100", realm="operator.example", clock=lambda: 0.0)
    scs.tsp.messages.limit = 1
    run(scs.tsp.messages.remember())
    run(scs.tsp.messages.taken("iwf", METER, 7, HELLO))
    assert [each.reference for each in run(scs.tsp.messages.behind(0))] == [7]
