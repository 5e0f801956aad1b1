"""A device trigger from the SCS to the UE and its delivery report back: what it costs in each function.

SCS, MTC-IWF with its gateway, HSS, SMS-SC and MME with UEs are processes of their own, as `mtc run` starts them; Tsp is
over TLS.  A trigger is eleven messages and, at the MTC-IWF and at the SMS-SC, on disk before it is acknowledged; its
time counts until the delivery report is at the SCS.  Five processes share the cores of the machine.
"""

from __future__ import annotations

from typing import Final

from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS
from nfs.cli._bench.trigger_lab import FUNCTIONS, Field, field

DEVICES: Final = 300


def run(run: Run) -> None:
    """Each window, round after round, on one network."""
    options = run.options
    if all(one.name != OURS for one in run.stacks):
        return
    found: dict[int, list[dict[str, float]]] = {}
    with run.attempt("triggers", OURS), field(run.workshop.place(), DEVICES) as network:
        for number in range(options.rounds):
            for window in options.windows:
                with run.attempt(f"{OURS}, trigger, window {window}, round {number + 1}", OURS):
                    found.setdefault(window, []).append(once(run, network, window))
    for window, rounds in found.items():
        run.add(OURS, "trigger", rounds, transport="tls", window=window)


def once(run: Run, network: Field, window: int) -> dict[str, float]:
    """One measurement.  Raises Failed; also for a trigger that was not delivered."""
    options = run.options
    client = network.load(run.workshop.place(), window=window, seconds=options.seconds, warm_s=options.warm_s)
    with client:
        figures, spent, _ = network.delivered(client, options.seconds)
        costs = {name: seconds / figures["count"] * 1e6 for name, seconds in spent.items()}
        return {
            "rate_per_s": figures["count"] / figures["wall"],
            "cpu_us_server": costs["mtc-iwf"],
            "cpu_us_client": costs["scs"],
            "p50_us": figures["p50"],
            "p99_us": figures["p99"],
            "p999_us": figures["p999"],
            "max_us": figures["max"],
            "rss_kb": network.rss_kb("mtc-iwf"),
            **{f"cpu_us_{name.replace('-', '_')}": costs[name] for name in FUNCTIONS if name != "mtc-iwf"},
            "cpu_us": sum(costs.values()),
        }


SCENARIO = Scenario("trigger", "e2e", "A device trigger through five functions, and its report", run)
