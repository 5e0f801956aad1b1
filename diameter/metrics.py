"""A node's counters for Prometheus, read when somebody asks: counting itself is one addition to a plain attribute.

No label is an identity of a subscriber; peers are labelled by their Origin-Host.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Final

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

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
    "links_refused": "Connections that never became a link (handshake, certificate, too many)",
    "octets_in": "Octets of messages received",
    "octets_out": "Octets of messages sent",
    "peers_opened": "Capabilities exchanges that opened a peer",
    "redirected": "Requests sent again to the host that a redirect answer named",
    "relayed": "Requests of others sent on by this node as an agent",
    "requests_in": "Application requests received",
    "requests_out": "Application requests sent",
    "timeouts": "Requests without an answer in time",
    "undeliverable": "Requests nobody could take, or whose connection was lost",
    "wake_ups": "Times the node woke up",
    "writes": "Writes to links",
}


Figures = dict[str, Any]
"""What a node has counted as plain values, so that those of several processes can be added up."""


def figures(node: Node) -> Figures:
    """Everything the node has counted, and the state of its peers, as of now."""
    core, stats = node._core, node.stats
    return {
        "numbers": dict(stats.numbers()),
        "refused": dict(stats.refused),
        "dropped": {str(reason): count for reason, count in stats.dropped.items()},
        "answers": [
            [row.peer, "out" if row.outgoing else "in", row.application, row.command, row.result, row.answers]
            for row in core.tally.rows(core.dictionary)
        ],
        "peers": [[peer.host, peer.state, int(peer.usable)] for peer in node.peers],
        "pending": node.pending,
        "in_work": node.in_work,
    }


def families(found: Figures) -> Iterable[Metric]:
    """The same for Prometheus."""
    for name, value in found["numbers"].items():
        yield CounterMetricFamily(f"diameter_{name}", HELP[name], value=value)
    refused = CounterMetricFamily("diameter_refused", "Requests refused, by result", labels=["result"])
    for result, count in found["refused"].items():
        refused.add_metric([result], count)
    yield refused
    dropped = CounterMetricFamily("diameter_dropped", "Messages thrown away, by reason", labels=["reason"])
    for reason, count in found["dropped"].items():
        dropped.add_metric([reason], count)
    yield dropped
    answers = CounterMetricFamily(
        "diameter_answers",
        "Answers given (out) and received (in)",
        labels=["peer", "direction", "application", "command", "result"],
    )
    for *labels, count in found["answers"]:
        answers.add_metric(labels, count)
    yield answers
    peers = GaugeMetricFamily(
        "diameter_peer_usable", "1 when requests may be sent to the peer", labels=["peer", "state"]
    )
    for host, state, usable in found["peers"]:
        peers.add_metric([host, state], usable)
    yield peers
    yield GaugeMetricFamily("diameter_requests_pending", "Requests waiting for their answer", value=found["pending"])
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


def exposition(node: Node) -> bytes:
    """The text that a Prometheus server reads, of this node only."""
    return text_of(families(figures(node)))


def text_of(metrics: Iterable[Metric]) -> bytes:
    """The text that a Prometheus server reads."""
    registry = CollectorRegistry()
    registry.register(_Collected(metrics))
    return generate_latest(registry)
