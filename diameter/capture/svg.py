"""Where everything of a ladder stands when it is drawn as SVG: pixels only; `view/ladder.svg.j2` has the colours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from diameter.capture.timeline import UNANSWERED, Step, Timeline

LANE: Final = 206
ROW: Final = 34
GUTTER: Final = 96
HEAD: Final = 78
GAP_NS: Final = 500_000_000
_LETTER: Final = 6.4
"""Mean width of a letter at 12 px, to know how much of a label fits between two lifelines."""


def layout(timeline: Timeline, steps: Sequence[Step], *, subjects: bool = True) -> dict[str, Any]:
    """Width, height, lanes and rows of the drawing of `steps`; only participants that take part get a lane.

    `subjects`: name the device beside each arrow; needless where all are about one.
    """
    used = sorted({end for step in steps for end in (step.source, step.destination)})
    x = {participant: GUTTER + LANE // 2 + at * LANE for at, participant in enumerate(used)}
    rows: list[dict[str, Any]] = []
    y = HEAD + 20
    previous: Step | None = None
    for step in steps:
        passed = step.captured.time_ns - previous.captured.time_ns if previous is not None else 0
        if passed >= GAP_NS:
            rows.append({"y": y, "pause": f"{span(passed)} later"})
            y += ROW
        elapsed = step.captured.time_ns - steps[0].captured.time_ns
        rows.append(_row(timeline, step, x, y, elapsed, step.subjects[:1] if subjects else ()))
        y += ROW
        previous = step
    lanes = [_lane(timeline.participants[participant], x[participant]) for participant in used]
    return {
        "width": GUTTER + LANE * max(1, len(used)) + 10,
        "height": y + 4,
        "lanes": lanes,
        "rows": rows,
        "head": HEAD,
    }


def _lane(name: str, x: int) -> dict[str, Any]:
    first, _, rest = name.partition(".") if not name[:1].isdigit() else (name, "", "")
    return {"x": x, "name": first, "realm": rest}


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
    room = int((abs(end - start) - 50) / _LETTER) - len(step.short) - len(words) - len(took) - 3
    if len(note) > room:
        note = note[: room - 1] + "…" if room > 4 else ""
    return {
        "y": y,
        "x1": start,
        "x2": end,
        "middle": (start + end) // 2,
        "tip": end + (-1 if end > start else 1),
        "back": end + (-9 if end > start else 9),
        "kind": "request" if step.request else "answer",
        "outcome": outcome,
        "short": step.short,
        "words": words,
        "note": note,
        "took": took,
        "time": "" if not elapsed_ns else f"+{span(elapsed_ns)}",
    }


def span(nanoseconds: int) -> str:
    """`454 µs`, `2.58 ms`, `1.20 s`."""
    if nanoseconds < 1_000_000:
        return f"{nanoseconds // 1000} µs"
    if nanoseconds < 1_000_000_000:
        return f"{nanoseconds / 1e6:.2f} ms" if nanoseconds < 10_000_000 else f"{nanoseconds / 1e6:.1f} ms"
    return f"{nanoseconds / 1e9:.2f} s"
