"""A node's counters as a Prometheus server reads them."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from diameter._node.stats import Stats
from diameter.errors import ApplicationFault
from diameter.metrics import HELP, exposition
from diameter.trace import Drop
from helpers.nodes import LEFT, Answering, Bench


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """(name, label values) to value."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


def test_every_counter_has_a_help_text() -> None:
    assert {name for name, _ in Stats().numbers()} == set(HELP)


def test_what_was_counted_is_exposed() -> None:
    with Bench(Answering(lambda request: ApplicationFault(5653, vendor=10415))) as bench:
        bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=2, Destination_Realm="example.net"))
        found = samples(exposition(bench.pair.right).decode())
        assert found["diameter_requests_in_total", ()] == 2
        assert found["diameter_refused_total", ("3003",)] == 1
        assert found["diameter_refused_total", ("10415:5653",)] == 1
        assert found["diameter_peer_usable", (LEFT, "R-Open")] == 1
        assert found["diameter_requests_pending", ()] == found["diameter_requests_in_work", ()] == 0
        left = samples(exposition(bench.pair.left).decode())
        assert left["diameter_dropped_total", (Drop.STRAY_ANSWER.value,)] == 2
