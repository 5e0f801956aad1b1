"""A link alone, without node and codec: TCP, TLS, SCTP in user space over UDP and DTLS over that, in turn.

What SCTP and sealing cost is the difference; the same messages go over all of them.
"""

from __future__ import annotations

import json
from pathlib import Path

from diameter.errors import ConfigError
from diameter.transport.sctp_choice import choose
from nfs.cli._bench.messages import CLIENT, SERVER
from nfs.cli._bench.pairs import Lineup, measure
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Command, Job
from nfs.cli._bench.stacks.ours import Ours, certified


class Alone(Ours):
    """Our links, with nothing above them."""

    def server(self, job: Job) -> Command:
        """See programs.links."""
        return self._end("server", job, SERVER, {})

    def client(self, job: Job) -> Command:
        """See programs.links."""
        return self._end("client", job, CLIENT, {"window": job.window, "seconds": job.seconds, "warm_s": job.warm_s})

    def _end(self, role: str, job: Job, name: str, more: dict[str, float]) -> Command:
        told = {"port": job.port, "transport": job.transport, "tls": certified(job, name), **more}
        return self.program("links", role, json.dumps(told))


def run(run: Run) -> None:
    """Each transport at both ends."""
    if not run.of(OURS):
        return
    options = run.options
    transports = ["tcp", "tls", "sctp", "dtls"]
    try:
        run.note(choose("usrsctp-udp").why)
    except ConfigError as error:
        run.leave(f"links over SCTP: {error}")
        transports = transports[:2]
    jobs = [
        Job(Path(), window=window, seconds=options.seconds, warm_s=options.warm_s, transport=transport)
        for window in options.windows
        for transport in transports
    ]
    alone = Alone()
    measure(run, "links", [Lineup(OURS, alone, alone)], jobs)


SCENARIO = Scenario(
    "links",
    "e2e",
    "Links alone, over each transport",
    run,
    (
        Bar(
            "pairs a second over SCTP in user space, transport alone", OURS, "rate_per_s", 25_000,
            (("window", 32), ("transport", "sctp")), least=True,
        ),
    ),
)  # fmt: skip
