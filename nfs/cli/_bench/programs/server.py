"""Our server: a node that answers the load until its standard input ends; metrics, watchdog and validation are on.

Arguments: JSON with `port`, `transport`, `tls` (three paths), `relays` (identities that may bring requests), `peers`
(how many may connect).  Reads a line, answers with a line: what the garbage collector did, {collections, longest_ms}.
"""

from __future__ import annotations

import gc
import json
import sys
import time
from pathlib import Path
from typing import Any, Final

from twisted.internet import stdio
from twisted.protocols.basic import LineOnlyReceiver

from diameter import Message
from diameter.app import Application, answers
from diameter.config import CERTIFIED, PeerConfig, TlsConfig, Transport
from diameter.node import Node, run
from nfs.cli._bench.messages import ANSWER, CLIENT, REALM, SERVER

WHY: Final = "loopback, for a measurement"


class S6a(Application):
    """Answers every Update-Location-Request with success (TS 29.272)."""

    dictionary = "ts29272_s6a"

    @answers("Update-Location-Request")
    def update_location(self, request: Message) -> Message:
        """Read what an HSS would read, and answer; the node has read `request.faults` before."""
        request.text("User-Name")
        request.number("ULR-Flags")
        return request.answer(2001, ANSWER)


class Pauses:
    """How long the garbage collector held everything up."""

    def __init__(self) -> None:
        self.count = 0
        self.longest_s = 0.0
        self._begin = 0.0
        gc.callbacks.append(self._seen)

    def _seen(self, phase: str, _: dict[str, int]) -> None:
        if phase == "start":
            self._begin = time.perf_counter()
        else:
            self.count += 1
            self.longest_s = max(self.longest_s, time.perf_counter() - self._begin)


class Control(LineOnlyReceiver):
    """Standard input: a line asks for the pauses so far."""

    delimiter = b"\n"

    def __init__(self, pauses: Pauses) -> None:
        self._pauses = pauses

    def lineReceived(self, line: bytes) -> None:
        """Answer, and count anew."""
        pauses = self._pauses
        found = {"collections": pauses.count, "longest_ms": round(pauses.longest_s * 1000, 3)}
        self.sendLine(json.dumps(found).encode())  # type: ignore[no-untyped-call]  # Twisted's
        pauses.count, pauses.longest_s = 0, 0.0


def tls_of(paths: list[str]) -> TlsConfig:
    """Certificate, key and trust of a node."""
    certificate, key, trust = map(Path, paths)
    return TlsConfig(certificate=certificate, key=key, trust=(trust,))


def _client(transport: Transport, name: str) -> PeerConfig:
    """A client that connects over this transport."""
    why = "" if transport in CERTIFIED else WHY
    return PeerConfig(
        host=name, realm=REALM, transport=transport, physical_protection=bool(why), physical_protection_reason=why,
    )  # fmt: skip


def _relay(name: str) -> PeerConfig:
    """A relay that may bring requests of the client."""
    return PeerConfig(
        host=name, realm=REALM, agent=True, agent_realms=(REALM,),
        transport="tcp", physical_protection=True, physical_protection_reason=WHY,
    )  # fmt: skip


def main(told: dict[str, Any]) -> None:
    """Serve."""
    pauses = Pauses()
    names = [CLIENT, *(f"c{number:05}.{REALM}" for number in range(told["peers"]))]

    def started(_: Node) -> None:
        stdio.StandardIO(Control(pauses))  # type: ignore[no-untyped-call]  # Twisted's

    run(
        S6a(),
        identity=SERVER,
        realm=REALM,
        listen=f"{told['transport']}:127.0.0.1:{told['port']}",
        peers=[*(_client(told["transport"], name) for name in names), *map(_relay, told["relays"])],
        physical_protection="" if told["tls"] else WHY,
        tls=tls_of(told["tls"]) if told["tls"] else None,
        started=started,
        limits={"connections": told["peers"] + 100},
    )


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
