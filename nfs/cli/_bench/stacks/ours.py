"""Our own stack, in the interpreter that runs this; once more without the compiled core where there is one."""

from __future__ import annotations

import json
import sys
from functools import lru_cache
from pathlib import Path
from typing import ClassVar, Final

from diameter.config import CERTIFIED
from diameter.security.pki import Pki
from diameter.wire import core
from nfs.cli._bench.messages import CLIENT, REALM, SERVER
from nfs.cli._bench.stacks import OURS, PURE, Command, Job, Stack

RELAY: Final = "relay.example.net"
PROGRAMS: Final = "nfs.cli._bench.programs"
CLEAR: Final = """
transport = "tcp"
physical_protection = true
physical_protection_reason = "loopback, for a measurement"
"""


class Ours(Stack):
    """mtc-diameter as it is installed."""

    name = OURS
    environment: ClassVar[dict[str, str]] = {}

    def program(self, name: str, *words: str) -> Command:
        """One of our programs, in this interpreter."""
        return Command([sys.executable, "-m", f"{PROGRAMS}.{name}", *words], self.environment)

    def process(self, *words: str) -> Command:
        """`mtc` itself with these words."""
        return Command([sys.executable, "-m", "nfs.cli", *words], self.environment)

    def server(self, job: Job) -> Command:
        """See programs.server."""
        told = {
            "port": job.port, "transport": job.transport, "tls": certified(job, SERVER),
            "relays": [RELAY] if job.relayed else [], "peers": job.peers,
        }  # fmt: skip
        return self.program("server", json.dumps(told))

    def client(self, job: Job) -> Command:
        """See programs.client."""
        told = {
            "port": job.port, "transport": job.transport, "tls": certified(job, CLIENT), "window": job.window,
            "seconds": job.seconds, "warm_s": job.warm_s, "settle_s": job.settle_s,
        }  # fmt: skip
        return self.program("client", json.dumps(told))

    def relay(self, job: Job) -> Command:
        """`mtc run relay` as it comes."""
        path = job.folder / "relay.toml"
        path.write_text(_relay(job), encoding="utf-8")
        return self.process("run", "relay", "-c", str(path))

    def codec(self, round_s: float) -> Command:
        """See programs.codec."""
        return self.program("codec", str(round_s))


class Pure(Ours):
    """Without the compiled core."""

    name = PURE
    environment: ClassVar[dict[str, str]] = {"DIAMETER_PURE": "1"}

    def __init__(self) -> None:
        super().__init__()
        if core.NAME == "pure":
            self.lacks["*"] = f"the compiled core is not here: {OURS} is pure Python already"


def certified(job: Job, host: str) -> list[str]:
    """Certificate, key and trust for a link over TLS or DTLS, from a PKI that all stacks share; none in clear."""
    return list(_issued(job.folder.parent / "pki", host)) if job.transport in CERTIFIED else []


@lru_cache
def _issued(folder: Path, host: str) -> tuple[str, str, str]:
    pki = Pki(folder) if folder.exists() else Pki.init(folder)
    mine = pki.issue(host)
    return str(mine.certificate), str(mine.key), str(pki.ca_path)


def _relay(job: Job) -> str:
    return f"""
[node]
origin_host = "{RELAY}"
origin_realm = "{REALM}"
tc_s = 0.2
[[node.listen]]
port = {job.port}
{CLEAR}
[[peer]]
host = "{CLIENT}"
realm = "{REALM}"
{CLEAR}
[[peer]]
host = "{SERVER}"
realm = "{REALM}"
connect = true
addresses = ["127.0.0.1"]
port = {job.behind}
{CLEAR}
"""
