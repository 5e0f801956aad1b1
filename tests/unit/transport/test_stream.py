"""A link over a transport in memory: batching, counting, marks, pauses, closing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter.errors import NotOpen
from diameter.transport.link import Address, Link
from diameter.transport.stream import CLOSE_S, SLICE
from diameter.transport.tcp import TcpLink

LIMIT = 100_000
ENDS = Address("192.0.2.1", 3868), Address("2001:db8::1", 50000)


class Wire:
    """A transport that holds what it got until `drain` is called."""

    def __init__(self) -> None:
        self.written: list[bytes] = []
        self.producer: Any = None
        self._reading = True
        self.ended = ""

    def write(self, data: bytes) -> None:
        self.written.append(data)

    def loseConnection(self) -> None:
        self.ended = "closed"

    def abortConnection(self) -> None:
        self.ended = "aborted"

    def pauseProducing(self) -> None:
        self._reading = False

    def resumeProducing(self) -> None:
        self._reading = True

    def reading(self) -> bool:
        return self._reading

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        assert not streaming
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def drain(self) -> None:
        """The kernel took everything."""
        if self.producer is not None:
            self.producer.resumeProducing()


class Owner:
    """Writes down what it is told; `react` may answer."""

    def __init__(self) -> None:
        self.told: list[str] = []
        self.react: Callable[[Link, bytes], None] = lambda link, data: None

    def link_up(self, link: Link) -> None:
        self.told.append("up")

    def link_received(self, link: Link, data: bytes) -> None:
        self.told.append(f"received {len(data)}")
        self.react(link, data)

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        raise AssertionError

    def link_note(self, link: Link, text: str) -> None:
        raise AssertionError

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None:
        raise AssertionError

    def link_worn(self, link: Link) -> None:
        raise AssertionError

    def link_lost(self, link: Link, reason: str) -> None:
        self.told.append(f"lost: {reason}")

    def link_congested(self, link: Link) -> None:
        self.told.append("congested")

    def link_drained(self, link: Link) -> None:
        self.told.append("drained")

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        raise AssertionError


class Table:
    """A link with everything around it."""

    def __init__(self) -> None:
        self.clock, self.wire, self.owner = Clock(), Wire(), Owner()
        self.link = TcpLink(self.wire, self.owner, self.clock, ends=ENDS, send_limit=LIMIT)
        self.link.made()

    def turn(self) -> None:
        self.clock.advance(0)


@pytest.fixture
def table() -> Table:
    return Table()


def test_addresses_and_defaults(table: Table) -> None:
    link = table.link
    assert (str(link.local), str(link.remote)) == ("192.0.2.1:3868", "[2001:db8::1]:50000")
    assert (link.local_addresses, link.remote_addresses) == ((ENDS[0],), (ENDS[1],))
    assert (link.secure, link.peer_names, link.message_oriented, link.transport) == (False, (), False, "tcp")
    assert Table().link.id != link.id


def test_one_hand_over_a_turn(table: Table) -> None:
    for data in (b"a", b"b", b"c"):
        table.link.write(data, ordered=False, stream=3)
    assert (table.wire.written, table.link.buffered) == ([], 3)
    table.turn()
    assert (table.wire.written, table.link.buffered, table.link.writes) == ([b"abc"], 3, 1)
    table.wire.drain()
    assert (table.link.buffered, table.link.octets_out, table.link.peak_buffered) == (0, 3, 3)


def test_answers_leave_at_the_end_of_the_read_that_asked_for_them(table: Table) -> None:
    def twice(link: Link, data: bytes) -> None:
        link.write(b"x")
        link.write(b"y")

    table.owner.react = twice
    table.link.received(b"request")
    assert table.wire.written == [b"xy"]
    assert table.clock.getDelayedCalls() == []


def test_while_the_transport_is_busy_everything_waits_for_it(table: Table) -> None:
    table.link.write(b"first")
    table.turn()
    for _ in range(5):
        table.link.write(b"more")
        table.turn()
    assert table.wire.written == [b"first"]
    table.wire.drain()
    assert table.wire.written == [b"first", b"more" * 5]


def test_marks_up_and_down(table: Table) -> None:
    """What holds after each step: octets buffered, congested, reading, and what the owner was told."""
    link, wire, owner = table.link, table.wire, table.owner
    seen: list[tuple[int, bool, bool, int]] = []

    def step(do: Callable[[], None]) -> None:
        do()
        seen.append((link.buffered, link.congested, wire.reading(), len(owner.told)))

    step(lambda: link.write(b"x" * 25_000))
    step(table.turn)
    step(lambda: link.write(b"x"))  # congested at once, though nobody is told inside a call
    step(table.turn)
    step(lambda: link.write(b"x" * 24_999))
    step(lambda: link.write(b"x"))
    step(wire.drain)
    step(wire.drain)
    assert seen == [
        (25_000, False, True, 1),
        (25_000, False, True, 1),
        (25_001, True, True, 1),
        (25_001, True, True, 2),
        (50_000, True, True, 2),
        (50_001, True, False, 2),
        (25_001, True, False, 2),
        (0, False, True, 3),
    ]
    assert owner.told == ["up", "congested", "drained"]
    assert link.pauses == 1


def test_beyond_the_limit_the_link_is_given_up(table: Table) -> None:
    for _ in range(10):
        table.link.write(b"x" * 10_000)
    assert table.link.buffered == LIMIT
    table.link.write(b"x")
    assert (table.wire.ended, table.link.buffered) == ("aborted", 0)
    assert table.link.peak_buffered == LIMIT
    with pytest.raises(NotOpen):
        table.link.write(b"x")
    table.link.lost("whatever")
    table.turn()
    reason = f"send limit of {LIMIT} octets reached: the peer does not read"
    assert table.owner.told == ["up", f"lost: {reason}"]


def test_under_pressure_a_read_comes_in_slices_and_stops_in_the_middle(table: Table) -> None:
    table.owner.react = lambda link, data: link.write(b"x" * 20_000)
    table.link.received(b"r" * 4 * SLICE)
    assert table.owner.told == ["up", *[f"received {SLICE}"] * 3, "congested"]
    assert not table.wire.reading()
    table.link.received(b"s" * 5)  # the transport had read on
    assert "received 5" not in table.owner.told
    table.owner.react = lambda link, data: None
    table.wire.drain()
    table.turn()
    assert table.owner.told[5:] == ["drained", f"received {SLICE + 5}"]
    assert table.wire.reading()


def test_a_paused_owner_hears_nothing_until_a_turn_after_resume(table: Table) -> None:
    table.link.pause()
    table.link.pause()
    assert not table.wire.reading()
    table.link.received(b"abc")
    table.link.received(b"de")
    table.turn()
    assert table.owner.told == ["up"]
    table.link.resume()
    assert table.owner.told == ["up"]
    table.turn()
    assert table.owner.told == ["up", "received 5"]
    assert table.wire.reading()
    assert (table.link.pauses, table.link.octets_in) == (1, 5)


def test_paused_again_before_the_turn(table: Table) -> None:
    table.link.pause()
    table.link.received(b"abc")
    table.link.resume()
    table.link.pause()
    table.turn()
    assert table.owner.told == ["up"]
    table.link.resume()
    table.turn()
    assert table.owner.told == ["up", "received 3"]


def test_pause_inside_a_delivery(table: Table) -> None:
    table.owner.react = lambda link, data: link.pause()
    table.link.received(b"abc")
    table.link.received(b"d")
    table.turn()
    assert table.owner.told == ["up", "received 3"]
    table.link.resume()
    table.turn()
    assert table.owner.told == ["up", "received 3", "received 1"]
    assert not table.wire.reading()


def test_closing_sends_what_waits_then_ends(table: Table) -> None:
    table.link.write(b"last")
    table.link.close()
    table.link.close()
    assert (table.wire.written, table.wire.ended, table.wire.producer) == ([b"last"], "closed", None)
    table.link.received(b"late")
    table.link.lost("reset by the peer")
    assert table.owner.told == ["up", "lost: "]
    assert table.clock.getDelayedCalls() == []


def test_closing_a_busy_link_waits_for_it_and_gives_up_in_time(table: Table) -> None:
    table.link.write(b"first")
    table.turn()
    table.link.write(b"second")
    table.link.close()
    assert table.wire.ended == ""
    table.wire.drain()
    assert (table.wire.written, table.wire.ended) == ([b"first", b"second"], "closed")
    table.clock.advance(CLOSE_S)
    assert table.wire.ended == "aborted"
    table.link.lost("x")
    assert table.owner.told == ["up", "lost: closed by us; the peer did not read the rest"]


def test_closing_inside_a_delivery_sends_what_the_owner_wrote(table: Table) -> None:
    def bye(link: Link, data: bytes) -> None:
        link.write(b"answer")
        link.close()

    table.owner.react = bye
    table.link.received(b"x" * 20_000)
    assert (table.wire.written, table.wire.ended) == ([b"answer"], "closed")


def test_aborting_inside_a_sliced_delivery_stops_it(table: Table) -> None:
    table.owner.react = lambda link, data: link.abort("enough")
    table.link.received(b"x" * 4 * SLICE)
    table.link.resume()
    table.turn()
    assert table.owner.told == ["up", f"received {SLICE}"]
    table.link.lost("x")
    table.link.abort("again")
    assert table.owner.told[-1] == "lost: enough"


def test_losing_a_link_cancels_what_was_due(table: Table) -> None:
    table.link.write(b"x")
    table.link.stopProducing()
    table.link.lost("cable")
    assert table.clock.getDelayedCalls() == []
    assert table.owner.told == ["up", "lost: cable"]


def test_an_owner_may_write_and_close_while_it_is_told_of_the_link() -> None:
    class Eager(Owner):
        def link_up(self, link: Link) -> None:
            link.write(b"hello")
            link.close()

    clock, wire = Clock(), Wire()
    TcpLink(wire, Eager(), clock, ends=ENDS, send_limit=LIMIT).made()
    assert (wire.written, wire.ended) == ([b"hello"], "closed")
