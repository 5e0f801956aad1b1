"""Streams with segments that come twice, early, or never."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import reassembly
from diameter.capture.layers import FIN, RST, SYN, Segment
from diameter.capture.reassembly import TcpReassembly, looks_like_diameter

A, B = ("10.0.0.1", 40_000), ("10.0.0.2", 3868)


def message(number: int, size: int = 20) -> bytes:
    return (
        bytes.fromhex("01")
        + size.to_bytes(3)
        + bytes.fromhex("8000011800000000")
        + number.to_bytes(4)
        + bytes(size - 16)
    )


def segment(sequence: int, payload: bytes, flags: int = 0) -> Segment:
    return Segment(A, B, sequence % (1 << 32), flags, payload)


def test_a_repeated_and_an_overlapping_segment() -> None:
    stream, octets = TcpReassembly(), message(1) + message(2)
    assert stream.feed(segment(0, octets[:30])) == [message(1)]
    assert stream.feed(segment(0, octets[:30])) == []
    assert stream.feed(segment(10, octets[10:])) == [message(2)]


def test_an_early_segment_waits_for_the_one_before() -> None:
    stream, octets = TcpReassembly(), message(1) + message(2) + message(3)
    assert stream.feed(segment(0, octets[:10])) == []
    assert stream.feed(segment(40, octets[40:])) == []
    assert stream.feed(segment(20, octets[20:40])) == []
    assert stream.feed(segment(10, octets[10:20])) == [message(1), message(2), message(3)]


def test_sequence_numbers_wrap() -> None:
    stream, octets = TcpReassembly(), message(1) + message(2)
    assert stream.feed(segment(-25, octets[:25])) == [message(1)]
    assert stream.feed(segment(0, octets[25:])) == [message(2)]


def test_a_lost_segment_costs_its_messages_only() -> None:
    stream = TcpReassembly()
    assert stream.feed(segment(0, message(1))) == [message(1)]
    found: list[bytes] = []
    size = reassembly.EARLY_LIMIT // 64
    for number in range(2, 70):
        found += stream.feed(segment(40 + (number - 2) * size, message(number, size)))
    assert [int.from_bytes(one[12:16]) for one in found] == list(range(2, 70))


def test_a_capture_that_starts_in_mid_stream_joins_at_the_next_message() -> None:
    stream = TcpReassembly()
    assert stream.feed(segment(0, b"\xff" * 33)) == []
    assert stream.feed(segment(33, message(1))) == [message(1)]


def test_a_new_connection_on_old_ports_starts_anew() -> None:
    stream = TcpReassembly()
    assert stream.feed(segment(0, message(1)[:12])) == []
    stream.feed(segment(7000, b"", SYN))
    assert stream.unframed == 12
    assert stream.feed(segment(7001, message(2))) == [message(2)]
    assert stream.feed(segment(7021, b"", FIN)) == []
    assert stream.feed(segment(9000, message(3), RST)) == [message(3)]


def test_octets_that_stop_being_diameter_are_counted() -> None:
    stream = TcpReassembly()
    assert stream.feed(segment(0, message(1) + b"garbage!")) == [message(1)]
    stream.feed(segment(28, b"", FIN))
    assert stream.unframed == 8


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reassembly, "STREAM_LIMIT", 5)
    stream = TcpReassembly()
    for port in range(20):
        stream.feed(Segment((A[0], port), B, 0, 0, message(1)))
    assert len(stream._streams) == 5


def test_the_shape_of_a_header() -> None:
    assert looks_like_diameter(message(1))
    assert looks_like_diameter(b"\x01\0")
    assert not looks_like_diameter(b"\x16\x03\x01\x02\0")
    assert not looks_like_diameter(b"\x01\0\0\x13\x80")
    assert not looks_like_diameter(b"\x01\0\0\x14\x8f")


@given(st.permutations(range(9)), st.integers(1, 25), st.integers(0, 2**32 - 1))
def test_any_order_of_segments_gives_the_messages(order: list[int], size: int, start: int) -> None:
    octets = b"".join(message(number) for number in range(size * 9 // 20))
    stream, found = TcpReassembly(), []
    stream.feed(segment(start, b"", SYN))
    for piece in order:
        found += stream.feed(segment(start + 1 + piece * size, octets[piece * size : (piece + 1) * size]))
    assert found == [message(number) for number in range(len(octets) // 20)]


@given(
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=40), st.sampled_from((0, SYN, FIN, RST))), max_size=30)
)
def test_no_segments_raise(segments: list[tuple[int, bytes, int]]) -> None:
    stream = TcpReassembly()
    for sequence, payload, flags in segments:
        stream.feed(segment(sequence, payload, flags))


def test_crumbs_that_come_early_are_not_kept_for_ever() -> None:
    stream = TcpReassembly()
    stream.feed(segment(0, message(1)[:10]))
    for at in range(reassembly.EARLY_SEGMENTS + 1):
        stream.feed(segment(1000 + 2 * at, b"\x02"))
    assert stream.feed(segment(1001, message(2))) == [message(2)]  # the stream has gone on behind the first crumb
