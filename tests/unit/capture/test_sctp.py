"""SCTP: bundles, fragments, repetitions, several paths, and what is recognised as Diameter."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import CaptureReader, CaptureWriter, LinkEvent, sctp
from diameter.capture.records import CUT, GAP_BEFORE, OUT_OF_ORDER, Captured, Record
from helpers import wire
from helpers.captures import link
from helpers.wire import A, B, diameter, numbers

TAG, BACK = 0x1111, 0x2222
A2, B2 = ("10.1.0.1", A[1]), ("10.1.0.2", B[1])
ODD_A, ODD_B = ("10.0.0.5", 5000), ("10.0.0.6", 6000)


def packet(*chunks: bytes, source: wire.Endpoint = A, destination: wire.Endpoint = B, tag: int = TAG) -> bytes:
    return wire.ip(source[0], destination[0], 132, wire.sctp(source, destination, tag, *chunks))


def answer(*chunks: bytes, source: wire.Endpoint = B, destination: wire.Endpoint = A) -> bytes:
    return packet(*chunks, source=source, destination=destination, tag=BACK)


def records(*packets: bytes) -> list[Record]:
    return list(CaptureReader(wire.stream(wire.pcap(packets))).records())


def read(*packets: bytes) -> list[Captured]:
    return list(CaptureReader(wire.stream(wire.pcap(packets))))


def found(*packets: bytes) -> list[int]:
    return list(numbers(one.octets for one in read(*packets)))


def handshake(*, tag: int = TAG, back: int = BACK, first: int = 100, first_back: int = 500) -> list[bytes]:
    return [
        packet(wire.init(1, back, first, A[0], A2[0]), tag=0),
        packet(wire.init(2, tag, first_back, B[0], B2[0]), source=B, destination=A, tag=back),
    ]


def test_bundled_chunks_with_stream_and_ppid() -> None:
    messages = read(
        packet(
            wire.chunk(3, 0, bytes(12)),
            wire.data(1, diameter(1), stream=3),
            wire.data(2, diameter(2, 40), stream=4, ppid=0),
            wire.data(3, diameter(3, 28)),
        )
    )
    assert [(one.stream, one.ppid, one.transport) for one in messages] == [
        (3, 46, "sctp"),
        (4, 0, "sctp"),
        (0, 46, "sctp"),
    ]
    assert list(numbers(one.octets for one in messages)) == [1, 2, 3]
    assert (messages[0].source, messages[0].destination, messages[0].frame) == (A, B, 1)


@given(st.permutations(range(6)), st.integers(0, 2**32 - 1))
def test_fragments_in_any_order(order: list[int], first: int) -> None:
    octets = diameter(9, 300)
    chunks = wire.pieces(first, octets, 50)
    start = handshake(first=first)
    messages = read(*start, *(packet(chunks[one]) for one in order))
    assert [one.octets for one in messages] == [octets]


def test_interleaved_fragments_of_i_data() -> None:
    one, other = diameter(1, 120), diameter(2, 120)
    chunks = []
    for number, octets in enumerate((one, other)):
        chunks += [
            wire.i_data(10 + 3 * at + number, octets[at * 40 : at * 40 + 40], stream=number, word=at or 46, flags=flags)
            for at, flags in enumerate((2, 0, 1))
        ]
    ordered = [chunks[at] for at in (0, 3, 1, 4, 5, 2)]
    messages = read(packet(*ordered))
    assert [(message.octets, message.stream, message.ppid) for message in messages] == [(other, 1, 46), (one, 0, 46)]


def test_a_repetition_is_an_event_and_no_message() -> None:
    got = records(
        *handshake(),
        packet(wire.data(100, diameter(1))),
        packet(wire.data(100, diameter(1))),
        packet(wire.data(102, diameter(3))),
        packet(wire.data(101, diameter(2))),
        packet(wire.data(102, diameter(3))),
    )
    names = [one.name if isinstance(one, LinkEvent) else one.octets[15] for one in got]
    again = "SCTP_RETRANSMISSION"
    assert names == ["SCTP_INIT", "SCTP_INIT_ACK", 1, again, 3, 2, again]
    assert [one.notes for one in got if isinstance(one, Captured)] == [(), (OUT_OF_ORDER,), ()]
    assert {one.link for one in got} == {1}


def test_several_paths_are_one_association() -> None:
    got = records(
        *handshake(),
        packet(wire.data(100, diameter(1))),
        packet(wire.data(100, diameter(1)), source=A2, destination=B2),
        packet(wire.data(101, diameter(2)), source=A2, destination=B2),
        answer(wire.data(500, diameter(2, request=False)), source=B2, destination=A2),
    )
    messages = [one for one in got if isinstance(one, Captured)]
    assert [one.octets[15] for one in messages] == [1, 2, 2]
    assert [(one.source, one.destination) for one in messages] == [(A, B), (A, B), (B, A)]
    assert {one.link for one in got} == {1}
    assert next(one.text for one in got if isinstance(one, LinkEvent)) == "2 addresses"


def test_the_same_tag_between_others_is_another_association() -> None:
    other = ("10.9.0.1", A[1]), ("10.9.0.2", B[1])
    messages = read(
        *handshake(),
        packet(wire.data(100, diameter(1))),
        packet(wire.data(100, diameter(2)), source=other[0], destination=other[1]),
    )
    assert [(one.octets[15], one.link) for one in messages] == [(1, 1), (2, 2)]


def test_both_directions_of_a_capture_that_begins_in_the_middle_are_one_link() -> None:
    messages = read(packet(wire.data(9, diameter(1))), answer(wire.data(7, diameter(1, request=False))))
    assert [one.link for one in messages] == [1, 1]


def test_chunks_from_before_the_first_that_was_captured() -> None:
    assert found(*(packet(wire.data(tsn, diameter(tsn))) for tsn in (20, 19, 18, 19, 21, 20))) == [20, 19, 18, 21]


def test_lost_chunks_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sctp, "AHEAD", 4)
    messages = read(*handshake(), *(packet(wire.data(tsn, diameter(tsn))) for tsn in (100, *range(102, 110))))
    assert len(messages) == 9
    assert [one.octets[15] for one in messages if GAP_BEFORE in one.notes] == [106]


def test_a_fragment_lost_costs_its_message_only() -> None:
    chunks = wire.pieces(100, diameter(1, 200), 50)
    del chunks[2]
    chunks += [wire.data(104, diameter(2)), *wire.pieces(105, diameter(3, 200), 50)]
    assert found(*handshake(), *(packet(one) for one in chunks)) == [2, 3]


def test_recognised_by_ppid_port_or_shape() -> None:
    def odd(octets: bytes, ppid: int) -> bytes:
        return packet(wire.data(1, octets, ppid=ppid), source=ODD_A, destination=ODD_B)

    assert found(odd(diameter(1), 46)) == [1]
    assert found(odd(diameter(1, 60), 0)) == [1]
    assert found(odd(b"\1\0\0\x24" + bytes(32), 3)) == []
    reader = CaptureReader(wire.stream(wire.pcap([odd(b"M3UA....", 3)])))
    assert list(reader) == []
    assert reader.no_diameter() == "no Diameter found: saw 1 x SCTP, port 5000"


def test_several_messages_in_one_of_sctp() -> None:
    assert found(packet(wire.data(1, diameter(1) + diameter(2)))) == [1, 2]


@pytest.mark.parametrize("ports", [(9899, 9899), (40_001, 30_000)])
def test_over_udp(ports: tuple[int, int]) -> None:
    inner = wire.sctp(A, B, TAG, wire.data(1, diameter(1)))
    (message,) = read(wire.ip(A[0], B[0], 17, wire.udp(*ports, inner)))
    assert (message.octets, message.source, message.transport) == (diameter(1), A, "sctp")


def test_what_ends_an_association() -> None:
    abort = wire.chunk(6, 0, b"\0\x0c\0\x08busy")
    got = records(
        *handshake(), answer(wire.chunk(9, 0, b"\0\1\0\x08\0\0\0\0")), answer(wire.chunk(7, 0, bytes(4))), answer(abort)
    )
    events = [(one.name, one.text, one.local) for one in got[2:] if isinstance(one, LinkEvent)]
    assert events == [
        ("SCTP_ERROR", "invalid stream identifier", B),
        ("SCTP_SHUTDOWN", "", B),
        ("SCTP_ABORT", "user-initiated abort: busy", B),
    ]


def test_a_cut_packet_gives_what_is_there() -> None:
    whole = packet(wire.data(1, diameter(1, 400)))
    (message,) = read(whole[:200])
    assert message.notes == (CUT,)
    assert message.octets == diameter(1, 400)[: len(message.octets)]


@given(st.binary(max_size=100))
def test_any_chunks(octets: bytes) -> None:
    records(packet(octets), packet(wire.data(1, octets, flags=2)), packet(wire.chunk(64, 3, octets)))


@given(
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 3), st.sampled_from([0, 64]), st.integers(0, 3)), max_size=30)
)
def test_any_order_of_any_chunks(rows: list[tuple[int, int, int, int]]) -> None:
    for tsn, flags, kind, stream in rows:
        one = wire.i_data if kind else wire.data
        records(packet(one(tsn, b"x" * 20, flags=flags, stream=stream)))


def test_without_an_init_paths_are_joined_by_tags_that_were_drawn() -> None:
    for tag, links in ((0x12345678, [1, 1]), (2, [1, 2])):
        first = packet(wire.data(1, diameter(1)), tag=tag)
        messages = read(first, packet(wire.data(2, diameter(2)), source=A2, destination=B2, tag=tag))
        assert [one.link for one in messages] == links


def test_an_association_after_another_on_the_same_ports_is_read_from_what_a_node_writes(tmp_path: Path) -> None:
    path, both = tmp_path / "x.pcapng", link("sctp", A, B)
    with CaptureWriter(path) as writer:
        for number in range(6):
            writer.message(10.0 + number, number % 2 == 0, both, diameter(number))
            if number % 3 == 2:
                writer.event(10.5 + number, both, "LINK_LOST", "gone")
    messages = list(CaptureReader(path))
    assert list(numbers(one.octets for one in messages)) == list(range(6))
