"""What the SCS keeps about its triggers: reference numbers, and each report handed on exactly once.

TS 29.368 clauses 5.2 and 5.5: the SCS chooses the Reference-Number, and everything about the trigger repeats it.  The
answer (DAA) says whether the trigger was taken; a refusal is final, otherwise a report (DNR) follows, perhaps before
the answer and perhaps more than once.  `now` is seconds; nothing here does I/O.
"""

from collections import OrderedDict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from nfs.common.identities import ExternalIdentifier
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus

REFERENCES: Final = 0x1_0000_0000


class Stage(Enum):
    """How far a trigger has come."""

    SENT = "sent"
    ACCEPTED = "accepted"
    REFUSED = "refused"
    REPORTED = "reported"
    FAILED = "failed"  # no answer: whether the network has it is not known
    RECALLED = "recalled"  # a recall that withdrew its trigger, and that trigger; no report follows
    REPLACED = "replaced"  # by another trigger, whose report follows


@dataclass(frozen=True, slots=True, kw_only=True)
class TriggerRequest:
    """What an application asks for.  Exactly one of `external_identifier` and `msisdn` (digits).

    `recall`, `replace`: the Reference-Number of a trigger for the same device that is to be withdrawn, or to give its
    place to this one; a recall has no payload.
    """

    payload: bytes
    external_identifier: str | None = None
    msisdn: str | None = None
    port: int | None = None
    priority: bool = False
    validity_s: int | None = None
    reference: int | None = None
    recall: int | None = None
    replace: int | None = None
    group: bool = False
    """`external_identifier` is the name of a group: see `nfs.scs.groups`."""

    @property
    def action(self) -> ActionType:
        """Action-Type."""
        if self.recall is not None:
            return ActionType.RECALL
        return ActionType.TRIGGER if self.replace is None else ActionType.REPLACE

    @property
    def old_reference(self) -> int | None:
        """Old-Reference-Number."""
        return self.replace if self.recall is None else self.recall


def realm_for(request: TriggerRequest, realm: str | None) -> str:
    """The realm of the MTC-IWF that serves the device: the one configured, else the domain of its External-Identifier.

    Raises ValueError when neither says it (an MSISDN has no domain; IdentityError for an identifier that is none).
    """
    if realm is not None:
        return realm
    if request.external_identifier is None:
        raise ValueError("without an External-Identifier nothing says whose the device is: configure the realm")
    return ExternalIdentifier.parse(request.external_identifier).domain


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the DAA said: Request-Status, None when it had none, and the result as (vendor, code).

    `recallable`: the SMS-SC that has the trigger takes recalls and replaces (Feature-Supported-In-Final-Target).
    `told`: Error-Message.
    """

    status: int | None
    result: tuple[int, int]
    recallable: bool = False
    told: str = ""

    @property
    def accepted(self) -> bool:
        """Whether it was done."""
        return self.status == RequestStatus.SUCCESS and self.result == (0, 2001)

    @property
    def late(self) -> bool:
        """Whether the trigger to recall or replace was sent before; a replace is then a trigger of its own."""
        return self.status == RequestStatus.ORIGINALMESSAGESENT and self.result == (0, 2001)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How one trigger ended, or how far it had come.  `took_s` counts from the request to this."""

    reference: int
    stage: Stage
    status: int | None = None
    result: tuple[int, int] | None = None
    outcome: int | None = None
    took_s: float = 0.0
    error: str = ""

    @property
    def delivered(self) -> bool:
        """Whether the device acknowledged."""
        return self.stage is Stage.REPORTED and self.outcome == DeliveryOutcome.SUCCESS


class ReferenceInUse(ValueError):
    """The application chose a Reference-Number that is still open."""


@dataclass(slots=True)
class _Open:
    asked_at: float
    action: ActionType = ActionType.TRIGGER
    old_reference: int | None = None
    answer: Answer | None = None
    outcome: int | None = None
    before: bool = False  # asked for before a restart: whatever the answer was, no other will come


