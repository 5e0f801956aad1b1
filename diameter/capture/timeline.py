"""What happened between whom: captured messages with participants, answers found for requests, sessions and subjects.

A participant is who speaks on a link, not who began the exchange: behind a relay Origin-Host names the far end, so the
identity of an address is taken from capabilities exchange, watchdog and disconnect messages, which never pass a relay,
and only where none was captured from the Origin-Host that is met most.
"""

from __future__ import annotations

import heapq
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final

from diameter.capture.check import Checker, Finding
from diameter.capture.records import Captured, Endpoint, LinkEvent, Record, endpoint_text
from diameter.capture.text import DEEPEST, MASKED_TEXT, result_text, short_name, value_text
from diameter.dictionary.model import AvpDef
from diameter.errors import REFUSE
from diameter.message import Dictionary, Grouped, Message, decode
from diameter.message.message import Members

BASE_COMMANDS: Final = frozenset((257, 280, 282))
"""Capabilities exchange, watchdog, disconnect: between neighbours only (RFC 6733 section 5)."""
SUBJECTS: Final = ("External-Identifier", "User-Name", "MSISDN")
"""Whom or what a message is about; messages that share one belong together."""
HIGHLIGHTS: Final = (
    "Request-Status",
    "Delivery-Outcome",
    "SM-Delivery-Outcome-T4",
    "SM-Delivery-Failure-Cause",
    "Disconnect-Cause",
    "Action-Type",
    "Trigger-Action",
    "Reference-Number",
    "Error-Message",
)
"""AVPs worth a word beside the arrow, in this order, wherever in the message they stand."""
USUAL: Final = frozenset(("DEVICE_TRIGGER_REQUEST", "DELIVERY_REPORT", "TRIGGER"))
"""Words that the command says already."""
STATUSES: Final = ("Request-Status", "Delivery-Outcome", "SM-Delivery-Outcome-T4")
"""AVPs that say "no" under a Result-Code that says "yes", or in a request."""
_GOOD: Final = ("SUCCESS", "SUCCESSFUL_TRANSFER")

MOST_STRANGERS: Final = 12
"""Participants that are drawn although they sent no message: whose connection was refused, say."""

PLAIN: Final = "plain"
"""Outcome of a request that was answered, or of an answer without a result."""
SUCCESS: Final = "success"
PROTOCOL: Final = "protocol"
"""3xxx, the E bit, or an answer too faulty to have a result."""
TRANSIENT: Final = "transient"
"""4xxx."""
FAILURE: Final = "failure"
DECLINED: Final = "declined"
"""A status AVP says no."""
UNANSWERED: Final = "unanswered"
OUTCOMES: Final = (PLAIN, SUCCESS, PROTOCOL, TRANSIENT, FAILURE, DECLINED, UNANSWERED)


class Step:
    """One message of a timeline.  `pair`: index of its answer or request, or -1; `latency_ns`: on the answer, else -1.

    `note`: a few words for beside the arrow; `subjects`: identities it names; `findings`: what is wrong with it;
    `repeated`: the same request went this way before; `exchange`: number of the transaction it belongs to.
    """

    __slots__ = (
        "application_id", "captured", "destination", "end_to_end", "exchange", "findings", "hop_by_hop", "latency_ns",
        "name", "note", "origin", "outcome", "pair", "repeated", "request", "result", "retransmitted", "session",
        "short", "source", "subjects",
    )  # fmt: skip

    def __init__(self, captured: Captured, message: Message) -> None:
        self.captured = captured
        self.application_id = message.application_id
        self.name = message.command
        self.short = short_name(message)
        self.request = message.request
        self.retransmitted = message.retransmitted
        self.hop_by_hop = message.hop_by_hop
        self.end_to_end = message.end_to_end
        self.result = "" if message.request else result_text(message)
        self.findings: list[Finding] = []
        self.repeated = False
        self.exchange = -1
        self.source = self.destination = -1
        self.pair = -1
        self.latency_ns = -1
        self.outcome = PLAIN
        self.session = self.origin = self.note = ""
        self.subjects: tuple[str, ...] = ()

    @property
    def upkeep(self) -> bool:
        """Capabilities exchange, watchdog and disconnect."""
        return self.captured.octets[5:8] in _BASE_OCTETS


