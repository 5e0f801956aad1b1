"""Link layers, IP and fragments; packets that are not what their link type says raise nothing."""

import itertools
import random

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import CaptureReader
from diameter.capture.exported import address, tags, unwrap
from diameter.capture.ip import HELD, Datagrams
from diameter.capture.links import LINKS, ip_offset, unusual
from diameter.capture.tcpframes import TcpStream
from helpers import wire
from helpers.wire import A, B, diameter, numbers

SIX = ("2001:db8::1", 40_000), ("2001:db8::2", 3868)


def payload(link_type: int, data: bytes) -> bytes:
    at = ip_offset(link_type, data)
    if at < 0:
        data, at = unusual(link_type, data), 0
    _, _, octets, start, end = Datagrams().carried(data, at)
    return octets[start:end]


@pytest.mark.parametrize("ends", [(A, B), SIX])
@pytest.mark.parametrize("link_type", [0, 1, 9, 12, 101, 108, 113, 276])
def test_every_link_layer(link_type: int, ends: tuple[wire.Endpoint, wire.Endpoint]) -> None:
    source, destination = ends
    packet = wire.ip(source[0], destination[0], 6, wire.tcp(source, destination, 1, diameter(5)))
    (message,) = CaptureReader(wire.stream(wire.pcap([packet], link_type=link_type)))
    assert (message.source, message.destination, message.octets) == (source, destination, diameter(5))


@pytest.mark.parametrize("vlans", [1, 2, 3])
def test_stacked_vlans(vlans: int) -> None:
    packet = wire.ip(A[0], B[0], 6, b"x" * 20)
    assert payload(1, wire.linked(packet, 1, vlans=vlans)) == b"x" * 20


def test_pppoe_and_mpls_go_through_dpkt() -> None:
    packet = wire.ip(A[0], B[0], 6, wire.tcp(A, B, 1, b"payload"))
    pppoe = wire.MAC + b"\x88\x64\x11\0\0\1" + (len(packet) + 2).to_bytes(2) + b"\0\x21" + packet
    assert payload(1, pppoe).endswith(b"payload")
    assert payload(1, wire.MAC + b"\x88\x47" + b"\0\x01\x01\x40" + packet).endswith(b"payload")


@given(st.sampled_from(sorted(LINKS)), st.binary(max_size=120))
def test_any_octets(link_type: int, octets: bytes) -> None:
    payload(link_type, octets)


@given(st.binary(max_size=120), st.booleans())
def test_any_ip(octets: bytes, six: bool) -> None:
    Datagrams().carried((b"\x60" if six else b"\x45") + octets, 0)


@given(st.data())
def test_damaged_packets(data: st.DataObject) -> None:
    hosts = data.draw(st.sampled_from([("10.0.0.1", "10.0.0.2"), ("::1", "2001:db8::1")]))
    (packet,) = TcpStream((hosts[0], 1), (hosts[1], 3868)).data(0, b"payload")
    octets = bytearray(packet)
    for _ in range(data.draw(st.integers(0, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    payload(101, bytes(octets))


@pytest.mark.parametrize("hosts", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_fragments_in_any_order(hosts: tuple[str, str]) -> None:
    whole = bytes(range(200))
    pieces = wire.fragments(*hosts, 6, whole, ident=7, size=56)
    assert len(pieces) == 4
    for order in itertools.permutations(pieces):
        datagrams = Datagrams()
        found = [datagrams.carried(one, 0) for one in order]
        assert found[:3] == [HELD] * 3
        protocol, _, octets, start, end = found[3]
        assert (protocol, octets[start:end]) == (6, whole)


def test_fragments_that_overlap_and_repeat() -> None:
    whole = bytes(range(200))
    one = wire.fragments("10.0.0.1", "10.0.0.2", 6, whole, ident=7, size=64)
    other = wire.fragments("10.0.0.1", "10.0.0.2", 6, whole, ident=7, size=104)
    datagrams = Datagrams()
    for piece in (one[0], one[0], other[0]):
        assert datagrams.carried(piece, 0) is HELD
    _, _, octets, start, end = datagrams.carried(other[1], 0)
    assert octets[start:end] == whole


def test_fragments_are_bounded() -> None:
    datagrams = Datagrams()
    for ident in range(1000):
        datagrams.carried(wire.fragments("10.0.0.1", "10.0.0.2", 6, bytes(99), ident=ident, size=64)[0], 0)
    assert datagrams.lost == 1000 - 256


def test_messages_in_fragments_of_packets() -> None:
    packets = [wire.ip(A[0], B[0], 6, wire.tcp(A, B, 0, b"", 2))]
    for number in range(20):
        segment = wire.tcp(A, B, 1 + number * 400, diameter(number, 400))
        packets += wire.fragments(A[0], B[0], 6, segment, ident=number + 1, size=96)
    packets[1:] = random.Random(1).sample(packets[1:], len(packets) - 1)
    reader = CaptureReader(wire.stream(wire.pcap(packets)))
    assert sorted(numbers(one.octets for one in reader)) == list(range(20))


def test_tunnels_and_extension_headers() -> None:
    inner = wire.ip(A[0], B[0], 6, b"y" * 20)
    assert payload(101, wire.ip("192.0.2.1", "192.0.2.2", 4, inner)) == b"y" * 20
    assert payload(101, wire.ip("2001:db8::1", "2001:db8::2", 4, inner)) == b"y" * 20
    options = b"\x06\0" + bytes(6) + b"z" * 20
    assert payload(101, wire.ip("2001:db8::1", "2001:db8::2", 0, options)) == b"z" * 20


def test_checksums_are_those_of_dpkt() -> None:
    (packet,) = TcpStream(("10.0.0.1", 1), ("10.0.0.2", 3868)).data(0, b"odd")
    again = dpkt.ip.IP(packet)
    assert isinstance(again.data, dpkt.tcp.TCP)
    again.sum = again.data.sum = 0
    assert bytes(again) == packet


def test_our_own_frames_come_back() -> None:
    stream = TcpStream(A, B)
    packets = [*stream.handshake(), *stream.data(1, diameter(1)), *stream.close(0, reset=True)]
    records = list(CaptureReader(wire.stream(wire.pcap(packets))).records())
    assert [getattr(one, "name", "") for one in records] == ["TCP_SYN", "TCP_SYN", "", "TCP_RST"]


def test_tags_come_back() -> None:
    pdu = unwrap(tags("sctp", ("10.0.0.1", 1), ("2001:db8::1", 60_000)) + b"payload")
    assert pdu is not None
    assert pdu[:] == ("diameter", "sctp", ("10.0.0.1", 1), ("2001:db8::1", 60_000), b"payload")
    beyond = unwrap(tags("tcp", ("10.0.0.1", 70_000), ("10.0.0.2", 3868)))
    assert beyond is not None
    assert beyond.source == ("10.0.0.1", 0)  # four octets have room for what is no port
    pdu = unwrap(tags("tls", ("memory", 0), ("memory", 1)) + b"x")
    assert pdu is not None
    assert (pdu.transport, pdu.source) == ("tcp", ("", 0))


@given(st.binary(max_size=80))
def test_any_octets_for_tags(octets: bytes) -> None:
    unwrap(octets)


def test_addresses() -> None:
    assert str(address("::ffff:10.0.0.1")) == "10.0.0.1"
    assert str(address("fe80::1%eth0")) == "fe80::1"
    assert address("localhost") is None
