"""Packets that are not what their link type says raise nothing."""

import dpkt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture.exported import address, tags, unwrap
from diameter.capture.layers import LINKS, SYN, segment
from diameter.capture.tcpframes import TcpStream


@given(st.sampled_from(sorted(LINKS)), st.binary(max_size=120))
def test_any_octets(link_type: int, octets: bytes) -> None:
    segment(link_type, octets)


@given(st.data())
def test_damaged_packets(data: st.DataObject) -> None:
    hosts = data.draw(st.sampled_from([("10.0.0.1", "10.0.0.2"), ("::1", "2001:db8::1")]))
    (packet,) = TcpStream((hosts[0], 1), (hosts[1], 3868)).data(0, b"payload")
    octets = bytearray(packet)
    for _ in range(data.draw(st.integers(0, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    segment(101, bytes(octets))


@pytest.mark.parametrize("hosts", [("10.0.0.1", "10.0.0.2"), ("::1", "2001:db8::1")])
def test_our_own_frames_come_back(hosts: tuple[str, str]) -> None:
    stream = TcpStream((hosts[0], 40_000), (hosts[1], 3868))
    first = segment(101, stream.handshake()[0])
    assert first is not None
    assert (first.source, first.destination, first.flags) == ((hosts[0], 40_000), (hosts[1], 3868), SYN)
    found = segment(101, stream.data(1, b"answer")[0])
    assert found is not None
    assert (found.source, found.sequence, found.payload) == ((hosts[1], 3868), 1, b"answer")
    (reset,) = stream.close(0, reset=True)
    assert segment(101, reset) is not None


def test_checksums_are_those_of_dpkt() -> None:
    (packet,) = TcpStream(("10.0.0.1", 1), ("10.0.0.2", 3868)).data(0, b"odd")
    again = dpkt.ip.IP(packet)
    assert isinstance(again.data, dpkt.tcp.TCP)
    again.sum = again.data.sum = 0
    assert bytes(again) == packet


def test_fragments_and_other_protocols_are_no_segments() -> None:
    udp = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=17, data=b"x" * 8)
    assert segment(101, bytes(udp)) is None
    (packet,) = TcpStream(("10.0.0.1", 1), ("10.0.0.2", 3868)).data(0, b"x")
    assert segment(101, packet[:6] + b"\x20\0" + packet[8:]) is None
    assert segment(195, packet) is None


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
