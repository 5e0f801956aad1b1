"""`mtc pcap decode -` beside a capture that grows: each message is printed before the next packet is there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest

from helpers import wire
from helpers.wire import diameter


@pytest.fixture
def program() -> Iterator[subprocess.Popen[bytes]]:
    words = [sys.executable, "-m", "nfs.cli", "pcap", "decode", "-"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        yield running
        running.kill()


@pytest.mark.parametrize("form", [wire.pcap, wire.pcapng])
def test_each_message_is_printed_at_once(form: object, program: subprocess.Popen[bytes]) -> None:
    assert callable(form)
    assert program.stdin is not None
    assert program.stdout is not None
    packets = wire.segments(b"".join(diameter(number, 60) for number in range(3)), 60)
    sent = 0
    for count in (1, 2, 3):
        octets: bytes = form(packets[:count])
        program.stdin.write(octets[sent:])
        program.stdin.flush()
        sent = len(octets)
        assert f"     {count}  " in program.stdout.readline().decode()
    program.stdin.close()
    assert program.wait(120) == 0
