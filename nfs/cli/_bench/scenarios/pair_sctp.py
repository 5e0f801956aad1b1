"""Our stack on both ends of an association: SCTP of the kernel, or else in user space over UDP, as `auto` chooses.

The other stacks are measured over TCP and TLS.
"""

from __future__ import annotations

from pathlib import Path

from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose
from nfs.cli._bench import proofs
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Scenario
from nfs.cli._bench.stacks import OURS, PURE, RAW, Job


def run(run: Run) -> None:
    """Over SCTP, beside the pairs over TCP."""
    options = run.options
    try:
        choice = choose("auto")
    except ConfigError as error:
        run.leave(f"SCTP: {error}")
        return
    run.note(choice.why)
    for one in run.stacks:
        if one.name not in (OURS, PURE, RAW):
            run.leave(f"{one.name} over SCTP: not set up here; it has that of the kernel only")
    fitting = [one for one in run.stacks if one.name in (OURS, PURE)]
    fitting = [one for one in fitting if run.has(one, "pair over SCTP", "server", "client") and proofs.both(run, one)]
    jobs = [
        Job(Path(), window=one, seconds=options.seconds, warm_s=options.warm_s, transport="sctp")
        for one in options.windows
    ]
    measure(run, "pair", [Lineup(one.name, one, one) for one in fitting], jobs)


SCENARIO = Scenario("pair-sctp", "e2e", "Pairs over SCTP", run)
