"""Requests of others that go on to a peer, and their answers on the way back (RFC 6733 sections 6.1.3 to 6.2.2).

The octets are `diameter.routing.agents`'s; here a request finds its line.  What was found out about origin and
destination of a request is remembered by the octets that say it (`marks.way_of`), so that the next one of the same
origin to the same destination costs a look-up.  Answers come by the table of pending requests, which knows the line and
the identifier to go back to; a peer that fails has its requests moved there like our own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import iscoroutine
from typing import TYPE_CHECKING, Any, Final

from diameter._node.core import Core, Line, Request
from diameter._node.following import text_of
from diameter._node.requests import NoWay, Requests
from diameter._node.serving import KNOWN_WAYS, Guard, Raised, Serving
from diameter._node.transit import Busy, TooLong, Transit
from diameter.app import Screen
from diameter.config import Limits
from diameter.errors import ApplicationFault, LocalError, RemoteFault, ResultCode
from diameter.message import Message, encode
from diameter.routing.agents import (
    ROUTE_RECORD,
    Agent,
    examine,
    forwarded,
    returned,
    route_record,
    settled,
)
from diameter.routing.identifiers import EndToEnd, HopByHop
from diameter.routing.marks import way_of
from diameter.routing.overload import priority_of, share_of
from diameter.routing.pending import Pending
from diameter.routing.realm_redirect import to_realm
from diameter.routing.refusal import TEXT_LIMIT, refuse_application
from diameter.security.identity import may_send
from diameter.trace import Drop

if TYPE_CHECKING:
    from diameter.app import Later

Destination = tuple[int, str | None, str | None]
"""Application id, Destination-Host, Destination-Realm."""
Onward = tuple["Line", tuple[int, str | None, str]]
"""The line on which requests go, and their destination."""
HERE: Final[Destination] = (-1, None, None)
"""In place of a destination: the request is for local consumption."""


class Way:
    """What is known of requests with one origin and destination, which no agent has passed on yet.

    `onward`: where they all go as long as the `version` of the routing table stays.
    """

    __slots__ = ("destination", "onward", "version")

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.onward: Onward | None = None
        self.version = -1


class Entrance:
    """What is known of a line that brings requests in transit.

    `record`: its Route-Record, b"" for none; `avoid`: whoever is at its end; `ways`: by `way_of`; `transit`: requests
    from there without an answer.
    """

    __slots__ = ("avoid", "record", "transit", "ways")

    def __init__(self, line: Line, known_as: str) -> None:
        self.avoid = (line.whose,)
        self.record = route_record(known_as) if known_as else b""
        self.ways: dict[bytes, Way] = {}
        self.transit = 0


class Forwarding:
    """The agent's part of a node."""

    def __init__(
        self,
        core: Core,
        agent: Agent,
        requests: Requests,
        serving: Serving,
        screens: Sequence[Screen],
        guard: Guard,
        bug: Callable[[Exception, str, str], None],
        identify: Callable[[], HopByHop],
    ) -> None:
        """`identify`: the next Hop-by-Hop Identifier.  The others as `Serving` has them."""
        self._core = core
        self._agent = agent
        self._requests = requests
        self._serving = serving
        self._screens = tuple(screens)
        self._guard = guard
        self._bug = bug
        self._identify = identify
        self.bound(core.config.limits)
        self._entrances: dict[int, Entrance] = {}
        self._following = requests.following

    def bound(self, limits: Limits) -> None:
        """Keep to these bounds from now on."""
        self._limit = limits.inbound_requests
        self._nearly = self._limit * 3 // 4

    @property
    def transit(self) -> int:
        """Requests on their way through this node, without an answer."""
        return sum(entrance.transit for entrance in self._entrances.values())

    # ---- a request has come

    def request(self, line: Line, request: Message) -> bool:
        """Take a request on; False when it is to be processed here (sections 6.1.4, and 3 for the P bit)."""
        if not request.proxiable:
            return False
        entrance = self._entrances.get(line.link.id)
        if entrance is None:
            entrance = self._entrances[line.link.id] = Entrance(line, self._agent.known_as(line.whose))
        way = way_of(request)
        known = entrance.ways.get(way) if not request.error else None
        if known is None:
            destination = self._look(line, request)
            if destination is None:
                return True
            known = Way(destination)
            if way:
                if len(entrance.ways) >= KNOWN_WAYS:
                    entrance.ways.clear()
                entrance.ways[way] = known
        if known.destination is HERE:
            return False
        if self._core.draining or (
            entrance.transit >= self._nearly and entrance.transit >= share_of(self._limit, priority_of(request))
        ):
            text = "this node is stopping" if self._core.draining else "too many requests without an answer"
            self._refuse(line, request, ResultCode.TOO_BUSY, text)
        elif self._screens or self._agent.asks:
            self._ask(line, entrance, request)
        elif (
            known.version == self._core.table.version
            and known.onward is not None
            and not known.onward[0].held
            and not (self._following.cache or self._following.realms)
        ):
            self._pass(line, entrance, request, request.octets, known.onward, entrance.avoid)
        else:
            self._send(line, entrance, request, known.destination, known=known if way else None)
        return True

    def _look(self, line: Line, request: Message) -> Destination | None:
        """The destination of a request, HERE, or None once it is refused.  Cheapest first."""
        core, application = self._core, request.application_id
        wrong = examine(request, core.config.origin_host)
        host = realm = None
        if not isinstance(wrong, RemoteFault):
            host, realm = request.get("Destination-Host"), request.get("Destination-Realm")
            if not self._agent.fronts and core.table.local(application, host, realm):
                return HERE
        if isinstance(wrong, RemoteFault):
            self._refuse(line, request, wrong.result_code, wrong.text, failed=wrong.failed_avp, stage="fault")
            return None
        if wrong is not None:
            self._refuse(line, request, wrong.code, wrong.text)
            return None
        if line.allowed is not None and application not in line.allowed:
            text = f"application {request.application} is not open to {line.whose}"
            self._refuse(line, request, ResultCode.APPLICATION_UNSUPPORTED, text)
            return None
        assert line.config is not None
        records = request.all("Route-Record")
        complaint = may_send(line.config, request["Origin-Host"], request["Origin-Realm"], records)
        if complaint is not None:
            self._refuse(line, request, complaint.code, complaint.text)
            return None
        if realm is None:
            text = f"Destination-Host {host} without Destination-Realm"
            self._refuse(line, request, ResultCode.UNABLE_TO_DELIVER, text)
            return None
        return application, host, realm

    def _ask(self, line: Line, entrance: Entrance, request: Message) -> None:
        """Show a request to the screens and to the agent's hook."""
        outcome: Any = request
        assert line.neighbour is not None
        for screen in self._screens:
            outcome = self._guard(screen.inbound, outcome, line.neighbour)
            if outcome.__class__ is not Message:
                self._decided(line, entrance, request, outcome, "screen")
                return
        if self._agent.asks:
            outcome = self._guard(self._agent.request, outcome, line.whose)
            if iscoroutine(outcome):
                later: Later[Any] = self._serving.spawn(outcome)
                entrance.transit += 1

                def decided() -> None:
                    entrance.transit -= 1
                    self._decided(line, entrance, request, self._guard(later.result), "application")

                later.then(decided)
                return
        self._decided(line, entrance, request, outcome, "application")

    def _decided(self, line: Line, entrance: Entrance, request: Message, outcome: Any, stage: str) -> None:
        """Do what a screen or hook has decided."""
        if outcome.__class__ is Message and outcome.request:
            try:
                host, realm = outcome.get("Destination-Host"), outcome.get("Destination-Realm")
            except RemoteFault as fault:
                outcome = Raised(fault)
            else:
                self._send(line, entrance, request, (outcome.application_id, host, realm), outcome)
                return
        if isinstance(outcome, Raised) and isinstance(outcome.error, ApplicationFault):
            outcome = outcome.error
        if isinstance(outcome, ApplicationFault):
            answer = self._guard(refuse_application, request, outcome)
            self._core.refused(line, request, stage, outcome.code, outcome.vendor, outcome.text)
        else:
            answer = outcome
        octets = self._guard(encode, answer) if answer.__class__ is Message else answer
        if octets.__class__ is bytes:
            self._write(line, request, octets)
            return
        error = octets.error if isinstance(octets, Raised) else None
        if error is None:
            error = LocalError(f"the agent made {type(octets).__name__} of a request")
        self._bug(error, request.command, line.whose)
        self._refuse(line, request, ResultCode.UNABLE_TO_COMPLY, "a fault of this agent", stage="bug")

    def _send(
        self,
        line: Line,
        entrance: Entrance,
        request: Message,
        destination: Destination,
        changed: Message | None = None,
        known: Way | None = None,
    ) -> None:
        """Send a request on; `changed`: what becomes of it, if not the same octets; `known`: to be filled in."""
        passing = request if changed is None else changed
        avoid: tuple[str, ...] = entrance.avoid
        if ROUTE_RECORD in passing.keys:
            avoid += passing.all("Route-Record")
        following = self._requests.following
        if following.cache or following.realms:
            session, user = text_of(passing, "Session-Id"), text_of(passing, "User-Name")
            if realm := following.realm_for(destination, session, user):
                passing, destination = to_realm(passing, realm), (destination[0], None, realm)
            other = self._requests.way(destination, avoid, session, user)
        else:
            other = self._requests.way(destination, avoid)
        if isinstance(other, NoWay):
            self._refuse(line, request, other.code, other.reason.partition(":")[0], logged=other.reason)
            return
        reacting = self._requests.overloading if self._agent.fronts else None
        if reacting is not None:
            admitted = reacting.transit(
                other, destination, passing, lambda no: self._requests.way(destination, avoid + no)
            )
            if isinstance(admitted, str):
                # RFC 7683 section 8: whoever named a host may name another one; else nobody is left who was not asked
                code = ResultCode.TOO_BUSY if destination[1] else ResultCode.UNABLE_TO_COMPLY
                self._refuse(line, request, code, "too much is asked for", logged=admitted)
                return
            other = admitted
        assert other.entry is not None
        if self._screens:
            assert other.neighbour is not None
            for screen in self._screens:
                screened = self._guard(screen.outbound, passing, other.neighbour)
                if screened.__class__ is not Message:
                    self._decided(line, entrance, request, screened, "outbound")
                    return
                passing = screened
        application, host, realm = destination
        onward = (other, (application, host, realm or ""))
        if known is not None and self._core.table.fixed(application, host, realm, avoid) is other.entry:
            known.onward, known.version = onward, self._core.table.version
        octets = passing.octets if reacting is None else reacting.announce(passing.octets)
        self._pass(line, entrance, request, octets, onward, avoid)

    def _pass(
        self,
        line: Line,
        entrance: Entrance,
        request: Message,
        octets: bytes,
        onward: Onward,
        avoid: tuple[str, ...],
    ) -> None:
        """Send octets onward, and wait for the answer."""
        other, destination = onward
        assert other.entry is not None
        hop = self._identify()
        pending: Request = Pending(
            hop, EndToEnd(request.end_to_end), other.link.id, other.entry.host,
            forwarded(octets, hop, entrance.record), destination, Transit(self, line, request, entrance), avoid,
        )  # fmt: skip
        entrance.transit += 1
        self._core.stats.relayed += 1
        self._requests.dispatch(other, pending)

    # ---- its answer

    def answer(self, transit: Transit, answer: Message) -> None:
        """An answer goes back to where its request came from, under the identifier it had there (section 6.2.2)."""
        line, request = transit.line, transit.request
        transit.entrance.transit -= 1
        if self._agent.fronts and self._requests.overloading is not None:
            self._requests.overloading.hear_neighbour(answer)
        if not self._agent.edits and not self._screens:
            self._write(line, request, returned(answer.octets, request.hop_by_hop))
            return
        outcome: Any = answer
        if self._agent.edits:
            outcome = self._guard(self._agent.answer, answer, request)
            if outcome.__class__ is Message:
                outcome = self._guard(settled, outcome, answer, self._core.config.origin_host)
        for screen in self._screens:
            if outcome.__class__ is Message and line.neighbour is not None:
                outcome = self._guard(screen.outbound, outcome, line.neighbour)
        if outcome.__class__ is Message:
            outcome = self._guard(encode, outcome)
        if outcome.__class__ is bytes:
            self._write(line, request, returned(outcome, request.hop_by_hop))
        else:
            self._decided(line, Entrance(line, line.whose), request, outcome, "outbound")

    def failed(self, transit: Transit, error: BaseException) -> None:
        """A request in transit has no answer: the node that asked gets an error answer (sections 6.1, 7.1.3)."""
        transit.entrance.transit -= 1
        busy = isinstance(error, Busy)
        code = ResultCode.TOO_BUSY if busy else ResultCode.UNABLE_TO_DELIVER
        text = "too many requests wait" if busy else "no answer from where it was sent to"
        if isinstance(error, TooLong):
            code, text = ResultCode.UNABLE_TO_COMPLY, "too long for the link that it would have to go on"
        self._refuse(transit.line, transit.request, code, text, logged=str(error))

    def lost(self, line: Line) -> None:
        """The line is gone; answers for it are dropped as they come."""
        self._entrances.pop(line.link.id, None)

    def reconsider(self, line: Line) -> None:
        """What a line may bring has changed: look at the next requests afresh."""
        entrance = self._entrances.get(line.link.id)
        if entrance is not None:
            entrance.ways.clear()

    # ---- what goes back

    def _refuse(
        self,
        line: Line,
        request: Message,
        code: int,
        text: str,
        *,
        failed: bytes = b"",
        stage: str = "destination",
        logged: str = "",
    ) -> None:
        """Answer with an error that Error-Reporting-Host says to be ours (section 7.4)."""
        avps: dict[str, Any] = {} if self._agent.fronts else {"Error-Message": text[:TEXT_LIMIT]}
        avps["Error-Reporting-Host"] = self._core.config.origin_host
        if failed:
            avps["Failed-AVP"] = failed
        self._core.refused(line, request, stage, int(code), 0, text, logged or text)
        answer = request.answer(int(code), avps)
        answer.pending = None
        self._write(line, request, answer.octets)

    def _write(self, line: Line, request: Message, octets: bytes) -> None:
        if line.gone:
            self._core.drop(line, request, Drop.LINK_GONE)
            return
        if (overloading := self._serving.overloading) is not None:
            octets = overloading.front(request, octets)
        if len(octets) > line.largest:
            octets = self._core.fitting(line, request, octets)
        self._core.answered(line, octets)
