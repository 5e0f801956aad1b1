"""What the links of a node tell it: the node as `diameter.transport.link.LinkOwner`."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diameter._node.core import Core
from diameter._node.peering import Peering
from diameter._node.renewing import Renewing
from diameter._node.requests import Requests
from diameter._node.traffic import Traffic
from diameter._node.wakeups import Wakeups
from diameter.routing.refusal import Refused
from diameter.trace import Point
from diameter.transport.link import Address, Link


class Hearing:
    """The parts of a node that links reach."""

    _core: Core
    _peering: Peering
    _requests: Requests
    _traffic: Traffic
    _wakeups: Wakeups
    wake: Callable[[Callable[[], None]], None]

    def link_up(self, link: Link) -> None:
        """A link is usable."""
        self.wake(lambda: self._peering.link_up(link))

    def link_received(self, link: Link, data: bytes) -> None:
        """Octets of one read: everything in them is handled in this pass."""
        line = self._core.lines.get(link.id)
        if line is None or line.gone:
            return
        self._wakeups.begin()
        try:
            self._traffic.take(line, data)
        finally:
            self._wakeups.end()

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        """Whole messages: all of them are handled in this pass."""
        line = self._core.lines.get(link.id)
        if line is None or line.gone:
            return
        self._wakeups.begin()
        try:
            self._traffic.take_all(line, messages)
        finally:
            self._wakeups.end()

    def link_note(self, link: Link, text: str) -> None:
        """Something that the link tells of itself."""
        self._core.say_link(Point.LINK_NOTE, link, reason=text)

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None:
        """Messages that never left: requests among them go to other peers."""
        line = self._core.lines.get(link.id)
        if line is not None:
            self.wake(lambda: self._requests.unsent(line, messages))

    def link_worn(self, link: Link) -> None:
        """Whoever dialled leaves with a DPR and dials anew; requests wait."""
        line = self._core.lines.get(link.id)
        if line is not None and link.dialled:
            self._core.say_link(Point.LINK_NOTE, link, reason="keys are renewed by a new association")
            self.wake(lambda: Renewing(self._core, self._peering, self._requests).renew(line))

    def link_lost(self, link: Link, reason: str) -> None:
        """A link is gone."""
        if link.breach:
            self._broken(link)
        self._core.stats.records_replayed += link.replayed
        self.wake(lambda: self._peering.link_lost(link, reason))

    def _broken(self, link: Link) -> None:
        """Its protection ended a link that was up: a refusal like one at the door."""
        core = self._core
        line = core.lines.get(link.id)
        whose = str(link.remote) if line is None else line.whose
        core.say(Point.LINK_BROKEN, link=link.id, transport=link.transport, peer=whose, reason=link.breach)
        core.stats.links_broken += 1
        if core.audit is not None:
            core.audit(Refused(stage="protection", peer=whose, text=link.breach))

    def link_congested(self, link: Link) -> None:
        """Requests of ours for this link are held back from now on: `link.congested` says so when the next is made."""

    def link_drained(self, link: Link) -> None:
        """Send what was held back."""
        line = self._core.lines.get(link.id)
        if line is not None and line.held:
            self.wake(lambda: self._requests.release(line))

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        """Somebody connected and never became a link."""
        self._core.say(Point.LINK_REFUSED, transport=transport, remote=str(remote), reason=reason)
        self._core.stats.links_refused += 1
        if self._core.audit is not None:
            self._core.audit(Refused(stage="link", peer=str(remote), text=reason))
