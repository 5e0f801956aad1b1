"""Messages written as text or JSON to one peer, one by one or as load, and what came of them in numbers.

The load is open (see `nfs.cli._load`): with a rate, the time of a message counts from when it was due.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from diameter import Dictionary, Message
from diameter.capture import CaptureWriter
from diameter.config import NodeConfig, PeerConfig
from diameter.errors import DiameterError, LocalError
from diameter.message.json import as_dict, from_dict
from diameter.peer.capabilities import Advertised
from diameter.peer.inputs import DisconnectCause
from diameter.routing.identifiers import SessionIds
from diameter.routing.originate import Originator
from nfs.cli._load import NOT_SENT, histogram, percentile, run_load
from nfs.cli._ping import Contact, Report, Silent

NO_ANSWER: Final = "no answer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How many messages, how fast.  `count`, `rate_per_s`, `duration_s`: None when not asked for."""

    count: int | None
    rate_per_s: float | None
    concurrency: int
    duration_s: float | None
    timeout_s: float


@dataclass(slots=True)
class Sent:
    """What came of it.  `took_s`: of each answer, from when its message was due; `answers`: when they are kept."""

    asked: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    answers: list[Message] = field(default_factory=list)
    elapsed_s: float = 0.0

    def note(self, outcome: tuple[str, float]) -> None:
        """Count (result, seconds) of one message."""
        result, took_s = outcome
        self.outcomes[result] += 1
        if result != NO_ANSWER:
            self.took_s.append(took_s)

    def miss(self, number: int) -> None:
        """Count messages that were due, and not sent."""
        if number:
            self.outcomes[NOT_SENT] += number

    def is_well(self, expected: str | None) -> bool:
        """True when every message was answered, and as expected."""
        if expected:
            return set(self.outcomes) == {expected}
        return bool(self.outcomes) and self.outcomes.keys().isdisjoint({NO_ANSWER, NOT_SENT})

    def summary(self) -> dict[str, Any]:
        """The numbers as JSON values; times in milliseconds."""
        figures = {
            name: _milliseconds(percentile(self.took_s, percent))
            for name, percent in (("p50_ms", 50), ("p90_ms", 90), ("p99_ms", 99), ("p999_ms", 99.9), ("max_ms", 100))
        }
        return {
            "count": sum(self.outcomes.values()) - self.outcomes[NOT_SENT],
            "elapsed_s": round(self.elapsed_s, 3),
            "rate_per_s": round(len(self.took_s) / self.elapsed_s, 1) if self.elapsed_s else 0.0,
            **figures,
            "outcomes": dict(sorted(self.outcomes.items())),
            "histogram": histogram(self.took_s),
        }


def letters(
    documents: Sequence[Mapping[str, Any]], dictionary: Dictionary, origin: tuple[str, str], realm: str
) -> list[Message]:
    """The messages to send.  Of the short form what every request has is filled in; the whole form goes as it is, but
    for its identifiers.  Raises LocalError that names the message.
    """
    ours = Originator(*origin)
    found: list[Message] = []
    for number, document in enumerate(documents, start=1):
        try:
            message = from_dict(_filled(document, dictionary, ours, realm), dictionary)
        except LocalError as error:
            raise LocalError(f"message {number}: {error}") from None
        if not message.request:
            raise LocalError(f"message {number}: {message.command} is no request")
        found.append(message)
    return found


def _filled(document: Mapping[str, Any], dictionary: Dictionary, ours: Originator, realm: str) -> dict[str, Any]:
    avps = document.get("avps", {})
    if not isinstance(avps, dict) or "octets" in document:
        return dict(document)
    bare = from_dict({**document, "avps": {}}, dictionary)
    if bare.definition is None or not bare.request:
        return dict(document)
    plan = ours.plan(dictionary.tables(bare.application_id).scope, bare.definition.name)
    return {**document, "avps": ours.fill(plan, avps, "", None, realm)}


async def send(
    reactor: Any,
    config: NodeConfig,
    peer: PeerConfig,
    dictionary: Dictionary,
    documents: Sequence[Mapping[str, Any]],
    *,
    applications: Sequence[Advertised],
    pace: Pace,
    keep: bool,
    tell: Callable[[str], None],
    tap: CaptureWriter | None = None,
) -> tuple[Report, Sent]:
    """Connect, send, disconnect.  What the peer does never raises: `trouble` of the report, and the outcomes, say it.

    `keep`: keep the answers.  `tap`: writes down what is said, and is closed at the end.
    """
    report, sent = Report(peer=peer.host), Sent()
    contact = Contact(reactor, config, dictionary, applications, tap)
    try:
        await contact.open(peer, report, pace.timeout_s, tell)
        messages = letters(documents, dictionary, (config.origin_host, config.origin_realm), report.origin_realm)
        await _all(reactor, contact, messages, config.origin_host, pace, sent, keep)
        await contact.exchange.ask(contact.base.dpr(DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU), pace.timeout_s)
    except DiameterError as error:
        report.trouble = str(error)
    finally:
        await contact.close()
    return report, sent


async def _all(
    reactor: Any, contact: Contact, messages: Sequence[Message], origin_host: str, pace: Pace, sent: Sent, keep: bool
) -> None:
    sessions = SessionIds(origin_host, reactor.seconds())

    async def one(number: int, due: float) -> tuple[str, float]:
        if contact.exchange.link is None:
            raise Silent("the connection was lost")
        message = messages[number % len(messages)]
        hop, end = contact.identifiers()
        if message.get("Session-Id") == "":
            message = message.edit(replace={"Session-Id": sessions.next()})
        octets = message.with_identifiers(hop, end).octets
        try:
            answer, _ = await contact.exchange.ask((octets, hop), pace.timeout_s)
        except Silent:
            return NO_ANSWER, 0.0
        if keep:
            sent.answers.append(answer)
        vendor, code = answer.result or (0, 0)
        return (f"{vendor}:{code}" if vendor else str(code) if code else "no result"), reactor.seconds() - due

    await run_load(
        reactor, one, sent, concurrency=pace.concurrency, count=pace.count, rate_per_s=pace.rate_per_s,
        duration_s=pace.duration_s,
    )  # fmt: skip


def document(report: Report, sent: Sent, expected: str | None) -> dict[str, Any]:
    """What `mtc send --json` prints."""
    return {
        "schema": 1,
        "ok": not report.trouble and sent.is_well(expected),
        "peer": report.peer,
        "origin_host": report.origin_host,
        "expected": expected,
        **sent.summary(),
        "answers": [as_dict(answer) for answer in sent.answers],
        "trouble": report.trouble,
    }


def _milliseconds(seconds: float | None) -> float | None:
    return None if seconds is None else round(seconds * 1000, 3)
