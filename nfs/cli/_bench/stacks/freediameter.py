"""freeDiameter as Debian packages it; an extension of ours, compiled against its headers when it is needed, answers the
load and makes it (bench/freediameter).
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from nfs.cli._bench.machine import cores
from nfs.cli._bench.messages import CLIENT, REALM, SERVER
from nfs.cli._bench.network import Network
from nfs.cli._bench.stacks import Command, Job, Stack
from nfs.cli._bench.stacks.ours import RELAY, certified
from nfs.cli._bench.workshop import NotBuilt, Workshop

DAEMON: Final = "freeDiameterd"
LIBRARIES: Final = ("-lfdcore", "-lfdproto", "-lpthread")
TW_S: Final = 120


class FreeDiameter(Stack):
    """The daemon with its four threads for applications; without core it needs nothing else."""

    name = "freeDiameter"

    def __init__(self, workshop: Workshop, network: Network) -> None:
        super().__init__()
        self._workshop = workshop
        if shutil.which(DAEMON) is None:
            self.lacks["*"] = f"{DAEMON} is not installed"
            return
        if network.missing:
            self.lacks |= dict.fromkeys(("server", "client", "relay"), network.missing)
        for role, make in {"server": self._extension, "codec": self._codec}.items():
            try:
                make()
            except NotBuilt as error:
                self.lacks |= dict.fromkeys(("server", "client") if role == "server" else (role,), str(error))

    def _extension(self) -> Path:
        options = ("-shared", "-fPIC", *LIBRARIES)
        return self._workshop.compile("bench.fdx", "freediameter/peer.c", *options)

    def _codec(self) -> Path:
        return self._workshop.compile("freediameter_codec", "freediameter/codec.c", *LIBRARIES)

    def server(self, job: Job) -> Command:
        """The daemon with our extension."""
        return self._daemon(job, SERVER, job.port, [self._load()])

    def client(self, job: Job) -> Command:
        """The daemon with our extension, which finds its words in the environment."""
        lines = [self._load(), self._dial(SERVER, job.port, job.transport)]
        told = {"WINDOW": job.window, "SECONDS": job.seconds, "WARM": job.warm_s, "SETTLE": job.settle_s}
        return self._daemon(job, CLIENT, 0, lines, {f"BENCH_{name}": str(value) for name, value in told.items()})

    def relay(self, job: Job) -> Command:
        """The daemon as it comes: it relays what is for others."""
        return self._daemon(job, RELAY, job.port, [self._dial(SERVER, job.behind, "tcp")])

    def codec(self, round_s: float) -> Command:
        """See bench/freediameter/codec.c."""
        return Command([str(self._codec()), str(self._workshop.wire), str(round_s)])

    def ready(self, text: str) -> bool:
        """It says which peers it is connected to."""
        return f"Connected to '{SERVER}'" in text or f"'STATE_OPEN'\t'{SERVER}'" in text

    def _load(self) -> str:
        return f'LoadExtension = "{self._extension()}";'

    def _dial(self, host: str, port: int, transport: str) -> str:
        way = "No_TLS; " if transport == "tcp" else ""
        return f'ConnectPeer = "{host}" {{ ConnectTo = "127.0.0.1"; Port = {port}; No_SCTP; TcTimer = 6; {way}}};'

    def _daemon(
        self, job: Job, host: str, port: int, lines: list[str], environment: dict[str, str] | None = None
    ) -> Command:
        certificate, key, trust = certified(job._replace(transport="tls"), host)
        admitted = job.folder / "acl.conf"
        admitted.write_text(f"{'ALLOW_IPSEC ' if job.transport == 'tcp' else ''}*.{REALM}\n")
        ports = (f"Port = {port}", "SecPort = 0") if job.transport == "tcp" else ("Port = 0", f"SecPort = {port}")
        if not port:  # a client listens as well
            ports = ("Port = 3868", "SecPort = 0")
        whole = (
            f'Identity = "{host}"', f'Realm = "{REALM}"', *ports, "No_SCTP", "No_IPv6", f"TwTimer = {TW_S}",
            f"AppServThreads = {max(4, len(cores()))}", f'TLS_Cred = "{certificate}", "{key}"', f'TLS_CA = "{trust}"',
            f'LoadExtension = "acl_wl.fdx" : "{admitted}"',
        )  # fmt: skip
        path = job.folder / "freeDiameter.conf"
        path.write_text("".join(f"{line};\n" for line in whole) + "\n".join(lines) + "\n")
        return Command([DAEMON, "-c", str(path)], {"BENCH_FOLDER": str(self._workshop.wire), **(environment or {})})
