"""A day of two nodes in seconds: watchdogs, cables cut and mended, silence, refused connections, requests throughout.

After every event what must always hold is looked at, and after every outage that the peers find each other again in
the time that the timers allow.
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any, Final

import pytest

from diameter.app import Later
from diameter.errors import RequestError
from diameter.trace import Point
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Bench

DAY_S: Final = 86_400.0
TW_S: Final = 30.0
TC_S: Final = 30.0
TIMEOUT_S: Final = 10.0
SILENCE_S: Final = 2 * (TW_S + 2.0) + 1.0
"""RFC 3539: silent for Tw, then DWR, silent for another Tw: SUSPECT; for a third: DOWN, counted from here."""
BACK_S: Final = 1.1 * TC_S + 4 * (TW_S + 2.0) + 1.0
"""Tc and its jitter, then three DWAs that a peer that came back owes (REOPEN)."""


class Day:
    """Time, outages, requests, and what must hold."""

    def __init__(self, bench: Bench, seed: int) -> None:
        self.bench = bench
        self.pair = bench.pair
        self.random = random.Random(seed)
        self.begin = self.pair.clock.seconds()
        self.outcomes: Counter[str] = Counter()
        self.waiting: list[tuple[float, Later[Any]]] = []
        self.asked = 0
        self.events: Counter[str] = Counter()

    @property
    def passed_s(self) -> float:
        return self.pair.clock.seconds() - self.begin

    def pass_time(self, seconds: float) -> None:
        """Let time pass in steps of a quarter of a minute at most, one request and one look at each."""
        until = self.passed_s + seconds
        while (left := until - self.passed_s) > 0.001:  # less is lost in a clock of 1,700,000,000 s
            self._ask()
            self.bench.pass_time(min(left, 15.0))
            self.look()

    def _ask(self) -> None:
        later = self.bench.client.request("Device-Action", ACTION, realm=REALM, timeout_s=TIMEOUT_S)
        self.asked += 1
        self.waiting.append((self.passed_s, later))
        later.then(lambda: self._ended(later))

    def _ended(self, later: Later[Any]) -> None:
        try:
            self.outcomes[str(later.result().result)] += 1
        except RequestError as error:
            self.outcomes[type(error).__name__] += 1

    def look(self) -> None:
        """What must hold whatever has happened."""
        self.waiting = [(at, later) for at, later in self.waiting if not later.done]
        assert all(self.passed_s - at <= TIMEOUT_S + 1.0 for at, _ in self.waiting), "a request that never ends"
        assert self.outcomes.total() + len(self.waiting) == self.asked
        self.pair.wire.passed.clear()
        for node in (self.pair.left, self.pair.right):
            assert node.stats.bugs == 0
            assert node.pending <= len(self.waiting)
            (entry,) = node.peers
            assert entry.usable <= (entry.link != 0)
            live = {link.id for link in self.pair.wire.links}
            assert not entry.link or entry.link in live, "an open peer without a link"
        assert len(self.pair.wire.links) <= 4, "links that nobody closes"
        assert len(self.pair.clock.getDelayedCalls()) <= 20, "timers that nobody stops"

    def both_usable(self) -> bool:
        return all(node.peers[0].usable for node in (self.pair.left, self.pair.right))

    # ---- what happens

    def cut(self) -> None:
        """The connection breaks; both are told."""
        for link in list(self.pair.wire.links):
            if link.dialled:
                link.abort("cut")

    def cut_and_refuse(self) -> None:
        """It breaks, and for some time nobody is there."""
        self.pair.wire.refuse = "connection refused"
        self.cut()
        self.pass_time(self.random.uniform(1.0, 1800.0))
        assert not self.both_usable()
        self.pair.wire.refuse = ""

    def silence(self) -> None:
        """Nothing arrives, and nobody is told: the watchdogs find out."""
        self.pair.wire.deaf = True
        self.pass_time(SILENCE_S + self.random.uniform(0.0, 900.0))
        assert not any(node.peers[0].usable for node in (self.pair.left, self.pair.right))
        self.pair.wire.deaf = False

    def hiccup(self) -> None:
        """Silence that is shorter than the watchdog's patience."""
        self.pair.wire.deaf = True
        self.pass_time(self.random.uniform(0.1, TW_S / 2))
        self.pair.wire.deaf = False

    def quiet(self) -> None:
        """Nothing happens for a while, not even requests: watchdogs alone keep the peers."""
        opened = self.bench.client_said.names().count(Point.PEER_OPEN.name)
        self.bench.pass_time(self.random.uniform(60.0, 3600.0))
        self.look()
        assert self.both_usable()
        assert self.bench.client_said.names().count(Point.PEER_OPEN.name) == opened

    def event(self) -> None:
        """One of these, then time to get over it."""
        what = self.random.choice((self.cut, self.cut_and_refuse, self.silence, self.hiccup, self.quiet))
        self.events[what.__name__] += 1
        what()
        self.pass_time(BACK_S)
        assert self.both_usable(), f"not back {BACK_S:.0f} s after {what.__name__}: {self.states()}"
        before = self.outcomes["(0, 2001)"]
        self.pass_time(15.0)
        assert self.outcomes["(0, 2001)"] > before

    def states(self) -> list[str]:
        return [node.peers[0].state for node in (self.pair.left, self.pair.right)]


@pytest.mark.parametrize("seed", [1, 2])
def test_a_day(seed: int) -> None:
    with Bench() as bench:
        day = Day(bench, seed)
        while day.passed_s < DAY_S:
            day.event()
        assert set(day.events) == {"cut", "cut_and_refuse", "silence", "hiccup", "quiet"}
        assert day.outcomes["(0, 2001)"] > 500
        assert set(day.outcomes) <= {"(0, 2001)", "Undeliverable", "RequestTimeout"}
        executed = [(m["Origin-Host"], m.end_to_end) for m in bench.server.seen]
        assert len(executed) == len(set(executed)), "one request executed twice"
        for said, who in ((bench.client_said, RIGHT), (bench.said, LEFT)):
            opened, closed = (said.names().count(point.name) for point in (Point.PEER_OPEN, Point.PEER_CLOSED))
            assert opened - closed == 1, who
