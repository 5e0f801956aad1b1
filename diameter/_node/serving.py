"""Requests of others: from a message of an open link to its answer (RFC 6733 sections 6.1.4, 6.2 and 7).

A handler that does not wait is answered in the pass that read its request.  One that waits leaves a `Work` behind,
which goes on when what it awaits is there.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from diameter._node.core import Core, Line
from diameter._node.overloading import Overloading
from diameter.app import Bound, Later, Screen
from diameter.config import Limits
from diameter.errors import ApplicationFault, LocalError, RemoteFault, RequestError, ResultCode
from diameter.message import Message, encode
from diameter.message.answers import refusal
from diameter.routing.duplicates import Duplicates, again
from diameter.routing.marks import marks_of, way_of
from diameter.routing.overload import priority_of, share_of
from diameter.routing.refusal import first_refusing, refuse, refuse_application
from diameter.security.identity import may_send
from diameter.trace import Drop, Point

if TYPE_CHECKING:
    from diameter._node.forwarding import Forwarding
    from diameter._node.wakeups import Wakeups

COMMAND: Final = slice(5, 12)
"""Where Command Code and Application-ID stand in a message."""
IDS: Final = slice(12, 20)
"""Where its identifiers stand."""
KNOWN_WAYS: Final = 1024
"""(application, origin, destination) remembered for each link; peers write them."""
Guard = Callable[..., Any]
"""guard(function, *arguments): what it returns, or `Raised` with any Exception it raised."""
Attach = Callable[[object, Callable[[BaseException | None], None]], bool]
"""attach(awaited, wake): call wake once `awaited` is done, with the error to raise in the coroutine if that cannot
find it itself; False when it is nothing to wait for."""


class Raised:
    """An exception as a value."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Work:
    """A coroutine that waits, and what becomes of its end: an answer to `request` on `line`, or the outcome of
    `later`.  `key`: by which copies of the request are recognised.  Called, it goes on: a `Later` is done.
    `over`: nobody waits for it any more.
    """

    __slots__ = ("coroutine", "key", "later", "line", "over", "request", "serving")

    def __init__(
        self,
        serving: Serving,
        coroutine: Coroutine[Any, Any, Any],
        line: Line | None,
        request: Message | None,
        later: Later[Any] | None,
        key: bytes = b"",
    ) -> None:
        self.serving = serving
        self.coroutine = coroutine
        self.line = line
        self.request = request
        self.later = later
        self.key = key
        self.over = False

    def __call__(self) -> None:
        serving = self.serving
        if serving.wakeups.awake:
            serving.go_on(self)
        else:
            serving.wakeups.wake(lambda: serving.go_on(self))


def step(coroutine: Coroutine[Any, Any, Any], error: BaseException | None = None) -> tuple[bool, Any]:
    """Run a coroutine until it waits or ends: (True, result) or (False, what it awaits).  `error` is raised where it
    waits.
    """
    try:
        return False, coroutine.send(None) if error is None else coroutine.throw(error)
    except StopIteration as end:
        return True, end.value


