"""The server of the scenario `peers`: a node with many peers and routes that answers and relays until its input ends.

The first line on standard output is the port it listens on.  A line on standard input asks for the metrics, as a
Prometheus server would; the answer is one line on standard output: peers that are usable, octets of the exposition,
CPU seconds it took.
"""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet import stdio, task
from twisted.internet.defer import Deferred
from twisted.internet.error import ConnectionDone
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from diameter import Dictionary
from diameter._node.setup import quick_config
from diameter.config import NodeConfig
from diameter.metrics import exposition
from diameter.node import Node
from diameter.routing.agents import Agent
from nfs.cli._bench.messages import REALM, SERVER, SHARED_REALM, peer_name, route_realm
from nfs.cli._bench.programs.server import S6a


def configuration(peers: int, routes: int) -> NodeConfig:
    """A node with so many peers and routes; the first peer takes what is for the realms of all routes, and all of them
    share one realm more by weight.
    """
    everybody = [peer_name(number) for number in range(peers)]
    shared = {"realm": SHARED_REALM, "hosts": everybody, "balance": "weight"}
    return quick_config(
        SERVER,
        REALM,
        listen="tcp:127.0.0.1:0",
        peers=everybody,
        physical_protection="loopback, for a measurement",
        route=[*({"realm": route_realm(number), "hosts": [peer_name(0)]} for number in range(routes)), shared],
        limits={"connections": peers + 100},
    )


class Control(LineOnlyReceiver):
    """Standard input: each line asks for the metrics; its end is ours."""

    delimiter = b"\n"

    def __init__(self, node: Node, ended: Deferred[None]) -> None:
        self._node = node
        self._ended = ended

    def lineReceived(self, line: bytes) -> None:
        """Read the metrics as a Prometheus server does."""
        begin = time.process_time()
        text = exposition(self._node)
        spent = time.process_time() - begin
        usable = sum(one.startswith(b"diameter_peer_usable{") and one.endswith(b" 1.0") for one in text.splitlines())
        self.sendLine(b"%d %d %.6f" % (usable, len(text), spent))  # type: ignore[no-untyped-call]  # Twisted's

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]
        """The measurement is over."""
        self._ended.callback(None)


def main(reactor: Any, peers: str, routes: str) -> Deferred[None]:
    """Serve until standard input ends."""
    config = configuration(int(peers), int(routes))
    node = Node(config, [S6a()], Dictionary.load(), reactor=reactor, agent=Agent())
    ended: Deferred[None] = Deferred()

    def up(_: None) -> Deferred[None]:
        stdio.StandardIO(Control(node, ended), reactor=reactor)  # type: ignore[no-untyped-call]  # Twisted's
        sys.stdout.write(f"{node.listening[0][1].port}\n")
        sys.stdout.flush()
        return ended

    return node.start().addCallback(up)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    task.react(main, sys.argv[1:])
