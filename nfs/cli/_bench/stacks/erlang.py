"""Erlang's diameter as Debian packages it (erlang-diameter, erlang-dev); bench/erlang, compiled when it is needed.

One scheduler, so that it lives on one core as the others do, and no busy waiting, which would count as work.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from nfs.cli._bench.messages import CLIENT, SERVER
from nfs.cli._bench.stacks import Command, Job, Stack
from nfs.cli._bench.stacks.ours import certified
from nfs.cli._bench.workshop import NotBuilt, Workshop, call

FLAGS: Final = "+S 1:1 +SDio 1 +sbwt none +sbwtdio none"


class Erlang(Stack):
    """OTP's diameter."""

    name = "Erlang diameter"

    def __init__(self, workshop: Workshop) -> None:
        super().__init__()
        self._workshop = workshop
        self._environment = {"HOME": str(workshop.folder), "ERL_CRASH_DUMP": "/dev/null", "ERL_FLAGS": FLAGS}
        try:
            self._beams()
        except NotBuilt as error:
            self.lacks["*"] = str(error)

    def _beams(self) -> Path:
        def make(sources: Path) -> Path:
            folder = self._workshop.folder / "erlang"
            folder.mkdir()
            here = sources / "erlang"
            more = self._environment | {"PATH": os.environ["PATH"]}
            codec = f'ok = diameter_make:codec("{here / "load.dia"}", [{{outdir, "{folder}"}}]), halt().'
            call(["erl", "-noshell", "-eval", codec], **more)
            for source in (folder / "load.erl", here / "bench_peer.erl"):
                call(["erlc", "-I", str(folder), "-o", str(folder), source], **more)
            return folder

        return self._workshop.once("erlang", make)

    def _command(self, *words: object) -> Command:
        start = ["erl", "-noshell", "-pa", str(self._beams()), "-s", "bench_peer", "main"]
        return Command([*start, *map(str, words)], self._environment)

    def server(self, job: Job) -> Command:
        """See bench/erlang/bench_peer.erl."""
        return self._command("server", job.port, *certified(job, SERVER))

    def client(self, job: Job) -> Command:
        """See bench/erlang/bench_peer.erl."""
        times = (float(job.seconds), float(job.warm_s), float(job.settle_s))
        return self._command("client", job.port, job.window, *times, *certified(job, CLIENT))

    def relay(self, job: Job) -> Command:
        """See bench/erlang/bench_peer.erl."""
        return self._command("relay", job.port, job.behind)

    def codec(self, round_s: float) -> Command:
        """See bench/erlang/bench_peer.erl; rounds in milliseconds."""
        return self._command("codec", self._workshop.wire / "medium.bin", max(int(round_s * 1000), 1))

    def ready(self, text: str) -> bool:
        """It says who is up."""
        return f"up {SERVER}" in text
