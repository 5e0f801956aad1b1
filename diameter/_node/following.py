"""Following redirect indications (RFC 6733 section 6.1.8): requests of ours and in transit go where an answer says.

To peers that are open; and where the configuration allows an answer to say whom this node talks to, to hosts that are
connected for it (`redirect_peers`).  Where none of the hosts named can be reached, the answer goes to whoever asked.

A Destination-Host fixes where a request goes (section 6.1), and no other host would take it for its own (6.1.4).  When
that host itself redirects, a request of ours is addressed to the one it names and sent there, as section 6.12 asks; one
in transit is not ours to address, and whoever sent it gets the answer.  When another node redirects, the name stays.
What is remembered for a realm, an application or a user is for routing (6.1.6), which a peer that is named goes before
(6.1.5); what is remembered for a session, or for all that would go to a host, holds for its name as well.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING

from diameter._node.core import Core, Line, Request, Waiter
from diameter._node.redirect_peers import RedirectPeers, Waiting
from diameter._node.transit import Crossing, Transit
from diameter.errors import RemoteFault
from diameter.message import Message, encode
from diameter.routing.pending import PendingTable
from diameter.routing.realm_redirect import realm_indication, to_realm
from diameter.routing.redirect import NAMED, Asked, Indication, Redirects, indication
from diameter.security.identity import plain
from diameter.trace import Point

if TYPE_CHECKING:
    from diameter._node.peering import Peering


class Following:
    """Sends requests again to the host that a redirect agent named, and remembers where others are to go."""

    def __init__(
        self,
        core: Core,
        pending: PendingTable[Waiter],
        place: Callable[[Line, Request], bool],
        screen: Callable[[Line, Message], Message | None],
    ) -> None:
        """`place` and `screen`: as failover has them."""
        self._core = core
        self._pending = pending
        self._place = place
        self._screen = screen
        self.cache, self.realms = Redirects(), Redirects()
        """Where requests go instead: to hosts; to a realm (RFC 7075)."""
        self.peers: RedirectPeers | None = None
        """Connects to hosts that are no peers, where that is allowed."""

    def instead(
        self,
        destination: tuple[int, str | None, str | None],
        avoid: Iterable[str],
        session: str | None,
        user: str | None,
    ) -> Line | None:
        """The line that a remembered redirection leads a request to."""
        core, (application, host, realm) = self._core, destination
        usual = core.table.choose(application, host, realm, avoid)
        if host is not None and usual is not None and plain(usual.host) == plain(host):
            return None
        asked = Asked(
            application=application, realm=realm, session=session, user=user, host=usual.host if usual else None
        )
        return self._open(self.cache.find(asked, core.now), application, avoid)

    def whither(
        self, destination: tuple[int, str | None, str | None], session: str, user: str | None
    ) -> tuple[str | None, str | None]:
        """Destination-Host and Destination-Realm that remembered redirections give a request of ours."""
        core, (application, host, realm) = self._core, destination
        if other := self.realm_for(destination, session, user):
            return None, other
        usual = None if host is None else core.table.choose(application, host, realm)
        if usual is None or host is None or plain(usual.host) != plain(host):
            return host, realm
        asked = Asked(application=application, realm=realm, session=session, user=user, host=usual.host)
        line = self._open(self.cache.find(asked, core.now, NAMED), application, ())
        return (host if line is None or line.entry is None else line.entry.host), realm

    def realm_for(
        self, destination: tuple[int, str | None, str | None], session: str | None, user: str | None
    ) -> str | None:
        """The realm that a remembered redirection has a request go to, in place of its own."""
        core, (application, host, realm) = self._core, destination
        usual = core.table.choose(application, host, realm)
        asked = Asked(
            application=application, realm=realm, session=session, user=user, host=usual.host if usual else None
        )  # fmt: skip
        return next(iter(self.realms.find(asked, core.now)), None)

    def opened(self, line: Line) -> None:
        """Requests may be sent on this line."""
        if self.peers is not None:
            self.peers.opened(line)

    def take(self, request: Request, answer: Message, by: Line, back: Callable[[], None]) -> bool:
        """Send a request elsewhere if its answer, which the line `by` brought, is a redirect indication that can be
        followed.

        The request waits no longer when this is called.  Nobody is asked twice: who has redirected is avoided.  `back`
        is called later where it looked as if it could be followed, and in the end it cannot.
        """
        if isinstance(request.waiter, Crossing):
            return False
        said = indication(answer)
        if said is None:
            return self._to_realm(request, answer)
        core, (application, host, realm) = self._core, request.destination
        named = host is not None and plain(text_of(answer, "Origin-Host") or "") == plain(host)
        if named and isinstance(request.waiter, Transit):
            return False
        avoid = (*request.avoid, request.host)
        line = self._open([uri.fqdn.rstrip(".") for uri in said.hosts], application, avoid)
        if line is None and not core.config.redirects.connect:
            return False
        asked = Message(request.octets, core.dictionary)
        what = self._asked(asked, application, realm, request.host)
        goes = partial(self._goes, request, asked, said, what, avoid, named)
        if line is not None:
            return goes(line)
        return self._connect(request, said, what, by, goes, back)

    def _goes(
        self,
        request: Request,
        asked: Message,
        said: Indication,
        what: Asked,
        avoid: tuple[str, ...],
        named: bool,
        line: Line,
    ) -> bool:
        """Follow to a line, and remember that others are to.  `named`: as Destination-Host, in the place of another."""
        entry = line.entry
        if entry is None or not entry.offers(what.application) or plain(entry.host) in map(plain, avoid):
            return False
        self.cache.learn(said, what, self._core.now)
        if not named:
            return self._again(request, asked, line, avoid)
        before = request.destination
        request.destination = before[0], entry.host, before[2]
        if self._again(request, asked.edit(replace={"Destination-Host": entry.host}), line, avoid):
            return True
        request.destination = before
        return False

    def _connect(
        self,
        request: Request,
        said: Indication,
        what: Asked,
        by: Line,
        goes: Callable[[Line], bool],
        back: Callable[[], None],
    ) -> bool:
        """Let a request wait until one of the hosts named is connected; False when none can be."""
        pending, core = self._pending, self._core
        if self.peers is None or request.transmissions >= core.config.limits.transmissions:
            return False

        def left_s() -> float:
            return pending.left_s(request, core.now)

        def wait() -> None:
            request.link, request.counted, request.earlier = 0, 0, ()
            sent_at = request.sent_at
            pending.add(request, core.now, left_s())
            request.sent_at = sent_at

        def try_line(line: Line) -> bool:
            pending.remove(request)
            if goes(line):
                return True
            wait()
            return False

        def give_back() -> None:
            pending.remove(request)
            back()

        applications = by.config.applications if by.config is not None else ()
        before = request.host
        wait()
        if self.peers.take(Waiting(request, said.hosts, what.realm, applications, left_s, try_line, give_back)):
            return True
        pending.remove(request)
        request.host = before
        return False

    @staticmethod
    def _asked(request: Message, application: int, realm: str | None, host: str) -> Asked:
        session, user = text_of(request, "Session-Id"), text_of(request, "User-Name")
        return Asked(application=application, realm=realm, session=session, user=user, host=host)

    def _to_realm(self, request: Request, answer: Message) -> bool:
        """Route a request by the realm that its answer names (RFC 7075), as often as a request may be sent."""
        core, said = self._core, realm_indication(answer)
        if said is None or request.transmissions >= core.config.limits.transmissions:
            return False
        application = request.destination[0]
        entry = core.table.choose(application, None, said.realm, request.avoid)
        line = None if entry is None else core.lines.get(entry.link)
        if line is None:
            return False
        told = Message(request.octets, core.dictionary)
        before, request.destination = request.destination, (application, None, said.realm)
        what = self._asked(told, application, before[2], request.host)
        if self._again(request, to_realm(told, said.realm), line, request.avoid):
            self.realms.keep(said.usage, said.cache_s, (said.realm,), what, core.now)
            return True
        request.destination = before
        return False

    def _again(self, request: Request, asked: Message, line: Line, avoid: tuple[str, ...]) -> bool:
        """Send a request, now `asked`, on another line in the time it has left; False when that cannot be."""
        core = self._core
        assert line.entry is not None
        screened = self._screen(line, asked)
        left_s = self._pending.left_s(request, core.now)
        if screened is None or left_s <= 0:
            return False
        core.say(Point.REDIRECTED, peer=request.host, command=asked.command, reason=line.whose)
        request.octets, request.avoid = encode(screened), avoid
        request.link, request.host, request.counted, request.earlier = line.link.id, line.entry.host, 0, ()
        self._pending.add(request, core.now, left_s)
        if not self._place(line, request):
            self._pending.remove(request)
            return False
        core.stats.redirected += 1
        return True

    def waits(self, request: Request) -> bool:
        """True while a request waits for its answer."""
        return self._pending.get(request.hop_by_hop) is request

    def _open(self, hosts: Iterable[str], application: int, avoid: Iterable[str]) -> Line | None:
        """The first of `hosts` that is an open peer, offers the application and is not to be avoided."""
        shunned = {each.lower() for each in avoid}
        for host in hosts:
            entry = self._core.table.find(host)
            if entry is not None and entry.usable and entry.offers(application) and host.lower() not in shunned:
                line = self._core.lines.get(entry.link)
                if line is not None:
                    return line
        return None


def follow(core: Core, peering: Peering, following: Following) -> None:
    """Let redirects name peers while the configuration allows that."""
    following.peers = RedirectPeers(core, peering, following.waits, lambda host: following.cache.leads(host, core.now))


def text_of(message: Message, name: str) -> str | None:
    """A text AVP of a message that need not be in order."""
    try:
        value = message.get(name)
    except RemoteFault:
        return None
    return value if isinstance(value, str) else None
