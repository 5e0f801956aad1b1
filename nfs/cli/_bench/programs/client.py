"""Our client: a node that keeps a fixed number of Update-Location-Requests outstanding; see `said` for what it says.

Arguments: JSON with `port`, `transport`, `tls`, `window`, `seconds`, `warm_s`, `settle_s`.  Of each answer the faults
are read, and Session-Id and Result-Code compared; the node itself matches both identifiers.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from collections.abc import Mapping
from functools import partial
from typing import Any

from twisted.internet import stdio, task
from twisted.internet.defer import Deferred
from twisted.internet.protocol import Protocol, connectionDone
from twisted.logger import globalLogBeginner, textFileLogObserver
from twisted.python.failure import Failure

from diameter import Dictionary, Message
from diameter._node.setup import quick_config
from diameter.app import Application, Later, Neighbour
from diameter.errors import RequestError
from diameter.node import Node
from nfs.cli._bench.messages import CLIENT, LOAD, REALM, SERVER, session
from nfs.cli._bench.programs.said import end, say
from nfs.cli._bench.programs.server import WHY, tls_of

AVPS = {name: value for name, value in LOAD.items() if not name.startswith(("Origin-", "Destination-"))}


class Load(Application):
    """Asks again whenever an answer comes."""

    dictionary = "ts29272_s6a"
    command = "Update-Location-Request"

    def __init__(self, seconds: float, warm_s: float) -> None:
        self._next = 1000
        self._times = array("d")
        self._seconds = seconds
        self._warm_s = warm_s
        self._said = False
        self._bad = 0
        self._octets = 0
        self._begin = 0.0

    def ask(self) -> None:
        """One request."""
        self._next += 1
        name = session(self._next)
        later = self.request(self.command, {**self.avps(), "Session-Id": name}, to=SERVER, realm=REALM)
        later.then(partial(self._answered, later, name, time.perf_counter()))

    def avps(self) -> Mapping[str, Any]:
        """What the next request carries beside the AVPs of every request."""
        return AVPS

    def begin(self, window: int) -> None:
        """The warm-up begins."""
        self._end = time.perf_counter() + self._warm_s
        for _ in range(window):
            self.ask()

    def _answered(self, later: Later[Message], name: str, asked: float) -> None:
        now = time.perf_counter()
        try:
            answer = later.result()
        except RequestError:
            self._bad += 1
        else:
            if answer.faults or answer.text("Session-Id") != name or answer.number("Result-Code") != 2001:
                self._bad += 1
            self._octets = len(answer.octets)
        self._times.append(now - asked)
        if now < self._end:
            self.ask()
        elif not self._begin:
            del self._times[:]
            self._begin, self._end = now, now + self._seconds
            say("BEGIN")
            self.ask()
        elif not self._said:
            say("STOP")
            say(end(now - self._begin, self._times, bad=self._bad, octets=self._octets))
            self._said = True


class Ending(Protocol):
    """Standard input: its end is ours, because our CPU clock is still to be read after the last line."""

    def __init__(self, ended: Deferred[None]) -> None:
        self._ended = ended

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The measurement is over."""
        self._ended.callback(None)


def main(reactor: Any, told: dict[str, Any], load: Load | None = None) -> Deferred[None]:
    """Connect, load, end with standard input."""
    ended: Deferred[None] = Deferred()
    load = load or Load(told["seconds"], told["warm_s"])
    config = quick_config(
        CLIENT,
        REALM,
        connect={SERVER: f"{told['transport']}:127.0.0.1:{told['port']}"},
        physical_protection="" if told["tls"] else WHY,
        tls=tls_of(told["tls"]) if told["tls"] else None,
        limits={"outbound_requests": max(1000, told["window"] * 2)},
    )
    node = Node(config, [load], Dictionary.load(), reactor=reactor)

    def open_now(_: Neighbour) -> Deferred[None]:
        reactor.callLater(told["settle_s"], node.wake, partial(load.begin, told["window"]))
        return ended

    stdio.StandardIO(Ending(ended))  # type: ignore[no-untyped-call]  # Twisted's
    _ = node.start()
    return node.when_open(SERVER, timeout_s=120).addCallback(open_now)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    task.react(main, (json.loads(sys.argv[1]),))
