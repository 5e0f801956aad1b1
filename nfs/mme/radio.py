"""The MME's side of the radio link: it names its UEs, pages them by S-TMSI, and says no IMSI (TS 24.301 clause 5).

What goes over the link are octets: NAS messages, and a paging, which is the S-TMSI alone, for RRC is not simulated.  An
IMSI is on it once, when a UE says it that has no GUTI yet, or none of this MME: nobody could know then who it is, and
keys that could hide it there are none before the authentication that it is said for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from secrets import randbits
from typing import Final

from nfs.common.eps_identity import S_TMSI_OCTETS, Guti, decode_identity
from nfs.common.nas_messages import (
    AUTN_OCTETS,
    AUTS_OCTETS,
    GUTI_ELEMENT,
    MAC_FAILURE,
    RAND_OCTETS,
    Kind,
    content,
    kind_of,
    message,
    sized,
    unsized,
)
from nfs.common.nas_security import Direction, NasError
from nfs.mme.names import Names
from nfs.mme.nas import Hop
from nfs.ue.logic import Reaction, Ue
from nfs.ue.nas import Terminal, Terminals
from nfs.ue.usim import Usim

PAGINGS: Final = ("mtc_ue_pagings", "Pagings of simulated UEs, by what came of them", "outcome")
"""Family of counters."""
IMSI_WANTED: Final = b"\x01"
KEY_SET: Final = b"\x00"
OF_GROUPS: Final = b"\x80"
"""Type of the container in which UEs claim to be members of groups: this project's own."""


