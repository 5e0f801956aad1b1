"""What passes between the parts of the group trigger: records and protocols, nothing of Diameter or databases."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from diameter.errors import DiameterError
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf.ports import Notice, Scs, Sender, Standing
from nfs.mtc_iwf.statuses import Result

Key = tuple[str, int]
"""ISDN number of the SCS, Reference-Number."""


class NoGroups(DiameterError):
    """The HSS does not know groups: it is set so, or its answer shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member as the HSS names it; the IMSI is for T4 only."""

    imsi: str
    external_id: str


class Progress(StrEnum):
    """How far the trigger of one member has come."""

    WAITING = "waiting"  # to be handed over, or to be recalled
    HELD = "held"  # handed over no more: a recall will end it
    OPEN = "open"  # the SMS-SC has it
    OWED = "owed"  # over without the SMS-SC, and the SCS is to hear of it
    REPORTED = "reported"
    RECALLED = "recalled"  # the device will not have it; the SCS hears so of the recall


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTrigger:
    """A trigger for a group as it is kept, under (`scs`, `reference`).  Times in seconds since 1970.

    validity_s: as asked, None when not.  lasts_s: how long members' reports are waited for.  recalls: of a recall, the
    Reference-Number of the trigger that it is about.
    """

    scs: str
    reference: int
    group: str
    sender: Sender
    fingerprint: str
    payload: bytes
    port: int | None
    priority: bool
    validity_s: int | None
    lasts_s: int
    accepted_at: float = 0.0
    recalls: int | None = None

    @property
    def key(self) -> Key:
        """What it is kept under."""
        return self.scs, self.reference

    def left_s(self, now: float) -> int | None:
        """The validity that is left; None where none was asked, 0 where one attempt was, below 0 when it is over."""
        if not self.validity_s:
            return self.validity_s
        left = math.ceil(self.accepted_at + self.validity_s - now)
        return left if left > 0 else -1


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One member's trigger as it is kept, or its recall.

    outcome: Delivery-Outcome, of a recall Request-Status.  sms_sc: Origin-Host of the one that has it.
    """

    scs: str
    reference: int
    member: Member
    sender: Sender
    progress: Progress
    outcome: int | None = None
    sms_sc: str = ""


class GroupHss(Protocol):
    """S6m, for groups."""

    async def members(self, group: str, *, scs: str) -> tuple[Member, ...]:
        """Who belongs to a group that this SCS may message.  Raises HssRefused, OverBudget, NoGroups, Unavailable."""
        ...


class GroupScs(Scs, Protocol):
    """Tsp, the way back, for groups."""

    async def recalled(self, notice: Notice, status: RequestStatus) -> Result | None:
        """Tell an SCS what became of a recall for one member; its result.  Raises Unavailable when no answer came."""
        ...


class Keep(Protocol):
    """What is remembered; every change is on disk when awaiting it returns.  All raise Unavailable."""

    async def begin(self, group: GroupTrigger, members: tuple[Member, ...]) -> Standing:
        """Remember a group and its members, unless the key belongs to another trigger that is open."""
        ...

    async def begin_recall(self, group: GroupTrigger) -> tuple[Standing, int] | None:
        """Remember a recall, and hand no member of its group over any more.

        With it, of how many members something may be withdrawn; None when there is no such group.
        """
        ...

    async def take(self, key: Key, at_most: int) -> tuple[GroupTrigger, tuple[Entry, ...]] | None:
        """Members to be handed over or told of, for this process alone; None when another works on the group."""
        ...

    async def busy(self) -> tuple[Key, ...]:
        """Groups with something left to do that no other process works on."""
        ...

    async def handed(self, entry: Entry, sms_sc: str) -> None:
        """The SMS-SC has the member's trigger."""
        ...

    async def let_go(self, key: Key) -> bool:
        """Whether no other process is handing members of this group over."""
        ...

    async def owe(self, entry: Entry, outcome: int) -> bool:
        """How the member's trigger ended, of which the SCS is to hear; False when it has."""
        ...

    async def end(self, entry: Entry, progress: Progress, outcome: int | None) -> bool:
        """The member is over: reported or recalled; False when it was before."""
        ...

    async def find(self, scs: str, reference: int, imsi: str | None, external_id: str | None) -> Entry | None:
        """The trigger of one member, by either of its names."""
        ...
