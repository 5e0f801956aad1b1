"""Whom the MTC-IWF asks, and what passes between: records and protocols, nothing of Diameter or databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, StrEnum
from typing import Protocol

from diameter.errors import DiameterError
from nfs.common.features import Feature
from nfs.common.nodes import ServingNode
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.statuses import Result


class Unavailable(DiameterError):
    """Somebody gave no usable answer, or the store failed; the text says who and names no subscriber."""


class HssRefused(DiameterError):
    """The HSS answered with an Experimental-Result-Code of vendor 10415; `remembered`: not now, but not long ago."""

    def __init__(self, code: int, *, remembered: bool = False) -> None:
        super().__init__(f"HSS: {code}")
        self.code = code
        self.remembered = remembered


class Blocked(HssRefused):
    """The owner of the device does not want this SCS: as if the HSS had refused with UNAUTHORIZED_REQUESTING_ENTITY."""

    def __init__(self) -> None:
        super().__init__(5510)


class NotListed(HssRefused):
    """The owner of the device has a list of SCSs without this one; told as a foreign device is."""

    def __init__(self) -> None:
        super().__init__(5510)


class Unnamed(HssRefused):
    """An owner refuses this SCS by External Identifiers, and who asked by MSISDN may mean one of them: nobody says."""

    def __init__(self) -> None:
        super().__init__(5510)


class NotAssociated(HssRefused):
    """The local store of associations has not this pair; told as a foreign device is."""

    def __init__(self) -> None:
        super().__init__(5510)


class OverBudget(DiameterError):
    """The HSS was not asked: this SCS has had it asked in vain too often."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A device as the outside names it: External Identifier, MSISDN (digits), or both."""

    external_id: str | None = None
    msisdn: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the HSS says of a device that the SCS may trigger: identities, cause bits, nodes (the preferred first).

    `external_ids`: those that it says, which TS 29.336 5.2.1.2 does not ask of it for a trigger.
    """

    imsi: str
    msisdn: str | None = None
    external_ids: tuple[str, ...] = ()
    absent: bool = False
    not_provisioned: bool = False
    barred: bool = False
    nodes: tuple[ServingNode, ...] = ()

    def unnamed(self, device: Device) -> bool:
        """Whether nobody knows the External Identifiers of a device that was asked for by its MSISDN."""
        return device.external_id is None and not self.external_ids

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that an owner may have given the device."""
        return self.external_ids if self.msisdn is None else (self.msisdn, *self.external_ids)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who sent a Device-Action, and what recognises a repeat of it; reports go back to `host`."""

    host: str
    realm: str
    session_id: str = ""
    end_to_end: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A trigger on its way to the SMS-SC (DTR).  `scs`: E.164 digits.  Without nodes the SMS-SC stores it first."""

    scs: str
    reference: int
    imsi: str
    device: Device
    payload: bytes
    port: int | None
    priority: bool
    validity_s: int | None
    nodes: tuple[ServingNode, ...]
    action: TriggerAction = TriggerAction.TRIGGER
    old_reference: int | None = None
    to: str = ""
    """Origin-Host of the SMS-SC; "" for the one that is configured, or that routing picks."""
    group: str = ""
    """External Group Identifier, where this is for a member of a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """What the SMS-SC answered, and which one it was (Origin-Host).

    `features`: what it says it supports, None when it said nothing.  `diagnostic`: MTC-Error-Diagnostic.
    """

    result: Result | None
    sms_sc: str
    features: Feature | None = None
    diagnostic: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """Which trigger of whom a report is about."""

    sender: Sender
    scs: str
    reference: int
    device: Device


class State(StrEnum):
    """How far a remembered trigger has come."""

    OPEN = "open"
    REFUSED = "refused"
    REPORTED = "reported"
    RECALLED = "recalled"
    REPLACED = "replaced"


class Standing(Enum):
    """What the ledger found under a (SCS, Reference-Number)."""

    NEW = "new"
    REPEAT = "repeat"  # the same trigger, still open: hand it over again, the SMS-SC knows it
    TAKEN = "taken"  # another trigger that is still open
    DONE = "done"  # the same request, its trigger reported, recalled or replaced since: nothing is left to do
    OVER_QUOTA = "over-quota"  # not remembered, because a quota is used up


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger as the ledger keeps it, under (`scs`, `reference`, `member`).  `sms_sc`: "" until one has taken it.

    member: IMSI of the device where it is one of a group's; "" for a trigger of its own.
    """

    scs: str
    reference: int
    device: Device
    imsi: str
    sender: Sender
    fingerprint: str
    validity_s: int
    state: State = State.OPEN
    sms_sc: str = ""
    member: str = ""
    expires_at: float = field(default=0.0, compare=False)
    """When its report is overdue, in seconds since 1970; the ledger says it."""


class Hss(Protocol):
    """S6m."""

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises HssRefused, OverBudget, Unavailable."""
        ...

    def forget(self, device: Device, *, scs: str) -> None:
        """What was said of this device may be old."""
        ...


class SmsSc(Protocol):
    """T4, the way out."""

    async def submit(self, submission: Submission) -> Taken:
        """Hand a trigger over.  Raises Unavailable when no answer came."""
        ...


class Scs(Protocol):
    """Tsp, the way back."""

    async def notify(self, notice: Notice, outcome: DeliveryOutcome) -> Result | None:
        """Tell an SCS how its trigger ended; its result.  Raises Unavailable when no answer came."""
        ...


class Ledger(Protocol):
    """What is remembered of triggers; every change is on disk when awaiting it returns.  All raise Unavailable."""

    async def begin(self, trigger: Trigger) -> Standing:
        """Remember a trigger, unless its key belongs to another one that is open."""
        ...

    async def accept(self, scs: str, reference: int, sms_sc: str, member: str = "") -> None:
        """Remember which SMS-SC has taken it."""
        ...

    async def refuse(self, trigger: Trigger) -> None:
        """The trigger came to nothing; its Reference-Number is free again, unless a repeat has come since."""
        ...

    async def find(self, scs: str, reference: int, member: str = "") -> Trigger | None:
        """The trigger under this key."""
        ...

    async def close(self, scs: str, reference: int, outcome: DeliveryOutcome, member: str = "") -> None:
        """The SCS has its report."""
        ...

    async def withdraw(self, scs: str, reference: int, state: State) -> None:
        """The trigger was recalled or replaced; no report follows."""
        ...


class Capabilities(Protocol):
    """What is remembered of SMS-SCs.  Both raise Unavailable."""

    async def learn(self, sms_sc: str, features: Feature) -> None:
        """What this SMS-SC said last that it supports; on disk when awaiting it returns."""
        ...

    async def of(self, sms_sc: str) -> Feature:
        """What this SMS-SC said last; nothing when it never said."""
        ...
