"""What the simulated MME knows of UEs that attached through it, and what it makes of an HSS's orders (TS 29.272 5.2).

No AVP types beyond plain values, no peer, no clock: `nfs.mme.s6a` translates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from nfs.common.imsi_group import ImsiGroupId
from nfs.ue.usim import Usim

CONNECTED: Final = 4
DETACHED: Final = 0
ADD: Final = 1  # All-APN-Configurations-Included-Indicator: modified ones only
WITHDRAWN: Final[Mapping[int, str]] = {
    0: "Regional-Subscription-Zone-Code",
    2: "3GPP-Charging-Characteristics",
    4: "STN-SR",
    10: "APN-OI-Replacement",
    14: "Subscribed-Periodic-RAU-TAU-Timer",
    15: "Subscribed-VSRVCC",
    16: "A-MSISDN",
    19: "DL-Buffering-Suggested-Packet-Count",
    20: "IMSI-Group-Id",
    23: "MSISDN",
    24: "UE-Usage-Type",
    26: "External-Identifier",
    29: "Active-Time",
    30: "eDRX-Cycle-Length",
    31: "Service-Gap-Time",
}
"""DSR-Flags by bit, and the member of Subscription-Data that goes (7.3.25); others are taken note of by nobody here."""
OWN: Final = ("MSISDN", "A-MSISDN", "External-Identifier")
"""What each UE has of its own in Subscription-Data."""
APN_PROFILE, PDN_CONTEXTS, SMS, EVENTS = 1, 3, 13, 21  # DSR-Flags with a meaning of their own


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How an attach or a detach went.  `step`: where it ended; `code` and `vendor`: of an answer that ended it."""

    imsi: str
    event: str
    step: str
    good: bool
    why: str = ""
    vendor: int = 0
    code: int | None = None
    resynchronised: bool = False
    apns: tuple[str, ...] = ()


class Subscriptions:
    """Subscription data by their content: contexts that have the same share them.  `kept`: how many at most."""

    __slots__ = ("_kept", "_known")

    def __init__(self, kept: int = 1000) -> None:
        self._known: dict[str, dict[str, Any]] = {}
        self._kept = kept

    def __call__(self, data: dict[str, Any]) -> dict[str, Any]:
        """`data`, or what is like it and was there before."""
        known = self._known.setdefault(repr(data), data)
        if len(self._known) > self._kept:
            del self._known[next(iter(self._known))]
        return known


