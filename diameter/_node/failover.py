"""Failover (RFC 6733 section 5.5.4): requests of a peer that fails, or falls silent, go to another one.

The Hop-by-Hop Identifier stays (one counter serves all links of a node), and the link of the first transmission is
remembered while it lives: a peer that was only slow may still answer, and its answer is taken if it comes first.  What
comes second is a stray.  Failback needs nothing here: a peer that is open again is a candidate again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diameter._node.core import Core, Line, Request, Waiter
from diameter._node.transit import Crossing
from diameter.errors import Undeliverable
from diameter.message import Message, encode
from diameter.routing.pending import PendingTable
from diameter.trace import Drop, Point
from diameter.wire import header


class Failover:
    """Moves the requests of one node from link to link."""

    def __init__(
        self,
        core: Core,
        pending: PendingTable[Waiter],
        place: Callable[[Line, Request], bool],
        screen: Callable[[Line, Message], Message | None],
    ) -> None:
        """`place`: send a request on a line or hold it there, False when there is no room; `screen`: as for any
        request of ours to that line, None when it may not go there.
        """
        self._core = core
        self._pending = pending
        self._place = place
        self._screen = screen
        self._limit = core.config.limits.transmissions

    def suspect(self, line: Line) -> None:
        """The peer is silent: whatever another one can take goes there, the rest waits on (RFC 3539 section 3.4.1)."""
        if not line.outstanding and not line.held:
            return
        held = line.held.drain()
        moved = sum(self._move(request, line, alive=True) for request in self._pending.on_link(line.link.id))
        for request in held:
            if request.link == line.link.id and self._pending.get(request.hop_by_hop) is request:
                line.held.push(request, self._core.priority(request))
        self._say(line, moved, "silent")

    def lost(self, line: Line, reason: str) -> None:
        """The line is gone: its requests go to other peers, or fail with the reasons.  No request, no search."""
        if not line.outstanding and not line.held:
            return
        line.held.drain()
        moved = 0
        for request in self._pending.on_link(line.link.id):
            if self._move(request, line, alive=False):
                moved += 1
            elif not self._wait_on(request):
                self._fail(request, f"connection to {line.whose} lost: {reason}")
        self._say(line, moved, reason)

    def inherit(self, line: Line, new: Line) -> None:
        """`new` leads to the same peer in place of `line`, which is gone: everything goes there, or fails."""
        line.held.drain()
        for request in self._pending.on_link(line.link.id):
            octets = self._octets_for(request, new) if request.transmissions < self._limit else None
            line.outstanding -= request.counted
            request.link, request.counted = new.link.id, 0
            if octets is not None:
                request.octets = octets
            if octets is None or not self._place(new, request):
                self._fail(request, f"the link to {new.whose} was replaced")

    def given_back(self, line: Line, request: Request, reason: str) -> None:
        """One request cannot be sent on `line` after all: it goes to another peer, or fails with the reason."""
        if self._elsewhere(line, request, reason):
            self._say(line, 1, reason)

    def unsent(self, line: Line, messages: Sequence[bytes]) -> None:
        """These messages never left for the line: a request goes to another peer as if it had not been sent (without
        the T flag), or fails; an answer is lost.
        """
        moved = lost = 0
        for octets in messages:
            request = self._pending.get(header.hop_by_hop(octets)) if octets[4] & header.FLAG_R else None
            if request is None or request.link != line.link.id:
                lost += 1
                continue
            request.transmissions -= 1
            moved += self._elsewhere(line, request, f"it could not be sent to {line.whose}")
        self._say(line, moved, "they could not be sent")
        if lost:
            self._core.stats.dropped[Drop.LINK_GONE] += lost
            self._core.say(Point.DROPPED, command=f"{lost} messages", peer=line.whose, reason=Drop.LINK_GONE.value)

    def _elsewhere(self, line: Line, request: Request, reason: str) -> bool:
        """Take a request off a line that stays; False when no other peer takes it, and then it may fail."""
        if self._move(request, line, alive=False):
            return True
        line.outstanding -= request.counted
        request.counted = 0
        if not self._wait_on(request):
            self._fail(request, reason)
        return False

    def _say(self, line: Line, moved: int, reason: str) -> None:
        if moved:
            self._core.stats.failed_over += moved
            self._core.say(Point.FAILOVER, peer=line.whose, count=moved, reason=reason)

    def _move(self, request: Request, line: Line, *, alive: bool) -> bool:
        """Give `request` to another peer; False when nobody can take it, or it has been sent often enough."""
        if request.transmissions >= self._limit or isinstance(request.waiter, Crossing):
            return False
        failed = request.host.lower()
        core = self._core
        application, host, realm = request.destination
        for entry in core.table.alternatives(application, host, realm, (*request.avoid, failed)):
            other = core.lines.get(entry.link)
            if other is None or other.gone or not other.is_open or other is line:
                continue
            octets = self._octets_for(request, other)
            if octets is None:
                continue
            before = request.link, request.host, request.octets, request.counted, request.earlier
            line.outstanding -= request.counted
            if alive and request.counted:
                request.earlier = (*request.earlier, request.link)
            request.link, request.host, request.octets, request.counted = entry.link, entry.host, octets, 0
            if self._place(other, request):
                request.avoid = (*request.avoid, failed)
                return True
            line.outstanding += before[3]
            request.link, request.host, request.octets, request.counted, request.earlier = before
        return False

    def _octets_for(self, request: Request, line: Line) -> bytes | None:
        """The request as the screens let it go to `line`, with the T flag if it was sent before; None if they do
        not.
        """
        octets = request.octets
        if request.transmissions:
            octets = header.with_flags(octets, octets[4] | header.FLAG_T)
        screened = self._screen(line, Message(octets, self._core.dictionary))
        return None if screened is None else encode(screened)

    def _wait_on(self, request: Request) -> bool:
        """Wait for a link on which the request went out earlier, if one is left; it may still be answered there."""
        while request.earlier:
            *rest, link = request.earlier
            request.earlier = tuple(rest)
            line = self._core.lines.get(link)
            if line is not None and line.is_open:
                request.link, request.host, request.counted = link, line.whose, 1
                line.outstanding += 1
                return True
        return False

    def _fail(self, request: Request, reason: str) -> None:
        core = self._core
        self._pending.remove(request)
        core.stats.undeliverable += 1
        if request.transmissions >= self._limit:
            why = f"sent {request.transmissions} times already"
        else:
            why = core.table.explain(*request.destination)
        request.waiter.fail(Undeliverable(f"{reason}; {why}"))
