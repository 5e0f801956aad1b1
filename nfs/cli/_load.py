"""Many triggers, a bounded number at once, at a rate; and what came of them in numbers.

With a rate the load is open: number n is due at its place in time whatever became of those before it, and its time
counts from there.  A peer that stalls cannot hide it by keeping back the questions (coordinated omission): those kept
waiting show it in their times, and those that were due but found no place before the end are counted as not sent.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol, TypeVar

from twisted.internet.defer import Deferred, FirstError, gatherResults

from nfs.cli._react import pause

Form = Mapping[str, Any]
"""A report as `nfs.scs.form.report_to` makes it."""
BOUNDS_MS: Final = tuple(step * 10.0**power for power in range(-1, 5) for step in (1, 2, 5))
"""Upper bounds of a histogram, 0.1 ms to 50 s."""
NOT_SENT: Final = "not sent"
"""The outcome of what was due, but had not begun when the run ended."""
LATE_S: Final = 1.0
"""Seconds after the end of a run in which those begin whose place was before it."""
R = TypeVar("R")
R_contra = TypeVar("R_contra", contravariant=True)


class Counting(Protocol[R_contra]):
    """What a run fills: how many were begun, what came of each, how long all took."""

    asked: int
    elapsed_s: float

    def note(self, report: R_contra, /) -> None:
        """Count one outcome."""

    def miss(self, number: int, /) -> None:
        """Count that so many were due, and not sent."""


@dataclass(slots=True)
class Tally:
    """The outcome of a run.  `took_s`: from when a trigger was due to its report, or, where nobody waits for
    one, to its answer.
    """

    asked: int = 0
    delivered: int = 0
    outcomes: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    took_s: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0

    def note(self, report: Form) -> None:
        """Count one report."""
        self.outcomes[outcome_of(report)] += 1
        if report["error"]:
            self.errors[report["error"]] += 1
        if report["delivered"]:
            self.delivered += 1
        if report["delivered"] or (report["stage"] == "accepted" and not report["error"]):
            self.took_s.append(report["took_s"])

    def miss(self, number: int) -> None:
        """Count triggers that were due, and not sent."""
        if number:
            self.asked += number
            self.outcomes[NOT_SENT] += number

    @property
    def failed(self) -> int:
        """Triggers that did not reach their device, as far as is known."""
        return sum(self.outcomes.values()) - self.delivered

    def summary(self) -> dict[str, Any]:
        """The numbers as a JSON object; times in milliseconds, of those that went well."""
        rate = len(self.took_s) / self.elapsed_s if self.elapsed_s else 0.0
        return {
            "schema": 1,
            "asked": self.asked,
            "delivered": self.delivered,
            "outcomes": dict(sorted(self.outcomes.items())),
            "errors": dict(self.errors.most_common(10)),
            "elapsed_s": round(self.elapsed_s, 3),
            "rate_per_s": round(rate, 1),
            "p50_ms": milliseconds(percentile(self.took_s, 50)),
            "p90_ms": milliseconds(percentile(self.took_s, 90)),
            "p99_ms": milliseconds(percentile(self.took_s, 99)),
            "p999_ms": milliseconds(percentile(self.took_s, 99.9)),
            "max_ms": milliseconds(max(self.took_s, default=None)),
            "histogram": histogram(self.took_s),
        }


def outcome_of(report: Form) -> str:
    """A word or two for how a trigger ended: "delivered", "refused INVEXTID", "reported EXPIRED", "accepted", ..."""
    if report["delivered"]:
        return "delivered"
    if report["error"] and report["stage"] == "accepted":
        return "no report"
    detail = report["delivery_outcome"] if report["stage"] == "reported" else report["request_status"]
    if report["stage"] in ("recalled", "replaced"):
        return str(report["stage"])
    if report["stage"] == "refused" and detail in (None, "SUCCESS") and report["result"]:
        detail = str(report["result"]["code"])
    return report["stage"] if detail is None or report["stage"] == "accepted" else f"{report['stage']} {detail}"


def percentile(values: Sequence[float], percent: float) -> float | None:
    """The smallest value with at least `percent` of all at or below it; None without values."""
    if not values:
        return None
    return sorted(values)[max(0, math.ceil(len(values) * percent / 100) - 1)]


def histogram(took_s: Iterable[float]) -> list[dict[str, Any]]:
    """How many took up to how long: classes that hold any, in order; `up_to_ms` None is more than every bound."""
    counts = Counter(bisect_left(BOUNDS_MS, one * 1000) for one in took_s)
    bounds = (*BOUNDS_MS, None)
    return [{"up_to_ms": bounds[at], "count": counts[at]} for at in sorted(counts)]


def milliseconds(seconds: float | None) -> float | None:
    """Rounded to a tenth."""
    return None if seconds is None else round(seconds * 1000, 1)


def table(summary: Mapping[str, Any]) -> str:
    """The numbers of `Tally.summary` for a person, a line each."""
    rows = [("asked", str(summary["asked"])), *((name, str(number)) for name, number in summary["outcomes"].items())]
    rows.append(("time", f"{summary['elapsed_s']:.2f} s"))
    rows.append(("rate", f"{summary['rate_per_s']:.1f} a second"))
    for name in ("p50", "p99", "max"):
        if summary[f"{name}_ms"] is not None:
            rows.append((f"latency {name}", f"{summary[f'{name}_ms']:.1f} ms"))
    width = max(len(name) for name, _ in rows)
    lines = [f"{name:<{width}}  {value}" for name, value in rows]
    return "\n".join(lines + [f"{number} x {text}" for text, number in summary["errors"].items()])


async def run_load(
    reactor: Any,
    one: Callable[[int, float], Awaitable[R]],
    tally: Counting[R],
    *,
    concurrency: int,
    count: int | None = None,
    rate_per_s: float | None = None,
    duration_s: float | None = None,
    noted: Callable[[R], None] | None = None,
) -> None:
    """Call `one(number, due)` again and again until `count` or `duration_s` is reached; fill `tally`.

    `due`: the time from which it counts: with `rate_per_s` its n-th place in time, before which it does not begin;
    without, now.  At most `concurrency` are open at once.  The last one is that whose place is within `duration_s`;
    none begins later than LATE_S after it.
    """
    start = reactor.seconds()

    def more() -> bool:
        late_s = reactor.seconds() - start - (LATE_S if rate_per_s else 0.0)
        due_s = max(late_s, tally.asked / rate_per_s if rate_per_s else 0.0)
        return (count is None or tally.asked < count) and (duration_s is None or due_s < duration_s)

    async def worker() -> None:
        while more():
            number = tally.asked
            tally.asked += 1
            due = start + number / rate_per_s if rate_per_s else reactor.seconds()
            early = due - reactor.seconds()
            if early > 0:
                await pause(reactor, early)
            report = await one(number, due)
            tally.note(report)
            if noted is not None:
                noted(report)

    workers = [Deferred.fromCoroutine(worker()) for _ in range(min(concurrency, count or concurrency))]
    try:
        await gatherResults(workers, consumeErrors=True)
        if rate_per_s and duration_s is not None:
            due = math.ceil(rate_per_s * duration_s)
            tally.miss(max(0, (due if count is None else min(due, count)) - tally.asked))
    except FirstError as error:
        raise (error.subFailure.value or error) from None
    finally:
        for each in workers:
            each.cancel()
        tally.elapsed_s = reactor.seconds() - start
