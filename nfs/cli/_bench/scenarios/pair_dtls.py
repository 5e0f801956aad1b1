"""Our stack on both ends of DTLS over SCTP, mutually authenticated: the SCTP that `auto` chooses, as over SCTP."""

from __future__ import annotations

from pathlib import Path

from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose
from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS, PURE, Job


def run(run: Run) -> None:
    """Over DTLS; no other stack has it."""
    options = run.options
    try:
        run.note(choose("auto").why)
    except ConfigError as error:
        run.leave(f"DTLS over SCTP: {error}")
        return
    fitting = [one for one in run.of(OURS, PURE) if run.has(one, "pair over DTLS", "server", "client")]
    fitting = [one for one in fitting if proofs.both(run, one)]
    jobs = [
        Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s, transport="dtls")
        for one in options.windows
    ]
    measure(run, "pair", [Lineup(one.name, one, one) for one in fitting], jobs)


SCENARIO = Scenario("pair-dtls", "e2e", "Pairs over DTLS", run)
