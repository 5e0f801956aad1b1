"""Captures that run for months: files turn over, few stay, and nothing that was there is overwritten."""

import errno
import os
from pathlib import Path

import pytest

from diameter.capture import CaptureError, CaptureReader, CaptureWriter
from diameter.capture.ring import Ring
from helpers.captures import link

TLS = link("tls", ("127.0.0.1", 40001), ("127.0.0.1", 5868), "hss.example")
CLEAR = link("tcp", ("127.0.0.1", 40002), ("127.0.0.1", 3868))


def octets(number: int) -> bytes:
    """A watchdog request with this identifier, 1,020 octets long."""
    head = bytes.fromhex("010003fc 80000118 00000000") + number.to_bytes(4) * 2
    return (
        head
        + bytes.fromhex("0000010840000011")
        + b"a.example"
        + bytes(3)
        + bytes.fromhex("000000000000 03d4")
        + bytes(972)
    )


def numbers(path: Path) -> list[int]:
    return [int.from_bytes(one.octets[12:16]) for one in CaptureReader(path)]


def fill(path: Path, ring: Ring, first: int, last: int) -> None:
    with CaptureWriter(path, ring=ring) as writer:
        for number in range(first, last):
            writer.message(float(number), True, TLS, octets(number))


def test_files_turn_over_and_the_oldest_goes(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    fill(path, Ring(10_000, 3), 0, 40)
    assert sorted(each.name for each in tmp_path.iterdir()) == [
        "node-000003.pcapng", "node-000004.pcapng", "node.pcapng",
    ]  # fmt: skip
    kept = [number for each in sorted(tmp_path.glob("node-*")) for number in numbers(each)] + numbers(path)
    assert kept == list(range(kept[0], 40))
    assert all(each.stat().st_size <= 10_000 for each in tmp_path.iterdir())


def test_a_new_process_goes_on_where_the_last_stopped(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    fill(path, Ring(10_000, 4), 0, 12)
    (tmp_path / "node-1x.pcapng").write_text("somebody else's")
    fill(path, Ring(10_000, 4), 12, 14)
    assert numbers(path) == [12, 13]
    assert [numbers(each) for each in sorted(tmp_path.glob("node-0*"))] == [list(range(8)), [8, 9, 10, 11]]
    assert (tmp_path / "node-1x.pcapng").exists()


def test_names_with_a_meaning_to_glob(tmp_path: Path) -> None:
    path = tmp_path / "a[1]*.pcapng"
    fill(path, Ring(10_000, 2), 0, 20)
    fill(path, Ring(10_000, 2), 20, 21)
    assert len(list(tmp_path.iterdir())) == 2


def test_every_file_can_be_read_alone_also_of_a_tcp_connection(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    with CaptureWriter(path, ring=Ring(10_000, 9)) as writer:
        for number in range(20):
            writer.message(float(number), number % 2 == 0, CLEAR, octets(number))
    files = [*sorted(tmp_path.glob("node-*")), path]
    assert len(files) == 3
    assert [number for each in files for number in numbers(each)] == list(range(20))


def test_without_a_ring_the_file_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "node.pcapng"
    for first in (0, 5):
        with CaptureWriter(path) as writer:
            writer.message(1.0, True, TLS, octets(first))
    assert numbers(path) == [5]


@pytest.mark.parametrize("call", ["rename", "open", "unlink"])
def test_what_fails_while_turning_over_costs_messages_and_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    path, now = tmp_path / "node.pcapng", [0.0]
    said: list[str] = []
    writer = CaptureWriter(path, ring=Ring(10_000, 2), complain=said.append, timer=lambda: now[0])
    for number in range(8):
        writer.message(float(number), True, TLS, octets(number))

    def broken(*_: object, **__: object) -> int:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, broken)
        for number in range(8, 30):
            writer.message(float(number), True, TLS, octets(number))
    now[0] += 100
    for number in range(30, 34):
        writer.message(float(number), True, TLS, octets(number))
    writer.close()
    assert numbers(path)[-2:] == [32, 33]
    if call == "unlink":
        assert (said, len(list(tmp_path.iterdir()))) == ([], 2)
    else:
        assert [line.partition(".pcapng ")[2] for line in said] == [
            "stops here, the node goes on: Read-only file system", "goes on; 22 messages are missing"
        ]  # fmt: skip
        assert writer.lost == 22


def test_a_file_that_cannot_be_shortened_is_put_by(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, now, write = tmp_path / "node.pcapng", [0.0], os.write
    writer = CaptureWriter(path, complain=lambda _: None, timer=lambda: now[0])
    writer.message(1.0, True, TLS, octets(1))

    def half(descriptor: int, data: bytes | memoryview) -> int:
        if len(data) < 600:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        return write(descriptor, data[: len(data) // 2])

    def stuck(*_: object) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", half)
        patch.setattr(os, "ftruncate", stuck)
        writer.message(2.0, True, TLS, octets(2))
    now[0] += 100
    writer.message(3.0, True, TLS, octets(3))
    writer.close()
    assert numbers(path) == [3]
    broken = CaptureReader(tmp_path / "node-000001.pcapng")
    assert len(list(broken)) == 1
    assert broken.truncated


def test_a_ring_where_nothing_can_be_is_told(tmp_path: Path) -> None:
    with pytest.raises(CaptureError, match="No such file or directory"):
        CaptureWriter(tmp_path / "missing" / "node.pcapng", ring=Ring(100_000, 2))
