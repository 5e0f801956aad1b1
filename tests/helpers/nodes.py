"""Two nodes in memory for tests: applications that do as told, raw octets past the node, what the nodes said."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import cache
from typing import Any

from diameter import Dictionary, Message, decode, encode
from diameter.app import Application, answers
from diameter.routing.refusal import Refused
from diameter.testing import Pair
from diameter.trace import Point

TSP = 16777309
RIGHT, LEFT, REALM = Pair.RIGHT, Pair.LEFT, "example.org"
ACTION: Mapping[str, Any] = {
    "Device-Action": {"External-Identifier": "meter@example.com", "Reference-Number": 7, "Action-Type": 1}
}


@cache
def dictionary() -> Dictionary:
    """All dictionaries, loaded once."""
    return Dictionary.load()


def succeed(request: Message) -> Message:
    """The answer to a Device-Action-Request that all went well."""
    action = request["Device-Action"]
    notification = {"Reference-Number": action["Reference-Number"], "Action-Type": action["Action-Type"]}
    return request.answer(2001, {"Device-Notification": notification})


class Answering(Application):
    """Tsp, server side; `then` is what its `def` handler does.  Batches are counted."""

    dictionary = "ts29368_tsp"

    def __init__(self, then: Callable[[Message], Any] = succeed) -> None:
        self.then = then
        self.seen: list[Message] = []
        self.batches = 0

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Any:
        self.seen.append(request)
        return self.then(request)

    def on_batch(self) -> None:
        self.batches += 1


class Waiting(Application):
    """The same with an `async def` handler."""

    dictionary = "ts29368_tsp"

    def __init__(self, then: Callable[[Message], Coroutine[Any, Any, Any]]) -> None:
        self.then = then

    @answers("Device-Action")
    async def device_action(self, request: Message) -> Any:
        return await self.then(request)


class Asking(Application):
    """Tsp, client side."""

    dictionary = "ts29368_tsp"


class Said:
    """Records trace points and refusals of a node."""

    def __init__(self) -> None:
        self.points: list[tuple[Point, Mapping[str, Any]]] = []
        self.refused: list[Refused] = []

    def observe(self, point: Point, fields: Mapping[str, Any]) -> None:
        """An observer: also checks that the text of the point can be made of its fields."""
        assert point.text.format(**fields)
        self.points.append((point, fields))

    def names(self) -> list[str]:
        """Names of the points met, in order."""
        return [point.name for point, _ in self.points]

    def of(self, point: Point) -> list[Mapping[str, Any]]:
        """Fields of every event of one point."""
        return [fields for each, fields in self.points if each is point]


class Bench:
    """A server (right) and a client (left), open.  `bench.said` is what the server said."""

    def __init__(
        self,
        server: Application | None = None,
        *,
        opened: bool = True,
        left_applications: Sequence[Application] = (),
        **options: Any,
    ) -> None:
        self.server: Any = server if server is not None else Answering()
        self.client = Asking()
        self.said, self.client_said = Said(), Said()
        right = {"observe": self.said.observe, "audit": self.said.refused.append, **options.pop("right", {})}
        left = {"observe": self.client_said.observe, **options.pop("left", {})}
        clients = list(left_applications) or [self.client]
        self.pair = Pair([self.server], clients, dictionary(), right_options=right, left_options=left, **options)
        if opened:
            self.pair.open()

    def __enter__(self) -> Bench:
        return self

    def __exit__(self, *_: object) -> None:
        self.pair.close()
        assert self.pair.clock.getDelayedCalls() == []

    def ask(self, avps: Mapping[str, Any] = ACTION, **how: Any) -> Message:
        """A Device-Action request of the client, and its answer."""
        how.setdefault("realm", REALM)
        return self.pair.run(self.client.request("Device-Action", avps, **how))

    def request(self, avps: Mapping[str, Any] | None = None, hop_by_hop: int = 1, **changes: Any) -> Message:
        """A Device-Action-Request as the client would send it; `changes` replace AVPs, None leaves one out."""
        filled: dict[str, Any] = {
            "Session-Id": f"{LEFT};1;{hop_by_hop}",
            "Auth-Application-Id": TSP,
            "Auth-Session-State": 1,
            "Origin-Host": LEFT,
            "Origin-Realm": REALM,
            "Destination-Realm": REALM,
            **(ACTION if avps is None else avps),
        }
        for name, value in changes.items():
            filled[name.replace("_", "-")] = value
        filled = {name: value for name, value in filled.items() if value is not None}
        return dictionary().request(
            "Device-Action", filled, application="Tsp", hop_by_hop=hop_by_hop, end_to_end=hop_by_hop
        )

    def inject(self, *octets: bytes | Message) -> list[Message]:
        """Put octets on the client's link, past its node; the messages that the server sends back."""
        near = next(link for link in self.pair.wire.links if link.dialled)
        before = len(self.pair.wire.passed)
        near.write(b"".join(encode(one) if isinstance(one, Message) else one for one in octets))
        self.pass_time(0.01)
        back = b"".join(data for from_client, data in self.pair.wire.passed[before:] if not from_client)
        return split(back)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock in small steps, so that timers set by timers run in order."""
        clock, until = self.pair.clock, self.pair.clock.seconds() + seconds
        while calls := [call for call in clock.getDelayedCalls() if call.getTime() <= until]:
            clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))
        clock.advance(max(0.0, until - clock.seconds()))


def split(octets: bytes) -> list[Message]:
    """Messages one behind the other."""
    messages, at = [], 0
    while at < len(octets):
        size = int.from_bytes(octets[at + 1 : at + 4])
        messages.append(decode(octets[at : at + size], dictionary()))
        at += size
    return messages
