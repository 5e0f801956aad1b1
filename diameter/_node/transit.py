"""Requests of others that go on: who waits for their answer."""

from __future__ import annotations

from typing import TYPE_CHECKING

from diameter.errors import Undeliverable

if TYPE_CHECKING:
    from diameter._node.core import Line
    from diameter._node.forwarding import Forwarding
    from diameter.message import Message


class Busy(Undeliverable):
    """Every peer that could take the request has all that it may hold (3004, RFC 6733 section 7.1.3)."""


class TooLong(Undeliverable):
    """No link of a peer that could take the request carries a message of this length (5012)."""


class Transit:
    """Waits for the answer in the place of the node that asked: `resolve` and `fail` as `diameter.app.Later` has them.

    The one object that a request in transit needs beside its row in the table of pending requests.  `line`: where the
    request came from; `request`: as it came, with the Hop-by-Hop Identifier that its answer gets back (section 6.2.2).
    """

    __slots__ = ("_forwarding", "line", "request")

    def __init__(self, forwarding: Forwarding, line: Line, request: Message) -> None:
        self._forwarding = forwarding
        self.line = line
        self.request = request

    def resolve(self, answer: Message) -> None:
        """The answer has come, whatever it says."""
        self._forwarding.answer(self, answer)

    def fail(self, error: BaseException) -> None:
        """No answer will come (a RequestError says why): the node that asked gets an error answer."""
        self._forwarding.failed(self, error)
