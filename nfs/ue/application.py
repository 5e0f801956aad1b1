"""The application on a device that takes only what an SCS it trusts has protected for it (TR 33.868 4.1.4.1).

Before the application sees a message: it is signed by a signer that is known, made for an audience of the device, new,
fresh, and encrypted with a key of that audience, or made with it and readable where the region of the device has it so.
Whatever is not is discarded and counted; the short message it came in is acknowledged, for the network has done its
part.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final, Protocol

from nfs.common.cose import verified
from nfs.common.cose_content import EnvelopeError, parsed
from nfs.common.cose_numbers import Numbers
from nfs.common.group_keys import Ring
from nfs.ue.logic import Trigger

AHEAD_S: Final = 300
"""How much the clock of an SCS may be ahead of that of a device."""
TAKEN: Final = "taken"
MESSAGES: Final = ("mtc_ue_app_messages", "Messages to applications of UEs, by what became of them", "outcome")
"""Family of counters."""


class Keys(Protocol):
    """Where the keys of a device come from."""

    def signer(self, number: bytes, /) -> bytes | None:
        """The public key of a signer; None for one that is not trusted."""

    def audience(self, name: str, /) -> Ring | None:
        """The keys of an audience that the device belongs to."""

    def confidential(self, name: str, /) -> bool:
        """Whether what this audience is sent has to be encrypted, as the region has it where the device is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Strictness:
    """fresh_s: how old a message may be, the time it waited for the device included.

    only_groups: messages that are not for a group reach the application as they come.
    """

    fresh_s: float = 90_000
    only_groups: bool = False


class Guarded:
    """In front of the applications of UEs.  passes: takes what may pass, with the payload as the SCS wrote it.

    clock: seconds since 1970.  numbers: what was had before, nothing when not given.
    """

    def __init__(
        self,
        passes: Callable[[Trigger], None],
        keys: Keys,
        clock: Callable[[], float],
        strictness: Strictness,
        numbers: Numbers | None = None,
    ) -> None:
        self._passes = passes
        self._keys = keys
        self._clock = clock
        self._strictness = strictness
        self._numbers = Numbers() if numbers is None else numbers
        self.counters: dict[str, int] = {}

    def __call__(self, trigger: Trigger) -> None:
        """One trigger for a UE."""
        if self._strictness.only_groups and not trigger.group:
            self._count("as it came")
            self._passes(trigger)
            return
        try:
            payload = self._opened(trigger)
        except EnvelopeError as error:
            self._count(error.reason)
            return
        self._count(TAKEN)
        self._passes(replace(trigger, payload=payload))

    def take(self, keys: Keys) -> None:
        """Go by other keys from now on; what was taken under those of before stays known."""
        self._keys = keys

    def _opened(self, trigger: Trigger) -> bytes:
        claims, content = verified(trigger.payload, self._keys.signer)
        ring = self._keys.audience(claims.audience)
        if ring is None or (trigger.group and trigger.group.lower() != claims.audience):
            raise EnvelopeError("for somebody else")
        now = self._clock()
        age = now - claims.made_at
        if age > self._strictness.fresh_s or age < -AHEAD_S:
            raise EnvelopeError("not fresh")
        if self._numbers.had(trigger.imsi, claims.signer, claims.number):
            raise EnvelopeError("a replay")
        inner = parsed(content)
        if not inner.encrypted and self._keys.confidential(claims.audience):
            raise EnvelopeError("not encrypted")
        key = ring.find(inner.number, now)
        if key is None:
            raise EnvelopeError("an unknown key")
        payload = inner.open(key)
        self._numbers.take(trigger.imsi, claims.signer, claims.number)  # of nothing else: without keys none fills them
        return payload

    def _count(self, outcome: str) -> None:
        self.counters[outcome] = self.counters.get(outcome, 0) + 1
