"""The hop between the MME and a UE: octets on the air, under NAS security where it is wanted (TS 33.401 clause 8).

Each end derives its keys from the K_ASME that it has itself: the MME from the vector of the HSS, the UE from its USIM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from nfs.common.nas_security import Direction, NasContext, NasError

MESSAGES: Final = ("mtc_ue_nas_messages", "NAS messages with short messages, by what became of them", "outcome")
"""Family of counters."""


Air = Callable[[Direction, bytes], bytes | None]


class Ends(NamedTuple):
    """Both ends of one NAS security context."""

    mme: NasContext
    ue: NasContext


class Hop:
    """The link.  air: what becomes of octets on their way; None: they are lost.

    secured: messages go under NAS security, and a UE that did not attach, or is attached no longer, is not reached;
    attached: of an IMSI.
    """

    def __init__(
        self,
        air: Air = lambda _way, octets: octets,
        *,
        secured: bool = False,
        attached: Callable[[str], bool] = lambda _imsi: True,
    ) -> None:
        self.air = air
        self.secured = secured
        self._attached = attached
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._ends: dict[str, Ends] = {}

    def keyed(self, imsi: str, mme: bytes, ue: bytes) -> None:
        """A UE has been authenticated: K_ASME as the MME has it, and as the UE; a context of before is over."""
        if self.secured:
            self._keys[imsi] = (mme, ue)
            self._ends.pop(imsi, None)

    def clear(self, way: Direction, octets: bytes) -> bytes:
        """What arrives of octets that go as they are.  Raises NasError."""
        found = self.air(way, octets)
        if found is None:
            raise NasError("lost")
        return found

    def down(self, imsi: str, octets: bytes) -> bytes:
        """The message that a UE gets.  Raises NasError."""
        ends = self.ends(imsi)
        if ends is None:
            return self.clear(Direction.DOWNLINK, octets)
        return ends.ue.unprotect(self.clear(Direction.DOWNLINK, ends.mme.protect(octets)))

    def up(self, imsi: str, octets: bytes) -> bytes:
        """The message that the MME gets of a UE.  Raises NasError."""
        ends = self.ends(imsi)
        if ends is None:
            return self.clear(Direction.UPLINK, octets)
        return ends.mme.unprotect(self.clear(Direction.UPLINK, ends.ue.protect(octets)))

    def ends(self, imsi: str) -> Ends | None:
        """Both ends, made when the first message comes; None where there is no security.  Raises NasError."""
        if not self.secured:
            return None
        found = self._ends.get(imsi) if self._attached(imsi) else None
        if found is None:
            if not self._attached(imsi) or imsi not in self._keys:
                raise NasError("not authenticated")
            mme, ue = self._keys[imsi]
            found = self._ends[imsi] = Ends(NasContext(mme, Direction.DOWNLINK), NasContext(ue, Direction.UPLINK))
        return found

    def known(self, imsi: str) -> bool:
        """Whether messages of a UE are protected."""
        return self.secured and imsi in self._keys and self._attached(imsi)
