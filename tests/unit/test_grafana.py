"""The dashboard of docs/grafana asks for metrics and labels that a node has, and is what Grafana imports."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any, Final

from prometheus_client.parser import text_string_to_metric_families

from diameter.standing import Alarm, Count, Queue, Standing
from helpers.admin import Rig
from helpers.nodes import Bench

FILE: Final = Path(__file__).resolve().parents[2] / "docs" / "grafana" / "mtc-diameter.json"
BOARD: Final[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))
OF_FUNCTIONS: Final = Standing(
    queues=lambda: (Queue("short messages", 1, 10),),
    alarms=lambda: (Alarm("minor", "x", "y", "z"),),
    counts=lambda: (
        Count("mtc_refusals", "", {"check": "c", "stage": "s"}, 1),
        Count("mtc_firewall", "", {"interface": "S6a", "check": "c", "verdict": "refused"}, 1),
    ),
)


def exported() -> dict[str, set[str]]:
    """Labels of each sample by its name."""
    with Bench() as bench:
        bench.ask()
        bench.pair.right.stats.dropped["x"] += 1
        found: dict[str, set[str]] = {}
        text = Rig(bench, standing=OF_FUNCTIONS).get("metrics")[1].decode()
        for family in text_string_to_metric_families(text):
            found.setdefault(family.name, set())
            for sample in family.samples:
                found.setdefault(sample.name, set()).update(sample.labels)
    return found


def test_every_query_asks_for_what_a_node_has() -> None:
    has = exported()
    asked = [target["expr"] for panel in BOARD["panels"] for target in panel["targets"]]
    assert len(asked) > 15
    for query in asked:
        names = set(re.findall(r"\b(?:diameter|mtc)_\w+", query))
        assert names, query
        assert names <= set(has), query
        labels = {label for group in re.findall(r"by \(([^)]*)\)", query) for label in group.split(", ")}
        labels |= set(re.findall(r"(\w+)(?:=~|!=|=)\"", query)) - {"instance"}
        for name in names:
            assert labels <= has[name] | {"instance"} or name == "diameter_certificate_not_after_seconds", query
        assert all(query.count(one) == query.count(other) for one, other in ("()", "{}", "[]"))


def test_every_panel_says_what_it_is_and_fits() -> None:
    places: set[tuple[int, int]] = set()
    for panel in BOARD["panels"]:
        assert panel["title"]
        assert panel["fieldConfig"]["defaults"]["unit"]
        assert panel["datasource"] == {"type": "prometheus", "uid": "${source}"}
        at = panel["gridPos"]
        assert at["x"] + at["w"] <= 24
        cells = {(x, y) for x in range(at["x"], at["x"] + at["w"]) for y in range(at["y"], at["y"] + at["h"])}
        assert not cells & places
        places |= cells
        for target in panel["targets"]:
            said = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = re.search(r"by \(([^)]*)\)", target["expr"])
            assert said <= (set(grouped[1].split(", ")) if grouped else {"instance", "queue"})
    assert len({panel["id"] for panel in BOARD["panels"]}) == len(BOARD["panels"])
    assert {one["name"] for one in BOARD["templating"]["list"]} == {"source", "node"}
