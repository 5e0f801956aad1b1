"""What is remembered of links, and when it is forgotten."""

from collections import Counter
from itertools import count

import pytest

from diameter.capture import sctpflows, tcpflows
from diameter.capture.keylog import KeyLog
from diameter.capture.packets import Packet
from diameter.capture.read import Walk
from diameter.capture.records import Captured, Record
from diameter.capture.shape import PORTS
from diameter.capture.tables import IDLE_NS, IDLE_OTHER_NS, KINDS, Seen
from helpers import wire
from helpers.wire import A, B, diameter


class Capture:
    """A walk that is fed packet by packet, with times."""

    def __init__(self) -> None:
        self.other: Counter[str] = Counter()
        self.walk = Walk(Seen(PORTS, KeyLog(), self.other), [])
        self._numbers = count(1)

    def feed(self, octets: bytes, time_ns: int = 0) -> list[int]:
        return self._numbers_of(self.walk.packet(self._packet(octets, time_ns)))

    def sweep(self, time_ns: int = 0) -> list[int]:
        return self._numbers_of(self.walk.sweep(self._packet(b"", time_ns)))

    def finish(self) -> list[int]:
        return self._numbers_of(self.walk.finish(self._packet(b"", 0)))

    def _packet(self, octets: bytes, time_ns: int) -> Packet:
        return Packet(time_ns, 101, octets, next(self._numbers), 0, "", 0)

    @staticmethod
    def _numbers_of(records: list[Record]) -> list[int]:
        return [one.octets[15] for one in records if isinstance(one, Captured)]


def over_tcp(sequence: int, octets: bytes, port: int = A[1]) -> bytes:
    return wire.ip(A[0], B[0], 6, wire.tcp((A[0], port), B, sequence, octets))


def over_sctp(tsn: int, octets: bytes, *, port: int = A[1], flags: int = 3) -> bytes:
    return wire.ip(A[0], B[0], 132, wire.sctp((A[0], port), B, 0x10000 + port, wire.data(tsn, octets, flags=flags)))


def test_a_link_that_has_been_silent_for_an_hour_is_forgotten() -> None:
    capture = Capture()
    assert capture.feed(over_tcp(0, diameter(1))) == [1]
    assert capture.feed(over_sctp(5, diameter(1))) == [1]
    capture.sweep(IDLE_NS)
    assert capture.feed(over_tcp(0, diameter(1))) == []  # a repetition
    assert capture.feed(over_sctp(5, diameter(1))) == []
    capture.sweep(2 * IDLE_NS + 1)
    assert capture.feed(over_tcp(0, diameter(1))) == [1]  # a new one, for all we know
    assert capture.feed(over_sctp(5, diameter(1))) == [1]


def test_what_shows_no_diameter_is_forgotten_sooner() -> None:
    capture = Capture()
    web = wire.ip(A[0], B[0], 6, wire.tcp(A, (B[0], 80), 0, b"GET /"))
    m3ua = wire.ip(A[0], B[0], 132, wire.sctp((A[0], 2905), (B[0], 2905), 9, wire.data(1, b"\1\0\1\1 m3ua", ppid=3)))
    assert capture.feed(web) == capture.feed(m3ua) == []
    assert not capture.other
    capture.sweep(IDLE_OTHER_NS + 1)
    assert capture.other == {"TCP, port 80": 1, "SCTP, port 2905": 1}


def test_what_waited_in_a_link_that_is_forgotten_comes_out() -> None:
    capture = Capture()
    assert capture.feed(over_tcp(0, diameter(1))) == [1]
    assert capture.feed(over_tcp(40, diameter(3))) == []
    assert capture.sweep(IDLE_NS + 1) == [3]


def test_links_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctpflows, "FLOWS", 8)
    monkeypatch.setattr(sctpflows, "_PATHS", 8)
    monkeypatch.setattr(tcpflows, "FLOWS", 8)
    capture = Capture()
    for port in range(1000, 1020):
        capture.feed(over_sctp(1, diameter(1), port=port))
        capture.feed(over_tcp(1, diameter(1), port))
    capture.sweep()
    assert capture.feed(over_sctp(1, diameter(1), port=1019)) == []  # the youngest are known
    assert capture.feed(over_sctp(1, diameter(1), port=1000)) == [1]
    assert capture.feed(over_tcp(1, diameter(1), 1019)) == []
    assert capture.feed(over_tcp(1, diameter(1), 1000)) == [1]


def test_what_waits_for_fragments_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctpflows, "HELD", 2000)
    capture, octets = Capture(), diameter(7, 1200)
    for port in (1000, 1001):
        capture.feed(over_sctp(1, octets[:600], port=port, flags=2))
    capture.feed(over_sctp(2, octets[600:1000], port=1001, flags=0))
    capture.feed(over_sctp(1, bytes(900), port=1002, flags=2))
    capture.sweep()
    assert capture.feed(over_sctp(2, octets[600:], port=1000, flags=1)) == [7]
    assert capture.feed(over_sctp(3, octets[1000:], port=1001, flags=1)) == []


def test_kinds_of_other_traffic_are_bounded() -> None:
    capture = Capture()
    for port in range(1, 200):
        capture.feed(wire.ip(A[0], B[0], 17, wire.udp(port, 60_000, b"x" * 20)))
    assert len(capture.other) <= KINDS + 1
    assert sum(capture.other.values()) == 199


def test_fragments_that_never_became_whole_are_counted() -> None:
    capture = Capture()
    for one in wire.fragments(A[0], B[0], 6, bytes(300), ident=3, size=80)[:2]:
        capture.feed(one)
    assert capture.finish() == []
    assert capture.other == {"IP fragment of an incomplete packet": 2}
