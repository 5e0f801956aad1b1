"""A trigger as it is kept, and one attempt to deliver it."""

from dataclasses import dataclass

from nfs.common.nodes import ServingNode
from nfs.common.sms import DATA_8BIT, TRIGGER_PID, Deliver, UserData, split
from nfs.common.sms_layout import SmsAddress
from nfs.sms_sc.outcomes import Diagnostic, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """One trigger as kept (TS 23.682 5.3.1) with the MTC-IWF to report to.  Times in seconds since 1970."""

    scs: str
    """ISDN number of the SCS, digits."""
    reference: int | None
    imsi: str
    external_identifier: str | None
    msisdn: str | None
    payload: bytes
    port: int | None
    priority: bool
    validity_s: int | None
    serving: ServingNode | None
    iwf_host: str
    iwf_realm: str
    submission: str
    """What makes an unnumbered DTR recognisable: its Session-Id."""
    accepted_at: float = 0.0
    expires_at: float = 0.0
    scts: int = 0
    """TP-SCTS of the first segment, seconds since 1970; each further one is a second later."""
    concatenation: int = 0
    outcome: Outcome | None = None
    """Set once delivery is over and only the report is owed."""
    diagnostic: Diagnostic | None = None
    finished_at: float | None = None
    """When the MTC-IWF had acknowledged the report, or when the trigger was withdrawn."""
    others: tuple[ServingNode, ...] = ()
    """Further serving nodes, in order, to try after `serving`."""
    group: str = ""
    """External Group Identifier, where the trigger is one member's of a group."""

    @property
    def key(self) -> str:
        """SCS, reference and UE; unique among the triggers kept (TS 23.682 5.2.3.2)."""
        return f"{self.scs}/{self.submission if self.reference is None else self.reference}/{self.imsi}"

    @property
    def of_scs(self) -> bool:
        """Whether its origin must be an SCS served here."""
        return True

    @property
    def origin(self) -> SmsAddress:
        """TP-OA."""
        return SmsAddress(digits=self.scs)

    @property
    def pid(self) -> int:
        """TP-PID."""
        return TRIGGER_PID

    @property
    def dcs(self) -> int:
        """TP-DCS."""
        return DATA_8BIT

    @property
    def withdrawn(self) -> bool:
        """Whether it was recalled or replaced: no outcome, and no report."""
        return self.finished_at is not None and self.outcome is None

    def segments(self) -> tuple[UserData, ...]:
        """The user data of each SMS; raises TpduError."""
        return split(self.payload, port=self.port, reference=self.concatenation, group=self.group)


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One SMS-DELIVER to hand to the serving MME now."""

    trigger: Trigger
    segment: int
    deliver: Deliver
    serving: ServingNode | None
    """None: only the HSS knows."""
    tried: int = 0
    """Attempts that failed before this one."""
