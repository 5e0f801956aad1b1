"""Overload control of one node, where it is switched on: what it hears, what it withholds, what it says."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from diameter._node.core import Core, Line
from diameter.message import Message
from diameter.message.build import write_avps
from diameter.routing.overload import LOAD_HOST, LOAD_PEER, LOSS, Reporter, Reports, load_avps, loads_of
from diameter.wire import header

if TYPE_CHECKING:
    from diameter._node.requests import Requests
    from diameter._node.serving import Serving


class Overloading:
    """The reports and loads of one node (RFC 7683, RFC 8583)."""

    def __init__(self, core: Core, in_work: Callable[[], int]) -> None:
        """`in_work`: requests of others that wait for something."""
        self._core = core
        self._in_work = in_work
        self._config = core.config.overload
        self._limit = core.config.limits.requests_in_work
        self.reports = Reports()
        self.reporter = Reporter(core.dictionary)
        self._announced = write_avps(core.dictionary.tables(0), {"OC-Supported-Features": {"OC-Feature-Vector": LOSS}})
        self._overloaded = False
        self.asked = 0
        """Reduction the operator asks for, whatever is in work."""

    def announce(self, octets: bytes) -> bytes:
        """A request of ours that says that we hear reports (section 5.1.1)."""
        return appended(octets, self._announced) if self._config.reports else octets

    def withhold(self, application: int, host: str | None, line: Line, realm: str, priority: int) -> str:
        """Why a request is not to be sent, or "" when it is.

        With `host`, or when the line leads to a host and not to an agent, the host's report counts; without, the
        realm's too (section 5.2.1).
        """
        if not len(self.reports):
            return ""
        now, entry = self._core.now, line.entry
        if host is None and self.reports.realm(application, realm, priority, now):
            return f"realm {realm} is overloaded and has asked for less"
        fixed = host or (entry.host if entry is not None and not entry.is_relay else None)
        if fixed is not None and self.reports.host(application, fixed, priority, now):
            return f"{fixed} is overloaded and has asked for less"
        return ""

    def hear(self, line: Line, answer: Message) -> None:
        """Take what an answer to a request of ours reports; a peer's load only from itself (RFC 8583 section 6)."""
        _ = answer.faults  # first, because it finds on its way where the AVPs stand
        if self._config.reports:
            self.reports.hear(answer, self._core.now)
        if not self._config.load:
            return
        for said in loads_of(answer):
            entry = self._core.table.find(said.source)
            if entry is not None and (said.kind == LOAD_HOST or (said.kind == LOAD_PEER and entry is line.entry)):
                entry.load = said.value

    def dress(self, request: Message, octets: bytes) -> bytes:
        """An answer of ours with what we report."""
        core, config, waiting = self._core, self._config, self._in_work()
        more = b""
        if config.reports:
            self._judge(waiting)
            more = self.reporter.avps(request, core.now)
        if config.load:
            more += load_avps(core.dictionary, core.config.origin_host, waiting / self._limit)
        return appended(octets, more) if more else octets

    def _judge(self, waiting: int) -> None:
        """Overloaded from `report_at` percent of the requests that may be in work, until half of that."""
        config, limit = self._config, self._limit
        if not self._overloaded and waiting * 100 >= config.report_at * limit:
            self._overloaded = True
        elif self._overloaded and waiting * 200 < config.report_at * limit:
            self._overloaded = False
        percent = max(self.asked, config.reduction if self._overloaded else 0)
        self.reporter.ask(percent, self._core.now, validity_s=config.validity_s)


def join(core: Core, serving: Serving, requests: Requests) -> None:
    """Give both halves of a node the overload control that its configuration switches on, if any."""
    if core.config.overload.reports or core.config.overload.load:
        serving.overloading = requests.overloading = Overloading(core, lambda: len(serving.waiting))


def appended(octets: bytes, more: bytes) -> bytes:
    """A whole message with further AVPs at its end."""
    octets += bytes(-len(octets) & 3)
    return octets[:1] + (len(octets) + len(more)).to_bytes(3) + octets[4 : header.LENGTH] + octets[20:] + more
