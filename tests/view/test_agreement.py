"""Our reading of captures beside tshark's: the same messages, headers and AVPs, over TCP and SCTP, on bad networks.

The network is one of the test: it loses, doubles, swaps, cuts and fragments.  What tshark needs to be told for that
(reassembly of segments out of order) it is told; everything else is its default.
"""

from __future__ import annotations

import random
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import pytest

from diameter.capture import Captured, CaptureReader
from diameter.message.members import Avp
from helpers import wire
from helpers.captures import Traffic
from helpers.messages import dictionary
from helpers.recorded import tls
from helpers.wire import A, B

pytestmark = pytest.mark.view

FIELDS: Final = ("diameter.cmd.code", "diameter.applicationId", "diameter.hopbyhopid", "diameter.endtoendid")
AVPS: Final = ("diameter.avp.code", "diameter.avp.len")
OPTIONS: Final = ("-o", "tcp.reassemble_out_of_order:TRUE", "-o", "ip.defragment:TRUE", "-o", "sctp.reassembly:TRUE")
Row = tuple[int, int, int, int, tuple[tuple[int, int], ...]]


def octets_of_traffic(triggers: int) -> list[bytes]:
    found = [one.octets for one in Traffic(dictionary()).run(triggers)]
    return [one for one in found if b"\x00\x00\x01\x0c\x40\x00\x00\x0b" not in one]


def theirs(path: Path, *more: str) -> list[Row]:
    """A row a message; several of one frame stand in one line, joined by commas."""
    program = shutil.which("tshark")
    assert program is not None, "tshark is not installed"
    home = path.parent / "home"
    home.mkdir(exist_ok=True)
    words = [program, "-r", str(path), *OPTIONS, *more, "-Y", "diameter", "-T", "fields"]
    words += [word for name in (*FIELDS, "diameter.length", *AVPS) for word in ("-e", name)]
    done = subprocess.run(
        words, check=True, capture_output=True, text=True, timeout=300, env={"HOME": str(home), "PATH": "/usr/bin:/bin"}
    )
    return [row for line in done.stdout.splitlines() for row in _rows(line)]


def _rows(line: str) -> Iterable[Row]:
    columns = [column.split(",") for column in line.split("\t")]
    heads = list(zip(*columns[:5], strict=True))
    avps = list(zip(map(int, columns[5]), map(int, columns[6]), strict=True))
    for command, application, hop, end, length in heads:
        mine: list[tuple[int, int]] = []
        _take(int(length) - 20, avps, mine)
        yield int(command), int(application), int(hop, 16), int(end, 16), tuple(mine)


def _take(octets: int, avps: list[tuple[int, int]], out: list[tuple[int, int]]) -> None:
    """The AVPs that fill so many octets; those of a group stand behind it."""
    while octets > 0 and avps:
        code, size = avps.pop(0)
        out.append((code, size))
        if code in GROUPS:
            _take(size - GROUPS[code], avps, out)
        octets -= size + (-size & 3)


GROUPS: Final = {one.code: 12 if one.vendor else 8 for one in dictionary().avps() if one.type == "Grouped"}
"""Octets of header of each AVP that is a group, by code; in this traffic a code is one AVP."""


def row(captured: Captured) -> Row:
    message = captured.message(dictionary())
    found: list[tuple[int, int]] = []
    _walk(message.avps, found)
    return (
        message.command_code, message.application_id, message.hop_by_hop, message.end_to_end, tuple(found),
    )  # fmt: skip


def _walk(avps: Iterable[Avp], out: list[tuple[int, int]]) -> None:
    for avp in avps:
        out.append((avp.code, avp.length))
        _walk(avp.members, out)


def compare(path: Path, packets: Iterable[bytes], *, link_type: int = 1) -> tuple[list[Captured], list[Row]]:
    path.write_bytes(wire.pcap(packets, link_type=link_type))
    return list(CaptureReader(path)), theirs(path)


