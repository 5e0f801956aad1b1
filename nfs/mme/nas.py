"""The hop between the MME and a UE: short messages inside NAS messages that both ends protect (TS 33.401 clause 8).

DOWNLINK NAS TRANSPORT carries what the UE is sent, UPLINK NAS TRANSPORT its report (TS 24.301 8.2.12, 8.2.30): protocol
discriminator, message type, and the container with its length.  The container has the TPDU alone; the CP and RP layers
of TS 24.011 between them are not simulated.  Each end derives its keys from the K_ASME that it has itself: the MME from
the vector of the HSS, the UE from its USIM.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nfs.common.nas_security import Direction, NasContext, NasError
from nfs.ue.logic import Reaction, Ue

EMM: Final = 0x07
DOWNLINK_TRANSPORT, UPLINK_TRANSPORT = 0x62, 0x63
MESSAGES: Final = ("mtc_ue_nas_messages", "NAS messages with short messages, by what became of them", "outcome")
"""Family of counters."""


Air = Callable[[str, Direction, bytes], bytes | None]


class Hop:
    """NAS security for UEs that attached; one that did not, or is attached no longer, is not reached.

    air: what becomes of octets on their way (IMSI, direction, octets); None: they are lost.  attached: of an IMSI.
    """

    def __init__(
        self,
        air: Callable[[str, Direction, bytes], bytes | None] = lambda _imsi, _way, octets: octets,
        attached: Callable[[str], bool] = lambda _imsi: True,
    ) -> None:
        self.air = air
        self._attached = attached
        self.counters: dict[str, int] = {}
        self._keys: dict[str, tuple[bytes, bytes]] = {}
        self._ends: dict[str, tuple[NasContext, NasContext]] = {}

    def keyed(self, imsi: str, mme: bytes, ue: bytes) -> None:
        """A UE has been authenticated: K_ASME as the MME has it, and as the UE; a context of before is over."""
        self._keys[imsi] = (mme, ue)
        self._ends.pop(imsi, None)

    def carry(self, ue: Ue, tpdu: bytes) -> Reaction | None:
        """Send a UE a short message; what it made of it, None when no answer came that can be believed."""
        ends = self._of(ue.imsi)
        if ends is None:
            self._count("not authenticated")
            return None
        mme, device = ends
        try:
            down = self.air(ue.imsi, Direction.DOWNLINK, mme.protect(_transport(DOWNLINK_TRANSPORT, tpdu)))
            if down is None:
                raise NasError("lost")
            reaction = self._heard(ue, device, down)
            report = reaction.report or b""
            up = self.air(ue.imsi, Direction.UPLINK, device.protect(_transport(UPLINK_TRANSPORT, report)))
            if up is None:
                raise NasError("lost")
            said = _container(UPLINK_TRANSPORT, mme.unprotect(up))
        except NasError as error:
            self._count(f"dropped: {error.reason}")
            return None
        self._count("taken")
        return reaction if said == report else None

    def _heard(self, ue: Ue, device: NasContext, octets: bytes) -> Reaction:
        """The UE takes what its MME protected, and nothing else.  Raises NasError."""
        return ue.receive(_container(DOWNLINK_TRANSPORT, device.unprotect(octets)))

    def hear(self, ue: Ue, octets: bytes) -> Reaction | None:
        """Octets that somebody puts on the air for a UE; None when it drops them."""
        ends = self._of(ue.imsi)
        try:
            if ends is None:
                raise NasError("not authenticated")
            return self._heard(ue, ends[1], octets)
        except NasError as error:
            self._count(f"dropped: {error.reason}")
            return None

    def _of(self, imsi: str) -> tuple[NasContext, NasContext] | None:
        """Both ends; made when the first message comes, and of no use without the UE."""
        if not self._attached(imsi):
            return None
        found = self._ends.get(imsi)
        if found is None and imsi in self._keys:
            mme, ue = self._keys[imsi]
            found = self._ends[imsi] = (NasContext(mme, Direction.DOWNLINK), NasContext(ue, Direction.UPLINK))
        return found

    def _count(self, outcome: str) -> None:
        self.counters[outcome] = self.counters.get(outcome, 0) + 1


def _transport(kind: int, content: bytes) -> bytes:
    return bytes((EMM, kind, len(content))) + content


def _container(kind: int, message: bytes) -> bytes:
    """Raises NasError."""
    if len(message) < 3 or message[:2] != bytes((EMM, kind)) or message[2] != len(message) - 3:
        raise NasError("no NAS transport")
    return message[3:]
