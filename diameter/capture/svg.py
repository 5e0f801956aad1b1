"""Where everything of a ladder stands when it is drawn as SVG: pixels only; `view/ladder.svg.j2` has the colours."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from typing import Any, Final

from diameter.capture.check import SEVERITIES
from diameter.capture.records import SCTP_ABORT, SCTP_ERROR, TCP_RST, TLS_ALERT, LinkEvent
from diameter.capture.timeline import UNANSWERED, Step, Timeline

LANE: Final = 206
ROW: Final = 34
GUTTER: Final = 96
HEAD: Final = 78
GAP_NS: Final = 500_000_000
AROUND_NS: Final = 1_000_000_000
MAX_EVENTS: Final = 40
BAD_EVENTS: Final = frozenset((TCP_RST, SCTP_ABORT, SCTP_ERROR, TLS_ALERT, "LINK_LOST"))
EVENT_WORDS: Final = {
    "TCP_SYN": "SYN",
    "TCP_FIN": "FIN",
    TCP_RST: "RST",
    "TCP_RETRANSMISSION": "again",
    "SCTP_INIT": "INIT",
    "SCTP_INIT_ACK": "INIT ACK",
    SCTP_ABORT: "ABORT",
    SCTP_ERROR: "ERROR",
    "SCTP_SHUTDOWN": "SHUTDOWN",
    "SCTP_RETRANSMISSION": "again",
    TLS_ALERT: "TLS alert",
}
"""What is seen on the wire, as it is called there."""
_Happened = tuple[LinkEvent, int, int]
"""An event, who did it and to whom."""
_LETTER: Final = 6.4
"""Mean width of a letter at 12 px, to know how much of a label fits between two lifelines."""


def layout(timeline: Timeline, steps: Sequence[Step], *, subjects: bool = True, events: bool = False) -> dict[str, Any]:
    """Width, height, lanes and rows of the drawing of `steps`; only participants that take part get a lane.

    `subjects`: name the device beside each arrow; needless where all are about one.  `events`: those of the links
    between these participants, while the messages last and a little before and after.
    """
    used = sorted({end for step in steps for end in (step.source, step.destination)})
    happened = _events(timeline, steps, set(used)) if events else []
    x = {participant: GUTTER + LANE // 2 + at * LANE for at, participant in enumerate(used)}
    rows: list[dict[str, Any]] = []
    y = HEAD + 20
    previous = 0
    said = [(step.captured.time_ns, step) for step in steps]
    both: Iterator[tuple[int, Step | _Happened]] = heapq.merge(happened, said, key=lambda one: one[0])
    for now, what in both:
        if previous and now - previous >= GAP_NS:
            rows.append({"y": y, "pause": f"{span(now - previous)} later"})
            y += ROW
        previous = now
        if isinstance(what, Step):
            elapsed = now - steps[0].captured.time_ns
            rows.append(_row(timeline, what, x, y, elapsed, what.subjects[:1] if subjects else ()))
        else:
            rows.append(_event_row(*what, x, y))
        y += ROW
    lanes = [_lane(timeline.participants[participant], x[participant]) for participant in used]
    return {
        "width": GUTTER + LANE * max(1, len(used)) + 10,
        "height": y + 4,
        "lanes": lanes,
        "rows": rows,
        "head": HEAD,
    }


def _events(timeline: Timeline, steps: Sequence[Step], used: set[int]) -> list[tuple[int, _Happened]]:
    """(time, (event, from, to)) of what happened between participants that are drawn."""
    if not steps:
        return []
    first, last = steps[0].captured.time_ns - AROUND_NS, steps[-1].captured.time_ns + AROUND_NS
    return [
        (event.time_ns, (event, *ends))
        for event, ends in zip(timeline.events, timeline.event_ends, strict=True)
        if first <= event.time_ns <= last and ends[0] in used and ends[1] in used and ends[0] != ends[1]
    ][:MAX_EVENTS]


def _event_row(event: LinkEvent, source: int, destination: int, x: dict[int, int], y: int) -> dict[str, Any]:
    start, end = x[source], x[destination]
    words = EVENT_WORDS.get(event.name, event.name.replace("_", " ").lower())
    return {
        "y": y,
        "event": event.text if event.name.endswith("RETRANSMISSION") and event.text else words,
        "x1": start,
        "x2": end,
        "middle": (start + end) // 2,
        "back": end + (-7 if end > start else 7),
        "bad": event.name in BAD_EVENTS,
    }


def _lane(name: str, x: int) -> dict[str, Any]:
    first, _, rest = name.partition(".") if not name[:1].isdigit() else (name, "", "")
    return {"x": x, "name": _fit(first, 19), "realm": _fit(rest, 24), "whole": name}


def _fit(words: str, most: int) -> str:
    return words if len(words) <= most else words[: most - 1] + "…"


def _row(
    timeline: Timeline, step: Step, x: dict[int, int], y: int, elapsed_ns: int, subject: tuple[str, ...]
) -> dict[str, Any]:
    start, end = x[step.source], x[step.destination]
    outcome = step.outcome
    if step.request and step.pair >= 0 and outcome == "plain":
        outcome = timeline.steps[step.pair].outcome
    result = step.result.replace("DIAMETER_", "").replace("ERROR_", "").partition(":")[2] or step.result
    result = result.replace("DIAMETER_", "").replace("_", " ")
    words = result[:4] if result.startswith("2") else result
    if step.outcome == UNANSWERED:
        words = "no answer"
    note = " · ".join(part for part in (step.note.replace("_", " "), *subject) if part)
    took = span(step.latency_ns) if step.latency_ns >= 0 else ""
    again = "T" if step.retransmitted else "again" if step.repeated else ""
    severity = min((SEVERITIES.index(one.rule.severity) for one in step.findings), default=-1)
    tight = 50 + 24 * (severity >= 0)
    room = int((abs(end - start) - tight) / _LETTER) - len(step.short) - len(again) - 3 * bool(again)
    words = _fit(words, max(9, room - 1))
    room -= len(words) + 1
    took = took if len(took) < room else ""
    room -= len(took) + 2
    note = _fit(note, room) if room > 4 else ""
    return {
        "y": y,
        "x1": start,
        "x2": end,
        "middle": (start + end) // 2 + (0 if severity < 0 else 8 if end > start else -8),
        "tip": end + (-1 if end > start else 1),
        "back": end + (-9 if end > start else 9),
        "kind": "request" if step.request else "answer",
        "outcome": outcome,
        "short": step.short,
        "words": words,
        "note": note,
        "took": took,
        "again": again,
        "badge": SEVERITIES[severity] if severity >= 0 else "",
        "badge_x": start + (14 if end > start else -14),
        "finding": "; ".join(f"{one.rule.name}: {one.text}" for one in step.findings[:4]),
        "time": "" if not elapsed_ns else f"+{span(elapsed_ns)}",
    }


def span(nanoseconds: int) -> str:
    """`454 µs`, `2.58 ms`, `1.20 s`."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds // 1000} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1e6:.2f} ms" if nanoseconds < 10_000_000 else f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds / 1e9:.2f} s"
