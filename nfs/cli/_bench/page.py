"""The figures as one HTML file with plots, which needs nothing but itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, NamedTuple

import jinja2

from nfs.cli._bench.messages import EVERY, FIVE_VALUES, RELAY, WITH_ARITY
from nfs.cli._bench.report import compared, tables, title
from nfs.cli._bench.run import Record
from nfs.cli._bench.stacks import OURS, PURE, RAW

COLOURS: Final = {OURS: 0, PURE: 1, "freeDiameter": 2, "Erlang diameter": 3, "python-diameter": 4, RAW: 5}
TITLES: Final = {
    "us": "CPU microseconds of one operation",
    "cpu_us_server": "CPU microseconds of the server for a transaction",
    "cpu_us_client": "CPU microseconds of the client for a transaction",
    "p50_us": "median latency in microseconds",
    "p99_us": "99th percentile of the latency in microseconds, from when a request was due",
    "p999_us": "99.9th percentile of the latency in microseconds, from when a request was due",
    "rss_kb_peer": "kB of memory for each peer that does nothing",
    "rate_per_s": "transactions a second",
}
OPERATIONS: Final = (RELAY, FIVE_VALUES, EVERY, WITH_ARITY)
WIDTH: Final = 560.0
"""of the longest bar, in units of the picture"""


class Row(NamedTuple):
    """One bar: its colour, its length as part of the longest, and its value as text."""

    stack: str
    colour: int
    length: float
    value: str


class Plot(NamedTuple):
    """Bars to compare, from zero on."""

    title: str
    what: str
    rows: list[Row]


class Chapter(NamedTuple):
    """Plots that belong together."""

    title: str
    plots: list[Plot]


def page(found: dict[str, Any]) -> str:
    """The HTML of a document (see report.document)."""
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("nfs.cli._bench", "."),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    return environment.get_template("page.html.j2").render(
        found=found,
        chapters=list(chapters(found["measurements"])),
        tables=list(tables(found["measurements"])),
        stacks=_legend(found["measurements"]),
        width=WIDTH,
    )


def _legend(records: list[Record]) -> list[tuple[str, int]]:
    seen = {one["stack"] for one in records}
    return [(name, colour) for name, colour in COLOURS.items() if name in seen]


def chapters(records: list[Record]) -> Iterator[Chapter]:
    """What is worth a picture: the figure that each scenario is about; for pairs latency and throughput as well."""
    groups: dict[str, dict[str, list[Record]]] = {}
    for one in records:
        name = "one message" if one["scenario"] in OPERATIONS else one["scenario"]
        groups.setdefault(name, {}).setdefault(title(one), []).append(one)
    for scenario, by_title in groups.items():
        plots = [plot for name, rows in by_title.items() for plot in _plots(name, rows)]
        if plots:
            yield Chapter(scenario, plots)


def _plots(name: str, rows: list[Record]) -> Iterator[Plot]:
    key = compared(rows[0])
    if key is None or len({one["stack"] for one in rows}) < 2:
        return
    wanted = [key]
    if rows[0]["scenario"] == "pair":
        wanted = ["p50_us"] if rows[0]["window"] == 1 else ["rate_per_s", *wanted]
    if rows[0]["scenario"] == "pauses":
        wanted = ["p999_us"]
    for one in wanted:
        yield Plot(name, TITLES[one], list(_bars(one, rows)))


def _bars(key: str, rows: list[Record]) -> Iterator[Row]:
    values = [(one["stack"], float(one[key])) for one in rows if one.get(key) is not None]
    most = max((value for _, value in values), default=0.0) or 1.0
    for stack, value in values:
        text = f"{value:,.0f}" if value >= 100 else f"{value:,.1f}" if value >= 10 else f"{value:,.2f}"
        yield Row(stack, COLOURS.get(stack, 5), round(value / most * WIDTH, 1), text)
