"""What the MME answers to a forwarded short message (TS 29.338 clauses 6.2.2 and 7.3), decided without an AVP.

The MME finds the UE by IMSI, lets it meet the message the way the scenario says, and turns the outcome into a result.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Final

from nfs.common.sm_failure import SM_DELIVERY_FAILURE, USER_UNKNOWN, FailureCause
from nfs.common.sms import MAX_TPDU
from nfs.ue.logic import Behaviour, Inbox, Reaction, Ue

SUCCESS: Final = 2001
INVALID_AVP_VALUE: Final = 5004
ABSENT_USER: Final = 5550
USER_BUSY: Final = 5551


class AbsentDiagnostic(IntEnum):
    """The values of Absent-User-Diagnostic-SM that an MME uses (5.3.3.20)."""

    NO_PAGING_RESPONSE = 0
    IMSI_DETACHED = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the TFA carries.  `code` is 3GPP's, but for success; `report` is the SMS-DELIVER-REPORT."""

    code: int
    report: bytes | None = None
    absent: AbsentDiagnostic | None = None
    cause: FailureCause | None = None


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


@dataclass(slots=True)
class Mme:
    """The MME and its UEs; later populations win where IMSIs overlap."""

    ues: Mapping[str, Ue]
    inbox: Inbox
    counters: dict[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, populations: Iterable[Population]) -> "Mme":
        """The MME of a scenario."""
        inbox, ues = Inbox(), {}
        for group in populations:
            for imsi in group.imsis():
                ues[imsi] = Ue(
                    imsi=imsi,
                    deliver=inbox,
                    behaviour=group.behaviour,
                    failures_left=group.failures,
                    reports=group.report,
                )
        return cls(ues, inbox)

    def forward(self, imsi: str, tpdu: bytes) -> Result | None:
        """One MT short message; None means that the scenario wants no answer at all."""
        ue = self.ues.get(imsi)
        if ue is None:
            return self._count("unknown", Result(code=USER_UNKNOWN))
        if len(tpdu) > MAX_TPDU:
            return self._count("too-long", Result(code=INVALID_AVP_VALUE))
        behaviour = ue.meet()
        if behaviour is Behaviour.SILENT:
            return self._count("silent", None)
        if behaviour is not Behaviour.NORMAL:
            return self._count(behaviour.value, _REFUSALS[behaviour])
        return self._react(ue.receive(tpdu))

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
    Behaviour.MEMORY_FULL: Result(code=SM_DELIVERY_FAILURE, cause=FailureCause.MEMORY_CAPACITY_EXCEEDED),
}