class Radio:
    """One MME and the UEs that listen to it.  gummei: its name, 6 octets; draw: 32 random bits."""

    def __init__(
        self,
        gummei: bytes,
        usims: Mapping[str, Usim],
        hop: Hop | None = None,
        draw: Callable[[], int] = lambda: randbits(32),
    ) -> None:
        self.names = Names(gummei, draw)
        self.ues = Terminals(usims, gummei[:3])
        self.hop = Hop() if hop is None else hop
        self.counters: dict[str, int] = {}
        self.pagings: dict[str, int] = {}

    # ---- registration

    def arrive(self, terminal: Terminal, *, initial: bool) -> None:
        """A UE asks to be registered, and says who it is: again and by its IMSI, where its GUTI is not known.

        Raises NasError, also for the name of another UE.
        """
        kind = Kind.ATTACH_REQUEST if initial else Kind.UPDATE_REQUEST
        asked = self.hop.clear(Direction.UPLINK, terminal.attach() if initial else terminal.update())
        identity = decode_identity(unsized(content(kind, asked)[1:]))
        who = self.names.who(identity) if isinstance(identity, Guti) else identity
        if who is None:
            answer = self._ask(terminal, message(Kind.IDENTITY_REQUEST, IMSI_WANTED))
            said = decode_identity(unsized(content(Kind.IDENTITY_RESPONSE, answer)))
            who = said if isinstance(said, str) else None
        if who != terminal.imsi:
            raise NasError("the name of another UE")

    def challenge(self, terminal: Terminal, rand: bytes, autn: bytes) -> tuple[bytes, bytes]:
        """(RES, AUTS) of a UE, one of them empty.  Raises NasError, for a network that the UE does not believe too."""
        if len(rand) != RAND_OCTETS or len(autn) != AUTN_OCTETS:
            raise NasError("RAND and AUTN of 16 octets expected")
        answer = self._ask(terminal, message(Kind.AUTHENTICATION_REQUEST, KEY_SET, rand, sized(autn)))
        if kind_of(answer) == Kind.AUTHENTICATION_RESPONSE:
            return unsized(answer[2:]), b""
        failure = content(Kind.AUTHENTICATION_FAILURE, answer)
        if failure[:1] == bytes((MAC_FAILURE,)):
            raise NasError("AUTN: its MAC is not of these keys")
        auts = unsized(failure[2:])
        if len(auts) != AUTS_OCTETS:
            raise NasError("AUTS of 14 octets expected")
        return b"", auts

    def _ask(self, terminal: Terminal, octets: bytes) -> bytes:
        """What a UE answers to a message without protection."""
        answer = terminal.hear(self.hop.clear(Direction.DOWNLINK, octets))
        return self.hop.clear(Direction.UPLINK, answer or b"")

    def accept(self, terminal: Terminal, *, initial: bool) -> None:
        """Give a UE that is registered its new name.  Raises NasError."""
        imsi = terminal.imsi
        kind, done = (
            (Kind.ATTACH_ACCEPT, Kind.ATTACH_COMPLETE) if initial else (Kind.UPDATE_ACCEPT, Kind.UPDATE_COMPLETE)
        )
        guti = self.names.offer(imsi)
        told = message(kind, bytes((initial, GUTI_ELEMENT)), sized(guti.encode()))
        answer = terminal.hear(self.hop.down(imsi, told))
        content(done, self.hop.up(imsi, answer or b""))
        self.names.confirm(imsi)

    def update(self, imsi: str) -> bool:
        """A tracking area update of a UE that is registered here: a new name; whether it has it."""
        terminal = self.open(imsi)
        self._named(imsi)
        try:
            self.arrive(terminal, initial=False)
            self.accept(terminal, initial=False)
        except NasError:
            return False
        return True

    def detach(self, imsi: str) -> None:
        """A UE says that it leaves; it keeps its name."""
        if not self.names.of(imsi):
            return
        with suppress(NasError):  # gone without a word
            content(Kind.DETACH_REQUEST, self._up(imsi, self.open(imsi).detach()))
            self._down(imsi, message(Kind.DETACH_ACCEPT))

    def forget(self, imsi: str) -> None:
        """The UE has been taken over by another MME, which gave it another name."""
        self.names.drop(imsi)
        self.ues.drop(imsi)

    def open(self, imsi: str) -> Terminal:
        """A UE that begins to speak."""
        return Terminal(self.ues, imsi)

    def _named(self, imsi: str) -> tuple[Guti, ...]:
        """Its names; one that is just there, without an attach, has one as if from before."""
        if not self.names.of(imsi):
            self.ues.take(imsi, self.names.offer(imsi))
            self.names.confirm(imsi)
        return self.names.of(imsi)

    # ---- paging

    def page(self, imsi: str, *, hears: bool = True) -> bool:
        """Page a UE by its S-TMSI; whether it answers.  `hears`: it is within reach."""
        for guti in self._named(imsi):
            octets = self.hop.air(Direction.DOWNLINK, guti.s_tmsi)
            who = self.ues.paged(octets) if octets is not None and hears else None
            if who is not None:
                answer = self.hop.air(Direction.UPLINK, self.open(who).service())
                if answer is not None and answer[:S_TMSI_OCTETS] == guti.s_tmsi:
                    self.pagings["answered"] = self.pagings.get("answered", 0) + 1
                    return True
        self.pagings["not answered"] = self.pagings.get("not answered", 0) + 1
        return False

    # ---- short messages, and claims of groups

    def carry(self, ue: Ue, tpdu: bytes) -> Reaction | None:
        """Send a UE a short message; what it made of it, None when no answer came that can be believed."""
        try:
            self.hop.ends(ue.imsi)
            if not self.page(ue.imsi):
                raise NasError("lost")
            reaction = self._heard(ue, self.hop.down(ue.imsi, _transport(Kind.DOWNLINK_TRANSPORT, tpdu)))
            report = reaction.report or b""
            said = _container(Kind.UPLINK_TRANSPORT, self.hop.up(ue.imsi, _transport(Kind.UPLINK_TRANSPORT, report)))
        except NasError as error:
            self._dropped(error)
            return None
        self._count("taken")
        return reaction if said == report else None

    def _heard(self, ue: Ue, octets: bytes) -> Reaction:
        return ue.receive(_container(Kind.DOWNLINK_TRANSPORT, octets))

    def hear(self, ue: Ue, octets: bytes) -> Reaction | None:
        """Octets that somebody puts on the air for a UE; None when it drops them."""
        try:
            ends = self.hop.ends(ue.imsi)
            return self._heard(ue, octets if ends is None else ends.ue.unprotect(octets))
        except NasError as error:
            self._count(f"dropped: {error.reason}")
            return None

    def sent(self, imsi: str, tpdu: bytes) -> bytes | None:
        """What the MME gets of a short message that a UE sends."""
        try:
            self.hop.clear(Direction.UPLINK, self.open_named(imsi).service())
            return _container(Kind.UPLINK_TRANSPORT, self._up(imsi, _transport(Kind.UPLINK_TRANSPORT, tpdu)))
        except NasError:
            return None

    def told(self, imsi: str, tpdu: bytes) -> bytes | None:
        """What a UE gets of a report about a short message that it sent."""
        try:
            if not self.page(imsi):
                return None
            return _container(Kind.DOWNLINK_TRANSPORT, self._down(imsi, _transport(Kind.DOWNLINK_TRANSPORT, tpdu)))
        except NasError:
            return None

    def open_named(self, imsi: str) -> Terminal:
        """A UE that begins to speak, and has a name."""
        self._named(imsi)
        return self.open(imsi)

    def claim(self, imsi: str, group: str) -> str | None:
        """What the MME gets of a claim of a UE to be a member of a group."""
        try:
            self.hop.clear(Direction.UPLINK, self.open_named(imsi).service())
            told = message(Kind.UPLINK_GENERIC, OF_GROUPS, _long(group.encode()))
            return content(Kind.UPLINK_GENERIC, self._up(imsi, told))[3:].decode("ascii", "replace")
        except NasError:
            return None

    def grant(self, imsi: str, key: bytes | None) -> None:
        """Tell a UE what came of its claim; a key goes under NAS security, and without that by another way."""
        good = bytes((key is not None,)) + (key or b"" if self.hop.known(imsi) else b"")
        with suppress(NasError):  # it will ask again
            self._down(imsi, message(Kind.DOWNLINK_GENERIC, OF_GROUPS, _long(good)))

    def _up(self, imsi: str, octets: bytes) -> bytes:
        """Of a UE that may have no keys."""
        return self.hop.up(imsi, octets) if self.hop.known(imsi) else self.hop.clear(Direction.UPLINK, octets)

    def _down(self, imsi: str, octets: bytes) -> bytes:
        return self.hop.down(imsi, octets) if self.hop.known(imsi) else self.hop.clear(Direction.DOWNLINK, octets)

    def _dropped(self, error: NasError) -> None:
        self._count(error.reason if error.reason == "not authenticated" else f"dropped: {error.reason}")

    def _count(self, outcome: str) -> None:
        self.counters[outcome] = self.counters.get(outcome, 0) + 1


def _transport(kind: Kind, tpdu: bytes) -> bytes:
    """NAS TRANSPORT with the TPDU alone: the CP and RP layers of TS 24.011 between them are not simulated."""
    return message(kind, sized(tpdu))


def _container(kind: Kind, octets: bytes) -> bytes:
    """Raises NasError."""
    if octets[:2] != bytes((7, kind)) or len(octets) < 3 or octets[2] != len(octets) - 3:
        raise NasError("no NAS transport")
    return octets[3:]


def _long(part: bytes) -> bytes:
    """A part with its length, 2 octets, before it."""
    return len(part).to_bytes(2) + part
