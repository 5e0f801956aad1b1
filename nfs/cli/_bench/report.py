"""What the figures say: ratios to the other stacks, and whether the bars are met; as a document and as lines."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from nfs.cli._bench import machine
from nfs.cli._bench.run import Record, Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, PURE, RAW

SAME: Final = ("scenario", "transport", "window", "offered_per_s", "peers", "messages")
"""What two records share that can be compared."""
COLUMNS: Final = (
    ("rate_per_s", "rate /s", 0),
    ("cpu_us_server", "server us", 1),
    ("cpu_us_client", "client us", 1),
    ("cpu_us_hss", "HSS us", 0),
    ("cpu_us_sms_sc", "SMS-SC us", 0),
    ("cpu_us_mme", "MME us", 0),
    ("cpu_us", "all us", 0),
    ("p50_us", "p50 us", 0),
    ("p99_us", "p99 us", 0),
    ("p999_us", "p99.9 us", 0),
    ("us", "us", 2),
    ("rss_kb", "RSS kB", 0),
    ("rss_kb_peer", "kB/peer", 1),
    ("rss_kb_ue", "kB/UE", 2),
    ("lost", "lost", 0),
    ("collector_ms", "GC ms", 2),
    ("metrics_ms", "metrics ms", 1),
    ("unauthorised", "unauthorised", 0),
    ("hss_asked", "HSS asked", 0),
    ("p99_by_quiet", "p99 by quiet", 2),
    ("first_paint_ms", "paint ms", 0),
    ("filter_ms", "filter ms", 1),
    ("load_ms", "load ms", 1),
)  # fmt: skip
"""Key, heading, decimals of the tables."""


def compared(one: Record) -> str | None:
    """The key by which a stack is to be measured in this scenario: what is to be small."""
    for key in ("us", "rss_kb_peer"):
        if one.get(key) is not None:
            return key
    if one.get("offered_per_s"):
        return "p99_us"
    if one.get("scenario") == "client":
        return "cpu_us_client"
    return "cpu_us_server" if one.get("cpu_us_server") is not None else None


def _same(one: Record) -> tuple[object, ...]:
    return tuple(one.get(key) for key in SAME)


def ratios(records: Sequence[Record]) -> list[Record]:
    """For each record of ours that another stack has as well: figure, both values, and theirs by ours."""
    found = []
    for ours in records:
        key = compared(ours)
        if ours["stack"] not in (OURS, PURE) or key is None or not ours[key]:
            continue
        for theirs in records:
            if theirs["stack"] in (OURS, PURE, RAW) or _same(theirs) != _same(ours) or theirs.get(key) is None:
                continue
            head = {name: ours.get(name) for name in ("stack", "scenario", "transport", "window")}
            values = {"figure": key, "ours": ours[key], "theirs": theirs[key]}
            found.append(head | {"to": theirs["stack"]} | values | {"ratio": round(theirs[key] / ours[key], 2)})
    return found


def bars(scenarios: Sequence[Scenario], records: Sequence[Record]) -> list[Record]:
    """Each bar of these scenarios: what was promised, what was measured (null: nothing), met or not."""
    return [_judged(bar, one.name, records) for one in scenarios for bar in one.bars]


def _judged(bar: Bar, scenario: str, records: Sequence[Record]) -> Record:
    found = next(_fitting(bar, bar.stack, scenario, records), None)
    if found is None and bar.stack == PURE:
        found = next((one for one in _fitting(bar, OURS, scenario, records) if one["core"] == "pure"), None)
    value = None if found is None else float(found[bar.key])
    if bar.against and value is not None:
        where = tuple(pair for pair in bar.where if pair[0] != "core")
        other = next(_fitting(bar._replace(where=where), bar.against, scenario, records), None)
        value = None if other is None else round(value / other[bar.key], 2)
    met = None if value is None else (value >= bar.bound if bar.least else value <= bar.bound)
    return {"bar": bar.text, "bound": bar.bound, "least": bar.least, "measured": value, "met": met}


def _fitting(bar: Bar, stack: str, scenario: str, records: Sequence[Record]) -> Iterator[Record]:
    base = scenario.removesuffix("-tls")
    for one in records:
        if one["stack"] == stack and one.get(bar.key) is not None:
            named = any(key == "scenario" for key, _ in bar.where) or one["scenario"] in (base, "idle peers", "ladder")
            if named and all(one.get(key) == value for key, value in bar.where):
                yield one


def document(run: Run, scenarios: Sequence[Scenario], command: str) -> dict[str, Any]:
    """What `--json` prints; docs/schema/bench.json."""
    return {
        "schema": 1,
        "machine": machine.described() | {"command": command},
        "measurements": run.records,
        "ratios": ratios(run.records),
        "bars": bars(scenarios, run.records),
        "not_run": run.not_run,
        "void": run.void,
    }


def tables(records: Sequence[Record]) -> Iterator[tuple[str, list[str], list[list[str]]]]:
    """(title, headings, rows) for each scenario, transport and load, in the order of the records."""
    groups: dict[str, list[Record]] = {}
    for one in records:
        groups.setdefault(title(one), []).append(one)
    for name, rows in groups.items():
        shown = [column for column in COLUMNS if any(one.get(column[0]) not in (None, 0) for one in rows)]
        yield name, ["stack", *(heading for _, heading, _ in shown)], [_row(one, shown) for one in rows]


def _row(one: Record, shown: list[tuple[str, str, int]]) -> list[str]:
    return [one["stack"], *("" if one.get(key) is None else f"{one[key]:,.{decimals}f}" for key, _, decimals in shown)]


def markdown(found: dict[str, Any]) -> str:
    """The bars and all tables, for a page of documentation."""
    about = found["machine"]
    out = [f"{about['processor']}, {about['cores']} cores, {about['system']}, {about['python']}; {about['date']}.", ""]
    rows = [
        [
            one["bar"],
            f"{'at least' if one['least'] else 'at most'} {one['bound']:g}",
            f"{one['measured']:g}",
            _verdict(one),
        ]
        for one in found["bars"]
        if one["measured"] is not None
    ]
    every = [("What is promised", ["of ours", "bar", "measured", ""], rows)] if rows else []
    for name, headings, cells in [*every, *tables(found["measurements"])]:
        marks = ["---", *["---:"] * (len(headings) - 1)]
        out += [f"### {name[0].upper()}{name[1:]}", ""]
        out += [f"| {' | '.join(line)} |" for line in (headings, marks, *cells)]
        out.append("")
    if found["not_run"]:
        out += ["### Not run", "", *(f"- {text}" for text in found["not_run"]), ""]
    return "\n".join(out)


def _verdict(bar: Record) -> str:
    return "met" if bar["met"] else "**not met**"


def title(one: Record) -> str:
    """What a record measures, in words."""
    parts = [one["scenario"]]
    parts += (
        [f"over {one['transport'].upper()}"]
        if one["transport"] and one["scenario"] in ("pair", "relay", "links")
        else []
    )
    parts += [f"window {one['window']}"] if one["window"] and "routes" not in one else []
    parts += [f"{one['offered_per_s']:,} requests/s"] if one.get("offered_per_s") else []
    parts += [f"{one['peers']:,} peers"] if one.get("peers") else []
    parts += [f"{one['subscribers']:,} subscribers"] if one.get("subscribers") else []
    parts += [f"{one['stored']:,} stored"] if one.get("stored") else []
    parts += [str(one["database"])] if one.get("database") else []
    parts += [f"{one['routes']:,} routes"] if one.get("routes") else []
    return ", ".join(parts)


def lines(found: dict[str, Any]) -> Iterator[str]:
    """The document for a terminal."""
    about = found["machine"]
    yield f"{about['processor']}, {about['cores']} cores, {about['python']}, {about['date']}; medians over the rounds"
    for name, headings, rows in tables(found["measurements"]):
        yield ""
        yield name
        widths = [max(len(row[at]) for row in [headings, *rows]) for at in range(len(headings))]
        for row in [headings, *rows]:
            cells = [
                row[0].ljust(widths[0]),
                *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)),
            ]
            yield "  " + "  ".join(cells)
    if found["ratios"]:
        yield ""
    for one in found["ratios"]:
        where = f"{one['scenario']}" + (f", {one['transport']}, window {one['window']}" if one["window"] else "")
        yield f"{where}: {one['to']} needs {one['ratio']:.1f} times what {one['stack']} needs ({one['figure']})"
    if any(one["measured"] is not None for one in found["bars"]):
        yield ""
    for one in found["bars"]:
        if one["measured"] is not None:
            sense = "at least" if one["least"] else "at most"
            verdict = "met" if one["met"] else "NOT met"
            yield f"bar: {one['bar']}: {sense} {one['bound']:g}, measured {one['measured']:g}: {verdict}"
    for text in found["not_run"]:
        yield f"not run: {text}"
    for text in found["void"]:
        yield f"VOID: {text}"
