"""Many associations in user space leave nothing behind: no descriptor, no memory, no beat of the clock."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest

from diameter.transport.link import Link
from diameter.transport.usrsctp_library import library
from helpers.loop import drive
from helpers.ports import free_port
from helpers.sctp import Ends, dialling, listening

pytestmark = pytest.mark.link
COUNT = int(os.environ.get("MTC_ASSOCIATIONS_OVER_UDP", "1000"))
"""How many are opened and closed; ten thousand take about twenty seconds on a machine of one's own."""
AT_ONCE = 50


def resident() -> int:
    """Octets of memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def left() -> tuple[int, int, int]:
    """(descriptors, blocks of Python's, octets)"""
    gc.collect()
    return len(os.listdir("/proc/self/fd")), sys.getallocatedblocks(), resident()


async def some(ends: Ends, count: int, udp_port: int, remote_udp_port: int) -> None:
    """Open, exchange a message, close; every third by ABORT, every seventh by the other end."""
    peer = dialling(sctp="usrsctp-udp", udp_port=udp_port, remote_udp_port=remote_udp_port)
    for first in range(0, count, AT_ONCE):
        for number in range(first, min(first + AT_ONCE, count)):
            ours, theirs = await ends.connect(peer)
            ours.write(b"hello")
            if number % 3 == 0:
                ours.abort("by us")
            elif number % 7 == 0:
                theirs.close()
            else:
                ours.close()
        for owner in (ends.client_owner, ends.server_owner):
            await owner.until(lambda owner=owner: len(owner.lost) == len(owner.links))  # type: ignore[misc]
            for each in (owner.links, owner.lost, owner.pieces, owner.unsent, owner.notes):
                each.clear()


@pytest.mark.timeout(1200)
@pytest.mark.parametrize("shared", [True, False], ids=["one socket", "a socket each"])
def test_nothing_is_left(shared: bool) -> None:
    """With one UDP socket for everything, or with a new one for each association."""
    port = free_port()

    def answer(link: Link, data: bytes) -> None:
        link.write(data)

    async def scenario() -> None:
        async with Ends(listening(sctp="usrsctp-udp", udp_port=port), react=answer) as ends:
            await some(ends, max(6 * AT_ONCE, COUNT // 5), port if shared else 0, port)
            before = left()
            await some(ends, COUNT, port if shared else 0, port)
            after = left()
            assert after[0] == before[0]
            assert after[1] - before[1] < COUNT // 20 + 1500
            assert after[2] - before[2] < 3_000_000

    held = library()._holds
    drive(scenario(), 1100)
    assert library()._holds == held
    assert held or library()._tick is None