class Context:
    """A UE that is attached.  `data`: Subscription-Data as plain values; `watches`: events by (SCEF, reference).

    `stale`: the HSS has restarted, so the location is to be told again.  `share`: where to look for equal data.
    Without `kasme` in its `repr`.
    """

    __slots__ = ("_own", "_share", "_shared", "_watches", "imsi", "kasme", "sms", "stale")

    def __init__(
        self,
        *,
        imsi: str,
        data: Mapping[str, Any],
        kasme: bytes,
        stale: bool = False,
        sms: bool = False,
        share: Callable[[dict[str, Any]], dict[str, Any]] = lambda data: data,
    ) -> None:
        self.imsi = imsi
        self.kasme = kasme
        self.stale = stale
        self.sms = sms
        self._share = share
        self._own: tuple[Any, ...] = ()
        self._shared: dict[str, Any] = {}
        self._watches: dict[tuple[str, int], dict[str, Any]] | None = None
        self._keep(dict(data))

    def __repr__(self) -> str:
        return f"Context(imsi={self.imsi!r}, stale={self.stale}, sms={self.sms})"

    @property
    def data(self) -> dict[str, Any]:
        """All of them, to be looked at: what changes in this stays in it."""
        own = self._own
        return self._shared | dict(zip(own[::2], own[1::2], strict=True))

    def _keep(self, data: dict[str, Any]) -> None:
        """Take data for the present ones; what no two UEs have alike apart from the rest."""
        self._own = tuple(part for name in OWN if name in data for part in (name, data.pop(name)))
        self._shared = self._share(data)

    @property
    def watches(self) -> dict[tuple[str, int], dict[str, Any]]:
        """What is watched for, to be changed in place."""
        if self._watches is None:
            self._watches = {}
        return self._watches

    def insert(self, data: Mapping[str, Any]) -> None:
        """Put new data in the place of the old, member by member; contexts are added where the HSS says so."""
        new, present = dict(data), self.data
        for event in new.pop("Monitoring-Event-Configuration", ()):
            self.watch(event)
        profile, before = new.get("APN-Configuration-Profile"), present.get("APN-Configuration-Profile")
        if profile and before and profile.get("All-APN-Configurations-Included-Indicator") == ADD:
            contexts = {each["Context-Identifier"]: each for each in before["APN-Configuration"]}
            contexts |= {each["Context-Identifier"]: each for each in profile["APN-Configuration"]}
            new["APN-Configuration-Profile"] = {**profile, "APN-Configuration": list(contexts.values())}
        self._keep(present | new)

    def watch(self, event: Mapping[str, Any]) -> None:
        """Begin, or with the reference for deletion cease, to watch for an event."""
        scef = event.get("SCEF-ID")
        if scef is None:
            return  # of an HSS that answers by another grammar
        for reference in event.get("SCEF-Reference-ID-for-Deletion", ()):
            self.watches.pop((scef, reference), None)
        if "SCEF-Reference-ID" in event:
            self.watches[scef, event["SCEF-Reference-ID"]] = dict(event)

    def delete(self, flags: int, contexts: tuple[int, ...], scef: str | None) -> None:
        """Withdraw what DSR-Flags name."""
        data = self.data
        for bit, name in WITHDRAWN.items():
            if flags >> bit & 1:
                data.pop(name, None)
        profile = data.get("APN-Configuration-Profile")
        if flags >> APN_PROFILE & 1:
            data.pop("APN-Configuration-Profile", None)
        elif flags >> PDN_CONTEXTS & 1 and profile is not None:
            left = [each for each in profile["APN-Configuration"] if each["Context-Identifier"] not in contexts]
            data["APN-Configuration-Profile"] = {**profile, "APN-Configuration": left}
        if flags >> SMS & 1:
            self.sms = False
            data.pop("Teleservice-List", None)
        self._keep(data)
        if flags >> EVENTS & 1:
            self._watches = {key: event for key, event in self.watches.items() if key[0] != scef}

    @property
    def groups(self) -> frozenset[ImsiGroupId]:
        """The groups that the HSS says it is a member of."""
        found = (ImsiGroupId.of(each) for each in self._shared.get("IMSI-Group-Id", ()))
        return frozenset(each for each in found if each is not None)

    @property
    def apns(self) -> tuple[str, ...]:
        """The APNs it may use, the default one first."""
        profile = self._shared.get("APN-Configuration-Profile", {})
        return tuple(each.get("Service-Selection", "") for each in profile.get("APN-Configuration", ()))


@dataclass(slots=True, kw_only=True)
class Attachments:
    """The UEs with a USIM, and those that are attached; `told` hears of each attach, detach and order.

    `awaited`: hears of a UE whose reachability the HSS wants to know; `tac`: where a UE is, None: where the MME is.
    """

    usims: Mapping[str, Usim]
    told: Callable[[Outcome], None] = lambda _: None
    contexts: dict[str, Context] = field(default_factory=dict)
    share: Subscriptions = field(default_factory=Subscriptions)
    awaited: Callable[[str], None] = lambda _: None
    tac: Callable[[str], int | None] = lambda _: None

    def cancel(self, imsi: str) -> bool:
        """Let go of a UE; False when it was not here."""
        if self.contexts.pop(imsi, None) is None:
            return False
        self.told(Outcome(imsi=imsi, event="cancelled", step="cancel-location", good=True))
        return True

    def reset(self, users: tuple[str, ...]) -> int:
        """Mark UEs whose IMSI begins so (none given: all): the HSS is to be told of them again; how many."""
        found = [each for each in self.contexts.values() if not users or each.imsi.startswith(users)]
        for each in found:
            each.stale = True
        return len(found)
