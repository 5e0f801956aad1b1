"""What a node's tap leaves in the file, also when the disk does not want it."""

import errno
import os
import stat
from pathlib import Path

import pytest

from diameter.capture import CaptureError, CaptureReader, CaptureWriter, LinkEvent
from diameter.capture.choice import Choice
from diameter.capture.packets import PacketReader
from diameter.capture.write import FLUSH_OCTETS, MAX_PACKET, RETRY_S
from helpers.captures import link
from helpers.messages import dictionary

DWR = bytes.fromhex("01000038 80000118 00000000 00000001 00000002") + b"\0\0\1\x08@\0\0\x11a.example" + bytes(19)
TLS = link("tls", ("127.0.0.1", 40001), ("127.0.0.1", 5868), "hss.example")
CLEAR = link("tcp", ("127.0.0.1", 40002), ("127.0.0.1", 3868))


def test_a_protected_message_comes_back_with_addresses_and_transport(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path) as writer:
        writer.message(1_760_000_000.25, True, TLS, DWR)
        writer.message(1_760_000_000.5, False, TLS, DWR)
    sent, received = CaptureReader(path)
    assert (sent.time_ns, sent.source, sent.destination) == (1_760_000_000_250_000_000, TLS.local, TLS.remote)
    assert (received.source, received.destination) == (TLS.remote, TLS.local)
    assert (sent.octets, sent.transport, sent.outgoing, received.outgoing) == (DWR, "tls", True, False)
    assert sent.comment == "tls, peer hss.example, sent"
    assert (sent.frame, received.frame) == (1, 2)


@pytest.mark.parametrize("host", ["10.1.2.3", "2001:db8::7", "fe80::1%eth0"])
def test_clear_links_on_3868_become_tcp(tmp_path: Path, host: str) -> None:
    path = tmp_path / "node.pcapng"
    server = link("tcp", (host, 3868), (host.partition("%")[0], 50_000))
    with CaptureWriter(path) as writer:
        writer.message(1.0, False, server, DWR)
        writer.message(2.0, True, server, DWR * 3000)
        writer.event(3.0, server, "LINK_LOST", "connection lost")
    with path.open("rb") as file:
        numbers = [packet.link_type for packet in PacketReader(file, "x") if packet.number]
    assert numbers == [101] * 3 + [101] + [101] * 3 + [101] * 3
    messages = list(CaptureReader(path))
    assert [len(one.octets) for one in messages] == [56] * 3001
    assert messages[0].destination == (host.partition("%")[0], 3868)
    assert {one.transport for one in messages} == {"tcp"}


