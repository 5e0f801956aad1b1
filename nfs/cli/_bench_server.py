"""The server of `mtc bench e2e`: our node, answering Update-Location-Requests on a loopback port until it is killed.

Arguments: the port, and the identity of a relay that may bring requests.
"""

from __future__ import annotations

import sys

from diameter import Message
from diameter.app import Application, answers
from diameter.config import PeerConfig
from diameter.node import run
from nfs.cli._bench_messages import ANSWER, CLIENT, REALM, SERVER


class S6a(Application):
    """Answers every Update-Location-Request with success (TS 29.272)."""

    dictionary = "ts29272_s6a"

    @answers("Update-Location-Request")
    def update_location(self, request: Message) -> Message:
        """Read what an HSS would read, and answer."""
        request.text("User-Name")
        request.number("ULR-Flags")
        return request.answer(2001, ANSWER)


def _relay(name: str) -> PeerConfig:
    """A relay that may bring requests of the client."""
    return PeerConfig(
        host=name, realm=REALM, agent=True, agent_realms=(REALM,),
        transport="tcp", physical_protection=True, physical_protection_reason="loopback, for a measurement",
    )  # fmt: skip


if __name__ == "__main__":
    run(
        S6a(),
        identity=SERVER,
        realm=REALM,
        listen=f"tcp:127.0.0.1:{int(sys.argv[1])}",
        peers=[CLIENT, *(_relay(name) for name in sys.argv[2:])],
        physical_protection="loopback, for a measurement",
    )
