"""Each stack on both ends of a TLS link, mutually authenticated, with the certificates of one PKI."""

from __future__ import annotations

from pathlib import Path

from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Job


def run(run: Run) -> None:
    """Over TLS; the minimal peer has none, so that there are only pairs."""
    options = run.options
    fitting = [one for one in run.stacks if run.has(one, "pair over TLS", "server", "client", transport="tls")]
    fitting = [one for one in fitting if proofs.both(run, one)]
    jobs = [
        Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s, transport="tls")
        for one in options.windows
    ]
    measure(run, "pair", [Lineup(one.name, one, one) for one in fitting], jobs)


SCENARIO = Scenario(
    "pair-tls",
    "e2e",
    "Pairs over TLS",
    run,
    (
        Bar(
            "TLS throughput, times freeDiameter's with GnuTLS", OURS, "rate_per_s", 2,
            (("window", 256), ("transport", "tls"), ("core", "compiled")), "freeDiameter", least=True,
        ),
    ),
)  # fmt: skip
