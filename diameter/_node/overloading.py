"""Overload control of one node, where it is switched on: what it hears, what it withholds, what it says."""

from __future__ import annotations

from collections.abc import Callable
from time import process_time
from typing import TYPE_CHECKING, Final

from diameter._node.core import Core, Line
from diameter.app import Neighbour
from diameter.message import Message
from diameter.message.build import write_avps
from diameter.routing.overload import (
    HOST_REPORT,
    LOAD_HOST,
    LOAD_PEER,
    LOSS,
    REALM_REPORT,
    Reporter,
    Reports,
    load_avps,
    loads_of,
    priority_of,
)
from diameter.routing.regulator import Regulator
from diameter.wire import header

if TYPE_CHECKING:
    from diameter._node.requests import Requests
    from diameter._node.serving import Serving

LOOK_S: Final = 1.0
"""Seconds between two looks at the load."""
Other = Callable[[tuple[str, ...]], object]
"""The line of another peer than these hosts, or anything else where there is none."""


class Overloading:
    """The reports and loads of one node (RFC 7683, RFC 8583)."""

    def __init__(self, core: Core, in_work: Callable[[], int], cpu_s: Callable[[], float]) -> None:
        """`in_work`: requests of others that wait for something; `cpu_s`: seconds of processor time used so far."""
        self._core = core
        self._in_work = in_work
        self._cpu_s = cpu_s
        self.reports = Reports()
        self.reporter = Reporter(core.dictionary)
        self.regulator = Regulator()
        self._announced = write_avps(core.dictionary.tables(0), {"OC-Supported-Features": {"OC-Feature-Vector": LOSS}})
        self._looked = core.now, core.stats.requests_in, cpu_s()
        self._used = 0.0

    # ---- reacting

    def announce(self, octets: bytes) -> bytes:
        """A request of ours that says that we hear reports (section 5.1.1)."""
        return appended(octets, self._announced) if self._core.config.overload.reports else octets

    def admit(
        self, line: Line, host: str | None, application: int, realm: str, priority: int, other: Other
    ) -> Line | str:
        """The line for a request, or why it is not to be sent (section 5.2.2).

        `host`: its Destination-Host.  A realm report counts for requests without one; a host report for those with one,
        and for those whose line leads to a host and not to an agent.  What a host report takes out is diverted: to the
        line that `other(hosts to avoid)` finds, if one does.
        """
        if not len(self.reports):
            return line
        now = self._core.now
        avoid: tuple[str, ...] = ()
        if host is None and self.reports.realm(application, realm, priority, now):
            return f"realm {realm} is overloaded and has asked for less"
        first = ""
        while True:
            entry = line.entry
            fixed = host or (entry.host if entry is not None and not entry.is_relay else None)
            if fixed is None or not self.reports.host(application, fixed, priority, now):
                return line
            first = first or f"{fixed} is overloaded and has asked for less"
            avoid = (*avoid, fixed)
            found = other(avoid) if host is None else None
            if not isinstance(found, Line) or found.whose in avoid:
                return first
            line = found

    def hear(self, line: Line, answer: Message) -> None:
        """Take what an answer to a request of ours reports; a peer's load only from itself (RFC 8583 section 6)."""
        _ = answer.faults  # first, because it finds on its way where the AVPs stand
        config = self._core.config.overload
        if config.reports:
            self.reports.hear(answer, self._core.now)
        if not config.load:
            return
        for said in loads_of(answer):
            entry = self._core.table.find(said.source)
            if entry is not None and (said.kind == LOAD_HOST or (said.kind == LOAD_PEER and entry is line.entry)):
                entry.load = said.value

    def transit(self, line: Line, to: tuple[int, str | None, str | None], request: Message, other: Other) -> Line | str:
        """`admit` for a request that goes on through an agent in front, which asks in its own name."""
        application, host, realm = to
        return self.admit(line, host, application, realm or "", priority_of(request), other)

    def hear_neighbour(self, answer: Message) -> None:
        """Take what an answer in transit reports, when it is its neighbour's own: no one speaks for others here."""
        neighbour = answer.context
        if not self._core.config.overload.reports or not isinstance(neighbour, Neighbour) or answer.faults:
            return
        said, known = (answer.get("Origin-Host"), answer.get("Origin-Realm")), (neighbour.host, neighbour.realm)
        if all(one is not None and one.lower() == own.lower() for one, own in zip(said, known, strict=True)):
            self.reports.hear(answer, self._core.now)

    # ---- reporting

    def dress(self, request: Message, octets: bytes) -> bytes:
        """An answer of ours with what we report."""
        core = self._core
        config, more = core.config.overload, b""
        if config.reports:
            self._judge()
            more = self.reporter.avps(request, core.now)
        if config.load:
            self._look()
            used = max(self._in_work() / self._limit, self._used)
            more += load_avps(core.dictionary, core.config.origin_host, used)
        return appended(octets, more) if more else octets

    def front(self, request: Message, octets: bytes) -> bytes:
        """An answer that passes this agent, with the report of the realm at the front of which it is."""
        core, config = self._core, self._core.config.overload
        if not config.reports or config.scope == "host":
            return octets
        self._judge()
        realms = config.realms or (core.config.origin_realm,)
        more = self.reporter.front(request, Message(octets, core.dictionary), realms, core.now)
        return appended(octets, more) if more else octets

    @property
    def _limit(self) -> int:
        return self._core.config.limits.requests_in_work

    def _judge(self) -> None:
        """Ask for what the load needs."""
        config, now = self._core.config.overload, self._core.now
        if self._look():
            in_work = self._in_work() * 100 / (config.report_at * self._limit)
            self.regulator.judge(max(in_work, self._used))
        percent = max(self.regulator.percent, config.reduction)
        for kind, scope in ((HOST_REPORT, "host"), (REALM_REPORT, "realm")):
            wanted = percent if config.scope in (scope, "both") else 0
            self.reporter.ask(wanted, now, validity_s=config.validity_s, kind=kind)

    def _look(self) -> bool:
        """Measure what was used since the last look, of what there is to be used; False when that was just now."""
        core, config = self._core, self._core.config.overload
        then, requests, cpu_s = self._looked
        passed_s = core.now - then
        if passed_s < LOOK_S:
            return False
        self._looked = core.now, core.stats.requests_in, self._cpu_s()
        self._used = 0.0
        if config.capacity_per_s:
            self._used = (self._looked[1] - requests) / passed_s / config.capacity_per_s
        if config.cpu_at:
            self._used = max(self._used, (self._looked[2] - cpu_s) / passed_s * 100 / config.cpu_at)
        return True


def join(core: Core, serving: Serving, requests: Requests, cpu_s: Callable[[], float] = process_time) -> None:
    """Give both halves of a node the overload control that its configuration switches on, or take it from them."""
    config = core.config.overload
    if not config.reports and not config.load:
        serving.overloading = requests.overloading = None
    elif serving.overloading is None:

        def in_work() -> int:
            return len(serving.waiting) + (0 if serving.agent is None else serving.agent.transit)

        serving.overloading = requests.overloading = Overloading(core, in_work, cpu_s)


def appended(octets: bytes, more: bytes) -> bytes:
    """A whole message with further AVPs at its end."""
    octets += bytes(-len(octets) & 3)
    return octets[:1] + (len(octets) + len(more)).to_bytes(3) + octets[4 : header.LENGTH] + octets[20:] + more