class Serving:
    """What others ask of this node."""

    def __init__(
        self,
        core: Core,
        handlers: Mapping[tuple[int, int], Bound],
        screens: Sequence[Screen],
        guard: Guard,
        attach: Attach,
        bug: Callable[[Exception, str, str], None],
    ) -> None:
        """`handlers`: by (application id, command code).  `bug`: logs an exception that should not be, with command
        and peer.
        """
        self._core = core
        self._handlers = {code.to_bytes(3) + number.to_bytes(4): each for (number, code), each in handlers.items()}
        self._screens = tuple(screens)
        self._guard = guard
        self._attach = attach
        self._bug = bug
        self._duplicates: Duplicates[tuple[Line, Message]] = Duplicates()
        self._spawned: list[Work] = []
        self.agent: Forwarding | None = None
        """Takes the requests that are for others, where the node is an agent."""
        self.overloading: Overloading | None = None
        self.waiting: set[Work] = set()
        self.wakeups: Wakeups
        self.bound(core.config.limits)

    def bound(self, limits: Limits) -> None:
        """Keep to these bounds from now on."""
        self._limit = limits.inbound_requests
        self._node_limit = limits.requests_in_work
        self._nearly, self._node_nearly = self._limit * 3 // 4, self._node_limit * 3 // 4
        self._duplicates.bound(
            answers=limits.duplicate_answers,
            octets=limits.duplicate_octets,
            window_s=limits.duplicate_window_s,
            held=limits.held_duplicates,
        )
        if self.agent is not None:
            self.agent.bound(limits)

    # ---- a request has come

    def request(self, line: Line, request: Message) -> None:
        """Answer a request, now or when its handler has what it waits for."""
        core = self._core
        core.stats.requests_in += 1
        request.origin = core.origin
        request.context = line.neighbour
        if self.agent is not None and self.agent.request(line, request):
            return
        handler = self._handlers.get(request.octets[COMMAND])
        faults = request.faults  # first, because it finds on its way where the AVPs stand
        way, key = marks_of(request)
        if handler is None or faults or core.draining or way not in line.known:
            if not self._acceptable(line, request, handler):
                return
            assert handler is not None
        if self._duplicates.known(key):
            self._repeat(line, request, key)
            return
        if self.waiting and (line.in_work >= self._nearly or len(self.waiting) >= self._node_nearly):
            priority = priority_of(request)
            if line.in_work >= share_of(self._limit, priority) or (
                len(self.waiting) >= share_of(self._node_limit, priority)
            ):
                self._refuse_code(line, request, ResultCode.TOO_BUSY, "too many requests in work")
                return
        for screen in self._screens:
            assert line.neighbour is not None
            outcome = self._guard(screen.inbound, request, line.neighbour)
            if outcome.__class__ is not Message:
                self._refuse(line, request, outcome, "screen")
                return
            request = outcome
        outcome = self._guard(handler.call, request)
        if handler.waits and outcome.__class__ is not Raised:
            coroutine = outcome
            outcome = self._guard(step, coroutine)
            if outcome.__class__ is tuple:
                ended, outcome = outcome
                if not ended:
                    self._duplicates.begin(key)
                    self._wait(Work(self, coroutine, line, request, None, key), outcome)
                    return
        self._answer(line, request, outcome, key)

    def _repeat(self, line: Line, request: Message, key: bytes) -> None:
        """A copy of a request that was answered, or is in work: it gets the same answer, and is executed no more."""
        core = self._core
        core.stats.duplicates += 1
        core.say(Point.DUPLICATE, command=request.command, peer=line.whose, hop_by_hop=request.hop_by_hop)
        answer = self._duplicates.answer(key)
        if answer is not None:
            self._write(line, request, again(answer, request))
        elif not self._duplicates.hold(key, (line, request)):
            self._refuse_code(line, request, ResultCode.TOO_BUSY, "too many copies of requests in work")

    def _acceptable(self, line: Line, request: Message, handler: Bound | None) -> bool:
        """Look at a request that is not plainly in order; False once it is refused.  Cheapest first.

        An application that is not open to a peer is answered as one that nobody serves is, whatever the request holds:
        only the audit tells them apart.
        """
        application = request.application
        if line.allowed is not None and request.application_id not in line.allowed:
            text = f"application {application} is not served here"
            logged = f"application {application} is not open to {line.whose}"
            self._refuse_code(line, request, ResultCode.APPLICATION_UNSUPPORTED, text, logged)
            return False
        fault = first_refusing(request)
        if fault is not None and handler is not None:
            self._refuse_fault(line, request, fault)
            return False
        wrong = self._wrong(line, request, handler)
        if wrong is not None:
            self._refuse_code(line, request, *wrong)
            return False
        way = way_of(request)
        if way:
            if not isinstance(line.known, set) or len(line.known) >= KNOWN_WAYS:
                line.known = set()
            line.known.add(way)
        return True

    def _wrong(self, line: Line, request: Message, handler: Bound | None) -> tuple[int, str] | None:
        """Result-Code and reason for a request without faults that is not to be processed here, or None."""
        application = request.application_id
        if handler is None:
            if application == 0 or application in self._core.table.applications:
                return ResultCode.COMMAND_UNSUPPORTED, f"{request.command} is not answered here"
            return ResultCode.APPLICATION_UNSUPPORTED, f"application {request.application} is not served here"
        if self._core.draining:
            return ResultCode.TOO_BUSY, "this node is stopping"
        no = self._core.table.refuse(application, request.get("Destination-Host"), request.get("Destination-Realm"))
        if no is not None:
            return no.code, no.text
        assert line.config is not None
        route = request.all("Route-Record")
        complaint = may_send(line.config, request.get("Origin-Host", ""), request.get("Origin-Realm", ""), route)
        return None if complaint is None else (complaint.code, complaint.text)

    # ---- refusals

    def _refuse_fault(self, line: Line, request: Message, fault: RemoteFault) -> None:
        where = "/".join(fault.path)
        logged = f"{type(fault).__name__} {where}" if where else type(fault).__name__
        self._core.refused(line, request, "fault", int(fault.result_code), 0, fault.text, logged)
        self._write(line, request, refusal(request, fault).octets)

    def _refuse_code(self, line: Line, request: Message, code: int, text: str, logged: str = "") -> None:
        self._core.refused(line, request, "destination", int(code), 0, logged or text, logged or text)
        self._write(line, request, refuse(request, code, text).octets)

    def _refuse(self, line: Line, request: Message, outcome: Any, stage: str, key: bytes = b"") -> None:
        """Answer what a screen or handler raised or returned instead of a message."""
        error = outcome.error if isinstance(outcome, Raised) else outcome
        octets: Any = None
        if isinstance(error, ApplicationFault):
            octets = self._guard(_octets_of_refusal, request, error)
            if octets.__class__ is bytes:
                self._core.refused(line, request, stage, error.code, error.vendor, error.text)
            else:
                error = octets.error
        elif isinstance(error, RequestError):
            text = f"{type(error).__name__} of a request of ours"
            self._core.refused(line, request, stage, ResultCode.UNABLE_TO_COMPLY, 0, text, text)
            octets = refuse(request, ResultCode.UNABLE_TO_COMPLY).octets
        if octets.__class__ is not bytes:
            if not isinstance(error, Exception):
                error = LocalError(f"{stage} returned {type(error).__name__} instead of an answer to its request")
            self._bug(error, request.command, line.whose)
            self._core.refused(line, request, "bug", ResultCode.UNABLE_TO_COMPLY, 0, type(error).__name__, "bug")
            octets = refuse(request, ResultCode.UNABLE_TO_COMPLY).octets
        self._duplicates.keep(key, octets, self._core.now)
        self._write(line, request, octets)

    # ---- answers

    def _answer(self, line: Line, request: Message, outcome: Any, key: bytes) -> None:
        """Write what a handler made of its request."""
        if outcome.__class__ is not Message or outcome.request or outcome.octets[IDS] != request.octets[IDS]:
            self._refuse(line, request, outcome, "application", key)
            return
        for screen in self._screens:
            assert line.neighbour is not None
            screened = self._guard(screen.outbound, outcome, line.neighbour)
            if screened.__class__ is not Message:
                self._refuse(line, request, screened, "outbound", key)
                return
            outcome = screened
        octets = self._guard(encode, outcome)
        if octets.__class__ is bytes:
            self._duplicates.keep(key, octets, self._core.now)
            self._write(line, request, octets)
        else:
            self._refuse(line, request, octets, "application", key)

    def _write(self, line: Line, request: Message, octets: bytes) -> None:
        if line.gone:
            self._core.drop(line, request, Drop.LINK_GONE)
            return
        if self.overloading is not None:
            octets = self.overloading.dress(request, octets)
        if len(octets) > line.largest:
            octets = self._core.fitting(line, request, octets)
        self._core.answered(line, octets)

    # ---- coroutines that wait

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Later[Any]:
        """Run a coroutine at the end of this wake-up."""
        later: Later[Any] = Later()
        self._spawned.append(Work(self, coroutine, None, None, later))
        return later

    def start_spawned(self) -> None:
        """Start what was spawned in this wake-up."""
        while self._spawned:
            spawned, self._spawned = self._spawned, []
            for work in spawned:
                self.go_on(work)

    def _wait(self, work: Work, awaited: object) -> None:
        """Leave `work` until `awaited` is done."""
        if work not in self.waiting:
            self.waiting.add(work)
            line = work.line
            if line is not None:
                line.in_work += 1
        if awaited.__class__ is Later:
            awaited.then(work)
        elif not self._attach(awaited, lambda error: self.go_on(work, error)):
            work.coroutine.close()
            what = f"awaits {type(awaited).__name__}, which is neither a Later nor a Deferred"
            self._end(work, Raised(LocalError(f"{_name(work)} {what}")))

    def go_on(self, work: Work, error: BaseException | None = None) -> None:
        """Run `work` on, to its end or until it waits again; not when it was given up meanwhile."""
        if work.over:
            return
        outcome = self._guard(step, work.coroutine, error)
        if outcome.__class__ is tuple:
            ended, outcome = outcome
            if not ended:
                self._wait(work, outcome)
                return
        self._end(work, outcome)

    def _end(self, work: Work, outcome: Any) -> None:
        self.waiting.discard(work)
        later, line = work.later, work.line
        if later is not None:
            if not isinstance(outcome, Raised):
                later.resolve(outcome)
                return
            if not later.wanted:
                self._unattended(_name(work), outcome.error)
            later.fail(outcome.error)
            return
        assert line is not None
        assert work.request is not None
        line.in_work -= 1
        self._answer(line, work.request, outcome, work.key)
        for other, copy in self._duplicates.end(work.key):
            answer = self._duplicates.answer(work.key)
            assert answer is not None
            self._write(other, copy, again(answer, copy))

    def _unattended(self, name: str, error: Exception) -> None:
        """Something spawned has failed, and nobody waits to hear it."""
        if isinstance(error, RequestError):
            self._core.say(Point.UNDELIVERABLE, command=name, reason=str(error))
        else:
            self._bug(error, name, "nobody")

    def give_up(self) -> None:
        """The node has stopped: end what still waits."""
        for work in list(self.waiting) + self._spawned:
            work.over = True
            work.coroutine.close()
            if work.later is not None:
                work.later.fail(LocalError("this node has stopped"))
        self.waiting.clear()
        self._spawned.clear()


def _name(work: Work) -> str:
    return getattr(work.coroutine, "__qualname__", "a coroutine")


def _octets_of_refusal(request: Message, fault: ApplicationFault) -> bytes:
    return encode(refuse_application(request, fault))