@dataclass(slots=True)
class Ledger:
    """The open triggers of one SCS, and the finished ones for recognising repeats.

    first_reference: where counting starts; random, so that a restart does not meet the numbers of the last run.
    """

    first_reference: int = 1
    remembered: int = 100_000
    open: dict[int, _Open] = field(default_factory=dict)
    finished: OrderedDict[int, Report] = field(default_factory=OrderedDict)
    duplicates: int = 0
    unknown: int = 0
    _next: int = field(init=False)

    def __post_init__(self) -> None:
        self._next = self.first_reference % REFERENCES

    def begin(self, request: TriggerRequest, now: float) -> int:
        """The Reference-Number for a new trigger; raises ReferenceInUse, ValueError when it names no device or two."""
        if (request.external_identifier is None) == (request.msisdn is None):
            raise ValueError("a trigger names its device by an External-Identifier or by an MSISDN, one of the two")
        if request.recall is not None and request.replace is not None:
            raise ValueError("a trigger is recalled or replaced, one of the two")
        reference = request.reference
        if reference is None:
            while self._next in self.open or self._next in self.finished:
                self._next = (self._next + 1) % REFERENCES
            reference, self._next = self._next, (self._next + 1) % REFERENCES
        elif not 0 <= reference < REFERENCES:
            raise ValueError(f"reference {reference} does not fit 32 bits")
        elif reference in self.open:
            raise ReferenceInUse(f"reference {reference} is open")
        self.finished.pop(reference, None)
        self.open[reference] = _Open(now, request.action, request.old_reference)
        return reference

    def can_be_taken_back(self, reference: int) -> bool:
        """False when the answer to this trigger said nothing of a recall (TS 29.368 6.4.13)."""
        entry = self.open.get(reference)
        return entry is None or entry.answer is None or entry.answer.recallable

    def answered(self, reference: int, answer: Answer, now: float) -> Report | None:
        """Note the DAA; the report when that ends the trigger (refused, or its DNR came first), else None."""
        entry = self.open[reference]
        entry.answer = answer
        if entry.action is ActionType.RECALL and answer.accepted:
            return self._finish(reference, Stage.RECALLED, entry, now)
        if not answer.accepted and not (answer.late and entry.action is ActionType.REPLACE):
            return self._finish(reference, Stage.REFUSED, entry, now)
        return self._finish(reference, Stage.REPORTED, entry, now) if entry.outcome is not None else None

    def taken_back(self, request: TriggerRequest, answer: Answer, now: float) -> Report | None:
        """The end of the trigger that a recall or replace was about; None unless it was done and that was open here."""
        entry = self.open.get(request.old_reference) if request.old_reference is not None and answer.accepted else None
        if entry is None:
            return None
        assert request.old_reference is not None
        stage = Stage.REPLACED if request.recall is None else Stage.RECALLED
        return self._finish(request.old_reference, stage, entry, now)

    def failed(self, reference: int, why: str, now: float) -> Report:
        """No answer came (timeout, no peer, protocol error), or a report only."""
        entry = self.open[reference]
        if entry.outcome is not None:
            return self._finish(reference, Stage.REPORTED, entry, now)
        return self._finish(reference, Stage.FAILED, entry, now, why)

    def restore(self, waiting: Mapping[int, float], finished: Iterable[Report]) -> None:
        """Take back what was known before a restart: triggers with the time they were asked for, and ends."""
        for reference, asked_at in waiting.items():
            self.open[reference] = _Open(asked_at, before=True)
        for report in finished:
            self.finished[report.reference] = report
        while len(self.finished) > self.remembered:
            self.finished.popitem(last=False)

    def reported(self, reference: int, outcome: int, now: float) -> Report | None:
        """Note a DNR; the report the first time and once the answer is there, None for repeats and strangers."""
        entry = self.open.get(reference)
        if entry is None or entry.outcome is not None:
            known = entry is not None or reference in self.finished
            self.duplicates, self.unknown = self.duplicates + known, self.unknown + (not known)
            return None
        entry.outcome = outcome
        last = entry.answer is not None or entry.before
        return self._finish(reference, Stage.REPORTED, entry, now) if last else None

    def progress(self, reference: int, now: float) -> Report | None:
        """How far a trigger has come; None for a number that is not known."""
        entry = self.open.get(reference)
        if entry is None:
            return self.finished.get(reference)
        return _report(reference, Stage.SENT if entry.answer is None else Stage.ACCEPTED, entry, now)

    def _finish(self, reference: int, stage: Stage, entry: _Open, now: float, why: str = "") -> Report:
        del self.open[reference]
        self.finished[reference] = report = _report(reference, stage, entry, now, why)
        if len(self.finished) > self.remembered:
            self.finished.popitem(last=False)
        return report


def _report(reference: int, stage: Stage, entry: _Open, now: float, why: str = "") -> Report:
    answer = entry.answer
    return Report(
        reference=reference,
        stage=stage,
        status=answer.status if answer else None,
        result=answer.result if answer else None,
        outcome=entry.outcome,
        took_s=now - entry.asked_at,
        error=why,
    )
