"""Overload control without I/O: RFC 7683 (DOIC, loss algorithm), RFC 8583 (Load) and RFC 7944 (DRMP).

A reacting node keeps the newest report of each host and realm and withholds the share of requests asked for
(`Reports`); a reporting node says what it asks for (`Reporter`), which `regulator` works out.  Load is no request for
anything: a number for whoever balances (`loads_of`).

The loss algorithm (section 6) leaves open which requests are withheld.  Here each request adds the percentage to a
debt, and one that finds the debt at 100 pays it by being withheld: exact where a random draw is right on average only,
and repeatable.  Requests of a priority above the default go ahead while the debt is below `PATIENCE`, so that others,
which pay at once, pay for them (RFC 7944 section 8).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

from diameter.errors import RemoteFault
from diameter.message.build import Dictionary, write_avps
from diameter.message.message import Message
from diameter.routing.held import DEFAULT
from diameter.wire import avp

DRMP: Final = 301
SUPPORTED: Final = 621
OLR: Final = 623
LOAD: Final = 650
LOSS: Final = 1
"""OC-Feature-Vector: OLR_DEFAULT_ALGO."""
HOST_REPORT: Final = 0
REALM_REPORT: Final = 1
LOAD_HOST: Final = 0
LOAD_PEER: Final = 1
IDLE: Final = 65535
"""Load-Value of a node without load."""
DEFAULT_VALIDITY_S: Final = 30
MOST_VALIDITY_S: Final = 86_400
PATIENCE: Final = 1000
"""Debt, in hundredths of a request, from which on high priorities pay too."""
KEPT: Final = 1024
"""Reports kept; peers write host names."""
RETURN_S: Final = 10
"""Seconds from the end of a report to full traffic."""
LAST_SEQUENCE: Final = 2**64 - 1
ROLL: Final = LAST_SEQUENCE // 100
"""A sequence number that falls from so near its maximum to so near zero has rolled over (section 5.2.1.3)."""


def priority_of(message: Message) -> int:
    """DRMP of a message, 0 (highest) to 15; 10 without one, or with one that is no priority (RFC 7944 section 9.1)."""
    keys = message.keys
    if DRMP not in keys:
        return DEFAULT
    start, end = avp.span(message.wire, message.heads[keys.index(DRMP)])
    value = int.from_bytes(message.wire[start:end])
    return value if end - start == 4 and value <= 15 else DEFAULT


def share_of(limit: int, priority: int) -> int:
    """How many of `limit` places a request of `priority` may find taken: all at 0, and less by up to a quarter below.

    So the last places are for the highest priorities when a queue fills (RFC 7944 section 8).
    """
    return limit - limit * priority // 60


class Report:
    """The newest report of one host or realm for one application: what it asks for until `until`, and less and less
    for `RETURN_S` after it (sections 5.2.2 and 6.3).  `ended`: it was told to be over.
    """

    __slots__ = ("debt", "ended", "percent", "sequence", "until")

    def __init__(self, sequence: int, percent: int, until: float) -> None:
        self.sequence = sequence
        self.percent = percent
        self.until = until
        self.ended = False
        self.debt: float = 0

    def matters(self, now: float) -> bool:
        """True until the return to full traffic is over."""
        return now < self.until + (RETURN_S if self.percent else 0)

    def replaced_by(self, sequence: int, now: float) -> bool:
        """True for a report that is newer (section 5.2.1.3); one that has expired gives way to any."""
        if now >= self.until and not (self.ended and self.matters(now)):
            return True
        rolled_over = self.sequence > LAST_SEQUENCE - ROLL and sequence < ROLL
        return sequence > self.sequence or rolled_over

    def withhold(self, priority: int, now: float) -> bool:
        """True when this request is one of those not to be sent."""
        percent: float = self.percent
        if not percent or not self.matters(now):
            return False
        if now >= self.until:
            percent *= 1 - (now - self.until) / RETURN_S
        if percent >= 100:
            return True
        self.debt += percent
        if self.debt < (100 if priority >= DEFAULT else PATIENCE):
            return False
        self.debt -= 100
        return True


class Reports:
    """What others have asked for (RFC 7683 section 5.2.1.1, reacting node)."""

    __slots__ = ("_reports",)

    def __init__(self) -> None:
        self._reports: dict[tuple[int, int, str], Report] = {}

    def __len__(self) -> int:
        return len(self._reports)

    def hear(self, answer: Message, now: float) -> None:
        """Take the reports of an answer: those of its Origin-Host and of its Origin-Realm.

        Without OC-Supported-Features there is nothing to hear; a faulty group is passed over.
        """
        keys = answer.keys
        if OLR not in keys or SUPPORTED not in keys:
            return
        try:
            names = {HOST_REPORT: answer["Origin-Host"].lower(), REALM_REPORT: answer["Origin-Realm"].lower()}
            groups = answer.all("OC-OLR")
        except (KeyError, RemoteFault):
            return
        for group in groups:
            try:
                kind, sequence = int(group["OC-Report-Type"]), int(group["OC-Sequence-Number"])
                percent = int(group.get("OC-Reduction-Percentage", 0))
                validity_s = int(group.get("OC-Validity-Duration", DEFAULT_VALIDITY_S))
            except (KeyError, RemoteFault):
                continue
            if kind in names and percent <= 100:
                self._take((answer.application_id, kind, names[kind]), sequence, percent, validity_s, now)

    def _take(self, key: tuple[int, int, str], sequence: int, percent: int, validity_s: int, now: float) -> None:
        old = self._reports.get(key)
        if old is not None and not old.replaced_by(sequence, now):
            return
        if validity_s == 0:
            if old is not None:
                old.sequence, old.until, old.ended = sequence, min(old.until, now), True
            return
        if len(self._reports) >= KEPT and old is None:
            self._reports = {one: report for one, report in self._reports.items() if report.matters(now)}
            if len(self._reports) >= KEPT:
                return
        until = now + (validity_s if validity_s <= MOST_VALIDITY_S else DEFAULT_VALIDITY_S)
        report = self._reports[key] = Report(sequence, percent, until)
        if old is not None:
            report.debt = old.debt

    def host(self, application: int, host: str, priority: int, now: float) -> bool:
        """True when a request that goes to `host` is to be withheld (host report)."""
        report = self._reports.get((application, HOST_REPORT, host.lower()))
        return report is not None and report.withhold(priority, now)

    def realm(self, application: int, realm: str, priority: int, now: float) -> bool:
        """True when a request to `realm` without Destination-Host is to be withheld (realm report)."""
        report = self._reports.get((application, REALM_REPORT, realm.lower()))
        return report is not None and report.withhold(priority, now)


class Reporter:
    """What we ask for (RFC 7683 section 5.2.3, reporting node): one report for this host, one for its realm."""

    __slots__ = ("_asked", "_ends", "_renewed", "_sequence", "_tables")

    def __init__(self, dictionary: Dictionary) -> None:
        self._tables = dictionary.tables(0)
        self._asked: dict[int, tuple[int, int, int]] = {}
        self._ends: dict[int, float] = {}
        self._renewed: dict[int, float] = {}
        self._sequence = 0

    def ask(self, percent: int, now: float, *, validity_s: int = DEFAULT_VALIDITY_S, kind: int = HOST_REPORT) -> None:
        """From now on ask for a reduction by `percent`; 0 ends it, which is told as long as old reports may last.

        Said again, it is renewed once half of its validity is over, because that counts from when a sequence number was
        first heard.  Sequence numbers follow the clock, so that they grow over a restart as well.
        """
        asked = self._asked.get(kind)
        if asked is None and not percent:
            return
        if asked is not None and asked[1:] == (percent, validity_s) and now < self._renewed[kind] + validity_s / 2:
            return
        if not percent and kind in self._ends:
            return
        self._sequence = max(self._sequence + 1, int(now))
        self._renewed[kind] = now
        if percent:
            self._asked[kind] = self._sequence, percent, validity_s
            self._ends.pop(kind, None)
        elif asked is not None:
            self._asked[kind] = self._sequence, 0, 0
            self._ends[kind] = now + asked[2]

    def avps(self, request: Message, now: float) -> bytes:
        """What the answer to `request` says, as octets: nothing unless the request announces the loss algorithm."""
        if not announces(request):
            return b""
        return self._written(self._reports(now, (HOST_REPORT, REALM_REPORT)), announce=True)

    def front(self, request: Message, answer: Message, realms: Iterable[str], now: float) -> bytes:
        """What an agent at the front of `realms` adds to the answer of a server behind it: the report of its realm.

        Nothing when the request does not announce the loss algorithm, when the answer is of another realm, whose
        report it would be, or when the answer has a report of the realm already.
        """
        if not announces(request):
            return b""
        try:
            if answer["Origin-Realm"].lower() not in {realm.lower() for realm in realms}:
                return b""
            if any(int(one["OC-Report-Type"]) == REALM_REPORT for one in answer.all("OC-OLR")):
                return b""
        except (KeyError, RemoteFault):
            return b""
        return self._written(self._reports(now, (REALM_REPORT,)), announce=SUPPORTED not in answer.keys)

    def _reports(self, now: float, kinds: tuple[int, ...]) -> list[dict[str, int]]:
        for kind in [kind for kind, end in self._ends.items() if now >= end]:
            del self._asked[kind], self._ends[kind]
        return [
            {
                "OC-Sequence-Number": sequence,
                "OC-Report-Type": kind,
                "OC-Reduction-Percentage": percent,
                "OC-Validity-Duration": validity_s,
            }
            for kind, (sequence, percent, validity_s) in self._asked.items()
            if kind in kinds
        ]

    def _written(self, reports: list[dict[str, int]], *, announce: bool) -> bytes:
        said: dict[str, Any] = {"OC-Supported-Features": {"OC-Feature-Vector": LOSS}} if announce else {}
        if reports:
            said["OC-OLR"] = reports
        return write_avps(self._tables, said)


def announces(request: Message) -> bool:
    """True for a request whose sender hears reports, by the loss algorithm (section 5.1.2)."""
    if SUPPORTED not in request.keys:
        return False
    try:
        return bool(int(request["OC-Supported-Features"].get("OC-Feature-Vector", LOSS)) & LOSS)
    except RemoteFault:
        return False


class Said(NamedTuple):
    """One Load AVP: whose load (`source`, lower case), of the host or of the peer, 0 (full) to 65535 (idle)."""

    kind: int
    source: str
    value: int


def loads_of(answer: Message) -> Iterator[Said]:
    """The Load AVPs of an answer that have all their parts (RFC 8583 section 7)."""
    if LOAD not in answer.keys:
        return
    try:
        groups = answer.all("Load")
    except RemoteFault:
        return
    for group in groups:
        try:
            said = Said(int(group["Load-Type"]), group["SourceID"].lower(), int(group["Load-Value"]))
        except (KeyError, RemoteFault):
            continue
        if said.value <= IDLE:
            yield said


def load_avps(dictionary: Dictionary, host: str, share: float) -> bytes:
    """Our own Load, of the host and of the peer, while `share` (0 to 1) of what we can do is in use."""
    value = round(IDLE * (1 - min(max(share, 0.0), 1.0)))
    loads = [{"Load-Type": kind, "Load-Value": value, "SourceID": host} for kind in (LOAD_HOST, LOAD_PEER)]
    return write_avps(dictionary.tables(0), {"Load": loads})
