"""Requests of others that go on: who waits for their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.errors import Undeliverable

if TYPE_CHECKING:
    from diameter._node.core import Line
    from diameter._node.crossing import Crossings
    from diameter._node.forwarding import Entrance, Forwarding
    from diameter.message import Message
    from diameter.routing.identifiers import HopByHop


class Busy(Undeliverable):
    """Every peer that could take the request has all that it may hold (3004, RFC 6733 section 7.1.3)."""


class TooLong(Undeliverable):
    """No link of a peer that could take the request carries a message of this length (5012)."""


class Transit:
    """Waits for the answer in the place of the node that asked: `resolve` and `fail` as `diameter.app.Later` has them.

    The one object that a request in transit needs beside its row in the table of pending requests.  `line`: where the
    request came from, `entrance`: what is known of that; `request`: as it came, with the Hop-by-Hop Identifier that its
    answer gets back (section 6.2.2).
    """

    __slots__ = ("_forwarding", "entrance", "line", "request")

    def __init__(self, forwarding: Forwarding, line: Line, request: Message, entrance: Entrance) -> None:
        self._forwarding = forwarding
        self.entrance = entrance
        self.line = line
        self.request = request

    def resolve(self, answer: Message) -> None:
        """The answer has come, whatever it says."""
        self._forwarding.answer(self, answer)

    def fail(self, error: BaseException) -> None:
        """No answer will come (a RequestError says why): the node that asked gets an error answer."""
        self._forwarding.failed(self, error)


class Crossing(Transit):
    """Waits in the place of another worker, which asked for a request to be sent to a peer that this one has.

    Failover and redirection are for that worker to decide.  `back`: the way there; `hop_by_hop`: what it sent.
    """

    __slots__ = ("_crossings", "back", "hop_by_hop")

    def __init__(self, crossings: Crossings, back: Line, hop_by_hop: HopByHop) -> None:
        self._crossings = crossings
        self.back = back
        self.hop_by_hop = hop_by_hop

    def resolve(self, answer: Message) -> None:
        """The answer has come."""
        self._crossings.answered(self, answer)

    def fail(self, error: BaseException) -> None:
        """No answer will come from this peer."""
        self._crossings.failed(self, error)
