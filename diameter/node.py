"""The node: the only glue of links, peers, routing, screens and applications.  One in under thirty lines:

    from diameter import Message
    from diameter.app import Application, answers
    from diameter.node import run

    class Tsp(Application):
        dictionary = "ts29368_tsp"

        @answers("Device-Action-Request")
        def device_action(self, request: Message) -> Message:
            action = request["Device-Action"]
            outcome = {
                "Reference-Number": action["Reference-Number"],
                "Action-Type": action["Action-Type"],
                "Request-Status": "SUCCESS",
            }
            return request.answer(2001, {"Device-Notification": outcome})

    run(
        Tsp(),
        identity="iwf.example.org",
        realm="example.org",
        listen="tcp:127.0.0.1:3868",
        peers=["scs.example.net"],
        physical_protection="lab, loopback only",
    )

In one wake-up the octets of one read are cut into messages; base messages go to the peer layer, requests to screens and
handlers, answers to whoever waits for them; what was spawned starts; `on_batch` runs; then each link gets one write.
Whatever else wakes a node (timers, Deferreds, callers) goes through `Node.wake` the same way.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine, Mapping, Sequence
from functools import partial
from random import Random, SystemRandom
from typing import Any, TypeVar

from twisted.internet import task
from twisted.internet.defer import Deferred
from twisted.logger import Logger, LogLevel, globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from diameter._node import pauses, readymade
from diameter._node.core import Clock, Core, Tap
from diameter._node.ends import Openings, Stopping
from diameter._node.expiry import Expiry, in_clear
from diameter._node.forwarding import Forwarding
from diameter._node.hearing import Hearing
from diameter._node.overloading import join
from diameter._node.reloading import Reloading
from diameter._node.requests import Requests
from diameter._node.serving import Raised, Serving
from diameter._node.settings import Settings
from diameter._node.setup import bind, local_identity, origin_octets, quick_config, table_of, timers_of
from diameter._node.sharing import Member, join_peers, lane_of, since
from diameter._node.stats import Stats
from diameter._node.throttle import Throttle
from diameter._node.traffic import Traffic
from diameter._node.wakeups import Wakeups
from diameter.app import Application, Later, Neighbour, Screen
from diameter.config import FaultConfig, NodeConfig
from diameter.errors import LocalError
from diameter.message import Dictionary, Message
from diameter.peer.base import BaseMessages
from diameter.peer.inputs import DisconnectCause
from diameter.routing.agents import Agent
from diameter.routing.identifiers import Identifiers
from diameter.routing.refusal import Refused
from diameter.routing.table import PeerEntry, Route
from diameter.security.papers import Paper
from diameter.trace import Observer, Point
from diameter.transport.endpoints import Links
from diameter.transport.link import Address
from diameter.transport.turns import quicken

T = TypeVar("T")
_log = Logger(namespace="diameter")


def log_observer(point: Point, fields: Mapping[str, Any]) -> None:
    """Write a trace point to Twisted's logger: one line, and the fields for those who collect them."""
    error = fields.get("error")
    if isinstance(error, BaseException):
        _log.failure(point.text, _failure(error), trace=point.name, **{k: v for k, v in fields.items() if k != "error"})
    else:
        _log.emit(LogLevel.levelWithName(point.level), point.text, trace=point.name, **fields)


def _failure(error: BaseException | None = None) -> Failure:
    """A Failure of `error`, or of the exception being handled."""
    return Failure(error)  # type: ignore[no-untyped-call]  # Twisted leaves it untyped


def as_deferred(later: Later[T]) -> Deferred[T]:
    """A Deferred with the same outcome."""
    deferred: Deferred[T] = Deferred()

    def settle() -> None:
        try:
            value = later.result()
        except BaseException:
            deferred.errback(_failure())
        else:
            deferred.callback(value)

    later.then(settle)
    return deferred


