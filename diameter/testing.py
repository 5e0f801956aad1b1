"""Tests without network: run coroutines, give an application scripted answers, join two nodes in memory.

fake = FakeRequester(Tsp(logic), dictionary, answers={"Subscriber-Information": lambda r: r.answer(2001, {...})})
answer = fake.deliver("Device-Action", {"Device-Action": {...}})          # runs the handler to its end
assert fake.requests[0]["User-Identifier"]["External-Identifier"] == "a@b.example"

pair = Pair([Tsp(logic)], [Asking()], dictionary)                         # two nodes, one clock, no port
answer = pair.run(asking.request("Device-Action", {...}))
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from typing import Any, Final, TypeVar

from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.task import Clock

from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, Later, Neighbour
from diameter.config import NodeConfig, PeerConfig
from diameter.errors import ApplicationFault, ConfigError, LocalError, RequestError
from diameter.message import Dictionary, Message, decode, encode
from diameter.node import Node
from diameter.routing.discovery import LookupFailed, Query, Record
from diameter.routing.originate import Originator
from diameter.routing.refusal import refuse_application
from diameter.transport.link import Address, ConnectFailed, Link, LinkOwner

T = TypeVar("T")
Answer = Callable[[Message], Message] | Exception
PATIENCE_S: Final = 100_000.0
"""Seconds of the fake clock a coroutine may wait."""


def run(coroutine: Coroutine[Any, Any, T], clock: Clock | None = None) -> T:
    """Run a coroutine to its end and return its result; while it waits, `clock` is advanced from timer to timer.

    It may await Laters and Deferreds.  Raises what the coroutine raises, LocalError when nothing will ever wake it.
    """
    while True:
        try:
            awaited = coroutine.send(None)
        except StopIteration as end:
            result: T = end.value
            return result
        try:
            _wait_for(awaited, clock)
        except LocalError:
            coroutine.close()
            raise


def _wait_for(awaited: object, clock: Clock | None) -> None:
    """Advance `clock` until `awaited`, a Later or Deferred, is done."""
    if isinstance(awaited, Later):
        later = awaited
        advance(clock, lambda: later.done)
    elif isinstance(awaited, Deferred):
        deferred = awaited
        advance(clock, lambda: deferred.called and not deferred.paused)
    else:
        raise LocalError(f"a coroutine awaits {type(awaited).__name__}, which is neither a Later nor a Deferred")


def advance(clock: Clock | None, until: Callable[[], bool]) -> None:
    """Jump from timer to timer until `until()` is true.  Raises LocalError when no timer is left, or after
    PATIENCE_S.
    """
    limit = 0.0 if clock is None else clock.seconds() + PATIENCE_S
    while not until():
        calls = [] if clock is None else clock.getDelayedCalls()
        if clock is None or not calls:
            raise LocalError("this waits for something that nothing will bring: no timer is set")
        if clock.seconds() > limit:
            raise LocalError(f"this waited {PATIENCE_S:g} s of the fake clock in vain")
        clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))


class FakeRequester:
    """Stands where the node stands, for an application under test.

    `answers`: command name to a callable from the request to its answer, to an exception to raise, or to a list of
    such, one for each request in turn.  `requests`: the requests made, as Messages that were encoded and decoded;
    `sent`: (command, avps, to, realm) as asked.
    """

    def __init__(
        self,
        application: Application,
        dictionary: Dictionary,
        answers: Mapping[str, Answer | Sequence[Answer]] | None = None,
        *,
        origin_host: str = "node.example.org",
        origin_realm: str = "example.org",
        neighbour: Neighbour | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.origin_host = origin_host
        self.origin_realm = origin_realm
        self.requests: list[Message] = []
        self.sent: list[tuple[str, Mapping[str, Any], str | None, str | None]] = []
        self._answers = {_full(name): list(a) if isinstance(a, Sequence) else a for name, a in (answers or {}).items()}
        self._application = application
        self._dictionary = dictionary
        self._neighbour = neighbour or Neighbour(host="peer.example.net", realm="example.net")
        self._clock = clock
        self._ours = Originator(origin_host, origin_realm)
        self._number = 0
        self._spawned: list[tuple[Coroutine[Any, Any, Any], Later[Any]]] = []
        self._handlers = {bound.command: bound for bound in application.bind(self, dictionary).values()}

    # ---- diameter.app.Port

    def request(
        self,
        application: int,
        command: str,
        avps: Mapping[str, Any],
        *,
        to: str | None,
        realm: str | None,
        timeout_s: float | None,
    ) -> Later[Message]:
        """Record the request and answer it from the script.  Raises LocalError for a command that is not in it."""
        self.sent.append((command, avps, to, realm))
        request = self._build(self._ours, command, avps, to, realm or self._neighbour.realm)
        request.origin = self._dictionary_origin(to or self._neighbour.host, realm or self._neighbour.realm)
        self.requests.append(request)
        script = self._answers.get(request.command)
        if script is None or script == []:
            raise LocalError(f"no answer is scripted for {request.command} number {len(self.requests)}")
        answer = script.pop(0) if isinstance(script, list) else script
        later: Later[Message] = Later()
        if isinstance(answer, Exception):
            later.fail(answer)
        else:
            later.resolve(decode(encode(answer(request)), self._dictionary))
        return later

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Later[T]:
        """Kept until the handler has answered, then run to its end."""
        later: Later[T] = Later()
        self._spawned.append((coroutine, later))
        return later

    def peer_of(self, request: Message) -> Neighbour:
        """Who brought `request`.  Raises LocalError for a message that `deliver` did not make."""
        if not isinstance(request.context, Neighbour):
            raise LocalError(f"{request.command} did not come from a peer")
        return request.context

    # ---- for tests

    def deliver(self, command: str, avps: Mapping[str, Any], *, neighbour: Neighbour | None = None) -> Message:
        """Build a request of the application as `neighbour` would, run its handler, return the answer, encoded and
        decoded again.

        What the peer has to fill in, is (Session-Id, Origin-*, Destination-Realm).  An ApplicationFault comes back as
        the answer it makes, any other exception is raised.  What the handler spawned has run when this returns.
        """
        who = neighbour or self._neighbour
        request = self._build(Originator(who.host, who.realm), command, avps, None, self.origin_realm)
        request.context = who
        request.origin = self._dictionary_origin(self.origin_host, self.origin_realm)
        bound = self._handlers.get(request.command)
        if bound is None:
            raise LocalError(f"{type(self._application).__name__} does not answer {request.command}")
        try:
            outcome = bound.call(request)
            answer: Message = run(outcome, self._clock) if bound.waits else outcome
        except ApplicationFault as fault:
            answer = refuse_application(request, fault)
        self.settle()
        return decode(encode(answer), self._dictionary)

    def settle(self) -> None:
        """Run what was spawned; then `on_batch`."""
        while self._spawned:
            coroutine, later = self._spawned.pop(0)
            try:
                later.resolve(run(coroutine, self._clock))
            except RequestError as error:
                later.fail(error)
        self._application.on_batch()

    def _build(self, by: Originator, command: str, avps: Mapping[str, Any], to: str | None, realm: str) -> Message:
        number = self._application.application_id
        plan = by.plan(self._dictionary.tables(number).scope, command)
        self._number += 1
        filled = by.fill(plan, avps, f"{self.origin_host};1;{self._number}", to, realm)
        made = self._dictionary.request(
            plan.command.name, filled, application=number, hop_by_hop=self._number, end_to_end=self._number
        )
        return decode(encode(made), self._dictionary)

    def _dictionary_origin(self, host: str, realm: str) -> bytes:
        from diameter.message.build import write_avps

        return write_avps(self._dictionary.tables(0), {"Origin-Host": host, "Origin-Realm": realm})


def _full(command: str) -> str:
    return command if command.endswith("-Request") else f"{command}-Request"


class MemoryLinks:
    """What `diameter.transport.endpoints.Links` is, on a Wire."""

    def __init__(self, wire: Wire, config: NodeConfig, owner: LinkOwner) -> None:
        self._wire = wire
        self._config = config
        self._owner = owner
        self.listening: tuple[tuple[str, Address], ...] = ()
        self.reloads = 0

    def listen(self) -> Deferred[None]:
        """Be there for those who dial.  Fails with ConfigError when another listens on the same address."""
        for at, one in enumerate(self._config.listen):
            address = Address(one.host, one.port_number)
            if address in self._wire.listeners:
                return fail(
                    ConfigError(f"node.listen.{at}: cannot listen on {one.transport} {address}: Address already in use")
                )
            self._wire.listeners[address] = self._owner
            self.listening += ((one.transport, address),)
        return succeed(None)

    def connect(self, peer: PeerConfig) -> Deferred[Link]:
        """Dial; the outcome comes by the clock."""
        outcome: Deferred[Link] = Deferred()

        def dial() -> None:
            if outcome.called:
                return
            link = self._wire.join(
                self._owner, peer.dial[0], peer.port_number, peer.host, self._config.limits.send_limit
            )
            if link is None:
                outcome.errback(ConnectFailed(self._wire.refuse or "connection refused"))
            else:
                outcome.callback(link)

        self._wire.clock.callLater(self._wire.delay_s, dial)
        return outcome

    def lookup(self, query: Query) -> Deferred[tuple[Record, ...]]:
        """What the names of the wire say."""
        found = self._wire.names.get((query.kind, query.name), ())
        return fail(found) if isinstance(found, LookupFailed) else succeed(found)

    def reload(self, config: NodeConfig) -> tuple[str, ...]:
        """Nothing is kept in files; who listens where may change."""
        self.reloads += 1
        self._config = config
        wanted = {(one.transport, Address(one.host, one.port_number)) for one in config.listen}
        for _, address in set(self.listening) - wanted:
            del self._wire.listeners[address]
        for _, address in wanted - set(self.listening):
            self._wire.listeners[address] = self._owner
        self.listening = tuple(sorted(wanted, key=str))
        return ()

    def stop(self) -> Deferred[None]:
        """Be there no longer."""
        for _, address in self.listening:
            del self._wire.listeners[address]
        self.listening = ()
        return succeed(None)


class Pair:
    """Two nodes in one process over a wire in memory; `left` has dialled `right`.

    `clock`: their time; `wire`: where a test delays, cuts or reads what passes.  Keywords `left`, `right` are passed
    to each Node.
    """

    LEFT: Final = "left.example.org"
    RIGHT: Final = "right.example.org"

    def __init__(
        self,
        right: Sequence[Application],
        left: Sequence[Application],
        dictionary: Dictionary,
        *,
        config: Mapping[str, Any] | None = None,
        right_options: Mapping[str, Any] | None = None,
        left_options: Mapping[str, Any] | None = None,
    ) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        common: dict[str, Any] = {"physical_protection": "in memory", **(config or {})}
        at: dict[str, Any] = {"listen": "tcp:127.0.0.1:3868", "peers": [self.LEFT]}
        to: dict[str, Any] = {"connect": {self.RIGHT: "tcp:127.0.0.1:3868"}}
        links: dict[str, Any] = {"links": self._links, "reactor": self.clock, "seed": 1}
        self.right = Node(
            quick_config(self.RIGHT, "example.org", **at, **common), right, dictionary, **links, **(right_options or {})
        )
        self.left = Node(
            quick_config(self.LEFT, "example.org", **to, **common), left, dictionary, **links, **(left_options or {})
        )

    def _links(self, reactor: Clock, config: NodeConfig, owner: LinkOwner) -> MemoryLinks:
        return MemoryLinks(self.wire, config, owner)

    def open(self) -> Pair:
        """Start both and wait until they are open."""
        self.wait(self.right.start())
        self.wait(self.left.start())
        self.wait(self.left.when_open(self.RIGHT))
        self.wait(self.right.when_open(self.LEFT))
        return self

    def close(self) -> None:
        """Stop both; nothing is left on the clock."""
        stopped = [self.left.stop(), self.right.stop()]
        for each in stopped:
            self.wait(each)

    def run(self, awaitable: Awaitable[T]) -> T:
        """Await something (a Later, a Deferred, a coroutine), advancing the clock."""

        async def wrapped() -> T:
            return await awaitable

        return run(wrapped(), self.clock)

    def wait(self, deferred: Deferred[T]) -> T:
        """The result of a Deferred, advancing the clock."""
        return self.run(deferred)


__all__ = ["Clock", "FakeRequester", "Pair", "advance", "fail", "run", "succeed"]
