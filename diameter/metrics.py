"""A node's counters for Prometheus, read when somebody asks: counting itself is one addition to a plain attribute.

Thousands of peers make tens of thousands of samples.  `pieces` writes them as text, so many at a time, so that whoever
sends them can let the node work in between; the families that peers make long are written here, line by line, the
others by prometheus-client.  No label is an identity of a subscriber; peers are labelled by their Origin-Host.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from diameter._node import shown
from diameter.capture.write import CaptureWriter

if TYPE_CHECKING:
    from diameter.node import Node

HELP: Final = {
    "answers_in": "Answers received for requests of this node",
    "answers_out": "Answers sent",
    "bugs": "Exceptions nobody declared, each logged and answered 5012",
    "connections_in": "Links accepted",
    "connections_out": "Links dialled",
    "crossed": "Requests of one worker that another one sent to its peer",
    "duplicates": "Copies of requests answered with the answer of the first",
    "failed_over": "Requests moved from a failed or silent peer to another",
    "faults": "Faults injected on purpose",
    "held": "Requests held back because a peer did not keep up",
    "links_broken": "Links that their protection ended (forged record, certificate run out or revoked)",
    "links_refused": "Connections that never became a link (handshake, certificate, too many)",
    "octets_in": "Octets of messages received",
    "octets_out": "Octets of messages sent",
    "peers_opened": "Capabilities exchanges that opened a peer",
    "records_replayed": "DTLS records refused because they had been there before",
    "redirected": "Requests sent again to the host that a redirect answer named",
    "relayed": "Requests of others sent on by this node as an agent",
    "requests_in": "Application requests received",
    "requests_out": "Application requests sent",
    "timeouts": "Requests without an answer in time",
    "undeliverable": "Requests nobody could take, or whose connection was lost",
    "wake_ups": "Times the node woke up",
    "writes": "Writes to links",
}

CAPTURE_HELP: Final = {
    "capture_lost": "Messages that the capture could not take",
    "capture_messages": "Messages written to the capture",
    "capture_rests": "Times that the capture had to stop: disk full or too slow",
}
"""Of nodes that write one."""

AT_ONCE: Final = 200
"""Samples in one piece: a millisecond or two."""
ANSWERS: Final = "diameter_answers", "Answers given (out) and received (in)"
ANSWER_LABELS: Final = "peer", "direction", "application", "command", "result"
RUNS_OUT: Final = (
    "diameter_certificate_not_after_seconds",
    "When a certificate, trust anchor or revocation list in force runs out, in seconds since 1970",
)
USABLE: Final = "diameter_peer_usable", "1 when requests may be sent to the peer"
_ESCAPES: Final = str.maketrans({"\\": r"\\", "\n": r"\n", '"': r"\""})
NOWHERE: Final[dict[str, Any]] = {"queues": (), "alarms": (), "counts": ()}
Figures = dict[str, Any]
"""What a node has counted as plain values, so that those of several processes can be added up."""


def figures(node: Node) -> Figures:
    """Everything the node has counted, and the state of its peers, as of now."""
    return _few(node) | {
        "answers": [[*labels, count] for labels, count in _answers(node)],
        "peers": [[peer.host, peer.state, int(peer.usable)] for peer in node.peers],
    }


def _few(node: Node) -> Figures:
    stats, tap = node.stats, _writer(node)
    numbers = dict(stats.numbers()) | {"records_replayed": shown.replayed(node._core)}
    if isinstance(tap, CaptureWriter):
        numbers |= {"capture_messages": tap.messages, "capture_lost": tap.lost, "capture_rests": tap.rests}
    return {
        "numbers": numbers,
        "refused": dict(stats.refused),
        "dropped": {str(reason): count for reason, count in stats.dropped.items()},
        "pending": node.pending,
        "in_work": node.in_work,
        "ends": shown.ends(node.papers()),
        "captures_resting": int(isinstance(tap, CaptureWriter) and bool(tap.resting)),
    }


def _writer(node: Node) -> Any:
    """The capture, which may stand behind the last messages that are kept."""
    tap = node._core.tap
    return getattr(tap, "writer", tap)


def _answers(node: Node) -> Iterator[tuple[tuple[str, ...], int]]:
    """(label values, number) of every row of the tally."""
    core = node._core
    for row in core.tally.rows(core.dictionary):
        direction = "out" if row.outgoing else "in"
        yield (row.peer, direction, row.application, row.command, row.result), row.answers


def families(found: Figures) -> Iterable[Metric]:
    """The same for Prometheus."""
    yield from _short(found)
    answers = CounterMetricFamily(*ANSWERS, labels=ANSWER_LABELS)
    for *labels, count in found["answers"]:
        answers.add_metric(labels, count)
    yield answers
    peers = GaugeMetricFamily(*USABLE, labels=["peer", "state"])
    for host, state, usable in found["peers"]:
        peers.add_metric([host, state], usable)
    yield peers
    yield from standing(found.get("standing", NOWHERE))


def standing(page: Mapping[str, Any]) -> Iterator[Metric]:
    """The page "standing" for Prometheus: queues, how many alarms there are, and the counters of the function."""
    length = GaugeMetricFamily("diameter_queue_length", "What waits", labels=["queue"])
    limit = GaugeMetricFamily("diameter_queue_limit", "How much of it may wait", labels=["queue"])
    for queue in page["queues"]:
        length.add_metric([queue["name"]], queue["length"])
        if queue["limit"] is not None:
            limit.add_metric([queue["name"]], queue["limit"])
    alarms = GaugeMetricFamily("diameter_alarms", "Alarms that hold, by severity and name", labels=["severity", "name"])
    for key, number in Counter((one["severity"], one["name"]) for one in page["alarms"]).items():
        alarms.add_metric(key, number)
    yield from (length, limit, alarms)
    known: dict[str, CounterMetricFamily] = {}
    for one in page["counts"]:
        family = known.get(one["name"])
        if family is None:
            family = known[one["name"]] = CounterMetricFamily(one["name"], one["text"], labels=list(one["labels"]))
        family.add_metric(list(one["labels"].values()), one["value"])
    yield from known.values()


def _short(found: Figures) -> Iterator[Metric]:
    """The families whose length does not depend on the peers."""
    for name, value in found["numbers"].items():
        yield CounterMetricFamily(f"diameter_{name}", HELP.get(name) or CAPTURE_HELP[name], value=value)
    refused = CounterMetricFamily("diameter_refused", "Requests refused, by result", labels=["result"])
    for result, count in found["refused"].items():
        refused.add_metric([result], count)
    yield refused
    dropped = CounterMetricFamily("diameter_dropped", "Messages thrown away, by reason", labels=["reason"])
    for reason, count in found["dropped"].items():
        dropped.add_metric([reason], count)
    yield dropped
    if "capture_lost" in found["numbers"]:
        resting = found.get("captures_resting", 0)
        yield GaugeMetricFamily("diameter_capture_resting", "1 while the capture cannot be written", value=resting)
    yield GaugeMetricFamily("diameter_requests_pending", "Requests waiting for their answer", value=found["pending"])
    runs_out = GaugeMetricFamily(*RUNS_OUT, labels=["kind", "name"])
    for kind, name, end in found["ends"]:
        runs_out.add_metric([kind, name], end)
    yield runs_out
    yield GaugeMetricFamily("diameter_requests_in_work", "Requests whose handler waits", value=found["in_work"])


class NodeCollector(Collector):
    """Registers with a Prometheus registry: `registry.register(NodeCollector(node))`."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def collect(self) -> Iterable[Metric]:
        """Everything the node has counted, and the state of its peers, as of now."""
        return families(figures(self._node))


