"""A server process that counts what it executes: `counting_server.py NAME FILE`.

It takes Device-Action-Requests from the relay, writes a line for each to FILE the moment it is executed (End-to-End
Identifier, T flag, Origin-Host), and answers WORK_S later, so that a kill leaves requests executed and not answered.
The port it listens on is the first line on standard output.
"""

from __future__ import annotations

import os
import sys
from typing import Any, Final

from twisted.internet.task import deferLater

from diameter import Message
from diameter.app import Application, answers
from diameter.config import PeerConfig
from diameter.node import Node, run

RELAY: Final = "relay.hub.example"
WORK_S: Final = 0.1


class Executing(Application):
    """Tsp, server side."""

    dictionary = "ts29368_tsp"

    def __init__(self, reactor: Any, file: int) -> None:
        self._reactor = reactor
        self._file = file

    @answers("Device-Action-Request")
    async def device_action(self, request: Message) -> Message:
        line = f"{request.end_to_end} {int(request.retransmitted)} {request['Origin-Host']}\n"
        os.write(self._file, line.encode())  # with the kernel from here on: a kill does not lose it
        await deferLater(self._reactor, WORK_S)
        action = request["Device-Action"]
        outcome = {"Reference-Number": action["Reference-Number"], "Action-Type": action["Action-Type"]}
        return request.answer(2001, {"Device-Notification": outcome})


def main(name: str, path: str) -> None:
    """Serve until killed."""
    from twisted.internet import reactor

    def started(node: Node) -> None:
        sys.stdout.write(f"{node.listening[0][1].port}\n")
        sys.stdout.flush()

    relay = PeerConfig(
        host=RELAY, realm="hub.example", transport="tcp", physical_protection=True,
        physical_protection_reason="test on loopback", agent=True, agent_realms=("visited.example",),
    )  # fmt: skip
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    run(
        Executing(reactor, file),
        identity=name,
        realm=name.partition(".")[2],
        listen="tcp:127.0.0.1:0",
        peers=[relay],
        physical_protection="test on loopback",
        started=started,
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
