"""From the octets of one read to the part of the node each message is for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from diameter._node.core import Core, Line
from diameter._node.ends import Openings
from diameter._node.faults import Faults
from diameter._node.following import follow
from diameter._node.manners import foreign
from diameter._node.requests import Requests
from diameter._node.serving import Serving
from diameter.message import Message
from diameter.trace import Drop

if TYPE_CHECKING:
    from diameter._node.peering import Peering

BASE_COMMANDS: Final = frozenset((257, 280, 282))
"""Capabilities-Exchange, Device-Watchdog, Disconnect-Peer: the peer layer's own."""


class Traffic:
    """Base messages go to the peer layer, requests to handlers, answers to whoever asked."""

    def __init__(
        self,
        core: Core,
        serving: Serving,
        requests: Requests,
        openings: Openings,
        wake: Callable[[Callable[[], None]], None],
    ) -> None:
        self._core = core
        self._serving = serving
        self._requests = requests
        self._openings = openings
        self.wake = wake
        self.faults = Faults(core, wake, self.receive)
        self.peering: Peering

    def attach(self, peering: Peering) -> None:
        """The peers of this traffic; those that redirects name are among them while that is allowed."""
        self.peering = peering
        follow(self._core, peering, self._requests.following)

    def take(self, line: Line, data: bytes) -> None:
        """Handle every message that `data` completes.  In OPEN, application messages bypass the peer layer."""
        core = self._core
        core.stats.octets_in += len(data)
        if line.is_open:
            self.peering.heard(line)
        self._take(line, line.connection.feed(data))

    def take_all(self, line: Line, messages: Sequence[bytes]) -> None:
        """The same for messages that came whole."""
        self._core.stats.octets_in += sum(map(len, messages))
        if line.is_open:
            self.peering.heard(line)
        connection = line.connection
        self._take(line, [each for octets in messages for each in connection.feed(octets)])

    def _take(self, line: Line, messages: Sequence[bytes]) -> None:
        core = self._core
        if core.tap is not None:
            peer = line.entry.host if line.entry is not None else ""
            for octets in messages:
                core.tap.message(core.now, False, line.link, octets, peer)
        if core.faults is not None:
            messages = core.faults.incoming(line, messages)
        self.receive(line, messages)
        if line.connection.fault is not None and not line.gone:
            self.peering.unframed(line)

    def receive(self, line: Line, messages: Sequence[bytes]) -> None:
        """Handle whole messages until the line is gone."""
        core, serving, requests, peering = self._core, self._serving, self._requests, self.peering
        dictionary = core.dictionary
        for octets in messages:
            message = Message(octets, dictionary)
            if not line.is_open or message.command_code in BASE_COMMANDS:
                peering.receive(line, message)
            elif message.request:
                serving.request(line, message)
            elif line.own_answers and foreign(line.config, message):
                self._core.drop(line, message, Drop.FOREIGN)
            else:
                requests.answer(line, message)
            if line.gone:
                return

    # ---- from the peer layer: `lines.Above`

    def deliver(self, line: Line, message: Message) -> None:
        """A message that came by way of the peer layer (while it is closing, for instance)."""
        if message.request:
            self._serving.request(line, message)
        else:
            self._requests.answer(line, message)

    def opened(self, line: Line) -> None:
        """Requests may be sent on this line (again)."""
        self._requests.release(line)
        self._requests.following.opened(line)
        self._openings.tell()

    def suspect(self, line: Line) -> None:
        """The peer is silent; no new requests go to it."""
        self._requests.suspect(line)

    def lost(self, line: Line, reason: str) -> None:
        """The line carries no messages any more."""
        self._requests.lost(line, reason)
        if self._serving.agent is not None:
            self._serving.agent.lost(line)