class _Collected(Collector):
    def __init__(self, metrics: Iterable[Metric]) -> None:
        self._metrics = tuple(metrics)

    def collect(self) -> Iterable[Metric]:
        return self._metrics


def exposition(node: Node, page: Mapping[str, Any] | None = None) -> bytes:
    """The text that a Prometheus server reads, of this node only.  `page`: see `standing`."""
    return b"".join(pieces(node, page))


def text_of(metrics: Iterable[Metric]) -> bytes:
    """The text that a Prometheus server reads."""
    registry = CollectorRegistry()
    registry.register(_Collected(metrics))
    return generate_latest(registry)


def pieces(node: Node, page: Mapping[str, Any] | None = None) -> Iterator[bytes]:
    """The same in pieces of AT_ONCE samples at most, each as things are when it is asked for; at least one."""
    text = [text_of((*_short(_few(node)), *(() if page is None else standing(page)))).decode()]
    for line in _long(node):
        if len(text) > AT_ONCE:
            yield "".join(text).encode()
            text.clear()
        text.append(line)
    yield "".join(text).encode()


def _long(node: Node) -> Iterator[str]:
    """The lines of the families that have samples for each peer."""
    name, text = ANSWERS
    yield f"# HELP {name}_total {text}\n# TYPE {name}_total counter\n"
    for labels, value in _answers(node):
        yield _sample(f"{name}_total", ANSWER_LABELS, labels, value)
    name, text = USABLE
    yield f"# HELP {name} {text}\n# TYPE {name} gauge\n"
    for peer in node.peers:
        yield _sample(name, ("peer", "state"), (peer.host, peer.state), int(peer.usable))


def _sample(name: str, labels: tuple[str, ...], values: tuple[str, ...], value: int) -> str:
    said = ",".join([f'{label}="{one.translate(_ESCAPES)}"' for label, one in zip(labels, values, strict=True)])
    return f"{name}{{{said}}} {value}.0\n"
