"""What becomes of the recall for one member, by how far its trigger has come and what the SMS-SC says."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import pytest

from diameter.testing import run
from nfs.common.features import Feature
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf.capabilities import Remembered
from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Key, Member, Progress
from nfs.mtc_iwf.groups.recalls import Recalls
from nfs.mtc_iwf.ports import Sender, Submission, Taken, Unavailable
from nfs.mtc_iwf.statuses import Result

SENDER = Sender(host="scs1.example", realm="example")
RECALL = GroupTrigger(
    scs="15550001",
    reference=8,
    group="fleet@customer.example",
    sender=SENDER,
    fingerprint="f" * 32,
    payload=b"",
    port=None,
    priority=False,
    validity_s=None,
    lasts_s=600,
    recalls=7,
)
MEMBER = Member(imsi="001019876543201", external_id="meter-1@customer.example")
ORIGINAL = Entry(
    scs="15550001", reference=7, member=MEMBER, sender=SENDER, progress=Progress.OPEN, sms_sc="smssc.example"
)
WAITING = replace(ORIGINAL, reference=8, progress=Progress.WAITING, sms_sc="")


@dataclass
class World:
    """A store with one member, an SMS-SC, and whether somebody is handing over."""

    original: Entry | None = ORIGINAL
    answer: Result | Exception | None = (0, 2001)
    let_go: bool = True
    features: Feature = Feature.RECALL_REPLACE
    asked: list[Submission] = field(default_factory=list)
    ended: list[Progress] = field(default_factory=list)

    async def find(self, scs: str, reference: int, imsi: str | None, external_id: str | None) -> Entry | None:
        assert (scs, reference, imsi) == ("15550001", 7, MEMBER.imsi)
        return self.original

    async def end(self, entry: Entry, progress: Progress, outcome: int | None) -> bool:
        assert (entry, outcome) == (self.original, None)
        self.ended.append(progress)
        return True

    async def submit(self, submission: Submission) -> Taken:
        self.asked.append(submission)
        if isinstance(self.answer, Exception):
            raise self.answer
        return Taken(result=self.answer, sms_sc="smssc.example")

    async def may(self, key: Key, recall: Key) -> bool:
        assert (key, recall) == (("15550001", 7), ("15550001", 8))
        return self.let_go

    def status(self) -> RequestStatus | None:
        capabilities = Remembered()
        capabilities.known["smssc.example"] = self.features
        recalls = Recalls(self, self, capabilities, self.may)  # type: ignore[arg-type]
        return run(recalls.status(RECALL, WAITING))


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ((0, 2001), RequestStatus.SUCCESS),
        ((10415, 5534), RequestStatus.RECALLFAIL),
        ((10415, 5535), RequestStatus.ORIGINALMESSAGESENT),
        ((10415, 5001), RequestStatus.PERMANENTERROR),
        ((0, 3004), None),
        (None, None),
        (Unavailable("SMS-SC: timeout"), None),
    ],
)
def test_what_the_sms_sc_has_it_is_asked_to_delete(
    answer: Result | Exception | None, expected: RequestStatus | None
) -> None:
    world = World(answer=answer)
    assert world.status() is expected
    (asked,) = world.asked
    assert (asked.action, asked.reference, asked.old_reference) == (TriggerAction.RECALL, 8, 7)
    assert (asked.imsi, asked.device.external_id, asked.to) == (MEMBER.imsi, MEMBER.external_id, "smssc.example")
    assert (asked.payload, asked.nodes) == (b"", ())
    assert world.ended == ([Progress.RECALLED] if expected is RequestStatus.SUCCESS else [])


@pytest.mark.parametrize(
    ("progress", "expected"),
    [
        (Progress.HELD, RequestStatus.SUCCESS),
        (Progress.RECALLED, RequestStatus.SUCCESS),
        (Progress.OWED, RequestStatus.ORIGINALMESSAGESENT),
        (Progress.REPORTED, RequestStatus.ORIGINALMESSAGESENT),
    ],
)
def test_what_the_sms_sc_does_not_have_it_is_not_asked_for(progress: Progress, expected: RequestStatus) -> None:
    world = World(original=replace(ORIGINAL, progress=progress))
    assert world.status() is expected
    assert world.asked == []


def test_a_trigger_that_is_forgotten_was_reported() -> None:
    assert World(original=None).status() is RequestStatus.ORIGINALMESSAGESENT


def test_an_sms_sc_that_takes_no_recalls_is_not_asked() -> None:
    world = World(features=Feature(0))
    assert world.status() is RequestStatus.RECALLFAIL
    assert (world.asked, world.ended) == ([], [])


def test_nothing_is_recalled_while_members_are_being_handed_over() -> None:
    world = World(let_go=False)
    with pytest.raises(Unavailable, match="being handed over"):
        world.status()
    assert (world.asked, world.ended) == ([], [])
