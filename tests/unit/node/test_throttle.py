"""A flood of refusals does not fill the log: some lines, then how many more."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from diameter._node.throttle import FROM_ALL, FROM_ONE, WINDOW_S, Throttle
from diameter.node import log_observer
from diameter.trace import Point
from helpers.nodes import Bench, Said


class Logged:
    """A throttle, and what it lets through."""

    def __init__(self) -> None:
        self.clock, self.said = Clock(), Said()
        self.throttle = Throttle(self.clock, self.said.observe)

    def refuse(self, peer: str, times: int = 1) -> None:
        for _ in range(times):
            self.throttle(Point.LINK_REFUSED, {"transport": "tcp", "remote": peer, "reason": "too many"})

    def left_out(self) -> dict[str, int]:
        return {fields["peer"]: fields["count"] for fields in self.said.of(Point.LEFT_OUT)}


def test_some_lines_then_a_count() -> None:
    logged = Logged()
    for port in range(1000, 2000):
        logged.refuse(f"192.0.2.1:{port}")
    logged.refuse("[2001:db8::1]:7", 3)
    assert len(logged.said.of(Point.LINK_REFUSED)) == FROM_ONE
    logged.clock.advance(WINDOW_S)
    assert logged.left_out() == {"192.0.2.1": FROM_ALL - FROM_ONE, "others": 803}
    logged.refuse("192.0.2.1:1")
    assert len(logged.said.of(Point.LINK_REFUSED)) == FROM_ONE + 1  # a new window
    logged.clock.advance(WINDOW_S)
    assert len(logged.left_out()) == 2
    assert logged.clock.getDelayedCalls() == []


def test_one_noisy_peer_hides_no_other() -> None:
    logged = Logged()
    logged.refuse("192.0.2.1:1", 100)
    logged.refuse("192.0.2.2:1", 2)
    assert [fields["remote"] for fields in logged.said.of(Point.LINK_REFUSED)][-2:] == ["192.0.2.2:1"] * 2


def test_what_a_node_does_by_itself_is_never_held_back() -> None:
    logged = Logged()
    for _ in range(1000):
        logged.throttle(Point.PEER_OPEN, {"peer": "a", "transport": "tcp", "remote": "b", "link": 1})
    assert len(logged.said.points) == 1000


def test_the_end_tells_what_was_left_out() -> None:
    logged = Logged()
    logged.refuse("192.0.2.1:1", FROM_ONE + 5)
    logged.throttle(Point.STOPPED, {})
    assert logged.said.names()[-2:] == ["LEFT_OUT", "STOPPED"]
    assert logged.left_out() == {"192.0.2.1": 5}
    assert logged.clock.getDelayedCalls() == []


@pytest.fixture
def lines() -> Iterator[list[dict[str, Any]]]:
    found: list[dict[str, Any]] = []
    observer: Any = found.append
    globalLogPublisher.addObserver(observer)
    yield found
    globalLogPublisher.removeObserver(observer)


def test_the_log_of_a_node_is_bounded_and_its_counters_are_not(lines: list[dict[str, Any]]) -> None:
    with Bench(right={"observe": log_observer}) as bench:
        for number in range(500):
            bench.inject(bench.request(hop_by_hop=number, Destination_Realm="nowhere.example"))
        assert bench.pair.right.stats.refused["3003"] == 500
        assert len(bench.said.refused) == 500
        assert sum(line.get("trace") == "REFUSED" for line in lines) < 100
        bench.pass_time(WINDOW_S)
        counted = [line for line in lines if line.get("trace") == "LEFT_OUT"]
        assert sum(line["count"] for line in counted) + sum(line.get("trace") == "REFUSED" for line in lines) == 500
