"""Triggers that lapsed: nobody's reports wait behind those of somebody who is away."""

from __future__ import annotations

from dataclasses import replace
from typing import cast

from diameter.testing import run
from nfs.common.features import Feature
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.capabilities import Remembered
from nfs.mtc_iwf.lapsed import AT_ONCE, STUCK_S, Lapsed, LapsedLedger
from nfs.mtc_iwf.ports import Device, Notice, Sender, Submission, Taken, Trigger, Unavailable
from nfs.mtc_iwf.statuses import Result
from nfs.mtc_iwf.triggers import KEEP_S

AWAY, BUSY, THERE = "15550001", "15550002", "15550003"
TRIGGER = Trigger(
    scs=THERE,
    reference=1,
    device=Device(external_id="meter-1@customer.example"),
    imsi="001010000000001",
    sender=Sender(host="scs1.example", realm="example"),
    fingerprint="f" * 32,
    validity_s=60,
    sms_sc="smssc.example",
)


class World:
    """As much of a ledger as is used, SMS-SC and SCSs: of three, one does not answer and one has no time."""

    def __init__(self, *triggers: Trigger) -> None:
        self.open = list(triggers)
        self.recalled: list[str] = []
        self.told: list[tuple[str, DeliveryOutcome]] = []
        self.delivering = False
        self.now = 1000.0
        known = Remembered()
        known.known["smssc.example"] = Feature.RECALL_REPLACE
        self.lapsing = Lapsed(
            cast(LapsedLedger, self), self, self, known, lambda: self.now
        )  # the rest of a ledger is not used

    async def lapsed(self, at_most: int, past: int = 0) -> tuple[Trigger, ...]:
        return tuple(self.open[past : past + at_most])

    async def submit(self, submission: Submission) -> Taken:
        self.recalled.append(submission.scs)
        return Taken(result=(10415, 5534) if self.delivering else statuses.DONE, sms_sc="smssc.example")

    async def notify(self, notice: Notice, outcome: DeliveryOutcome) -> Result | None:
        self.told.append((notice.scs, outcome))
        if notice.scs == AWAY:
            raise Unavailable("SCS: no peer")
        return (0, 3004) if notice.scs == BUSY else statuses.DONE

    async def close(self, scs: str, reference: int, outcome: DeliveryOutcome, member: str = "") -> None:
        self.open = [each for each in self.open if (each.scs, each.reference) != (scs, reference)]


def test_who_is_away_is_in_nobody_s_way_and_asked_once_a_round() -> None:
    waiting = [replace(TRIGGER, scs=scs, reference=number) for scs in (AWAY, BUSY) for number in range(AT_ONCE)]
    world = World(*waiting, *(replace(TRIGGER, reference=number) for number in range(AT_ONCE + 1)))
    assert run(world.lapsing.round()) == AT_ONCE + 1
    assert world.open == waiting
    assert [scs for scs, _ in world.told[:3]] == [AWAY, BUSY, THERE]
    assert {outcome for _, outcome in world.told} == {DeliveryOutcome.EXPIRED}
    assert [world.recalled.count(scs) for scs in (AWAY, BUSY, THERE)] == [1, 1, AT_ONCE + 1]


def test_what_is_being_delivered_is_left_for_the_next_round() -> None:
    world = World(*(replace(TRIGGER, reference=number, expires_at=1000.0) for number in (1, 2)))
    world.delivering = True
    assert run(world.lapsing.round()) == 0
    assert (world.told, len(world.recalled)) == ([], 2)
    world.delivering = False
    assert run(world.lapsing.round()) == 2
    assert world.open == []


def test_what_is_being_delivered_for_half_a_day_is_unconfirmed() -> None:
    world = World(replace(TRIGGER, expires_at=1000.0))
    world.delivering, world.now = True, 1000.0 + STUCK_S
    assert run(world.lapsing.round()) == 0
    world.now += 1
    assert run(world.lapsing.round()) == 1
    assert world.told == [(THERE, DeliveryOutcome.UNCONFIRMED)]
    assert STUCK_S < KEEP_S
