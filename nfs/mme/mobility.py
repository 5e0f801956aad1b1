"""What the simulated MME knows of UEs that attached through it, and what it makes of an HSS's orders (TS 29.272 5.2).

No AVP types beyond plain values, no peer, no clock: `nfs.mme.s6a` translates.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

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


@dataclass(slots=True, kw_only=True)
class Context:
    """A UE that is attached.  `data`: Subscription-Data as plain values; `watches`: events by (SCEF, reference).

    `stale`: the HSS has restarted, so the location is to be told again.
    """

    imsi: str
    data: dict[str, Any]
    kasme: bytes = field(repr=False)
    stale: bool = False
    sms: bool = False
    watches: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)

    def insert(self, data: Mapping[str, Any]) -> None:
        """Put new data in the place of the old, member by member; contexts are added where the HSS says so."""
        new = dict(data)
        for event in new.pop("Monitoring-Event-Configuration", ()):
            self.watch(event)
        profile, before = new.get("APN-Configuration-Profile"), self.data.get("APN-Configuration-Profile")
        if profile and before and profile.get("All-APN-Configurations-Included-Indicator") == ADD:
            contexts = {each["Context-Identifier"]: each for each in before["APN-Configuration"]}
            contexts |= {each["Context-Identifier"]: each for each in profile["APN-Configuration"]}
            new["APN-Configuration-Profile"] = {**profile, "APN-Configuration": list(contexts.values())}
        self.data.update(new)

    def watch(self, event: Mapping[str, Any]) -> None:
        """Begin, or with the reference for deletion cease, to watch for an event."""
        scef = event["SCEF-ID"]
        for reference in event.get("SCEF-Reference-ID-for-Deletion", ()):
            self.watches.pop((scef, reference), None)
        if "SCEF-Reference-ID" in event:
            self.watches[scef, event["SCEF-Reference-ID"]] = dict(event)

    def delete(self, flags: int, contexts: tuple[int, ...], scef: str | None) -> None:
        """Withdraw what DSR-Flags name."""
        for bit, name in WITHDRAWN.items():
            if flags >> bit & 1:
                self.data.pop(name, None)
        profile = self.data.get("APN-Configuration-Profile")
        if flags >> APN_PROFILE & 1:
            self.data.pop("APN-Configuration-Profile", None)
        elif flags >> PDN_CONTEXTS & 1 and profile is not None:
            left = [each for each in profile["APN-Configuration"] if each["Context-Identifier"] not in contexts]
            self.data["APN-Configuration-Profile"] = {**profile, "APN-Configuration": left}
        if flags >> SMS & 1:
            self.sms = False
            self.data.pop("Teleservice-List", None)
        if flags >> EVENTS & 1:
            self.watches = {key: event for key, event in self.watches.items() if key[0] != scef}

    @property
    def apns(self) -> tuple[str, ...]:
        """The APNs it may use, the default one first."""
        profile = self.data.get("APN-Configuration-Profile", {})
        return tuple(each["Service-Selection"] for each in profile.get("APN-Configuration", ()))


@dataclass(slots=True, kw_only=True)
class Attachments:
    """The UEs with a USIM, and those that are attached; `told` hears of each attach, detach and order."""

    usims: Mapping[str, Usim]
    told: Callable[[Outcome], None] = lambda _: None
    contexts: dict[str, Context] = field(default_factory=dict)

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
