"""Tests without network: run coroutines, give an application scripted answers, join two nodes in memory.

    fake = FakeRequester(Tsp(logic), dictionary, answers={"Subscriber-Information-Request": lambda r: r.answer(2001, {...})})
    answer = fake.deliver("Device-Action", {"Device-Action": {...}})          # runs the handler to its end
    assert fake.requests[0]["User-Identifier"]["External-Identifier"] == "a@b.example"

Signatures only for now: the body follows.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

from diameter.app import Application, Later, Neighbour

if TYPE_CHECKING:
    from twisted.internet.task import Clock

    from diameter.message import Dictionary, Message

T = TypeVar("T")


def run(coroutine: Coroutine[Any, Any, T], clock: Clock | None = None) -> T:
    """Run a coroutine to its end; while it waits, `clock` is advanced.  Raises LocalError when nothing will ever wake it."""
    raise SystemError(coroutine, clock)


class FakeRequester:
    """Stands where the node stands, for applications under test.

    `answers`: command name to an answer: a callable from the request (a Message) to the answer (a Message) or an exception to raise,
    or a list of them, one for each request.  `requests`: the requests made, as Messages; `sent`: (command, avps, to, realm) as asked.
    """

    requests: list[Message]
    sent: list[tuple[str, Mapping[str, Any], str | None, str | None]]

    def __init__(
        self,
        application: Application,
        dictionary: Dictionary,
        answers: Mapping[str, Any] | None = None,
        *,
        origin_host: str = "node.example.org",
        origin_realm: str = "example.org",
        neighbour: Neighbour = Neighbour(host="peer.example.org", realm="example.org"),
        clock: Clock | None = None,
    ) -> None: ...

    def deliver(self, command: str, avps: Mapping[str, Any], *, neighbour: Neighbour | None = None) -> Message:
        """Build a request of the application from `neighbour`, run its handler, return the answer encoded and decoded again.

        Fills Session-Id, Origin-* (of the neighbour) and Destination-Realm as a peer would.  An ApplicationFault comes back as the answer
        it makes; any other exception is raised.
        """
        raise SystemError(command, avps, neighbour)


def _later() -> Later[None]:
    return Later()


_Callable = Callable
