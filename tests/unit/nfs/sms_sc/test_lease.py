"""The time of an SMS-SC among others: moved on while the store is there, and all given up when it is not."""

from __future__ import annotations

from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from unit.nfs.sms_sc.test_shared import TRIGGER as BARE

from nfs.common.store import StoreError
from nfs.sms_sc.answers import Acceptance
from nfs.sms_sc.lease import ROUNDS, Lease
from nfs.sms_sc.logic import Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Outcome
from nfs.sms_sc.shared import Lost

LEASE_S = 8.0
TRIGGER = replace(BARE, scts=0)


class FakeShared:
    """A store with others: what it has for us, and what is wrong with it."""

    def __init__(self) -> None:
        self.ours: list[Trigger] = []
        self.left: list[Trigger] = []
        self.wrong: Exception | None = None
        self.renewed = 0

    async def enter(self, _lease_s: float) -> list[Trigger]:
        if isinstance(self.wrong, StoreError):
            raise self.wrong
        self.wrong = None
        return self.ours

    async def renew(self, _lease_s: float) -> list[Trigger]:
        if self.wrong is not None:
            raise self.wrong
        self.renewed += 1
        left, self.left = self.left, []
        return left


class Rig:
    def __init__(self) -> None:
        self.clock, self.keep = Clock(), FakeShared()
        self.said: list[object] = []
        self.lease = Lease(
            self.keep,  # type: ignore[arg-type]  # FakeShared
            LEASE_S,
            begin=lambda triggers: self.said.append(("begin", list(triggers))),
            more=lambda triggers: self.said.append(("more", list(triggers))),
            lost=lambda: self.said.append("lost"),
            clock=self.clock.seconds,
            call_later=self.clock.callLater,
            spawn=self.spawn,
            say=lambda _text: None,
        )
        self.spawn(self.lease.enter())

    @staticmethod
    def spawn(coroutine: Coroutine[Any, Any, None]) -> object:
        return Deferred.fromCoroutine(coroutine)

    def rounds(self, count: int) -> None:
        self.clock.pump([LEASE_S / ROUNDS] * count)


def test_it_is_moved_on_and_what_others_leave_is_taken_up() -> None:
    rig = Rig()
    rig.rounds(10)
    assert (rig.said, rig.keep.renewed) == ([("begin", [])], 10)
    rig.keep.left = [TRIGGER]
    rig.rounds(2)
    assert rig.said == [("begin", []), ("more", [TRIGGER])]
    rig.lease.stop()
    assert rig.clock.getDelayedCalls() == []


def test_a_store_that_is_away_for_less_costs_nothing() -> None:
    rig = Rig()
    rig.keep.wrong = StoreError("away")
    rig.rounds(ROUNDS - 2)
    rig.keep.wrong = None
    rig.rounds(3)
    assert rig.said == [("begin", [])]
    rig.lease.stop()


def test_a_store_that_is_away_for_longer_costs_all_until_it_is_there_again() -> None:
    rig = Rig()
    rig.keep.wrong = StoreError("away")
    rig.rounds(ROUNDS)
    assert rig.said == [("begin", []), "lost"]
    rig.rounds(2)
    rig.keep.wrong, rig.keep.ours = None, [TRIGGER]
    rig.rounds(1)
    assert rig.said == [("begin", []), "lost", ("begin", [TRIGGER])]
    rig.lease.stop()


def test_one_whose_messages_were_taken_over_begins_anew() -> None:
    rig = Rig()
    rig.keep.wrong = Lost()
    rig.rounds(1)
    assert rig.said == [("begin", []), "lost"]
    rig.rounds(1)
    assert rig.said == [("begin", []), "lost", ("begin", [])]
    rig.lease.stop()
    assert rig.clock.getDelayedCalls() == []


def waiting(centre: ServiceCentre, trigger: Trigger) -> Trigger:
    _, kept = centre.accept(trigger, 100.0)
    centre.hold(kept.key)
    assert centre.next(trigger.imsi, 101.0) is None
    return kept


ROUTED = Policy(routed=True)


def test_nothing_is_sent_before_it_is_written_and_then_with_the_stamp_of_the_store() -> None:
    centre = ServiceCentre(ROUTED)
    kept = waiting(centre, TRIGGER)
    centre.written(kept, replace(kept, scts=500, concatenation=9), None)
    attempt = centre.next(TRIGGER.imsi, 101.0)
    assert attempt is not None
    assert int(attempt.deliver.scts.timestamp()) == 500
    _, later = centre.accept(replace(TRIGGER, reference=8), 102.0)
    assert later.scts == 501


def test_what_another_one_has_is_not_ours_to_send() -> None:
    centre = ServiceCentre(ROUTED)
    kept = waiting(centre, TRIGGER)
    centre.written(kept, kept, Acceptance.PENDING)
    assert (centre.pending, centre.waiting()) == ({}, ())
    kept = waiting(centre, TRIGGER)
    done = replace(kept, outcome=Outcome.SUCCESSFUL_TRANSFER)
    centre.written(kept, done, Acceptance.REPORT_AGAIN)
    assert (centre.pending, centre.owed) == ({}, {done.key: done})
    centre.clear()
    assert (centre.owed, centre.held(done.scs)) == ({}, 0)


def test_what_is_in_the_store_is_in_memory_too() -> None:
    centre = ServiceCentre(ROUTED)
    kept = waiting(centre, TRIGGER)
    centre.withdraw(kept)  # the first request could not be stored, its repetition was
    centre.written(kept, kept, None)
    assert centre.next(TRIGGER.imsi, 101.0) is not None


def test_what_comes_once_more_while_it_is_taken_over_is_there_once() -> None:
    centre = ServiceCentre(ROUTED)
    kept = waiting(centre, TRIGGER)
    stored = replace(kept, scts=500)
    centre.restore([stored])
    centre.written(kept, stored, None)
    attempt = centre.next(TRIGGER.imsi, 101.0)
    assert attempt is not None
    assert int(attempt.deliver.scts.timestamp()) == 500
    assert centre.ended(attempt, Delivered(), 102.0) is not None
    assert (centre.next(TRIGGER.imsi, 103.0), centre.waiting(), len(centre.owed)) == (None, (), 1)
    centre.restore([stored, replace(stored, reference=9)])  # of what is owed the row is older
    assert (len(centre.pending), len(centre.owed)) == (1, 1)
    ended = replace(stored, reference=9, outcome=Outcome.SUCCESSFUL_TRANSFER)
    centre.restore([ended])
    assert (centre.waiting(), centre.owed[ended.key]) == ((), ended)
