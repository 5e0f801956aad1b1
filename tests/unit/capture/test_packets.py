"""Files in every byte order and resolution, and what is said of damaged ones."""

import io
import struct
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import CaptureError, blocks
from diameter.capture.packets import Packet, PacketReader


def read(octets: bytes) -> list[Packet]:
    return list(PacketReader(io.BytesIO(octets), "x.pcapng"))


def head() -> bytes:
    return blocks.section("test") + blocks.interface(blocks.LINK_RAW_IP, "one", "an interface")


def big_endian(kind: int, body: bytes) -> bytes:
    return struct.pack(">II", kind, len(body) + 12) + body + struct.pack(">I", len(body) + 12)


def test_a_packet_comes_back_with_time_direction_and_comment() -> None:
    options = blocks.packet_options(blocks.INBOUND, "tls, peer hss.example, received")
    (packet,) = read(head() + blocks.packet(0, 1_760_000_000_123_456_789, b"12345", options))
    assert packet[:4] == (1_760_000_000_123_456_789, blocks.LINK_RAW_IP, b"12345", 1)
    assert (packet.direction, packet.comment) == (blocks.INBOUND, "tls, peer hss.example, received")


def test_a_note_is_a_packet_without_a_number() -> None:
    (note,) = read(head() + blocks.note(0, 5, "event LINK_LOST, -: gone"))
    assert (note.number, note.data, note.comment) == (0, b"", "event LINK_LOST, -: gone")


def test_packets_are_numbered_as_wireshark_does() -> None:
    octets = head() + blocks.packet(0, 1, b"a", b"") + blocks.note(0, 2, "x") + blocks.packet(0, 3, b"b", b"")
    assert [packet.number for packet in read(octets)] == [1, 0, 2]


def test_big_endian_sections_with_other_resolutions() -> None:
    section = big_endian(0x0A0D0D0A, struct.pack(">IHHq", 0x1A2B3C4D, 1, 0, -1))
    offset = struct.pack(">HHq", 14, 8, 100)
    interface = big_endian(1, struct.pack(">HHI", 1, 0, 0) + struct.pack(">HHB3x", 9, 1, 0x8A) + offset + bytes(4))
    packet = big_endian(6, struct.pack(">IIIII", 0, 0, 512, 2, 2) + b"hi\0\0")
    (found,) = read(section + interface + packet)
    assert (found.time_ns, found.data) == (100_500_000_000, b"hi")


def test_sections_may_follow_each_other() -> None:
    octets = head() + blocks.packet(0, 1, b"a", b"") + head() + blocks.packet(0, 2, b"b", b"")
    assert [packet.data for packet in read(octets)] == [b"a", b"b"]


def test_obsolete_and_simple_packets() -> None:
    body = struct.pack("<HHIIII", 0, 9, 0, 7_000, 1, 1) + b"o\0\0\0"
    obsolete = struct.pack("<II", 2, len(body) + 12) + body + struct.pack("<I", len(body) + 12)
    simple = struct.pack("<III", 3, 20, 2) + b"si\0\0" + struct.pack("<I", 20)
    assert [(packet.data, packet.time_ns) for packet in read(head() + obsolete + simple)] == [(b"o", 7_000), (b"si", 0)]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(("magic", "time_ns"), [(0xA1B2C3D4, 3_000_007_000), (0xA1B23C4D, 3_000_000_007)])
def test_pcap_in_both_orders_and_resolutions(order: str, magic: int, time_ns: int) -> None:
    header = struct.pack(order + "IHHiIII", magic, 2, 4, 0, 0, 65535, 101)
    (packet,) = read(header + struct.pack(order + "IIII", 3, 7, 2, 2) + b"hi")
    assert packet[:4] == (time_ns, 101, b"hi", 1)


@pytest.mark.parametrize("missing", [1, 5, 11, 30])
def test_a_file_that_breaks_off_gives_what_is_there(missing: int) -> None:
    octets = head() + blocks.packet(0, 1, b"first", b"") + blocks.packet(0, 2, b"second", b"")
    reader = PacketReader(io.BytesIO(octets[:-missing]), "cut.pcapng")
    assert [packet.data for packet in reader] == [b"first"]
    at = len(head()) + len(blocks.packet(0, 1, b"first", b""))
    assert f"ends inside the record at offset {at} " in reader.truncated


def damaged(where: int, value: bytes) -> bytes:
    octets = bytearray(head() + blocks.packet(0, 1, b"first", b"") + blocks.packet(0, 2, b"second", b""))
    at = len(head()) + len(blocks.packet(0, 1, b"first", b"")) + where
    octets[at : at + len(value)] = value
    return bytes(octets)


@pytest.mark.parametrize(
    ("octets", "complaint"),
    [
        (b"", "not a capture: 0 octets long"),
        (b"GET / HTTP", "no Diameter found: saw what is not a capture: it starts with 47455420"),
        (b"\x1f\x8b\x08\x00rest", "packed by gzip: gzip -dc FILE | mtc pcap ... -"),
        (b"\xd4\xc3\xb2\xa1" + bytes(7), "at offset 4: the file header has 7 of 20 octets"),
        (damaged(4, b"\x0b\0\0\0"), "at offset 136: a block length of 11 octets cannot be"),
        (damaged(4, b"\xf0\xff\xff\x7f"), "at offset 136: a block length of 2147483632 octets cannot be"),
        (damaged(36, b"\x09"), "at offset 136: the two lengths of the block differ"),
        (damaged(8, b"\x07"), "at offset 136: interface 7 was not described"),
        (damaged(20, b"\xff"), "at offset 136: a packet of 255 octets in a block with room for 8"),
        (
            b"\x0a\x0d\x0d\x0a\x1c\0\0\0zzzz" + bytes(16),
            "at offset 0: the section header's byte-order magic is 7a7a7a7a",
        ),
    ],
)
def test_damage_is_told_with_its_offset(octets: bytes, complaint: str) -> None:
    with pytest.raises(CaptureError) as caught:
        read(octets)
    assert complaint in str(caught.value)
    assert str(caught.value).startswith("x.pcapng: ")


def test_what_stands_before_the_damage_is_given_out() -> None:
    packets = iter(PacketReader(io.BytesIO(damaged(4, b"\x0b\0\0\0")), "x"))
    assert next(packets).data == b"first"
    with pytest.raises(CaptureError):
        next(packets)


@given(st.data())
def test_no_octets_raise_anything_else(data: st.DataObject) -> None:
    base = head() + blocks.packet(0, 1, b"first", blocks.packet_options(1, "comment")) + blocks.note(0, 2, "note")
    octets = bytearray(base)
    for _ in range(data.draw(st.integers(0, 6))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    with suppress(CaptureError):
        for packet in PacketReader(io.BytesIO(bytes(octets)), "x"):
            assert len(packet.data) <= len(octets)
