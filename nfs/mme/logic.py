"""What the MME answers to a forwarded short message (TS 29.338 clauses 6.2.2 and 7.3), decided without an AVP.

The MME finds the UE by IMSI, lets it meet the message the way the scenario says, and turns the outcome into a result.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from dataclasses import field as made
from enum import IntEnum
from typing import Final, NamedTuple, Protocol

from nfs.common.sm_failure import SM_DELIVERY_FAILURE, USER_UNKNOWN, FailureCause
from nfs.common.sms import MAX_TPDU
from nfs.ue.logic import Behaviour, Inbox, Reaction, Trigger, Ue

Deliver = Callable[[Trigger], None]

SUCCESS: Final = 2001
INVALID_AVP_VALUE: Final = 5004
ABSENT_USER: Final = 5550
USER_BUSY: Final = 5551
FACILITY_NOT_SUPPORTED: Final = 5552
ILLEGAL_USER: Final = 5553
ILLEGAL_EQUIPMENT: Final = 5554


class AbsentDiagnostic(IntEnum):
    """The values of Absent-User-Diagnostic-SM that an MME uses (5.3.3.20)."""

    NO_PAGING_RESPONSE = 0
    IMSI_DETACHED = 1
    TEMPORARILY_UNAVAILABLE = 13


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the TFA carries.  `code` is 3GPP's, but for success; `report` is the SMS-DELIVER-REPORT.

    `retry_at`: when to come again, seconds since the epoch.
    """

    code: int
    report: bytes | None = None
    absent: AbsentDiagnostic | None = None
    cause: FailureCause | None = None
    retry_at: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiter:
    """An SMS-GMSC that may be told to come again.

    `latest`: until when it can, seconds since the epoch; `number`: its address, TBCD; `host`, `realm`: where it is.
    """

    latest: float
    number: bytes
    host: str
    realm: str


class Meeting(NamedTuple):
    """How a UE meets a short message; `retry_at`: when it would take it, told to whoever waits."""

    behaviour: Behaviour
    retry_at: float | None = None


