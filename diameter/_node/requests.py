"""Requests of ours: built, routed, sent or held back, and matched with their answers (RFC 6733 sections 6.1.1, 6.1.2,
6.2.1).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any, Final, NamedTuple

from diameter._node.core import Core, Line, Request, Waiter
from diameter._node.failover import Failover
from diameter._node.following import Following
from diameter._node.overloading import Overloading
from diameter._node.serving import Guard, Raised
from diameter._node.transit import Busy, TooLong, Transit
from diameter.app import Later, Screen
from diameter.config import Limits
from diameter.errors import ApplicationFault, ErrorAnswer, RequestTimeout, ResultCode, Undeliverable
from diameter.message import Message, encode
from diameter.message.build import request_octets
from diameter.routing.held import DEFAULT
from diameter.routing.identifiers import Identifiers
from diameter.routing.originate import Originator, Plan
from diameter.routing.pending import Pending, PendingTable
from diameter.routing.refusal import unusable
from diameter.routing.table import PeerEntry
from diameter.trace import Drop, Point

Destination = tuple[int, str | None, str | None]
"""Application id, Destination-Host, Destination-Realm."""
WAYS: Final = 1024
"""Destinations whose line is remembered."""


class NoWay(NamedTuple):
    """Why a request cannot be sent now: Result-Code of section 7.1.3 for whoever wants an answer, and a text."""

    code: int
    reason: str


class Ready(NamedTuple):
    """How requests of one command to one destination leave, as long as the routing table has this `version`.

    `base`: what all of them are filled with; `destination`: application id, Destination-Host and -Realm.
    """

    version: int
    line: Line
    plan: Plan
    base: dict[str, Any]
    destination: tuple[int, str | None, str]


class Requests:
    """What this node asks of others."""

    def __init__(
        self, core: Core, identifiers: Identifiers, screens: Sequence[Screen], settle: Callable[..., None], guard: Guard
    ) -> None:
        """`settle`: called once something was queued, in case no wake-up is under way that would write it."""
        self._guard = guard
        self._core = core
        self._ids = identifiers
        self._screens = tuple(screens)
        self._settle = settle
        self._originator = Originator(core.config.origin_host, core.config.origin_realm)
        self._ways: dict[Destination, tuple[Line, int]] = {}
        self._ready: dict[tuple[int, str, str | None, str | None], Ready] = {}
        self.bound(core.config.limits)
        self.pending: PendingTable[Waiter] = PendingTable()
        core.table.outstanding = self._outstanding
        self.following = Following(core, self.pending, self.place, self._screened)
        self._redirects, self._realms = self.following.cache.entries, self.following.realms.entries
        self.overloading: Overloading | None = None
        self._failover = Failover(core, self.pending, self.place, self._screened)

    def bound(self, limits: Limits) -> None:
        """Keep to these bounds from the next request on."""
        self._limit = limits.outbound_requests
        self._room = min(self._limit, limits.held_requests)

    def send(
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
        core, ids = self._core, self._ids
        session = avps.get("Session-Id") or ids.sessions.next()
        if to is None and realm is None:
            user = avps.get("User-Name")
            if isinstance(user, str) and "@" in user:
                realm = user.rpartition("@")[2] or None  # section 6.6: the realm portion of the User-Name
        ready = self._ready.get((application, command, to, realm))
        if ready is None or ready.version != core.table.version or ready.line.held or self._varies():
            found = self._prepare(application, command, avps, session, to, realm)
            if isinstance(found, str):
                return self._undeliverable(command, found)
            ready = found
        _, line, plan, base, destination = ready
        assert line.entry is not None
        filled = base.copy()
        if plan.session_id:
            filled["Session-Id"] = session
        filled.update(avps)
        hop, end = ids.hop_by_hop.next(), ids.end_to_end.next(core.now)
        if self._screens:
            message = core.dictionary.request(
                plan.command.name, filled, application=application, hop_by_hop=hop, end_to_end=end
            )
            screened = self._screen(line, message)
            if isinstance(screened, ApplicationFault):
                return self._undeliverable(command, f"refused by a screen: {screened}")
            octets = encode(screened)
        else:
            octets = request_octets(core.dictionary, plan.command.name, filled, application, hop, end)
        if self.overloading is not None:
            octets = self.overloading.announce(octets)
        later: Later[Message] = Later()
        self.dispatch(line, Pending(hop, end, line.link.id, line.entry.host, octets, destination, later), timeout_s)
        self._settle()
        return later

    def _varies(self) -> bool:
        """True while the way of a request does not follow from its destination alone."""
        return bool(self._redirects or self._realms) or self.overloading is not None

    def _prepare(
        self, application: int, command: str, avps: Mapping[str, Any], session: str, to: str | None, realm: str | None
    ) -> Ready | str:
        """Choose the line for a request, and what is filled in; a text says why it cannot be sent."""
        core, asked, user = self._core, (application, command, to, realm), avps.get("User-Name")
        if self._realms or self._redirects:
            to, realm = self.following.whither((application, to, realm), session, user)
        way = application, to, realm
        line = self.way(way, (), session, user)
        if isinstance(line, NoWay):
            return line.reason
        assert line.entry is not None
        plan = self._originator.plan(core.dictionary.tables(application).scope, command)
        realm = realm or (line.entry.realm if to == line.entry.host else self._realm_of(line.entry, to))
        if self.overloading is not None:
            divert = partial(self.way, (application, to, realm), session=session, user=user)
            admitted = self.overloading.admit(line, to, application, realm, avps.get("DRMP", DEFAULT), divert)
            if isinstance(admitted, str):
                return admitted
            line = admitted
        base = self._originator.base(plan, to, realm)
        ready = Ready(core.table.version, line, plan, base, (application, to, realm))
        if not self._varies() and self._ways.get(way) == (line, core.table.version):
            if len(self._ready) >= WAYS:
                self._ready.clear()
            self._ready[asked] = ready
        return ready

    def way(
        self,
        destination: Destination,
        avoid: Iterable[str] = (),
        session: str | None = None,
        user: str | None = None,
    ) -> Line | NoWay:
        """The line on which a request for (application id, Destination-Host, Destination-Realm) goes out, or why none.

        `session` and `user`: its Session-Id and User-Name, for redirections remembered for one of these.
        Where the peer chosen does not keep up and holds all that it may, the next one is asked.
        """
        core, shunned, full = self._core, tuple(avoid), None
        known = self._ways.get(destination)
        plain = not (shunned or self._redirects)
        if plain and known is not None and known[1] == core.table.version and not known[0].held:
            return known[0]
        if self._redirects and (line := self.following.instead(destination, shunned, session, user)) is not None:
            return line
        while (entry := core.table.choose(*destination, shunned)) is not None:
            line = core.lines.get(entry.link)
            if line is not None:
                if len(line.held) < self._room:
                    if not shunned and core.table.fixed(*destination, ()) is entry:
                        self._remember(destination, line)
                    return line
                full = full or line
            shunned = (*shunned, entry.host)
        full = full or core.parked(*destination, avoid)
        if full is not None:
            return full  # a request of higher priority may still get in, or one may wait
        leads = core.table.leads(*destination)
        code = ResultCode.UNABLE_TO_DELIVER if leads else ResultCode.REALM_NOT_SERVED
        return NoWay(code, core.table.explain(*destination, avoid))

    def _remember(self, destination: Destination, line: Line) -> None:
        """Requests to this destination go on this line until the routing table changes."""
        if len(self._ways) >= WAYS:
            self._ways.clear()
        self._ways[destination] = line, self._core.table.version

    def _outstanding(self, entry: PeerEntry) -> int:
        """Requests without an answer of one peer, those held back with them."""
        line = self._core.lines.get(entry.link)
        return 0 if line is None else line.outstanding + len(line.held)

    def dispatch(self, line: Line, request: Request, timeout_s: float | None = None) -> None:
        """Let `request`, of ours or in transit, wait for its answer; send it on `line`, or hold it back there.

        It fails where there is no room for it.  `place` is the way out that failover takes as well.
        """
        core = self._core
        self.pending.add(request, core.now, core.config.request_timeout_s if timeout_s is None else timeout_s)
        if not self.place(line, request):
            self.pending.remove(request)
            core.stats.undeliverable += 1
            command = Message(request.octets, core.dictionary).command
            length = len(request.octets)
            kind: type[Busy | TooLong] = Busy
            reason = f"peer {line.whose} does not keep up: {line.outstanding} requests without an answer"
            if length > line.largest:
                kind, reason = TooLong, f"{length} octets, and the link to {line.whose} takes {line.largest}"
            core.say(Point.UNDELIVERABLE, command=command, reason=reason)
            request.waiter.fail(kind(f"{command}: {reason}"))

    def _realm_of(self, entry: PeerEntry, to: str | None) -> str:
        """Destination-Realm when the caller named none: that of the host asked for or chosen; behind a relay our
        own.
        """
        core = self._core
        known = core.table.find(to) if to is not None else None
        if known is not None:
            return known.realm
        return core.config.origin_realm if entry.is_relay else entry.realm

    def _screen(self, line: Line, message: Message) -> Message | ApplicationFault:
        assert line.neighbour is not None
        for screen in self._screens:
            result = screen.outbound(message, line.neighbour)
            if isinstance(result, ApplicationFault):
                self._core.refused(line, message, "outbound", result.code, result.vendor, result.text)
                return result
            message = result
        return message

    def _screened(self, line: Line, message: Message) -> Message | None:
        """As `_screen`, for a request that goes out again: None when it may not, or when a screen has a bug."""
        outcome = self._guard(self._screen, line, message)
        if outcome.__class__ is Raised:
            core, error = self._core, outcome.error
            core.stats.bugs += 1
            core.say(Point.BUG, command=message.command, peer=line.whose, reason=type(error).__name__, error=error)
        return outcome if isinstance(outcome, Message) else None

    def _undeliverable(self, command: str, reason: str) -> Later[Message]:
        later: Later[Message] = Later()
        self._core.stats.undeliverable += 1
        self._core.say(Point.UNDELIVERABLE, command=command, reason=reason)
        later.fail(Undeliverable(f"{command}: {reason}"))
        return later

    def place(self, line: Line, request: Request) -> bool:
        """Send a request on `line`, or hold it back; False when there is no room for it there, or it is too long."""
        if len(request.octets) > line.largest:
            return False
        if line.held or line.outstanding >= self._limit or line.renewing or line.link.congested:
            return self._hold(line, request)
        self._put(line, request)
        return True

    def _put(self, line: Line, request: Request) -> None:
        request.transmissions += 1
        request.counted = 1
        line.outstanding += 1
        self._core.stats.requests_out += 1
        self._core.write(line, request.octets)

    # ---- a peer that does not keep up

    def _hold(self, line: Line, request: Request) -> bool:
        """Hold a request back; when there is no room, one of lower priority gives way, or it is this one."""
        held, priority = line.held, self._core.priority(request)
        if len(held) >= self._room:
            shed = held.shed(priority)
            if shed is None:
                return False
            if self._holds(line, shed):
                self.pending.remove(shed)
                self._core.stats.undeliverable += 1
                shed.waiter.fail(Busy(f"peer {line.whose} does not keep up, and others have a higher priority"))
        if not held and not line.renewing:
            self._core.say(Point.CONGESTED, peer=line.whose)
        self._core.stats.held += 1
        held.push(request, priority)
        return True

    def _holds(self, line: Line, request: Request) -> bool:
        """True while a request out of the queue of `line` still waits to be sent there."""
        return not request.counted and request.link == line.link.id and self.pending.get(request.hop_by_hop) is request

    def release(self, line: Line) -> None:
        """Send what was held back, as far as the link and the limit allow; those that ended meanwhile are gone."""
        held = line.held
        while held and line.outstanding < self._limit and not (line.renewing or line.link.congested):
            request = held.pop()
            if self._holds(line, request):
                self._put(line, request)
            if not held:
                self._core.say(Point.DRAINED, peer=line.whose)

    # ---- how requests end

    def answer(self, line: Line, answer: Message) -> None:
        """An answer has come: hand it to whoever asked, or drop it as a stray (section 6.2.1)."""
        core = self._core
        request = self.pending.take(answer.hop_by_hop, answer.end_to_end, line.link.id)
        if request is None:
            core.drop(line, answer, Drop.STRAY_ANSWER)
            return
        core.stats.answers_in += 1
        (line.got or core.got(line)).count(answer.octets)
        if request.earlier:
            self._uncount(request)
        else:
            line.outstanding -= 1
            if line.held:
                self.release(line)
        later = request.waiter
        answer.context = line.neighbour
        if self.overloading is not None and isinstance(later, Later):
            self.overloading.hear(line, answer)
        if answer.error and self.following.take(request, answer, line, partial(self._hand, line, later, answer)):
            return
        self._hand(line, later, answer)

    def _hand(self, line: Line, later: Waiter, answer: Message) -> None:
        """Give an answer to whoever asked."""
        core = self._core
        if isinstance(later, Transit):  # faults are for the two ends to see
            later.resolve(answer)
        elif answer.faults and (fault := unusable(answer)) is not None:
            core.drop(line, answer, Drop.FAULTY_ANSWER, f"{type(fault).__name__} {'/'.join(fault.path)}")
            later.fail(ErrorAnswer(f"{answer.command} of {line.whose} is faulty: {fault.text}", answer))
        elif answer.error:
            result = answer.result
            later.fail(
                ErrorAnswer(
                    f"{line.whose} answered {answer.command} with {result[1] if result else 'no result'}", answer
                )
            )
        else:
            later.resolve(answer)

    def expire(self) -> None:
        """End the requests whose time is over."""
        core = self._core
        for request in self.pending.expire(core.now):
            core.stats.timeouts += 1
            self._uncount(request)
            seconds = round(core.now - request.sent_at, 1)
            command = Message(request.octets, core.dictionary).command
            core.say(Point.TIMEOUT, command=command, peer=request.host, hop_by_hop=request.hop_by_hop, seconds=seconds)
            request.waiter.fail(RequestTimeout(f"no answer to {command} from {request.host} within {seconds} s"))

    def _uncount(self, request: Request) -> None:
        """A request has ended that need not have been answered by the line it went to last."""
        line = self._core.lines.get(request.link)
        if line is not None:
            line.outstanding -= request.counted
            self.release(line)

    def suspect(self, line: Line) -> None:
        """The peer is silent: move what another one can take (section 5.5.4)."""
        self._failover.suspect(line)

    def lost(self, line: Line, reason: str) -> None:
        """The line is gone: move its requests to other peers, end those that nobody can take (section 5.5.4)."""
        if not line.renewing:
            self._failover.lost(line, reason)
        self.following.cache.forget(line.whose)

    def inherit(self, line: Line, new: Line) -> None:
        """Another link has taken the place of `line`: what waits there, or was never answered there, goes to it."""
        self._failover.inherit(line, new)

    def given_back(self, line: Line, request: Request, reason: str) -> None:
        """A request that another worker was to send: it cannot."""
        self._failover.given_back(line, request, reason)

    def unsent(self, line: Line, messages: Sequence[bytes]) -> None:
        """These messages never left for the line."""
        self._failover.unsent(line, messages)

    def give_up(self) -> None:
        """The node has stopped: nothing will be answered any more."""
        for request in self.pending.take_all():
            self._core.stats.undeliverable += 1
            request.waiter.fail(Undeliverable("this node has stopped"))
