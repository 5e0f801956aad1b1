"""What it costs to seal a message in a record and to open it again: DTLS as it goes over SCTP, and TLS beside it."""

from __future__ import annotations

import json
import time
from contextlib import ExitStack

from nfs.cli._bench import machine
from nfs.cli._bench.messages import CLIENT, SERVER
from nfs.cli._bench.process import Process
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Job
from nfs.cli._bench.stacks.ours import Ours, certified


def run(run: Run) -> None:
    """One process, all rounds; OpenSSL does the work, so there is nothing to compare with another stack."""
    if not run.of(OURS):
        return
    place = run.workshop.place()
    rounds: list[dict[str, float]] = []
    job = Job(place, transport="dtls")
    told = {"client": certified(job, CLIENT), "server": certified(job, SERVER), "round_s": run.options.round_s}
    command = Ours().program("sealing", json.dumps(told))
    with ExitStack() as running, run.attempt("sealing", OURS):
        process = running.enter_context(Process(command, place, [], machine.cores()[0], talks=True))
        for _ in range(run.options.rounds):
            process.tell("go")
            rounds.append(json.loads(process.line(time.monotonic() + 120)))
    for name in rounds[0] if rounds else ():
        times = [one[name] for one in rounds]
        run.add(OURS, name, [{"us": one, "rate_per_s": 1e6 / one} for one in times], us_min=round(min(times), 3))


SCENARIO = Scenario(
    "sealing",
    "e2e",
    "One message sealed and opened",
    run,
    tuple(
        Bar(f"{what} one message in DTLS, us", OURS, "us", 10, (("scenario", f"{what}, DTLS"),))
        for what in ("seal", "open")
    ),
)
