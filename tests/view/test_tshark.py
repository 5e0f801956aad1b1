"""A default tshark reads every message of what a node writes: no option, no preference, no key."""

from __future__ import annotations

import shutil
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from diameter import decode
from diameter.capture import Captured, CaptureReader, CaptureWriter, Ring, merge
from helpers.captures import Traffic, both_ends, link
from helpers.messages import dictionary

pytestmark = pytest.mark.view


def tshark(path: Path, *arguments: str) -> str:
    program = shutil.which("tshark")
    assert program is not None, "tshark is not installed"
    home = path.parent / "home"
    home.mkdir(exist_ok=True)
    done = subprocess.run(
        [program, "-r", str(path), *arguments],
        check=True, capture_output=True, text=True, timeout=300, env={"HOME": str(home), "PATH": "/usr/bin:/bin"},
    )  # fmt: skip
    return done.stdout


def fields(path: Path, *names: str) -> list[list[str]]:
    asked = [word for name in names for word in ("-e", name)]
    out = tshark(path, "-Y", "diameter", "-T", "fields", *asked)
    return [line.split("\t") for line in out.splitlines()]


@pytest.fixture(scope="module")
def messages() -> list[Captured]:
    return Traffic(dictionary()).run(60)


@pytest.fixture(scope="module")
def capture(messages: list[Captured], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both ends of every link, merged: TLS, SCTP, clear TCP on 3868."""
    folder = tmp_path_factory.mktemp("capture")
    paths = [folder / "one.pcapng", folder / "other.pcapng"]
    with CaptureWriter(paths[0]) as one, CaptureWriter(paths[1]) as other:
        for sent, received in both_ends(messages):
            one.record(sent)
            other.record(received)
        one.event(2e9, link("tcp", ("127.0.0.1", 3868), messages[4].source), "LINK_LOST", "gone")
    merge(paths, folder / "all.pcapng")
    return folder / "all.pcapng"


def test_every_message_is_dissected(capture: Path, messages: list[Captured]) -> None:
    rows = fields(
        capture,
        "diameter.cmd.code",
        "diameter.applicationId",
        "diameter.hopbyhopid",
        "diameter.endtoendid",
        "diameter.length",
    )
    expected = []
    for one in messages:
        message = decode(one.octets, dictionary())
        numbers = (message.command_code, message.application_id)
        identifiers = (f"0x{message.hop_by_hop:08x}", f"0x{message.end_to_end:08x}")
        expected.append([*map(str, numbers), *identifiers, str(len(one.octets))])
    assert rows == expected


def test_addresses_ports_and_times_are_the_real_ones(capture: Path, messages: list[Captured]) -> None:
    names = ("frame.time_epoch", "ip.src", "ip.dst", "tcp.srcport", "sctp.srcport", "exported_pdu.ipv4_src",
             "exported_pdu.src_port")  # fmt: skip
    for row, one in zip(fields(capture, *names), messages, strict=True):
        assert int(row[0].replace(".", "")) == one.time_ns
        assert row[1:3] == ["127.0.0.1", "127.0.0.1"]
        clear = one.transport == "tcp" and 3868 in (one.source[1], one.destination[1])
        assert row[3] == (str(one.source[1]) if clear else "")
        assert row[4] == (str(one.source[1]) if one.transport == "sctp" else "")
        assert row[5:] == (["", ""] if clear or one.transport == "sctp" else ["127.0.0.1", str(one.source[1])])


def test_commands_are_named(capture: Path) -> None:
    summary = tshark(capture, "-Y", "diameter")
    for name in ("Capabilities-Exchange Request", "Device-Action Request", "Device-Trigger Answer", "MT-Forward-Short"):
        assert name in summary, name


def test_avps_agree_with_ours(capture: Path, messages: list[Captured]) -> None:
    rows = fields(capture, "diameter.avp.code", "diameter.avp.len")
    for row, one in zip(rows, messages, strict=True):
        ours: list[tuple[int, int]] = []
        _walk(decode(one.octets, dictionary()).avps, ours)
        theirs = zip(row[0].split(","), row[1].split(","), strict=True)
        assert Counter((int(code), int(length)) for code, length in theirs) >= Counter(ours) - Counter({(268, 11): 1})


def _walk(avps: Any, out: list[tuple[int, int]]) -> None:
    for avp in avps:
        out.append((avp.code, avp.length))
        _walk(avp.members, out)


def test_only_what_is_wrong_is_complained_of(capture: Path) -> None:
    bad = tshark(capture, "-Y", "_ws.malformed || _ws.expert.severity >= 6291456", "-T", "fields", "-e", "frame.number")
    wrong = [
        number for number, lengths in fields(capture, "frame.number", "diameter.avp.len") if "11" in lengths.split(",")
    ]
    assert bad.split() == wrong
    assert len(wrong) == 1


def test_the_tcp_connection_is_whole(capture: Path) -> None:
    assert tshark(capture, "-Y", "tcp.analysis.flags") == ""
    checks = ("-o", "tcp.check_checksum:TRUE", "-o", "ip.check_checksum:TRUE")
    assert tshark(capture, *checks, "-Y", "tcp.checksum.status == 0 || ip.checksum.status == 0") == ""
    flags = tshark(capture, "-Y", "tcp && !diameter", "-T", "fields", "-e", "tcp.flags.str").split()
    assert [flag.strip("·") for flag in flags] == ["S", "A··S", "A", "A···F", "A···F", "A"]


def test_comments_tell_transport_and_direction(capture: Path) -> None:
    comments = Counter(row[0] for row in fields(capture, "frame.comment"))
    assert {"tls", "sctp"} <= {comment.partition(",")[0] for comment in comments}


def test_long_messages_and_ipv6(tmp_path: Path) -> None:
    head = "01000000 c080001f 0100005d 00000001 00000002 00000bbc c0000000 000028af"
    octets = bytes.fromhex(head) + bytes(196_584)
    octets = octets[:1] + len(octets).to_bytes(3) + octets[4:25] + (len(octets) - 20).to_bytes(3) + octets[28:]
    with CaptureWriter(tmp_path / "x.pcapng") as writer:
        for local in (("2001:db8::1", 3868), ("2001:db8::1", 5868)):
            writer.message(1.0, True, link("tcp" if local[1] == 3868 else "tls", local, ("::1", 40_000)), octets)
    assert [row[0] for row in fields(tmp_path / "x.pcapng", "diameter.length")] == [str(len(octets))] * 2
    assert "_ws.malformed" not in tshark(tmp_path / "x.pcapng", "-T", "json", "-e", "_ws.malformed")


def test_associations_are_sctp_with_the_ppid_of_diameter(tmp_path: Path) -> None:
    """Whatever the wire had: a peer that sends PPID 0, DTLS with 47; also above what one packet holds."""
    octets = [one.octets for one in Traffic(dictionary()).run(2)]
    head = "01000000 c080001f 0100005d 00000001 00000002 00000bbc c0000000 000028af"
    long = bytes.fromhex(head) + bytes(130_000)
    octets.append(long[:1] + len(long).to_bytes(3) + long[4:25] + (len(long) - 20).to_bytes(3) + long[28:])
    with CaptureWriter(tmp_path / "x.pcapng") as writer:
        for number, one in enumerate(octets):
            for transport, host, ppid in (("sctp", "10.0.0.1", 0), ("dtls", "2001:db8::1", 46)):
                there = link(transport, (host, 3868 + 2000 * (transport == "dtls")), (host, 40_000))
                there.ppid_in, there.ppid_out = ppid, 46
                writer.message(1.0 + number, number % 2 == 0, there, one, "hss.example")
    rows = fields(tmp_path / "x.pcapng", "sctp.data_payload_proto_id", "diameter.length", "frame.comment")
    expected = []
    for number, one in enumerate(octets):
        way = "sent" if number % 2 == 0 else "received"
        for transport, ppid in (("sctp", 46 if way == "sent" else 0), ("dtls", 47)):
            expected.append(["46", str(len(one)), f"{transport}, peer hss.example, {way}, PPID {ppid}"])
    assert rows == expected
    assert tshark(tmp_path / "x.pcapng", "-Y", "_ws.malformed || _ws.expert.severity >= 6291456") == ""
    read = [(one.transport, one.ppid, one.octets) for one in CaptureReader(tmp_path / "x.pcapng")]
    assert read == [
        (row[2].partition(",")[0], int(row[2].rpartition(" ")[2]), one)
        for row, one in zip(rows, [each for each in octets for _ in range(2)], strict=True)
    ]


def test_every_file_of_a_ring_is_read_alone(tmp_path: Path) -> None:
    octets = [one.octets for one in Traffic(dictionary()).run(200)]
    ends = [("tcp", 3868), ("sctp", 3868), ("tls", 5868)]
    with CaptureWriter(tmp_path / "x.pcapng", ring=Ring(70_000, 100)) as writer:
        for number, one in enumerate(octets):
            transport, port = ends[number % 3]
            writer.message(number / 10, number % 2 == 0, link(transport, ("10.0.0.1", port), ("10.0.0.2", 40_000)), one)
    files = [*sorted(tmp_path.glob("x-*")), tmp_path / "x.pcapng"]
    assert len(files) > 5
    assert sum(len(fields(each, "diameter.cmd.code")) for each in files) == len(octets)
