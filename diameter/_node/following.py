"""Following redirect indications (RFC 6733 section 6.1.8): requests of ours and in transit go where an answer says.

Only to peers of the peer table that are open: whom this node talks to is for its configuration to say, not for an
answer.  Where none of the hosts named is one, the answer goes to whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from diameter._node.core import Core, Line, Request, Waiter
from diameter._node.transit import Crossing
from diameter.errors import RemoteFault
from diameter.message import Message, encode
from diameter.routing.pending import PendingTable
from diameter.routing.realm_redirect import realm_indication, to_realm
from diameter.routing.redirect import Asked, Redirects, indication
from diameter.trace import Point


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
        self.cache = Redirects()

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
        asked = Asked(
            application=application, realm=realm, session=session, user=user, host=usual.host if usual else None
        )
        return self._open(self.cache.find(asked, core.now), application, avoid)

    def take(self, request: Request, answer: Message) -> bool:
        """Send a request elsewhere if its answer is a redirect indication that can be followed.

        The request waits no longer when this is called.  Nobody is asked twice: who has redirected is avoided.
        """
        if isinstance(request.waiter, Crossing):
            return False
        said = indication(answer)
        if said is None:
            return self._to_realm(request, answer)
        core, (application, _, realm) = self._core, request.destination
        avoid = (*request.avoid, request.host)
        line = self._open([uri.fqdn.rstrip(".") for uri in said.hosts], application, avoid)
        if line is None or line.entry is None:
            return False
        asked = Message(request.octets, core.dictionary)
        what = Asked(
            application=application, realm=realm, host=request.host,
            session=text_of(asked, "Session-Id"), user=text_of(asked, "User-Name"),
        )  # fmt: skip
        self.cache.learn(said, what, core.now)
        return self._again(request, asked, line, avoid)

    def _to_realm(self, request: Request, answer: Message) -> bool:
        """Route a request by the realm that its answer names (RFC 7075), as often as a request may be sent."""
        core, realm = self._core, realm_indication(answer)
        if realm is None or request.transmissions >= core.config.limits.transmissions:
            return False
        application = request.destination[0]
        entry = core.table.choose(application, None, realm, request.avoid)
        line = None if entry is None else core.lines.get(entry.link)
        if line is None:
            return False
        asked = to_realm(Message(request.octets, core.dictionary), realm)
        before, request.destination = request.destination, (application, None, realm)
        if self._again(request, asked, line, request.avoid):
            return True
        request.destination = before
        return False

    def _again(self, request: Request, asked: Message, line: Line, avoid: tuple[str, ...]) -> bool:
        """Send a request, now `asked`, on another line in the time it has left; False when that cannot be."""
        core = self._core
        assert line.entry is not None
        screened = self._screen(line, asked)
        left_s = core.config.request_timeout_s - (core.now - request.sent_at)
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


def text_of(message: Message, name: str) -> str | None:
    """A text AVP of a message that need not be in order."""
    try:
        value = message.get(name)
    except RemoteFault:
        return None
    return value if isinstance(value, str) else None
