"""What an MME calls its UEs: M-TMSIs, drawn at random, each that of one UE (TS 23.003 clause 2.8, TS 24.301 5.4.1).

A new one is given with each ATTACH ACCEPT and TRACKING AREA UPDATE ACCEPT; the one before is good until the UE says
that it has the new one, so that whatever is lost on the way leaves a name that both know.  After a detach a UE keeps
its name: it comes back under it, and nobody else is called so.
"""

from __future__ import annotations

from collections.abc import Callable

from nfs.common.eps_identity import NO_TMSI, Guti


class Names:
    """Of one MME.  gummei: its own name, 6 octets; draw: 32 random bits."""

    __slots__ = ("_draw", "_given", "_offered", "_who", "gummei")

    def __init__(self, gummei: bytes, draw: Callable[[], int]) -> None:
        self.gummei = gummei
        self._draw = draw
        self._given: dict[str, int] = {}
        self._offered: dict[str, int] = {}
        self._who: dict[int, str] = {}

    def __len__(self) -> int:
        return len(self._given)

    def of(self, imsi: str) -> tuple[Guti, ...]:
        """What a UE may be called: as it said last, and as it was told and did not confirm; () for one unknown."""
        found = (names[imsi] for names in (self._given, self._offered) if imsi in names)
        return tuple(Guti(self.gummei, each) for each in found)

    def who(self, guti: Guti) -> str | None:
        """The IMSI of whoever is called so; None for a GUTI that is not of here."""
        return self._who.get(guti.m_tmsi) if guti.gummei == self.gummei else None

    def offer(self, imsi: str) -> Guti:
        """A new name for a UE."""
        m_tmsi = self._draw()
        while m_tmsi in self._who or m_tmsi == NO_TMSI:
            m_tmsi = self._draw()
        self._forget(self._offered, imsi)
        self._offered[imsi] = m_tmsi
        self._who[m_tmsi] = imsi
        return Guti(self.gummei, m_tmsi)

    def confirm(self, imsi: str) -> None:
        """The UE has its new name: the old one is free."""
        if imsi in self._offered:
            self._forget(self._given, imsi)
            self._given[imsi] = self._offered.pop(imsi)

    def drop(self, imsi: str) -> None:
        """The UE is that of another MME."""
        self._forget(self._given, imsi)
        self._forget(self._offered, imsi)

    def _forget(self, names: dict[str, int], imsi: str) -> None:
        m_tmsi = names.pop(imsi, None)
        if m_tmsi is not None:
            del self._who[m_tmsi]
