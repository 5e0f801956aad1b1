"""Streams with segments that come twice, early, or never; streams that begin somewhere."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import CaptureReader, reassembly
from diameter.capture.reassembly import ACK, FIN, RST, SYN
from diameter.capture.records import GAP_BEFORE, OUT_OF_ORDER, STRAY_BEFORE, Captured, LinkEvent
from helpers import wire
from helpers.wire import A, B, diameter, numbers

ODD = ("10.0.0.3", 7000)


def packet(sequence: int, payload: bytes, flags: int = ACK, *, back: bool = False, ack: int = 0) -> bytes:
    source, destination = (B, A) if back else (A, B)
    return wire.ip(source[0], destination[0], 6, wire.tcp(source, destination, sequence, payload, flags, ack))


def read(*packets: bytes) -> list[Captured]:
    return list(CaptureReader(wire.stream(wire.pcap(packets))))


def found(*packets: bytes) -> list[int]:
    return list(numbers(one.octets for one in read(*packets)))


def test_a_repeated_and_an_overlapping_segment() -> None:
    octets = diameter(1) + diameter(2)
    assert found(packet(0, octets[:30]), packet(0, octets[:30]), packet(10, octets[10:])) == [1, 2]


def test_an_early_segment_waits_for_the_one_before() -> None:
    octets = diameter(1) + diameter(2) + diameter(3)
    messages = read(
        packet(0, octets[:10]), packet(40, octets[40:]), packet(20, octets[20:40]), packet(10, octets[10:20])
    )
    assert list(numbers(one.octets for one in messages)) == [1, 2, 3]
    assert [one.notes for one in messages] == [(OUT_OF_ORDER,), (), ()]


def test_sequence_numbers_wrap() -> None:
    octets = diameter(1) + diameter(2)
    assert found(packet(-25, octets[:25]), packet(0, octets[25:])) == [1, 2]


def test_a_lost_segment_costs_its_messages_only() -> None:
    size = 60_000
    packets = [packet(0, diameter(1))]
    packets += [packet(40 + (number - 2) * size, diameter(number, size)) for number in range(2, 70)]
    messages = read(*packets)
    assert list(numbers(one.octets for one in messages)) == [1, *range(2, 70)]
    assert [one.notes for one in messages[:2]] == [(), (GAP_BEFORE, OUT_OF_ORDER)]


def test_what_the_receiver_has_acknowledged_is_not_waited_for() -> None:
    packets = [packet(0, diameter(1)), packet(40, diameter(3))]
    packets += [packet(0, b"", back=True, ack=60)] * reassembly.ACKNOWLEDGEMENTS
    messages = read(*packets, packet(60, diameter(4)))
    assert [(one.frame, one.notes) for one in messages] == [(1, ()), (10, (GAP_BEFORE, OUT_OF_ORDER)), (11, ())]


def test_a_segment_lost_inside_a_message_costs_that_message() -> None:
    octets = b"".join(diameter(number, 100) for number in range(20))
    packets = wire.segments(octets, 130)
    del packets[3]
    expected = [number for number in range(20) if not ((number + 1) * 100 > 390 and number * 100 < 520)]
    assert found(*packets) == expected


def test_a_capture_that_starts_in_mid_stream_joins_at_the_next_message() -> None:
    tail = diameter(7, 400)[300:]
    messages = read(packet(0, tail + diameter(8, 60)), packet(160, diameter(9)))
    assert list(numbers(one.octets for one in messages)) == [8, 9]


def test_a_new_connection_on_old_ports_starts_anew() -> None:
    records = list(
        CaptureReader(
            wire.stream(
                wire.pcap(
                    [
                        packet(0, diameter(1)[:12]),
                        packet(7000, b"", SYN),
                        packet(100, b"", SYN | ACK, back=True),
                        packet(7001, diameter(2)),
                        packet(101, diameter(2, request=False), back=True),
                        packet(7021, b"", FIN | ACK),
                        packet(9000, diameter(3), RST | ACK),
                    ]
                )
            )
        ).records()
    )
    names = [one.name if isinstance(one, LinkEvent) else one.octets[15] for one in records]
    assert names == ["TCP_SYN", "TCP_SYN", 2, 2, "TCP_FIN", 3, "TCP_RST"]
    assert {one.link for one in records} == {2}


def test_garbage_between_messages_is_passed_over() -> None:
    messages = read(packet(0, diameter(1) + b"garbage!" + diameter(2)), packet(48, diameter(3)))
    assert list(numbers(one.octets for one in messages)) == [1, 2, 3]
    assert [one.notes for one in messages] == [(), (STRAY_BEFORE,), ()] or messages[0].notes == (STRAY_BEFORE,)


def test_streams_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diameter.capture.tcpflows.FLOWS", 8)
    monkeypatch.setattr("diameter.capture.read.SWEEP_PACKETS", 1)
    packets = [wire.ip(A[0], B[0], 6, wire.tcp((A[0], port), B, 0, diameter(port))) for port in range(1024, 1124)]
    assert found(*packets) == list(range(1024, 1124))


def test_what_waits_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diameter.capture.tcpflows.HELD", 5000)
    monkeypatch.setattr("diameter.capture.read.SWEEP_PACKETS", 1)
    octets = diameter(1, 9000)
    packets = wire.segments(octets, 3000)
    assert found(*packets[:2], packet(50_000, diameter(2)), packets[2]) == [2]


def test_odd_ports_are_recognised_by_shape() -> None:
    octets = diameter(1, 60) + diameter(2, 60)
    assert found(*wire.segments(octets, 50, source=ODD, destination=("10.0.0.4", 7001))) == [1, 2]
    assert (
        found(*wire.segments(b"\1\0\0\x14hello, this is not it....", 50, source=ODD, destination=("10.0.0.4", 80)))
        == []
    )


def test_a_damaged_message_that_opens_a_connection_is_shown() -> None:
    damaged = bytearray(diameter(1, 40))
    damaged[4] = 0x8F
    assert found(packet(-1, b"", SYN), packet(0, bytes(damaged) + diameter(2))) == [1, 2]
    assert found(packet(0, bytes(damaged) + diameter(2))) == [2]


def test_a_length_that_is_no_multiple_of_four_is_still_shown() -> None:
    odd = bytearray(diameter(2, 40))
    odd[3] = 38
    assert found(packet(0, diameter(1) + bytes(odd[:38]) + diameter(3))) == [1, 2, 3]


@given(st.permutations(range(9)), st.integers(1, 25), st.integers(0, 2**32 - 1))
def test_any_order_of_segments_gives_the_messages(order: list[int], size: int, start: int) -> None:
    octets = b"".join(diameter(number) for number in range(size * 9 // 20))
    packets = [packet(start, b"", SYN)]
    packets += [packet(start + 1 + one * size, octets[one * size : (one + 1) * size]) for one in order]
    assert found(*packets) == list(range(len(octets) // 20))


@given(
    st.lists(st.tuples(st.integers(0, 200), st.binary(max_size=40), st.sampled_from((0, SYN, FIN, RST))), max_size=30)
)
def test_no_segments_raise(segments: list[tuple[int, bytes, int]]) -> None:
    read(*(packet(sequence, payload, flags) for sequence, payload, flags in segments))


@given(st.lists(st.integers(20, 80).map(lambda size: size * 4), min_size=3, max_size=12), st.data())
def test_after_a_loss_all_that_is_whole_comes_out(sizes: list[int], draw: st.DataObject) -> None:
    octets = b"".join(diameter(number, size) for number, size in enumerate(sizes))
    step = draw.draw(st.integers(30, 200))
    packets = wire.segments(octets, step)
    lost = draw.draw(st.integers(0, len(packets) - 1))
    gone = range(lost * step, (lost + 1) * step)
    del packets[lost]
    expected, at = [], 0
    for number, size in enumerate(sizes):
        if at + size <= gone.start or at >= gone.stop:
            expected.append(number)
        at += size
    assert found(packet(0, b"", SYN), *packets) == expected
