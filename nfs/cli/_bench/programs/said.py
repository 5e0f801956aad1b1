"""What every load program says, of whatever stack and in whatever language.

    BEGIN        its warm-up is over: the CPU clocks are read now
    STOP         the measured time is over: the CPU clocks are read again
    END key=value ...

with count (answers between the two), wall (seconds between them), bad (answers that were not as they should be: flags,
both identifiers, Session-Id, Result-Code; with ours also faults), lost (requests without an answer), p50, p99, p999 and
max in microseconds, octets (of an answer).  Then it waits until its standard input ends, because its CPU clock is read
when the reader comes to STOP.
"""

from __future__ import annotations

import sys
from collections.abc import MutableSequence


def say(line: str) -> None:
    """One line, at once."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def end(wall_s: float, times_s: MutableSequence[float], *, bad: int, octets: int, count: int = 0, lost: int = 0) -> str:
    """The last line; `times_s` are the seconds of each request."""
    times = sorted(times_s)
    p50, p99, p999, most = (times[min(int(len(times) * part), len(times) - 1)] * 1e6 for part in (0.5, 0.99, 0.999, 1))
    figures = f"p50={p50:.1f} p99={p99:.1f} p999={p999:.1f} max={most:.1f}"
    return f"END count={count or len(times)} wall={wall_s:.6f} bad={bad} lost={lost} {figures} octets={octets}"


def understood(line: str) -> dict[str, float]:
    """The figures of an END line."""
    return {key: float(value) for key, _, value in (word.partition("=") for word in line.split()[1:])}
