"""Unauthorised triggers beside authorised ones: none passes, the HSS is asked within its budget, nobody waits long.

The authorised SCS asks at half of what the network can do.  Quiet and flood runs take turns; in the flood runs a second
SCS, with a profile, a certificate and the right to trigger but no device, sends its share of the flood at an even rate
meanwhile: devices of others, devices of nobody, IMSIs, foreign domains.  What the two SCSs spend themselves comes from
the same cores.
"""

from __future__ import annotations

import statistics
import time
from typing import Final

from nfs.cli._bench.process import Process
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.scenarios.trigger import once
from nfs.cli._bench.stacks import OURS
from nfs.cli._bench.trigger_lab import Field, field

DEVICES: Final = 300
FLOOD: Final = 10_000
RUNS: Final = 5
SECONDS: Final = 4.0
BURST: Final = 100
PER_S: Final = 10
BUDGET: Final = f"hss_budget = {{ per_s = {PER_S}, burst = {BURST} }}\n"
ENOUGH: Final = 20
"""Triggers that a short run has at least, however slow the machine is."""
WINDOW: Final = 64
"""Triggers under way while the capacity is measured."""


def run(run: Run) -> None:
    """Measure the capacity, then five times quiet and flood in turn; in its short form once, with a hundredth."""
    if all(one.name != OURS for one in run.stacks):
        return
    quick = run.options.quick
    with run.attempt("flood", OURS), field(run.workshop.place(), DEVICES, BUDGET, received=True) as network:
        capacity = once(run, network, WINDOW)["rate_per_s"]
        rate, runs, flood = max(1, round(capacity / 2)), (1, FLOOD // 100) if quick else (RUNS, FLOOD), 0
        found: dict[str, list[dict[str, float]]] = {"quiet": [], "flood": []}
        begun, passed, sent = time.monotonic(), 0, 0
        for number in range(runs[0]):
            for kind in found:
                run.note(f"{OURS}, {kind}, {rate:.0f} authorised triggers/s, run {number + 1}")
                flood = runs[1] // runs[0] if kind == "flood" else 0
                figures, hostile = _beside(run, network, rate, flood)
                found[kind].append(figures)
                passed, sent = passed + int(hostile["passed"]), sent + int(hostile["asked"])
        _judge(run, network, found, passed=passed, sent=sent, took_s=time.monotonic() - begun, rate=rate)


def _beside(run: Run, network: Field, rate: float, flood: int) -> tuple[dict[str, float], dict[str, float]]:
    """Authorised triggers at `rate`, with so many others meanwhile: their figures, and what came of the others."""
    seconds = max(run.options.seconds, ENOUGH / rate) if run.options.quick else SECONDS
    warm_s = run.options.warm_s
    client = network.load(run.workshop.place(), rate=rate, seconds=seconds, warm_s=warm_s)
    with client:
        if not flood:
            return _figures(network, client, seconds), {"passed": 0.0, "asked": 0.0}
        hostile = network.load(
            run.workshop.place(), rate=flood / (seconds + warm_s), seconds=seconds, warm_s=warm_s, hostile=True
        )
        with hostile:
            figures = _figures(network, client, seconds)
            return figures, network.until_end(hostile, seconds).figures


def _figures(network: Field, client: Process, seconds: float) -> dict[str, float]:
    figures, spent, _ = network.delivered(client, seconds)
    return {
        "rate_per_s": figures["count"] / figures["wall"],
        "cpu_us_server": spent["mtc-iwf"] / figures["count"] * 1e6,
        "cpu_us_client": spent["scs"] / figures["count"] * 1e6,
        "p50_us": figures["p50"],
        "p99_us": figures["p99"],
        "p999_us": figures["p999"],
        "max_us": figures["max"],
        "rss_kb": network.rss_kb("mtc-iwf"),
    }


def _judge(
    run: Run, network: Field, found: dict[str, list[dict[str, float]]], *, passed: int, sent: int, took_s: float,
    rate: int,
) -> None:  # fmt: skip
    """The records; void when something passed or the HSS was asked too often."""
    asked = sum(line["event"] == "refusal" for line in network.lines("hss.audit"))
    budget = BURST + int(PER_S * took_s) + 1
    reached = sum(line["payload"] == b"flood".hex() for line in network.lines("received.jsonl"))
    if passed or reached:
        run.void.append(f"flood: {passed} unauthorised triggers were answered with success, {reached} reached a device")
    if asked > budget:
        run.void.append(f"flood: the HSS was asked {asked} times for nothing, and its budget was {budget}")
    refused = sum(line.get("profile") == "hostile" for line in network.lines("mtc-iwf.audit"))
    if refused != sent:
        run.void.append(f"flood: {sent} unauthorised triggers, and {refused} lines in the audit log")
    ratio = statistics.median(
        flood["p99_us"] / quiet["p99_us"] for quiet, flood in zip(found["quiet"], found["flood"], strict=True)
    )
    for kind, rounds in found.items():
        more = {"unauthorised": sent, "passed": passed, "hss_asked": asked, "hss_budget": budget}
        more |= {"p99_by_quiet": round(ratio, 2)}
        run.add(
            OURS, kind, rounds, transport="tls", window=None, offered_per_s=rate,
            **(more if kind == "flood" else {}),
        )  # fmt: skip


SCENARIO = Scenario(
    "flood",
    "e2e",
    "Unauthorised triggers beside authorised ones",
    run,
    (
        Bar(
            "p99 of authorised triggers in a flood of others, times the quiet one", OURS, "p99_by_quiet", 2,
            (("scenario", "flood"),),
        ),
    ),
)  # fmt: skip
