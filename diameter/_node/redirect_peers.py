"""Peers that a redirect named (RFC 6733 sections 6.1.8, 6.12 to 6.14): connected when a request is to go there.

Off unless `[node.redirects]` says `connect`, because an answer then decides whom this node talks to.  Even so: only
hosts of the realm that was asked for, or of the realms listed; only by the transport and port that the DiameterURI
says, with the proof of identity that every peer owes; clear text only where that is declared to be protected; and a
bounded number.

A request waits for the connection among the others, with the time it has left; each Redirect-Host has an equal part of
that, then it is the next one's turn.  Where none opens, whoever asked gets the redirect answer.  Such a peer takes no
other requests than those that the redirect is for, or that name it in Destination-Host.  One attempt is made and no
further one; it is forgotten with its link, and disconnected once no remembered redirect leads there and nothing was
asked for `idle_s`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Final

from diameter._node.core import Core, Line, Request
from diameter.config import PeerConfig
from diameter.config.redirects import RedirectsConfig
from diameter.peer.inputs import DisconnectCause
from diameter.routing.entries import Source
from diameter.security.identity import lies_in, plain
from diameter.trace import Point
from diameter.wire.types import DiameterUri

if TYPE_CHECKING:
    from diameter._node.peering import Peering

SPOKEN: Final = {("aaas", "tcp"): "tls", ("aaa", "tcp"): "tcp"}
"""Scheme and transport of a DiameterURI to the transport of a peer."""


class Waiting:
    """A request on its way to a Redirect-Host.

    `hosts`: those not tried yet; `realm`: the one asked for; `applications`: what the peer that redirected may use, and
    so may the new one; `goes`: sends it on an open line, False when that cannot be; `back`: hands the redirect answer
    to whoever asked; `left_s`: the time it has left.
    """

    __slots__ = ("applications", "back", "goes", "hosts", "left_s", "realm", "request")

    def __init__(
        self,
        request: Request,
        hosts: tuple[DiameterUri, ...],
        realm: str | None,
        applications: tuple[str, ...],
        left_s: Callable[[], float],
        goes: Callable[[Line], bool],
        back: Callable[[], None],
    ) -> None:
        self.request = request
        self.hosts = hosts
        self.realm = realm
        self.applications = applications
        self.left_s = left_s
        self.goes = goes
        self.back = back


class RedirectPeers:
    """The peers of one node that redirects named, and the requests that wait for them."""

    def __init__(
        self,
        core: Core,
        peering: Peering,
        waits: Callable[[Request], bool],
        leads: Callable[[str], bool],
    ) -> None:
        """`waits`: true while a request waits for its answer; `leads`: a redirect to this host is remembered."""
        self._core = core
        self._peering = peering
        self._waits = waits
        self._leads = leads
        self._opening: dict[str, list[Waiting]] = {}
        self._answers: dict[str, int] = {}
        peering.forgotten.append(self._forgotten)

    @property
    def _settings(self) -> RedirectsConfig:
        return self._core.config.redirects  # another one after a reload

    def take(self, waiting: Waiting) -> bool:
        """Connect to the first of the hosts that may be a peer; False when none may."""
        hosts = waiting.hosts
        while hosts and not self._core.draining:
            uri, hosts = hosts[0], hosts[1:]
            key = plain(uri.fqdn)
            left_s = waiting.left_s()
            if left_s <= 0 or not (key in self._opening or self._connect(uri, waiting, left_s / (len(hosts) + 1))):
                continue
            waiting.hosts = hosts
            waiting.request.host = key
            self._opening.setdefault(key, []).append(waiting)
            return True
        return False

    def opened(self, line: Line) -> None:
        """A peer takes requests: send what waited for it."""
        key = plain(line.whose)
        if key not in self._opening:
            return
        self._look_again(key)
        for waiting in self._opening.pop(key):
            if self._waits(waiting.request) and not waiting.goes(line):
                self._next(waiting)

    def _next(self, waiting: Waiting) -> None:
        if self._waits(waiting.request) and not self.take(waiting):
            waiting.back()

    # ---- becoming a peer

    def _connect(self, uri: DiameterUri, waiting: Waiting, within_s: float) -> bool:
        """Begin to connect to a host; False, and said why, where it may not be or need not be tried."""
        row = self._row(uri, waiting)
        if isinstance(row, str):
            self._core.say(Point.REDIRECT_NOTE, peer=uri.fqdn, reason=row)
            return False
        peering, now = self._peering, self._core.now
        key = plain(row.host)
        peer = peering.add(row, Source.REDIRECT)
        self._answers[key] = 0
        self._opening[key] = []
        peering.arm(("redirect", key), now + within_s, partial(self._too_late, key))
        peer.start(now, once=True)
        peering.pump(peer)
        return key in self._opening

    def _row(self, uri: DiameterUri, waiting: Waiting) -> PeerConfig | str:
        """How to connect to a host, or why not."""
        host, settings = plain(uri.fqdn), self._settings
        realms = (*((waiting.realm,) if waiting.realm else ()), *settings.realms)
        realm = next((each for each in realms if lies_in(host, each)), None)
        transport = SPOKEN.get((uri.scheme, uri.transport))
        if host == plain(self._core.config.origin_host):
            return "it is this node"
        if host in self._peering.peers:
            return "it is a peer already, and not open"
        if realm is None:
            return f"it lies in none of {', '.join(realms) or 'no realm'}"
        if transport is None or uri.protocol != "diameter":
            return f"{uri.scheme} over {uri.transport}, {uri.protocol}, is not spoken here"
        if transport == "tcp" and not settings.physical_protection:
            return "aaa: is clear text, and redirects.physical_protection is not set"
        if transport == "tls" and self._core.config.tls is None:
            return "aaas: needs [node.tls]"
        if len(self._answers) >= settings.peers:
            return f"{settings.peers} peers of redirects are connected, and no more may be"
        reason = settings.physical_protection_reason if transport == "tcp" else ""
        row = {"host": host, "realm": realm, "connect": True, "port": uri.port, "transport": transport}
        row |= {"physical_protection": bool(reason), "physical_protection_reason": reason}
        try:
            return PeerConfig.model_validate(row | {"applications": waiting.applications})
        except ValueError:
            return "it is no DiameterIdentity"

    # ---- the end of one

    def _too_late(self, key: str) -> None:
        """It has not opened while the requests had time for it: the next one's turn."""
        peer = self._peering.peers.get(key)
        if key in self._opening and peer is not None:
            self._core.say(Point.CONNECTING_FAILED, peer=key, reason="a redirect led there, and it took too long")
            self._dismiss(key)

    def _look_again(self, key: str) -> None:
        """Look after a while whether the peer is still needed."""
        due = self._core.now + self._settings.idle_s
        self._peering.arm(("redirect", key), due, partial(self._idle, key))

    def _idle(self, key: str) -> None:
        """Disconnect from a peer to which nothing leads and that nothing was asked of or by since the last look."""
        entry = self._core.table.find(key)
        if entry is None:
            return
        before, self._answers[key] = self._answers[key], self._core.tally.answers_of(entry.host)
        line = self._core.lines.get(entry.link)
        busy = line is not None and (line.outstanding or line.held or line.in_work)
        if busy or before != self._answers[key] or self._leads(key):
            self._look_again(key)
        else:
            self._dismiss(key)

    def _dismiss(self, key: str) -> None:
        peering = self._peering
        peer = peering.peers[key]
        peer.stop(self._core.now, DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU)
        peering.pump(peer)
        peering.forget(peer)
        self._give_up(key)

    def _forgotten(self, key: str) -> None:
        """It is no peer any more: what waited goes to the next host."""
        if self._answers.pop(key, None) is not None:
            self._peering.arm(("redirect", key), None, lambda: None)
            self._give_up(key)

    def _give_up(self, key: str) -> None:
        for waiting in self._opening.pop(key, ()):
            self._next(waiting)