class Node(Hearing):
    """One Diameter identity with its peers and applications.

    `reactor`: Twisted's, or anything with time and TCP.  `screens` run in order on every inbound request before its
    handler, and on every outbound request and answer of an application.  `agent`: what to do with requests for others,
    which are refused without one (`diameter.routing.agents`).  `audit` is called with a `Refused` for each refusal;
    `observe` with each trace point (the log is spared floods of them).  `tap`: a capture.  `links`: where links come
    from, `diameter.transport` unless a test says otherwise; `seed`: makes identifiers and jitter the same each time.
    `member`: a worker's.  `stats`: plain counters.  Raises LocalError for what cannot work.
    """

    def __init__(
        self,
        config: NodeConfig,
        applications: Sequence[Application],
        dictionary: Dictionary,
        *,
        reactor: Any,
        screens: Sequence[Screen] = (),
        routes: Sequence[Route] = (),
        default_route: Sequence[str] = (),
        agent: Agent | None = None,
        tap: Tap | None = None,
        audit: Callable[[Refused], None] | None = None,
        observe: Observer = log_observer,
        links: Callable[[Any, NodeConfig, Any], Any] = Links,
        seed: int | None = None,
        member: Member | None = None,
    ) -> None:
        self.config = config
        self.applications = tuple(applications)
        self._clock: Clock = reactor
        random = SystemRandom() if seed is None else Random(seed)
        self._identifiers = identifiers = Identifiers(
            config.origin_host, self._clock.seconds, random.getrandbits(64), lane_of(member)
        )
        handlers = bind(applications, self, dictionary)
        routing = partial(table_of, dictionary=dictionary, applications=applications, more=routes, last=default_route)
        self._core = core = Core(
            config, dictionary, routing(config), self._clock,
            origin=origin_octets(config, dictionary), audit=audit, tap=tap,
            observe=Throttle(self._clock, observe) if observe is log_observer else observe,
        )  # fmt: skip
        self.stats: Stats = core.stats
        batches = [one.on_batch for one in self.applications if type(one).on_batch is not Application.on_batch]
        self._wakeups = wakeups = Wakeups(core, batches, _guard, self._bug)
        self.wake = wakeups.wake
        self._serving = wakeups.serving = serving = Serving(core, handlers, screens, _guard, self._attach, self._bug)
        self._requests = wakeups.requests = Requests(core, identifiers, screens, wakeups.settle, _guard)
        self._serving.wakeups = wakeups
        join(core, self._serving, self._requests)
        self._links = links(reactor, config, self)
        said = local_identity(config, dictionary, self.applications, since(member, self._clock), agent)
        base = BaseMessages(said, dictionary, identifiers.both)
        hop = identifiers.hop_by_hop.next
        if agent is not None:
            self._serving.agent = Forwarding(core, agent, self._requests, serving, screens, _guard, self._bug, hop)
        self._openings = Openings(core)
        self._traffic = Traffic(core, self._serving, self._requests, self._openings, wakeups.wake)
        parts = (core, self._traffic, base, timers_of(config), self._links, random)
        self._peering = join_peers(parts, member, self._requests, hop, wakeups.wake)
        self._traffic.attach(self._peering)
        settings = Settings(core, self._peering, self._serving, self._requests, self._traffic.faults)
        self._reloading = Reloading(core, self._peering, self._serving, settings, self._links, routing, self.wake)
        self._expiry = Expiry(core, self.papers, self._peering.arm)
        self._stopping: Stopping | None = None
        self.inject(config.fault)

    def start(self) -> Deferred[None]:
        """Listen, and begin to connect to peers.  Fails with a LocalError of one line (port in use, ...)."""

        def listening(_: None) -> None:
            for text in getattr(self._links, "notes", ()):
                self._core.say(Point.CHOSEN, reason=text)
            for transport, address in self._links.listening:
                self._core.say(Point.LISTENING, transport=transport, remote=str(address))
            in_clear(self._core)
            self.wake(self._peering.start)
            self.wake(self._expiry.look)

        quicken(self._clock, self.config.origin_host, self.config.poll_us)
        self._core.say(Point.STARTED, peer=self.config.origin_host)
        done: Deferred[None] = self._links.listen()
        return done.addCallback(listening)

    def stop(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> Deferred[None]:
        """Take no new requests, finish what is in work, DPR to every peer, close; twice `drain_s` at most."""
        if self._stopping is None:
            self._core.say(Point.STOPPING, reason=cause.name)
            self._core.draining = True
            steps = (
                (lambda: not self.in_work and not self.pending, lambda: self.wake(lambda: self._peering.stop(cause))),
                (lambda: not self._core.lines, self._close_all),
            )
            self._stopping = Stopping(self._clock, self.config.drain_s, steps)
            closing: Deferred[None] = self._links.stop()

            wrong = LocalError("a listener did not close")
            _ = closing.addErrback(lambda failure: self._bug(failure.value or wrong, "stopping", "nobody"))
            self._wakeups.after = self._stopping.look
            self._stopping.look()
        ended = getattr(self._links, "ended", None)
        done = as_deferred(self._stopping.done)
        return done if ended is None else done.addCallback(lambda _: ended())

    def when_open(self, host: str | None = None, timeout_s: float = 60.0) -> Deferred[Neighbour]:
        """Fires once peer `host` (None: any) takes requests; fails with Undeliverable that says what is in the way."""
        return as_deferred(self._openings.wait(host, timeout_s))

    def run(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        """As `spawn`, for callers who live with Deferreds (an HTTP resource)."""
        return as_deferred(self.spawn(coroutine))

    @property
    def listening(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each open listener, with the real port."""
        found: tuple[tuple[str, Address], ...] = self._links.listening
        return found

    @property
    def peers(self) -> tuple[PeerEntry, ...]:
        """The peer table, for tools: identities and states."""
        return tuple(self._core.table.peers.values())

    @property
    def pending(self) -> int:
        """Requests of ours that wait for their answer."""
        return len(self._requests.pending)

    @property
    def in_work(self) -> int:
        """Requests of others, and spawned coroutines, that wait for something."""
        return len(self._serving.waiting)

    def reload(self, config: NodeConfig | None = None) -> None:
        """Read keys and certificates again, take over `config`, links stay; ConfigError changes nothing."""
        self.config = self._reloading.take(config or self.config)
        quicken(self._clock, self.config.origin_host, self.config.poll_us)
        if not self._core.draining:
            self.wake(self._expiry.look)

    def papers(self) -> tuple[Paper, ...]:
        """Certificates and revocation lists in force that run out some day, our own certificate first."""
        found: tuple[Paper, ...] = getattr(self._links, "papers", ())
        return found

    def inject(self, rules: Sequence[FaultConfig]) -> None:
        """Put these faults in force instead of those before.  Raises ConfigError, outside a lab for links outside."""
        self._traffic.faults.load(rules)

    def record(self, tap: Tap | None) -> None:
        """Use this capture from now on, or none; its owner closes the one before."""
        self._core.tap = tap

    # ---- for applications: `diameter.app.Port`

    @property
    def origin_host(self) -> str:
        """Our Origin-Host."""
        return self.config.origin_host

    @property
    def origin_realm(self) -> str:
        """Our Origin-Realm."""
        return self.config.origin_realm

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
        """See `Application.request`."""
        self._wakeups.now()
        return self._requests.send(application, command, avps, to=to, realm=realm, timeout_s=timeout_s)

    def send(self, message: Message, *, to: str | None = None, timeout_s: float | None = None) -> Later[Message]:
        """Send a request that is there already, octet for octet but for its two identifiers; await its answer.

        Nothing is filled in and nothing is checked, so that it may be wrong on purpose.  `to`: a peer.  Fails as
        `Application.request` does.
        """
        self._wakeups.now()
        later = readymade.send(self._core, self._requests, self._identifiers, message, to, timeout_s)
        self._wakeups.settle()
        return later

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Later[T]:
        """Run a coroutine that may await requests, Deferreds and `Later`s; it starts when the present wake-up ends."""
        self._wakeups.settle()
        return self._serving.spawn(coroutine)

    def peer_of(self, request: Message) -> Neighbour:
        """The adjacent peer that brought `request`.  Raises LocalError for a message nobody brought."""
        if not isinstance(request.context, Neighbour):
            raise LocalError(f"{request.command} did not come from a peer")
        return request.context

    # ---- small parts

    def _attach(self, awaited: object, wake: Callable[[BaseException | None], None]) -> bool:
        """Call `wake` in a wake-up once `awaited` is done; False when it is nothing to wait for."""
        if isinstance(awaited, Later):
            awaited.then(lambda: self.wake(lambda: wake(None)))
            return True
        if isinstance(awaited, Deferred):

            def fired(result: Any) -> Any:
                """A value the coroutine reads itself, and leaves for others who wait; a failure ends here."""
                failed = isinstance(result, Failure)
                self.wake(lambda: wake(result.value if failed else None))
                return None if failed else result

            _ = awaited.addBoth(fired)
            return True
        return False

    def _bug(self, error: BaseException, what: str, peer: str) -> None:
        """Count and log an exception that nobody declared, once."""
        self.stats.bugs += 1
        self._core.say(Point.BUG, command=what, peer=peer, reason=type(error).__name__, error=error)

    def _close_all(self) -> None:
        """The end of stopping: whatever is still there goes."""
        self.wake(self._requests.give_up)
        self._serving.give_up()
        self._peering.close_all()
        self._wakeups.stop()
        self._traffic.faults.stop()
        self._openings.give_up()
        quicken(self._clock, self.config.origin_host, 0)
        self._core.say(Point.STOPPED)


def _guard(function: Callable[..., Any], *arguments: Any) -> Any:
    """What `function` returns, or the exception it raised as a value: application code must not take the node down."""
    try:
        return function(*arguments)
    except Exception as error:  # the one place: see style, "Errors"
        return Raised(error)


def run(
    *applications: Application,
    identity: str,
    realm: str,
    dictionary: Dictionary | None = None,
    reactor: Any = None,
    screens: Sequence[Screen] = (),
    started: Callable[[Node], object] | None = None,
    **config: Any,
) -> None:
    """Run a node with these applications until SIGTERM or Ctrl-C; for small programs (see the top of this module).

    `config`: as `diameter._node.setup.quick_config` takes it: listen, connect, peers, physical_protection, tls, and
    any key of `[node]`.  `started` is called once it listens.  Raises LocalError for a configuration that cannot be;
    what prevents the start (a port in use) is one line on standard error and exit code 2.
    """
    made = quick_config(identity, realm, **config)

    def main(running: Any) -> Deferred[None]:
        node = Node(made, applications, dictionary or Dictionary.load(), reactor=running, screens=screens)
        for_ever: Deferred[None] = Deferred()

        def up(_: None) -> Deferred[None]:
            running.addSystemEventTrigger("before", "shutdown", node.stop)
            pauses.keep_short()
            if started is not None:
                started(node)
            return for_ever

        return node.start().addCallback(up).addErrback(_say_why)

    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    task.react(main, (), _reactor=reactor)


def _say_why(failure: Failure) -> None:
    """End with one line for what an operator can mend."""
    failure.trap(LocalError)  # type: ignore[no-untyped-call]  # Twisted leaves it untyped
    sys.stderr.write(f"{failure.getErrorMessage()}\n")
    raise SystemExit(2)
