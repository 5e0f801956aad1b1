"""The UEs' side of the radio link: what a UE says to its MME, and what it calls itself there (TS 24.301 clause 5.5).

A UE with a GUTI says the GUTI and nothing else; one that has none, or whose GUTI is not known, says its IMSI.  A paging
it answers when the S-TMSI is its own.  GUTIs outlive a detach (24.301 5.3.1.2).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from nfs.common.aka import kasme
from nfs.common.eps_identity import NO_TMSI, S_TMSI_OCTETS, Guti, encode_imsi
from nfs.common.nas_messages import (
    AUTS_ELEMENT,
    MAC_FAILURE,
    RAND_OCTETS,
    SYNCH_FAILURE,
    Kind,
    accepted,
    challenged,
    content,
    kind_of,
    message,
    sized,
)
from nfs.ue.usim import NotOurNetwork, OutOfStep, Usim

NO_KEYS: Final = 0x70
"""Key set identifier: none there."""
ATTACHES, DETACHES, UPDATES = 1, 1, 0  # EPS attach, EPS detach, TA updating
SERVICE_REQUEST: Final = bytes((0xC7, 0, 0, 0))
"""Behind the S-TMSI in the answer to a paging; without its short MAC."""


class Terminals:
    """The UEs that listen to one MME, and what they keep: an M-TMSI each, and once the rest of the GUTI.

    plmn: 3 octets, as the cell broadcasts it.
    """

    __slots__ = ("_gummei", "_listening", "_own", "plmn", "usims")

    def __init__(self, usims: Mapping[str, Usim], plmn: bytes) -> None:
        self.usims = usims
        self.plmn = plmn
        self._gummei = b""
        self._own: dict[str, int] = {}
        self._listening: dict[int, str] = {}

    def guti(self, imsi: str) -> Guti | None:
        """Of a UE; None when it has none."""
        m_tmsi = self._own.get(imsi)
        return None if m_tmsi is None else Guti(self._gummei, m_tmsi)

    def take(self, imsi: str, guti: Guti) -> None:
        """A UE is called so from now on, and no longer as before."""
        self.drop(imsi)
        self._gummei = guti.gummei
        self._own[imsi] = guti.m_tmsi
        self._listening[guti.m_tmsi] = imsi

    def drop(self, imsi: str) -> None:
        """A UE has no GUTI of this MME any more."""
        before = self._own.pop(imsi, None)
        if before is not None:
            self._listening.pop(before, None)

    def paged(self, octets: bytes) -> str | None:
        """The UE that finds its own S-TMSI in a paging; None when it is nobody's."""
        if len(octets) != S_TMSI_OCTETS or octets[:1] != self._gummei[5:]:
            return None
        return self._listening.get(int.from_bytes(octets[1:]))


class Terminal:
    """One UE while it has a radio connection.  `key`: K_ASME of the authentication that it has just had."""

    __slots__ = ("_ues", "imsi", "key")

    def __init__(self, ues: Terminals, imsi: str) -> None:
        self._ues = ues
        self.imsi = imsi
        self.key = b""

    def attach(self) -> bytes:
        """ATTACH REQUEST."""
        guti = self._ues.guti(self.imsi)
        identity = encode_imsi(self.imsi) if guti is None else guti.encode()
        return message(Kind.ATTACH_REQUEST, bytes((NO_KEYS | ATTACHES,)), sized(identity))

    def update(self) -> bytes:
        """TRACKING AREA UPDATE REQUEST; who comes from an MME that cannot be asked has nothing that is known here."""
        return message(Kind.UPDATE_REQUEST, bytes((NO_KEYS | UPDATES,)), sized(self._guti.encode()))

    def detach(self) -> bytes:
        """DETACH REQUEST."""
        return message(Kind.DETACH_REQUEST, bytes((NO_KEYS | DETACHES,)), sized(self._guti.encode()))

    def service(self) -> bytes:
        """The answer to a paging: S-TMSI, and SERVICE REQUEST."""
        return self._guti.s_tmsi + SERVICE_REQUEST

    @property
    def _guti(self) -> Guti:
        return self._ues.guti(self.imsi) or Guti(self._ues.plmn + bytes(3), NO_TMSI)

    def hear(self, octets: bytes) -> bytes | None:
        """What it answers to a message of its MME; None: nothing.  Raises NasError."""
        kind = kind_of(octets)
        if kind == Kind.IDENTITY_REQUEST:
            return message(Kind.IDENTITY_RESPONSE, sized(encode_imsi(self.imsi)))
        if kind == Kind.AUTHENTICATION_REQUEST:
            return self._authenticate(*challenged(content(Kind.AUTHENTICATION_REQUEST, octets)))
        if kind in (Kind.ATTACH_ACCEPT, Kind.UPDATE_ACCEPT):
            self._ues.take(self.imsi, accepted(octets[2:]))
            return message(Kind.ATTACH_COMPLETE if kind == Kind.ATTACH_ACCEPT else Kind.UPDATE_COMPLETE)
        return None

    def _authenticate(self, rand: bytes, autn: bytes) -> bytes:
        usim = self._ues.usims[self.imsi]
        try:
            found = usim.authenticate(rand, autn)
        except NotOurNetwork:
            return message(Kind.AUTHENTICATION_FAILURE, bytes((MAC_FAILURE,)))
        if isinstance(found, OutOfStep):
            auts = bytes((AUTS_ELEMENT,)) + sized(found.info[RAND_OCTETS:])
            return message(Kind.AUTHENTICATION_FAILURE, bytes((SYNCH_FAILURE,)), auts)
        self.key = kasme(found.ck, found.ik, self._ues.plmn, autn[:6])
        return message(Kind.AUTHENTICATION_RESPONSE, sized(found.res))