class Field(Protocol):
    """Who says how UEs are, where a scenario is played."""

    def meet(self, imsi: str, waiter: Waiter | None) -> Meeting | None:
        """How a UE meets a short message; None for a UE that it knows nothing of."""

    def delivered(self, imsi: str) -> None:
        """A UE has taken one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Population:
    """A run of UEs with consecutive IMSIs that behave alike; `failures` bounds how often they fail (None: always).

    `report`: they acknowledge with an SMS-DELIVER-REPORT, and not by a bare RP-ACK.
    """

    first_imsi: str
    count: int
    behaviour: Behaviour = Behaviour.NORMAL
    failures: int | None = None
    report: bool = True

    def imsis(self) -> Iterable[str]:
        """The IMSIs, leading zeros kept."""
        start, width = int(self.first_imsi), len(self.first_imsi)
        return (f"{n:0{width}}" for n in range(start, start + self.count))

    def has(self, imsi: str) -> bool:
        """Whether a UE of it has this IMSI."""
        digits = len(imsi) == len(self.first_imsi) and imsi.isascii() and imsi.isdecimal()
        return digits and 0 <= int(imsi) - int(self.first_imsi) < self.count


class Ues(Mapping[str, Ue]):
    """The UEs of populations, each made when it is first asked for; later populations win where IMSIs overlap."""

    __slots__ = ("_deliver", "_groups", "_made")

    def __init__(self, groups: Sequence[Population], deliver: Deliver) -> None:
        self._groups = groups
        self._deliver = deliver
        self._made: dict[str, Ue] = {}

    def __getitem__(self, imsi: str) -> Ue:
        """Raises KeyError."""
        ue = self._made.get(imsi)
        if ue is not None:
            return ue
        for group in reversed(self._groups):
            if group.has(imsi):
                ue = self._made[imsi] = Ue(
                    imsi=imsi,
                    deliver=self._deliver,
                    behaviour=group.behaviour,
                    failures_left=group.failures,
                    reports=group.report,
                )
                return ue
        raise KeyError(imsi)

    def __iter__(self) -> Iterator[str]:
        for number, group in enumerate(self._groups):
            yield from (imsi for imsi in group.imsis() if not any(other.has(imsi) for other in self._groups[:number]))

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Carrier(Protocol):
    """The link to UEs."""

    def carry(self, ue: Ue, tpdu: bytes, /) -> Reaction | None:
        """What a UE made of a short message; None when no answer came that can be believed."""

    def page(self, imsi: str, /, *, hears: bool = True) -> bool:
        """Page a UE; whether it answers.  `hears`: it is within reach."""


@dataclass(slots=True)
class Mme:
    """The MME and its UEs.  `field`: of a scenario, where one is played; `hop`: to UEs, at once without one."""

    ues: Mapping[str, Ue]
    inbox: Inbox
    counters: dict[str, int] = made(default_factory=dict)
    field: Field | None = None
    hop: Carrier | None = None

    @classmethod
    def of(cls, populations: Iterable[Population], guard: Callable[[Inbox], Deliver] = lambda inbox: inbox) -> "Mme":
        """The MME of these populations.  guard: what stands before the applications of its UEs."""
        inbox = Inbox()
        return cls(Ues(tuple(populations), guard(inbox)), inbox)

    def forward(self, imsi: str, tpdu: bytes, waiter: Waiter | None = None) -> Result | None:
        """One MT short message; None means that the scenario wants no answer at all."""
        ue = self.ues.get(imsi)
        if ue is None:
            return self._count("unknown", _REFUSALS[Behaviour.UNKNOWN])
        if len(tpdu) > MAX_TPDU:
            return self._count("too-long", Result(code=INVALID_AVP_VALUE))
        meeting = None if self.field is None else self.field.meet(imsi, waiter)
        behaviour = ue.meet() if meeting is None else meeting.behaviour
        if behaviour is Behaviour.SILENT:
            return self._count("silent", None)
        if behaviour is not Behaviour.NORMAL:
            if behaviour is Behaviour.NO_PAGING and self.hop is not None:
                self.hop.page(imsi, hears=False)
            refusal = _REFUSALS[behaviour]
            if meeting is not None and meeting.retry_at is not None:
                refusal = replace(refusal, retry_at=meeting.retry_at)
            return self._count(behaviour.value, refusal)
        reaction = ue.receive(tpdu) if self.hop is None else self.hop.carry(ue, tpdu)
        if reaction is None:
            return self._count("no-answer", _REFUSALS[Behaviour.NO_PAGING])
        result = self._react(reaction)
        if self.field is not None and result.code == SUCCESS:
            self.field.delivered(imsi)
        return result

    def _react(self, reaction: Reaction) -> Result:
        if reaction.error:
            self._count("protocol-error", None)
            return Result(code=SM_DELIVERY_FAILURE, cause=FailureCause.EQUIPMENT_PROTOCOL_ERROR, report=reaction.report)
        self._count("duplicate" if reaction.duplicate else "taken", None)
        return Result(code=SUCCESS, report=reaction.report)

    def _count(self, name: str, result: Result | None) -> Result | None:
        self.counters[name] = self.counters.get(name, 0) + 1
        return result


_REFUSALS: Final[Mapping[Behaviour, Result]] = {
    Behaviour.ABSENT: Result(code=ABSENT_USER, absent=AbsentDiagnostic.IMSI_DETACHED),
    Behaviour.NO_PAGING: Result(code=ABSENT_USER, absent=AbsentDiagnostic.NO_PAGING_RESPONSE),
    Behaviour.BUSY: Result(code=USER_BUSY),
    Behaviour.ASLEEP: Result(code=ABSENT_USER, absent=AbsentDiagnostic.TEMPORARILY_UNAVAILABLE),
    Behaviour.UNKNOWN: Result(code=USER_UNKNOWN),
    Behaviour.BARRED: Result(code=ILLEGAL_USER),
    Behaviour.ILLEGAL_EQUIPMENT: Result(code=ILLEGAL_EQUIPMENT),
    Behaviour.NO_SMS: Result(code=FACILITY_NOT_SUPPORTED),
    Behaviour.PROTOCOL_ERROR: Result(code=SM_DELIVERY_FAILURE, cause=FailureCause.EQUIPMENT_PROTOCOL_ERROR),
    Behaviour.MEMORY_FULL: Result(code=SM_DELIVERY_FAILURE, cause=FailureCause.MEMORY_CAPACITY_EXCEEDED),
}
