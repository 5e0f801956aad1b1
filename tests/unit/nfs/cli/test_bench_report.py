"""What `mtc bench` makes of its records: ratios, bars, lines, tables and the page."""

from __future__ import annotations

from typing import Any

import pytest

from nfs.cli._bench import report
from nfs.cli._bench.page import chapters, page
from nfs.cli._bench.programs.said import end, understood
from nfs.cli._bench.run import KEYS, Record
from nfs.cli._bench.scenarios import Bar, Scenario, scenarios
from nfs.cli._bench.stacks import OURS, PURE, RAW

C = "freeDiameter"


def record(stack: str, scenario: str, **more: Any) -> Record:
    """As a run writes it."""
    ours = {"core": "pure" if stack == PURE else "compiled"} if stack.startswith(OURS) else {}
    return dict.fromkeys(KEYS) | {"stack": stack, "scenario": scenario, "rounds": 3} | ours | more


def server(stack: str, cost: float, window: int = 256, **more: Any) -> Record:
    figures = {"rate_per_s": 1e6 / cost, "cpu_us_server": cost, "cpu_us_client": 1.0, "p50_us": 100.0, "p99_us": 200.0}
    return record(stack, "server", transport="tcp", window=window, against=RAW, rss_kb=1000, **figures) | more


def document(*records: Record, bars: tuple[Bar, ...] = (), **more: Any) -> dict[str, Any]:
    machine = dict.fromkeys(("processor", "system", "python", "version", "date", "command"), "<b>x</b>") | {"cores": 2}
    judged = report.bars([Scenario("server", "e2e", "", lambda run: None, bars)], records)
    found = {"machine": machine, "measurements": list(records), "ratios": report.ratios(records), "bars": judged}
    return {"schema": 1, **found, "not_run": [], "void": []} | more


def test_a_ratio_is_theirs_by_ours_where_everything_else_is_the_same() -> None:
    records = [server(OURS, 10), server(PURE, 50), server(C, 30), server(RAW, 1), server(C, 99, window=1)]
    found = report.ratios(records)
    assert [(one["stack"], one["to"], one["figure"], one["ratio"]) for one in found] == [
        (OURS, C, "cpu_us_server", 3.0), (PURE, C, "cpu_us_server", 0.6)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("more", "key"),
    [
        ({"us": 1.0}, "us"),
        ({"rss_kb_peer": 1.0}, "rss_kb_peer"),
        ({"offered_per_s": 10, "cpu_us_server": 1.0}, "p99_us"),
        ({"cpu_us_server": 1.0}, "cpu_us_server"),
        ({}, None),
    ],
)
def test_what_is_compared_is_what_is_to_be_small(more: dict[str, Any], key: str | None) -> None:
    assert report.compared(record(OURS, "x", **more)) == key
    assert report.compared(record(OURS, "client", cpu_us_server=1.0)) == "cpu_us_client"


def test_a_bar_is_met_missed_or_not_measured() -> None:
    most = Bar("most", OURS, "cpu_us_server", 10, (("window", 256), ("core", "compiled")))
    pure = Bar("pure", PURE, "cpu_us_server", 55, (("window", 256),))
    times = Bar("times", OURS, "rate_per_s", 2, (("window", 256), ("core", "compiled")), C, least=True)
    found = document(server(OURS, 10), server(PURE, 60), server(C, 30), bars=(most, pure, times))["bars"]
    assert [(one["bar"], one["measured"], one["met"]) for one in found] == [
        ("most", 10, True), ("pure", 60, False), ("times", 3.0, True)
    ]  # fmt: skip
    alone = server(OURS, 50, core="pure")
    found = document(alone, bars=(most, pure, times))["bars"]
    assert [(one["measured"], one["met"]) for one in found] == [(None, None), (50, True), (None, None)]


def test_every_bar_of_every_scenario_can_be_judged() -> None:
    every = scenarios()
    assert len({one.name for one in every}) == len(every)
    assert {one.group for one in every} == {"codec", "e2e", "scale", "ladder", "capture"}
    for bar in (bar for one in every for bar in one.bars):
        assert bar.stack in (OURS, PURE)
        assert bar.bound > 0


def test_lines_say_everything_that_matters() -> None:
    bar = Bar("server CPU", OURS, "cpu_us_server", 9, (("window", 256),))
    found = document(server(OURS, 10), server(C, 30), bars=(bar,), not_run=["SCTP: none"], void=["a wrong answer"])
    text = "\n".join(report.lines(found))
    assert "server, window 256" in text
    assert "freeDiameter needs 3.0 times what mtc-diameter needs (cpu_us_server)" in text
    assert "bar: server CPU: at most 9, measured 10: NOT met" in text
    assert "not run: SCTP: none" in text
    assert "VOID: a wrong answer" in text


def test_a_column_is_there_when_somebody_has_a_figure_for_it() -> None:
    ((name, headings, rows),) = report.tables([server(OURS, 10), server(C, 30, p99_us=None)])
    assert name == "server, window 256"
    assert headings == ["stack", "rate /s", "server us", "client us", "p50 us", "p99 us", "RSS kB"]
    assert rows == [
        [OURS, "100,000", "10.0", "1.0", "100", "200", "1,000"],
        [C, "33,333", "30.0", "1.0", "100", "", "1,000"],
    ]


def test_markdown_has_a_table_for_each() -> None:
    bar = Bar("server CPU", OURS, "cpu_us_server", 9, (("window", 256),))
    text = report.markdown(document(server(OURS, 10), bars=(bar,), not_run=["SCTP: none"]))
    assert "| server CPU | at most 9 | 10 | **not met** |" in text
    assert "### Server, window 256\n\n| stack | rate /s |" in text
    assert "- SCTP: none" in text


def test_the_page_draws_what_two_stacks_have_and_escapes_what_it_is_told() -> None:
    found = document(server(OURS, 10), server(C, 30), server(OURS, 5, window=1), not_run=["<script>"], void=["<i>"])
    ((name, plots),) = chapters(found["measurements"])
    assert name == "server"
    assert [plot.title for plot in plots] == ["server, window 256"]
    assert [(row.stack, row.value, row.length) for row in plots[0].rows] == [(OURS, "10.0", 186.7), (C, "30.0", 560.0)]
    html = page(found)
    assert html.count("<svg") == 1
    assert "<script>" not in html
    assert "<b>x" not in html
    assert "&lt;i&gt;" in html


def test_an_end_is_understood_as_it_was_said() -> None:
    found = understood(end(2.0, [3e-6, 1e-6, 2e-6], bad=1, octets=256))
    assert (found["count"], found["wall"], found["bad"], found["octets"], found["lost"]) == (3, 2.0, 1, 256, 0)
    assert (found["p50"], found["p99"], found["max"]) == (2.0, 3.0, 3.0)
