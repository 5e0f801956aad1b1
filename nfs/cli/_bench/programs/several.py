"""Our server as several processes that are one node, until its standard input ends (`diameter.workers`).

Arguments: JSON with `port`, `peers` and `workers`; a worker's has `place` besides.  Once all are there it prints an
empty line.  Reads a line, answers with a line of JSON: of each worker [requests, CPU seconds, peers], taken together.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import Any

from twisted.internet import reactor as _reactor
from twisted.internet import stdio
from twisted.internet.error import ConnectionDone
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.protocols.basic import LineOnlyReceiver
from twisted.python.failure import Failure

from diameter import Dictionary
from diameter._node.setup import quick_config
from diameter.admin import OfNode
from diameter.config import NodeConfig
from diameter.node import Node
from diameter.workers.member import Place, Worker
from diameter.workers.pages import Told
from diameter.workers.parent import CHANNEL, Parent
from nfs.cli._bench.messages import REALM, SERVER
from nfs.cli._bench.programs.said import say
from nfs.cli._bench.programs.server import WHY, S6a

reactor: Any = _reactor


def configuration(told: dict[str, Any]) -> NodeConfig:
    """As `programs.server` has it."""
    return quick_config(
        SERVER,
        REALM,
        listen=f"tcp:127.0.0.1:{told['port']}",
        peers=[f"c{number:05}.{REALM}" for number in range(told["peers"])],
        physical_protection=WHY,
        drain_s=1,
    )


class Control(LineOnlyReceiver):
    """Standard input: a line asks for what was counted; its end is ours."""

    delimiter = b"\n"

    def __init__(self, several: Parent) -> None:
        self._several = several

    def lineReceived(self, line: bytes) -> None:
        """Ask every worker."""
        _ = self._several.ask("figures").addCallback(self._told)

    def _told(self, pages: dict[int, dict[str, Any]]) -> None:
        load = self._several.claims.load(pages)
        say(json.dumps([[page["numbers"]["requests_in"], page["cpu_s"], load[at]] for at, page in pages.items()]))

    def connectionLost(self, reason: Failure = ConnectionDone) -> None:  # type: ignore[assignment]
        """The measurement is over."""
        reactor.stop()


def parent(told: dict[str, Any]) -> None:
    """Start the workers and stay until the measurement is over."""

    def spawn(protocol: Any, place: Place, descriptor: int) -> Any:
        words = [sys.executable, "-m", __spec__.name, json.dumps({**told, "place": place.text()})]
        inherited = {1: 2, 2: 2, CHANNEL: descriptor}
        return reactor.spawnProcess(protocol, sys.executable, words, env=None, childFDs=inherited)

    def ended(code: int) -> None:
        reactor.callWhenRunning(reactor.crash)

    several = Parent(reactor, configuration(told), told["workers"], spawn, ended)

    def ready(_: None) -> None:
        say("")
        stdio.StandardIO(Control(several))  # type: ignore[no-untyped-call]  # Twisted's

    reactor.addSystemEventTrigger("before", "shutdown", several.stop)
    _ = several.start().addCallback(ready)


def worker(told: dict[str, Any]) -> None:
    """Be one of them."""
    member = Worker(reactor, Place.of(told["place"]), lambda reason: reactor.stop() if reactor.running else None)
    node = Node(
        configuration(told), [S6a()], Dictionary.load(), reactor=reactor, links=member.links, member=member
    )  # fmt: skip
    reactor.addSystemEventTrigger("before", "shutdown", node.stop)
    member.pages = Told(OfNode(node, reactor))
    _ = node.start().addCallback(lambda _: member.ready(()))


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    asked = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    (worker if "place" in asked else parent)(asked)
    reactor.run()
