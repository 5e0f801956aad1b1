"""A link over an association in memory: streams and order, marks, pauses, what SCTP tells, the end."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter.config import SctpConfig
from diameter.errors import NotOpen
from diameter.transport.association import Association
from diameter.transport.link import Address
from diameter.transport.sctp import LOOK_S, SctpLink
from diameter.transport.sctp_events import (
    Authentication,
    DeliveryAborted,
    Lost,
    PathChanged,
    PathState,
    PeerError,
    PeerShutsDown,
    SendFailed,
    Unknown,
    Up,
)
from diameter.transport.stream import CLOSE_S
from helpers.links import Recorder
from helpers.sctp_octets import MemoryAssociation

LIMIT = 100_000


class Table:
    """A link with everything around it."""

    def __init__(self, streams: int = 4, react: Any = None, **options: Any) -> None:
        self.clock, self.below, self.owner = Clock(), MemoryAssociation(streams), Recorder(react)
        self.renewed: list[Association] = []
        self.over = 0
        self.link = SctpLink(
            self.below, self.owner, self.clock, config=SctpConfig(**options), send_limit=LIMIT,
            renew=self.renewed.append, gone=self._gone,
        )  # fmt: skip
        self.link.made()

    def _gone(self) -> None:
        self.over += 1

    def write(self, *messages: bytes, **how: Any) -> list[tuple[bytes, int, int, bool, bool]]:
        """What the association got by the end of the wake-up."""
        for data in messages:
            self.link.write(data, **how)
        before = len(self.below.sent)
        self.clock.advance(0)
        return self.below.sent[before:]


def test_what_a_link_is() -> None:
    table = Table()
    link = table.link
    assert (link.transport, link.message_oriented, link.largest, link.by_session) == ("sctp", True, 100_000, False)
    assert link.local == Address("192.0.2.1", 3868)
    assert (len(link.local_addresses), len(link.remote_addresses)) == (2, 2)
    assert Table(order="session").link.by_session
    assert table.owner.links == [link]


def test_a_wake_up_leaves_together() -> None:
    table = Table()
    table.link.write(b"a")
    assert table.below.sent == []
    assert table.write(b"b", b"c") == [
        (b"a", 0, 46, True, True), (b"b", 0, 46, True, True), (b"c", 0, 46, True, False),
    ]  # fmt: skip
    assert (table.link.buffered, table.link.octets_out, table.link.writes, table.link.peak_buffered) == (0, 3, 3, 3)


@pytest.mark.parametrize(
    ("order", "streams", "how", "expected"),
    [
        ("unordered", 4, {}, [(0, True)] * 4),
        ("unordered", 4, {"ordered": False}, [(2, False), (3, False), (1, False), (2, False)]),
        ("unordered", 1, {"ordered": False}, [(0, False)] * 4),
        ("unordered", 4, {"ordered": False, "stream": 5}, [(3, False)] * 4),
        ("ordered", 4, {"ordered": False}, [(0, True)] * 4),
        ("session", 4, {"ordered": False, "stream": 7}, [(2, True)] * 4),
        ("session", 1, {"ordered": False, "stream": 7}, [(0, True)] * 4),
        ("session", 4, {"stream": 7}, [(0, True)] * 4),
    ],
)
def test_streams(order: str, streams: int, how: dict[str, Any], expected: list[tuple[int, bool]]) -> None:
    table = Table(streams, order=order)
    assert [(stream, ordered) for _, stream, _, ordered, _ in table.write(b"a", b"b", b"c", b"d", **how)] == expected


def test_a_message_waits_for_all_before_it() -> None:
    table = Table()
    table.link.write(b"a", ordered=False)
    table.link.write(b"last", after_all=True)
    table.link.write(b"behind")
    table.below.unacknowledged = 1
    assert [(data, more) for data, *_, more in table.write()] == [(b"a", False)]
    table.clock.advance(LOOK_S)
    assert len(table.below.sent) == 1
    table.below.unacknowledged = 0
    table.clock.advance(LOOK_S)
    assert [data for data, *_ in table.below.sent] == [b"a", b"last", b"behind"]


def test_no_room_and_room_again() -> None:
    table = Table()
    table.below.room = 1
    assert len(table.write(b"a", b"b", b"c")) == 1
    assert table.link.buffered == 2
    assert table.write(b"d") == []
    table.below.room = 10
    table.link.writable()
    assert [data for data, *_ in table.below.sent] == [b"a", b"b", b"c", b"d"]


def test_marks() -> None:
    table = Table()
    table.below.room = 0
    for _ in range(30):
        table.write(b"x" * 1000)
    assert (table.link.congested, table.owner.congested, table.below.reading) == (True, ["congested"], True)
    for _ in range(25):
        table.write(b"x" * 1000)
    assert (table.below.reading, table.link.pauses) == (False, 1)
    table.below.room = 1000
    table.link.writable()
    assert (table.link.congested, table.owner.congested) == (False, ["congested", "drained"])
    assert table.below.reading
    assert table.link.peak_buffered == 55_000


def test_beyond_the_limit() -> None:
    table = Table()
    table.below.room = 0
    for _ in range(101):
        table.link.write(b"x" * 1000)
    assert table.below.ended == "aborted"
    with pytest.raises(NotOpen):
        table.link.write(b"x")
    table.link.ended("whatever")
    assert table.owner.lost == ["send limit of 100000 octets reached: the peer does not read"]
    assert len(table.owner.unsent) == 100
    assert table.over == 1


def test_a_burst_of_long_answers_is_taken_in_slices() -> None:
    """Reading stops in the middle of a burst, and goes on with the rest."""
    table = Table(react=lambda link, data: link.write(b"y" * 5000))
    table.below.room = 0
    table.below.deliver([b"?" * 1000] * 30)
    assert table.link.buffered == 80_000
    assert (table.below.reading, table.owner.octets) == (False, 16_000)
    table.below.room = 1000
    table.link.writable()
    table.clock.advance(0)
    assert (table.owner.octets, table.link.buffered, table.below.reading) == (30_000, 0, True)


def test_a_pause_holds_everything() -> None:
    table = Table()
    table.link.pause()
    assert not table.below.reading
    table.below.deliver([b"a", b"b"])
    table.link.resume()
    assert table.owner.pieces == []
    table.clock.advance(0)
    assert table.owner.pieces == [b"a", b"b"]
    table.clock.advance(0)
    assert table.below.reading


def test_identifiers_of_the_payload() -> None:
    table = Table()
    for ppid in (46, 0, 7, 8):
        table.below.deliver([b"%d" % ppid], ppid=ppid)
    assert table.owner.pieces == [b"46", b"0"]
    assert table.owner.notes == ["messages with payload protocol identifier 7 are thrown away"]
    table.below.deliver([b"x"], ppid=47)
    table.below.deliver([b"y"])
    assert table.below.ended == "aborted"
    table.link.ended("")
    assert table.owner.lost[0].startswith("the peer speaks DTLS")
    assert len(table.owner.pieces) == 2


def test_closing_sends_what_was_written_and_takes_nothing_more() -> None:
    table = Table()
    table.link.pause()
    table.below.room = 0
    table.link.write(b"a")
    table.link.close()
    table.link.close()
    table.clock.advance(0)
    assert (table.below.ended, table.below.reading) == ("", True)
    table.below.room = 1
    table.link.writable()
    assert (table.below.ended, len(table.below.sent)) == ("finished", 1)
    table.below.deliver([b"late"])
    table.link.ended("")
    assert (table.owner.lost, table.owner.pieces, table.clock.getDelayedCalls()) == ([""], [], [])
    assert table.link.local_addresses == (table.link.local,)
    assert table.link.remote_addresses == (table.link.remote,)


def test_closing_ends_in_time() -> None:
    table = Table()
    table.below.room = 0
    table.link.write(b"a")
    table.link.close()
    table.clock.advance(CLOSE_S)
    assert table.below.ended == "aborted"
    table.link.ended("")
    assert table.owner.lost == ["closed by us; the peer did not take the rest"]
    assert table.owner.unsent == [b"a"]


def test_closing_while_delivering() -> None:
    table = Table(react=lambda link, data: (link.write(b"answer"), link.close()))
    table.below.deliver([b"a"])
    assert [data for data, *_ in table.below.sent] == [b"answer"]
    assert table.below.ended == "finished"


def test_the_first_reason_of_an_abort_counts() -> None:
    table = Table()
    table.link.abort("first")
    table.link.abort("second")
    table.link.ended("third")
    table.link.ended("fourth")
    table.link.abort("fifth")
    assert table.owner.lost == ["first"]


@pytest.mark.parametrize(
    ("event", "socket_says", "reason"),
    [
        (Lost(error=12), "x", "association lost: aborted by the peer"),
        (Lost(error=99), "x", "association lost: error cause 99"),
        (Lost(error=0), "association lost: no answer", "association lost: no answer"),
        (Lost(error=4, failed_to_start=True), "x", "the association could not be made: the peer is out of resources"),
        (PeerShutsDown(), "", ""),
    ],
)
def test_why_it_ended(event: Any, socket_says: str, reason: str) -> None:
    table = Table()
    table.link.happened(event)
    table.link.ended(socket_says)
    assert table.owner.lost == [reason]


def test_a_peer_that_shuts_down_takes_nothing_more() -> None:
    table = Table()
    table.below.room = 0
    table.link.write(b"a")
    table.link.happened(PeerShutsDown())
    with pytest.raises(NotOpen):
        table.link.write(b"b")
    table.link.ended("")
    assert (table.owner.lost, table.owner.unsent) == ([""], [b"a"])


def test_what_was_not_sent_comes_back_whole() -> None:
    table = Table()
    pieces = [
        SendFailed(data=b"one", sent=False),
        SendFailed(data=b"t", sent=False, last=False),
        SendFailed(data=b"w", sent=False, first=False, last=False),
        SendFailed(data=b"o", sent=False, first=False),
        SendFailed(data=b"half", sent=True, last=False),
        SendFailed(data=b"half", sent=False, first=False),
        SendFailed(data=b"rest", sent=False, first=False),
        SendFailed(data=b"begin", sent=False, last=False),
        SendFailed(data=b"three", sent=False),
    ]
    for event in pieces:
        table.link.happened(event)
    table.link.ended("gone")
    assert table.owner.unsent == [b"one", b"two", b"three"]


def test_what_is_worth_a_note() -> None:
    table = Table()
    for event in (
        Up(outbound=4, inbound=4),
        PathChanged(address=Address("192.0.2.7", 1), state=PathState.POTENTIALLY_FAILED),
        DeliveryAborted(),
        PeerError(error=6),
        Unknown(kind=0x8123, octets=9),
        Authentication(key=0, indication=2),
    ):
        table.link.happened(event)
    assert table.owner.notes == [
        "path 192.0.2.7 is potentially failed",
        "the rest of a message will not come",
        "the peer reports error 6",
        "notification 0x8123 of 9 octets is not understood",
    ]


def test_a_restarted_association_is_another_link() -> None:
    table = Table()
    table.below.room = 0
    table.link.write(b"a")
    table.link.happened(Up(outbound=4, inbound=4, restarted=True))
    assert table.owner.lost == ["the peer has restarted the association"]
    assert (table.owner.unsent, table.renewed, table.over) == ([b"a"], [table.below], 1)


def test_a_restart_that_nobody_wants_is_the_end() -> None:
    below = MemoryAssociation()
    owner = Recorder()
    link = SctpLink(below, owner, Clock(), config=SctpConfig(), send_limit=LIMIT)
    link.made()
    link.happened(Up(outbound=4, inbound=4, restarted=True))
    assert (below.ended, owner.lost) == ("aborted", ["the peer has restarted the association"])


def test_a_message_that_is_too_long_comes_back() -> None:
    table = Table()
    table.below.largest = 10
    assert table.write(b"x" * 11, b"y") == [(b"y", 0, 46, True, False)]
    assert table.owner.unsent == [b"x" * 11]
    table.link.write(b"x" * 11)
    table.link.ended("")
    table.clock.advance(0)
    assert len(table.owner.unsent) == 1