class Network:
    """TCP both ways between two hosts, with handshake and acknowledgements, cut at random."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sent = [1, 1]
        self.packets = [
            self._packet(0, 0, b"", 0x02), self._packet(1, 0, b"", 0x12), self._packet(0, 1, b"", 0x10)
        ]  # fmt: skip

    def _packet(self, side: int, sequence: int, payload: bytes, flags: int = 0x18) -> bytes:
        source, destination = ((A, B), (B, A))[side]
        ack = self.sent[1 - side] if flags & 0x10 else 0
        return wire.ip(source[0], destination[0], 6, wire.tcp(source, destination, sequence, payload, flags, ack))

    def say(self, side: int, octets: bytes) -> None:
        at = 0
        while at < len(octets):
            step = self.random.randrange(20, 600)
            self.packets.append(self._packet(side, self.sent[side], octets[at : at + step]))
            self.sent[side] += len(octets[at : at + step])
            at += step


def tcp_packets(messages: list[bytes], seed: int) -> list[bytes]:
    network = Network(seed)
    held: list[list[bytes]] = [[], []]
    for octets in messages:
        side = 0 if octets[4] & 0x80 else 1
        held[side].append(octets)
        if network.random.random() < 0.7:
            network.say(side, b"".join(held[side]))
            held[side].clear()
    for side in (0, 1):
        network.say(side, b"".join(held[side]))
    return network.packets


@pytest.mark.parametrize("seed", range(3))
def test_tcp_in_any_cut(seed: int, tmp_path: Path) -> None:
    messages = octets_of_traffic(20)
    ours, rows = compare(tmp_path / "x.pcap", tcp_packets(messages, seed))
    assert sorted(one.octets for one in ours) == sorted(messages)
    assert [row(one) for one in ours] == rows


@pytest.mark.parametrize("seed", range(3))
def test_tcp_with_packets_doubled_and_swapped(seed: int, tmp_path: Path) -> None:
    messages = octets_of_traffic(20)
    packets = tcp_packets(messages, seed)
    rand = random.Random(seed)
    for _ in range(len(packets) // 6):
        at = rand.randrange(3, len(packets) - 1)
        if rand.random() < 0.5:
            packets[at], packets[at + 1] = packets[at + 1], packets[at]
        else:
            packets.insert(at + 1, packets[at])
    ours, rows = compare(tmp_path / "x.pcap", packets)
    assert sorted(one.octets for one in ours) == sorted(messages)
    assert sorted(map(row, ours)) == sorted(rows)


def test_tcp_with_losses(tmp_path: Path) -> None:
    """What tshark finds after a loss we find too, and everything that is whole in the capture."""
    messages = octets_of_traffic(20)
    network = Network(1)
    for octets in messages:
        network.say(0 if octets[4] & 0x80 else 1, octets)
    packets = network.packets[:]
    del packets[40::23]
    ours, rows = compare(tmp_path / "x.pcap", packets)
    mine = [row(one) for one in ours]
    assert {one.octets for one in ours} <= set(messages)
    assert len(mine) > len(messages) * 0.8
    assert [one for one in rows if one not in mine] == []


@pytest.mark.parametrize("hosts", [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")])
def test_fragments_of_ip(hosts: tuple[str, str], tmp_path: Path) -> None:
    messages = octets_of_traffic(12)
    rand, packets, sent = random.Random(2), [], 1
    source, destination = (hosts[0], A[1]), (hosts[1], B[1])
    for number, octets in enumerate(messages, 1):
        pieces = wire.fragments(*hosts, 6, wire.tcp(source, destination, sent, octets), ident=number, size=160)
        packets += rand.sample(pieces, len(pieces))
        sent += len(octets)
    ours, rows = compare(tmp_path / "x.pcap", packets)
    assert [one.octets for one in ours] == messages
    assert [row(one) for one in ours] == rows


def sctp_packets(messages: list[bytes], seed: int) -> list[bytes]:
    """Bundles, fragments and single chunks; client and server with a tag each."""
    rand, tsn, packets = random.Random(seed), [100, 9000], []
    for octets in messages:
        side = 0 if octets[4] & 0x80 else 1
        source, destination = ((A, B), (B, A))[side]
        if rand.random() < 0.3:
            chunks = wire.pieces(tsn[side], octets, 4 * rand.randrange(10, 60), ppid=46, stream=side)
        else:
            chunks = [wire.data(tsn[side], octets, ppid=rand.choice((46, 46, 0)), stream=side)]
        tsn[side] += len(chunks)
        while chunks:
            some = [chunks.pop(0) for _ in range(min(len(chunks), rand.randrange(1, 4)))]
            packet = wire.sctp(source, destination, 77 + side, *some)
            packets.append(wire.ip(source[0], destination[0], 132, packet))
    return packets


@pytest.mark.parametrize("seed", range(3))
def test_sctp_with_bundles_fragments_and_repetitions(seed: int, tmp_path: Path) -> None:
    messages = octets_of_traffic(20)
    packets = sctp_packets(messages, seed)
    rand = random.Random(seed)
    for _ in range(len(packets) // 8):
        at = rand.randrange(2, len(packets) - 1)
        packets[at], packets[at + 1] = packets[at + 1], packets[at]
    ours, rows = compare(tmp_path / "x.pcap", packets)
    assert sorted(one.octets for one in ours) == sorted(messages)
    assert sorted(map(row, ours)) == sorted(rows)
    again, _ = compare(tmp_path / "y.pcap", [packet for packet in packets for _ in range(2)])
    assert sorted(one.octets for one in again) == sorted(messages)


def test_sctp_with_losses(tmp_path: Path) -> None:
    messages = octets_of_traffic(20)
    packets = sctp_packets(messages, 4)
    del packets[30::17]
    ours, rows = compare(tmp_path / "x.pcap", packets)
    assert {one.octets for one in ours} <= set(messages)
    assert sorted(map(row, ours)) == sorted(rows)


@pytest.mark.parametrize("link_type", [0, 1, 101, 108, 113, 276])
def test_link_layers(link_type: int, tmp_path: Path) -> None:
    messages = octets_of_traffic(3)
    ours, rows = compare(tmp_path / "x.pcap", tcp_packets(messages, 1), link_type=link_type)
    assert len(ours) == len(messages)
    assert [row(one) for one in ours] == rows


def test_sctp_over_udp(tmp_path: Path) -> None:
    messages = octets_of_traffic(3)
    packets = [
        wire.ip(A[0], B[0], 17, wire.udp(9899, 9899, wire.sctp(A, B, 5, wire.data(tsn, octets))))
        for tsn, octets in enumerate(messages)
    ]
    ours, rows = compare(tmp_path / "x.pcap", packets)
    assert [one.octets for one in ours] == messages
    assert [row(one) for one in ours] == rows


@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_tls_with_a_key_log(version: str, tmp_path: Path) -> None:
    messages = octets_of_traffic(6)
    recorded = tls([(0 if octets[4] & 0x80 else 1, octets) for octets in messages], version=version)
    secure, sent, packets = (B[0], 5868), [1, 1], []
    for flags, side in ((0x02, 0), (0x12, 1), (0x10, 0)):
        source, destination = ((A, secure), (secure, A))[side]
        segment = wire.tcp(source, destination, int(flags == 0x10), b"", flags, int(flags != 0x02))
        packets.append(wire.ip(source[0], destination[0], 6, segment))
    for side, octets in recorded.runs:
        source, destination = ((A, secure), (secure, A))[side]
        packets += wire.segments(octets, 1400, source=source, destination=destination, start=sent[side])
        sent[side] += len(octets)
    path, keys = tmp_path / "x.pcap", tmp_path / "keys"
    path.write_bytes(wire.pcap(packets, link_type=1))
    keys.write_text(recorded.log)
    ours = list(CaptureReader(path, key_log=keys))
    assert [one.octets for one in ours] == messages
    known = ("-o", f"tls.keylog_file:{keys}", "-d", "tls.port==5868,diameter")
    assert [row(one) for one in ours][1:] == theirs(path, *known)  # it does not show the first record of a connection


def test_several_interfaces_in_one_file(tmp_path: Path) -> None:
    """Merged by Wireshark's own program: three link types, two byte orders, microseconds and nanoseconds."""
    program = shutil.which("mergecap")
    assert program is not None, "mergecap is not installed; it comes with tshark"
    messages, paths = octets_of_traffic(6), []
    for number, (link_type, order, nanoseconds) in enumerate([(1, "<", False), (113, ">", True), (276, "<", True)]):
        ends = (f"10.2.{number}.1", 40_000), (f"10.2.{number}.2", 3868)
        packets = wire.segments(b"".join(messages), 500, source=ends[0], destination=ends[1])
        paths.append(tmp_path / f"{number}.pcap")
        paths[-1].write_bytes(wire.pcap(packets, link_type=link_type, order=order, nanoseconds=nanoseconds))
    merged = tmp_path / "all.pcapng"
    subprocess.run([program, "-F", "pcapng", "-w", str(merged), *map(str, paths)], check=True, timeout=300)
    ours = list(CaptureReader(merged))
    assert len(ours) == 3 * len(messages)
    assert [row(one) for one in ours] == theirs(merged)
    assert {one.link for one in ours} == {1, 2, 3}
    assert {one.time_ns % 10**6 for one in ours} == {0}