class Timeline:
    """Messages in time order with everything known about them.

    `participants`: names, in the order in which they take part in what is going on, so that a chain of requests runs
    from left to right.  `definitions`: each AVP that was met, by application id and key.  `event_ends`: for each event
    who did it and to whom, as indexes of participants, -1 for nobody known.  `outside`: as for `check.Checker`.
    """

    def __init__(
        self,
        messages: Iterable[Captured],
        dictionary: Dictionary,
        events: Iterable[LinkEvent] = (),
        *,
        outside: Iterable[str] = (),
    ) -> None:
        self.dictionary = dictionary
        self.steps: list[Step] = []
        self.events = sorted(events, key=lambda event: event.time_ns)
        self.participants: list[str] = []
        self.definitions: dict[int, dict[int, AvpDef]] = defaultdict(dict)
        self.event_ends: list[tuple[int, int]] = []
        self._check(sorted(messages, key=lambda one: one.time_ns), Checker(dictionary, outside=outside))
        self._pair()
        self._join()
        self._name_participants()

    def _check(self, messages: list[Captured], checker: Checker) -> None:
        """A step for each message, and what is wrong with it, told at once or later."""
        found: list[Finding] = []
        records: Iterator[Record] = heapq.merge(self.events, messages, key=lambda one: one.time_ns)
        for record in records:
            if isinstance(record, LinkEvent):
                found += checker.feed(record)
            else:
                message = decode(record.octets, self.dictionary)
                self.steps.append(self._step(record, message))
                found += checker.feed(record, message)
        for one in [*found, *checker.finish()]:
            self.steps[one.place.number].findings.append(one)

    # ---- one message -------------------------------------------------------------------------------------------------

    def _step(self, captured: Captured, message: Message) -> Step:
        step = Step(captured, message)
        found: dict[str, list[str]] = {}
        self._collect(message, self.definitions[message.application_id], found, 0)
        step.session = found.get("Session-Id", [""])[0]
        step.origin = found.get("Origin-Host", [""])[0]
        step.subjects = tuple(dict.fromkeys(one for name in SUBJECTS for one in found.get(name, ())))
        step.outcome = _outcome(message, found)
        words = [_highlight(name, found[name][0]) for name in HIGHLIGHTS if name in found]
        parts = [word for word in words if word not in USUAL and (step.request or word not in _GOOD)]
        step.note = " · ".join(parts)
        return step

    def _collect(self, members: Members, seen: dict[int, AvpDef], found: dict[str, list[str]], depth: int) -> None:
        """Note the definition of each AVP and the values that matter here, at any depth."""
        known = members.tables.scope.avps
        for key, avp in zip(members.keys, members.avps, strict=True):
            one = seen.get(key) or known.get(key)
            if one is None:
                continue
            seen[key] = one
            if one.type == "Grouped":
                value = avp.value
                if isinstance(value, Grouped) and depth < DEEPEST:
                    self._collect(value, seen, found, depth + 1)
            elif one.name in _WANTED and (text := value_text(avp)) != MASKED_TEXT:
                found.setdefault(one.name, []).append(text)

    # ---- what belongs together ---------------------------------------------------------------------------------------

    def _pair(self) -> None:
        """Each answer with the request before it that has its identifiers, on the same link in the other direction.

        Where the End-to-End Identifier fits none, with the last one of its Hop-by-Hop Identifier (section 6.2.1).
        """
        waiting: dict[tuple[Endpoint, Endpoint, int, int], int] = {}
        hops: dict[tuple[Endpoint, Endpoint, int], int] = {}
        repeats: dict[int, list[int]] = {}
        """A request to those before it that it repeats: all of them are answered by one answer."""
        for index, step in enumerate(self.steps):
            captured = step.captured
            if step.request:
                key = (captured.source, captured.destination, step.hop_by_hop, step.end_to_end)
                if key in waiting:
                    repeats[index] = chain = repeats.pop(waiting[key], [])
                    chain.append(waiting[key])
                waiting[key] = hops[key[:3]] = index
                continue
            asked = waiting.pop((captured.destination, captured.source, step.hop_by_hop, step.end_to_end), None)
            if asked is None:
                asked = hops.pop((captured.destination, captured.source, step.hop_by_hop), None)
            if asked is not None and self.steps[asked].pair < 0:
                request = self.steps[asked]
                request.pair, step.pair = index, asked
                for earlier in repeats.pop(asked, ()):
                    self.steps[earlier].pair = index
                step.latency_ns = captured.time_ns - request.captured.time_ns
                step.session = step.session or request.session
        for step in self.steps:
            if step.request and step.pair < 0:
                step.outcome = UNANSWERED

    def _join(self) -> None:
        """Transactions: a request, its answer, and both again wherever agents passed them on; repetitions too."""
        numbers: dict[tuple[str, str, int], int] = {}
        ways: set[tuple[Endpoint, Endpoint, str, int, str]] = set()
        for step in self.steps:
            if not step.request and step.pair >= 0:
                step.exchange = self.steps[step.pair].exchange
                continue
            key = (step.origin if step.request else "", step.session, step.end_to_end)
            step.exchange = numbers.setdefault(key, len(numbers))
            if step.request:
                way = (step.captured.source, step.captured.destination, step.origin, step.end_to_end, step.name)
                step.repeated = way in ways
                ways.add(way)

    def _name_participants(self) -> None:
        names = self._identities()
        order: dict[str, int] = {}
        own = [step for step in self.steps if step.request and step.captured.octets[5:8] not in _BASE_OCTETS]
        for step in [*own, *self.steps]:
            for endpoint in (step.captured.source, step.captured.destination):
                order.setdefault(names[endpoint], len(order))
        for step in self.steps:
            step.source = order[names[step.captured.source]]
            step.destination = order[names[step.captured.destination]]
        self.event_ends = self._ends_of_events(names, order)
        self.participants = list(order)

    def _ends_of_events(self, names: dict[Endpoint, str], order: dict[str, int]) -> list[tuple[int, int]]:
        """Who did each event to whom: by the address, or by the host where only one participant has it."""
        by_host: dict[str, set[str]] = defaultdict(set)
        for endpoint, name in names.items():
            by_host[endpoint[0]].add(name)

        def index(endpoint: Endpoint) -> int:
            name = names.get(endpoint)
            if name is None:
                alike = by_host.get(endpoint[0], set())
                name = next(iter(alike)) if len(alike) == 1 else endpoint[0]
            if name not in order and len(order) >= MOST_STRANGERS + len(names):
                return -1
            return order.setdefault(name, len(order)) if name else -1

        return [(index(one.local), index(one.remote)) if one.transport else (-1, -1) for one in self.events]

    def _identities(self) -> dict[Endpoint, str]:
        """A name for every address: an identity where one was heard, else the address itself."""
        sure: dict[Endpoint, str] = {}
        likely: dict[Endpoint, Counter[str]] = defaultdict(Counter)
        for step in self.steps:
            if step.origin:
                source = step.captured.source
                if int.from_bytes(step.captured.octets[5:8]) in BASE_COMMANDS:
                    sure.setdefault(source, step.origin)
                likely[source][step.origin] += 1
        names: dict[Endpoint, str] = {}
        for step in self.steps:
            for endpoint in (step.captured.source, step.captured.destination):
                if endpoint in names:
                    continue
                guess = likely.get(endpoint)
                names[endpoint] = (
                    sure.get(endpoint) or (guess.most_common(1)[0][0] if guess else "") or endpoint_text(endpoint)
                )
        return names

    def subjects(self) -> list[str]:
        """For each step the name of the device it is about, "" for none: steps that share an identity share the name.

        Identities are joined when one message, or a request and its answer, names several (External-Identifier and
        IMSI, say); a message that lists many devices joins none.
        """
        leader: dict[str, str] = {}

        def find(name: str) -> str:
            while leader.setdefault(name, name) != name:
                leader[name] = name = leader[leader[name]]
            return name

        for step in self.steps:
            named = step.subjects
            if step.pair >= 0:
                named += self.steps[step.pair].subjects
            if len(named) > 1 and len(set(named)) <= len(SUBJECTS):
                first = find(named[0])
                for other in named[1:]:
                    leader[find(other)] = first
        labels: dict[str, str] = {"": ""}
        by_session: dict[str, str] = {}
        for step in self.steps:
            for name in step.subjects:
                one = find(name)
                if "@" in name or one not in labels:
                    labels[one] = name
                by_session.setdefault(step.session, one)
        by_session[""] = ""
        leaders = [find(step.subjects[0]) if step.subjects else by_session.get(step.session, "") for step in self.steps]
        return [labels[one] for one in leaders]


_WANTED: Final = frozenset((*SUBJECTS, *HIGHLIGHTS, "Session-Id", "Origin-Host"))
_BASE_OCTETS: Final = frozenset(code.to_bytes(3) for code in BASE_COMMANDS)


def _highlight(name: str, value: str) -> str:
    if name == "Reference-Number":
        return f"ref {value}"
    word, bracket, _ = value.rpartition(" (")
    value = word if bracket else value
    return value if len(value) <= 48 else value[:47] + "…"


def _outcome(message: Message, found: dict[str, list[str]]) -> str:
    bad = any(name in found and _highlight(name, found[name][0]) not in _GOOD for name in STATUSES)
    result = message.result
    if message.request:
        return DECLINED if bad else PLAIN
    if result is None:
        return PROTOCOL if any(fault.verdict == REFUSE for fault in message.faults) else PLAIN
    _, code = result
    if message.error or 3000 <= code < 4000:
        return PROTOCOL
    if code >= 5000 or code < 1000:
        return FAILURE
    if code >= 4000:
        return TRANSIENT
    return DECLINED if bad else SUCCESS
