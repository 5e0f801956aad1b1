"""The minimal peer: bench/raw/raw_peer.c where a compiler and a checkout are, else programs.raw in Python."""

from __future__ import annotations

import sys

from nfs.cli._bench.stacks import RAW, Command, Job, Stack
from nfs.cli._bench.workshop import NotBuilt, Workshop


class Raw(Stack):
    """Prepared octets, no codec.  `slow` says why it is the one in Python, and so costs more than a stack in C."""

    name = RAW

    def __init__(self, workshop: Workshop) -> None:
        super().__init__()
        self._workshop = workshop
        self.slow = ""
        for transport in ("tls", "sctp", "dtls"):
            self.lacks[transport] = f"the minimal peer speaks no {transport.upper()}"
        try:
            self._words = [str(workshop.compile("raw_peer", "raw/raw_peer.c", "-lm"))]
        except NotBuilt as error:
            self.slow = f"the minimal peer runs in Python ({error}): rates and latencies beside it are its own"
            self._words = [sys.executable, "-m", "nfs.cli._bench.programs.raw"]

    def _command(self, role: str, port: int, *words: object) -> Command:
        return Command([*self._words, role, str(port), str(self._workshop.wire), *map(str, words)])

    def server(self, job: Job) -> Command:
        """Answers the load, whatever comes."""
        return self._command("server", job.port, *(["relayed"] if job.relayed else []))

    def spoiling(self, job: Job, how: str) -> Command:
        """A server whose answers are wrong: "session" or "avp"."""
        return self._command("server", job.port, how)

    def client(self, job: Job) -> Command:
        """Makes the load."""
        return self._command("client", job.port, job.window, job.seconds, job.warm_s, job.settle_s, job.rate)

    def idle(self, job: Job) -> Command:
        """So many links that do nothing."""
        return self._command("idle", job.port, job.peers)
