"""One link: framing of streams and of message-oriented links, and the order of sending (RFC 6733 section 2.1.1)."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer.connection import Connection
from helpers.pair import base, local


def messages(count: int) -> list[bytes]:
    """Some messages, each different."""
    builder = base(local("mme.example.org"))
    return [builder.dwr()[0] for _ in range(count)]


@given(cuts=st.lists(st.integers(0, 300), max_size=8))
def test_a_stream_is_framed_whatever_its_cuts(cuts: list[int]) -> None:
    sent = messages(4)
    stream = b"".join(sent)
    edges = [0, *sorted(cuts), len(stream)]
    connection = Connection(1, initiator=True)
    got = [message for at, to in pairwise(edges) for message in connection.feed(stream[at:to])]
    assert (got, connection.fault) == (sent, None)


def test_a_lost_position_is_a_fault_for_good() -> None:
    good = messages(1)[0]
    connection = Connection(1, initiator=True)
    assert connection.feed(good + b"\x02" + good[1:]) == [good]
    assert connection.fault is not None
    assert connection.fault.result_code == 5011
    assert connection.rest == b"\x02" + good[1:]
    assert connection.feed(good) == []


def test_a_message_oriented_link_delivers_one_message_at_a_time() -> None:
    connection = Connection(1, initiator=True, message_oriented=True)
    for message in messages(3):
        assert connection.feed(message) == [message]
    assert connection.fault is None


@pytest.mark.parametrize("cut", [2, 21, -4])
def test_half_a_message_on_a_message_oriented_link_is_5015(cut: int) -> None:
    connection = Connection(1, initiator=True, message_oriented=True)
    one = messages(1)[0]
    assert connection.feed(one[:cut]) == []
    assert connection.fault is not None
    assert connection.fault.result_code == 5015
    assert connection.rest == one[:cut]
    assert connection.feed(one) == []


@pytest.mark.parametrize(
    ("message_oriented", "proven", "ordered"), [(False, True, True), (True, False, True), (True, True, False)]
)
def test_order(message_oriented: bool, proven: bool, ordered: bool) -> None:
    connection = Connection(1, initiator=False, message_oriented=message_oriented)
    connection.proven = proven
    assert connection.ordered is ordered
