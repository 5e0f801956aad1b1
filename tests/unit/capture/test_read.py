"""Captures of others: TCP as tcpdump saw it, and files without Diameter."""

import io
import struct
from pathlib import Path

import dpkt
import pytest

from diameter.capture import CaptureError, CaptureReader, blocks
from diameter.capture.records import endpoint_of, endpoint_text

MESSAGE = bytes.fromhex("01000014 80000118 00000000 00000001 00000002")


def ethernet(payload: bytes, sequence: int, port: int = 3868) -> bytes:
    tcp = dpkt.tcp.TCP(sport=40_000, dport=port, seq=sequence, flags=0x18, data=payload)
    ip = dpkt.ip.IP(src=b"\x0a\0\0\1", dst=b"\x0a\0\0\2", p=6, data=tcp)
    ip.len = len(ip)
    return bytes(dpkt.ethernet.Ethernet(data=ip))


def pcap(*packets: bytes, link_type: int = 1) -> io.BytesIO:
    header = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    return io.BytesIO(header + b"".join(struct.pack("<IIII", 1, 0, len(one), len(one)) + one for one in packets))


def test_tcp_over_ethernet_in_any_cut() -> None:
    packets = [ethernet((MESSAGE * 3)[at : at + 7], 100 + at) for at in range(0, 60, 7)]
    reader = CaptureReader(pcap(*packets))
    found = list(reader)
    assert [one.octets for one in found] == [MESSAGE] * 3
    assert (found[0].source, found[0].destination) == (("10.0.0.1", 40_000), ("10.0.0.2", 3868))
    assert (found[0].transport, found[0].outgoing, found[0].frame, found[2].frame) == ("tcp", None, 3, 9)


def test_what_is_no_diameter_is_counted() -> None:
    reader = CaptureReader(pcap(ethernet(b"\x17\x03\x03\0\x05hello", 1), b"short", bytes(60)))
    assert list(reader) == []
    assert reader.other == {"TLS, port 3868 (no key log was given)": 1, "packet without IP": 1, "LLC frame": 1}
    reader = CaptureReader(pcap(b"x", link_type=195))
    assert list(reader) == []
    assert reader.other == {"packet of link type 195": 1}


def test_exported_pdus_of_other_dissectors_are_counted() -> None:
    head = blocks.section("x") + blocks.interface(blocks.LINK_EXPORTED_PDU, "x", "")
    http = struct.pack(">HH", 12, 4) + b"http" + struct.pack(">HH", 0, 0) + b"GET /"
    reader = CaptureReader(
        io.BytesIO(head + blocks.packet(0, 1, http, b"") + blocks.packet(0, 1, b"\0\x0c\0\x09dia", b""))
    )
    assert list(reader) == []
    assert reader.other == {"exported PDU for http": 1, "damaged exported PDU": 1}


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="missing.pcap: No such file or directory"):
        list(CaptureReader(tmp_path / "missing.pcap"))
    with pytest.raises(CaptureError, match="Is a directory"):
        list(CaptureReader(tmp_path))


@pytest.mark.parametrize("end", [("127.0.0.1", 3868), ("2001:db8::1", 5868), ("host.example", 0)])
def test_endpoints_as_text(end: tuple[str, int]) -> None:
    assert endpoint_of(endpoint_text(end)) == end


def test_an_endpoint_without_a_port() -> None:
    assert endpoint_of("10.0.0.1") == ("10.0.0.1", 0)
    assert endpoint_of("[::1]") == ("::1", 0)
