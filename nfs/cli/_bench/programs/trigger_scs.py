"""An SCS under load, over TLS: the library of `nfs.scs.api` on a node of its own; see `said` for what it says.

Arguments: JSON with `config` (of `mtc run scs`), `devices`, `seconds`, `warm_s`, and `window` (so many triggers under
way, each until its delivery report) or `rate` (so many a second, due at random, whatever was answered).  `hostile`: it
asks for what it has no right to, as fast as `rate` says, and does not care how long the answer takes.
`first_reference`: the first Reference-Number, at random when it is not given.

It leaves with DPR before it says END: who breaks off is not trusted with reports at once when he comes again.
Beside the figures of every load END has `passed`, triggers that were answered with success.  What was not delivered in
a load that is not hostile is `bad`, what has no report in the end `lost`; `undelivered` says a line of each.
"""

from __future__ import annotations

import json
import sys
import time
from array import array
from functools import partial
from pathlib import Path
from random import Random
from secrets import randbelow
from typing import Any, Final

from twisted.internet import stdio, task
from twisted.internet.defer import Deferred
from twisted.logger import globalLogBeginner, textFileLogObserver

from diameter import Dictionary
from diameter.app import Neighbour
from diameter.config import load
from diameter.node import Node
from nfs.cli._bench.programs.client import Ending
from nfs.cli._bench.programs.said import end, say
from nfs.cli._bench.programs.undelivered import SHOWN, bad_line
from nfs.cli._demo_lab import APPLICATION_PORT, CUSTOMER, PLMN
from nfs.scs.api import Report, Scs, TriggerRequest
from nfs.scs.config import ScsConfig
from nfs.scs.logic import REFERENCES, Ledger

TICK_S: Final = 0.002
LATE_S: Final = 20.0
"""How long the last reports are waited for: one that finds no SCS keeps those of the next load waiting."""


def foreign(number: int, devices: int) -> str:
    """What an SCS without rights may think of, in turn: a device of another, nobody's, an IMSI, another domain."""
    at = number % devices + 1
    names = (f"meter-{at}", f"nobody-{number}", f"{PLMN}{at:010}")
    return f"{names[number % 4]}@{CUSTOMER}" if number % 4 < 3 else f"meter-{at}@else.example"


class Load:
    """Asks, notes when each report came, and says so when the time is over."""

    def __init__(self, scs: Scs, node: Node, told: dict[str, Any], reactor: Any) -> None:
        self._scs, self._node, self._reactor = scs, node, reactor
        self._hostile: bool = told["hostile"]
        self._devices: int = told["devices"]
        self._rate: float = told["rate"]
        self._seconds: float = told["seconds"]
        self._warm_s: float = told["warm_s"]
        self._times = array("d")
        self._asked = self._open = self._bad = self._passed = self._shown = 0
        self._begin = self._stop = 0.0
        self._due = 0.0
        self._random = Random(1)
        self._ticking = task.LoopingCall(self._tick)

    def begin(self, window: int) -> None:
        """The warm-up begins."""
        self._end = time.perf_counter() + self._warm_s
        if self._rate:
            self._due = time.perf_counter()
            _ = self._ticking.start(TICK_S)
            return
        for _ in range(window):
            self._ask(time.perf_counter())

    def _ask(self, due: float) -> None:
        number, self._asked = self._asked, self._asked + 1
        name = foreign(number, self._devices) if self._hostile else f"meter-{number % self._devices + 1}@{CUSTOMER}"
        request = TriggerRequest(
            payload=b"flood" if self._hostile else b"wake up",
            external_identifier=name,
            port=APPLICATION_PORT,
            validity_s=3600,
        )
        self._open += 1
        asking = self._scs.submit if self._hostile else self._scs.trigger
        _ = self._node.run(asking(request)).addCallback(partial(self._came, due))

    def _came(self, due: float, report: Report) -> None:
        now = time.perf_counter()
        self._open -= 1
        self._passed += report.status == 0
        if not self._hostile and not report.delivered:
            self._bad += 1
            self._show(report)
        if not self._rate or due >= self._begin > 0:
            self._times.append(now - due)
        if not self._rate:
            self._watch(now)
            if not self._stop:
                self._ask(now)

    def _show(self, report: Report) -> None:
        self._shown += 1
        if self._shown <= SHOWN:
            say(bad_line(report))

    def _tick(self) -> None:
        now = time.perf_counter()
        while self._due <= now and not self._stop:
            self._ask(self._due)
            self._due += self._random.expovariate(self._rate)
        self._watch(now)

    def _watch(self, now: float) -> None:
        if now < self._end or self._stop:
            return
        if not self._begin:
            del self._times[:]
            self._begin, self._end = now, now + self._seconds
            say("BEGIN")
            return
        self._stop = now
        say("STOP")
        if self._ticking.running:
            self._ticking.stop()
        count = len(self._times)
        until = now + LATE_S

        def last() -> None:
            if self._open and time.perf_counter() < until:
                self._reactor.callLater(0.02, last)
                return
            for reference in () if self._hostile else tuple(self._scs.ledger.open):
                self._show(self._scs.progress(reference))
            figures = end(now - self._begin, self._times, bad=self._bad, octets=0, count=count, lost=self._open)
            line = f"{figures} passed={self._passed} asked={self._asked}"
            _ = self._node.stop().addCallback(lambda _: say(line))

        last()


def main(reactor: Any, told: dict[str, Any]) -> Deferred[None]:
    """Connect, load, end with standard input."""
    ended: Deferred[None] = Deferred()
    config = load(Path(told["config"]), ScsConfig)
    table = config.scs
    first = told.get("first_reference")  # else one that no load before this one has used
    ledger = Ledger(first_reference=randbelow(REFERENCES) if first is None else first)
    scs = Scs(number=table.number, realm=table.realm, mtc_iwf=table.mtc_iwf, clock=reactor.seconds, ledger=ledger)
    node = Node(config.node_config, [scs.tsp], Dictionary.load(), reactor=reactor)
    load_of = Load(scs, node, told, reactor)

    def open_now(_: Neighbour) -> Deferred[None]:
        node.wake(partial(load_of.begin, told["window"]))
        return ended

    stdio.StandardIO(Ending(ended))  # type: ignore[no-untyped-call]  # Twisted's
    _ = node.start()
    return node.when_open(table.mtc_iwf or "", timeout_s=120).addCallback(open_now)


if __name__ == "__main__":
    globalLogBeginner.beginLoggingTo([textFileLogObserver(sys.stderr)], redirectStandardIO=False)
    task.react(main, (json.loads(sys.argv[1]),))