def test_other_ports_are_exported_even_when_clear(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    odd = link("tcp", ("::1", 3870), ("::1", 50_000))
    with CaptureWriter(path) as writer:
        writer.message(1.0, False, odd, DWR)
    (one,) = CaptureReader(path)
    assert (one.transport, one.source, one.frame) == ("tcp", ("::1", 50_000), 1)


def test_events_are_kept_beside_the_packets(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path) as writer:
        writer.event(1.5, TLS, "LINK_UP", "up: yes, it is")
        writer.event(2.0, None, "STOPPED", "node stopped")
    reader = CaptureReader(path)
    assert list(reader) == []
    assert reader.events == [
        LinkEvent(1_500_000_000, "LINK_UP", "up: yes, it is", "tls", TLS.local, TLS.remote),
        LinkEvent(2_000_000_000, "STOPPED", "node stopped", "", ("", 0), ("", 0)),
    ]


def test_a_message_longer_than_a_packet_may_be_is_cut(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path) as writer:
        writer.message(1.0, True, TLS, bytes(300_000))
    (one,) = CaptureReader(path)
    assert MAX_PACKET - 100 < len(one.octets) < MAX_PACKET


def test_blocks_wait_for_the_next_write_and_no_longer(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    writer = CaptureWriter(path)
    start = path.stat().st_size
    writer.message(10.0, True, TLS, DWR)
    first = path.stat().st_size
    writer.message(10.1, True, TLS, DWR)
    assert path.stat().st_size == first > start
    writer.message(10.6, True, TLS, DWR)
    assert path.stat().st_size > first
    for _ in range(FLUSH_OCTETS // len(DWR)):
        writer.message(10.7, True, TLS, DWR)
    assert path.stat().st_size > FLUSH_OCTETS
    writer.message(10.8, True, TLS, DWR)
    writer.flush()
    assert len(list(CaptureReader(path))) == writer.messages
    writer.close()
    writer.close()


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    CaptureWriter(path).close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(
        CaptureError, match=r"cannot write the capture .*/missing/node.pcapng: No such file or directory"
    ):
        CaptureWriter(tmp_path / "missing" / "node.pcapng")


def test_a_full_disk_ends_the_capture_and_not_the_node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "node.pcapng"
    said: list[str] = []
    now = [100.0]
    writer = CaptureWriter(path, complain=said.append, timer=lambda: now[0])
    writer.message(1.0, True, TLS, DWR)
    write = os.write

    def full(descriptor: int, data: bytes | memoryview) -> int:
        if len(data) < 100:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return write(descriptor, data[: len(data) // 2])

    monkeypatch.setattr(os, "write", full)
    writer.message(2.0, True, TLS, DWR)
    assert writer.resting == "No space left on device"
    writer.message(3.0, True, TLS, DWR)
    writer.event(4.0, TLS, "LINK_LOST", "gone")
    assert (writer.messages, writer.lost, writer.rests) == (1, 2, 1)
    reader = CaptureReader(path)
    assert len(list(reader)) == 1
    assert reader.truncated == ""
    monkeypatch.undo()
    now[0] += RETRY_S - 1
    writer.message(5.0, True, TLS, DWR)
    now[0] += 1
    writer.message(6.0, True, TLS, DWR)
    assert writer.resting == ""
    writer.close()
    assert said == [
        f"the capture {path} stops here, the node goes on: No space left on device",
        f"the capture {path} goes on; 3 messages are missing",
    ]
    reader = CaptureReader(path)
    assert [one.time_ns for one in reader] == [1_000_000_000, 6_000_000_000]
    assert [(event.name, event.text) for event in reader.events] == [
        ("CAPTURE_GAP", "3 messages are missing: No space left on device")
    ]


def test_a_disk_that_stays_full_is_told_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    now = [0.0]
    writer = CaptureWriter(tmp_path / "x.pcapng", complain=said.append, timer=lambda: now[0])

    def full(descriptor: int, data: bytes | memoryview) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "write", full)
    for _ in range(20):
        writer.message(now[0], True, TLS, DWR)
        now[0] += RETRY_S / 4
    assert (len(said), writer.rests, writer.lost) == (1, 1, 20)
    monkeypatch.undo()
    writer.renew()
    assert writer.resting == ""
    writer.close()


def test_a_slow_disk_takes_a_twentieth_of_the_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    now, blocked, write = [0.0], [0.0], os.write
    writer = CaptureWriter(tmp_path / "x.pcapng", complain=said.append, timer=lambda: now[0])

    def slow(descriptor: int, data: bytes | memoryview) -> int:
        now[0] += 1.0
        blocked[0] += 1.0
        return write(descriptor, data)

    monkeypatch.setattr(os, "write", slow)
    while now[0] < 1000:
        now[0] += 0.25
        writer.message(now[0], True, TLS, DWR)
    assert blocked[0] / now[0] < 1 / 20
    assert writer.messages + writer.lost == round((now[0] - blocked[0]) / 0.25)
    assert said[0].endswith("rests for 20 s, the node goes on: a write took 1.0 s")
    writer.close()
    assert len(list(CaptureReader(tmp_path / "x.pcapng"))) == writer.messages


def test_a_file_that_was_moved_away_begins_anew(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path) as writer:
        writer.message(1.0, True, TLS, DWR)
        writer.renew()
        assert len(list(CaptureReader(path))) == 1
        path.rename(tmp_path / "before.pcapng")
        writer.message(1.1, True, TLS, DWR)
        writer.renew()
        writer.message(1.2, True, TLS, DWR)
    assert [len(list(CaptureReader(tmp_path / name))) for name in ("before.pcapng", "node.pcapng")] == [2, 1]


def test_only_what_was_chosen_is_written(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path, choice=Choice("without=DWR", dictionary())) as writer:
        writer.message(1.0, True, TLS, DWR, "hss.example")
        writer.message(1.0, True, TLS, DWR[:4] + b"\0" + DWR[5:], "hss.example")
    assert [one.octets[4] for one in CaptureReader(path)] == [0]


def test_the_peer_is_named_once_it_is_known(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path) as writer:
        writer.message(1.0, True, CLEAR, DWR)
        writer.message(2.0, True, CLEAR, DWR, "hss.example")
    assert [one.comment for one in CaptureReader(path)] == ["tcp, sent", "tcp, peer hss.example, sent"]


def test_the_complaint_goes_to_stderr_by_default(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    writer = CaptureWriter(tmp_path / "x.pcapng")
    os.close(writer._output._file)
    writer._output._file = os.open("/dev/full", os.O_WRONLY)
    writer.message(1.0, True, TLS, DWR)
    writer.close()
    assert "stops here, the node goes on: No space left on device\n" in capsys.readouterr().err


def test_links_without_end_do_not_fill_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("diameter.capture.lanes.MAX_LANES", 8)
    with CaptureWriter(tmp_path / "x.pcapng") as writer:
        for port in range(50_000, 50_100):
            writer.message(1.0, True, link("tcp", ("127.0.0.1", port), ("127.0.0.1", 3868)), DWR)
        assert len(writer._lanes.known) == 8
        assert len(writer._lanes._streams) == 8
    assert len(list(CaptureReader(tmp_path / "x.pcapng"))) == 100
