"""Thousands of associations leave nothing behind: no descriptor, no memory, nothing in the kernel."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import pytest
from twisted.internet.defer import gatherResults

from diameter.transport.link import Link
from helpers.loop import drive
from helpers.sctp import Ends, dialling, listening

pytestmark = [pytest.mark.rig, pytest.mark.usefixtures("nowhere")]
COUNT = int(os.environ.get("MTC_ASSOCIATIONS", "10000"))
"""How many are opened and closed: 5 ms each in a guest on an idle machine."""
AT_ONCE = 50


def descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


def associations() -> int:
    """Those of the kernel, in this network."""
    return len(Path("/proc/thread-self/net/sctp/assocs").read_text().splitlines()) - 1


def resident() -> int:
    """Octets of memory."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.timeout(1200)
def test_nothing_is_left(capsys: pytest.CaptureFixture[str]) -> None:
    def answer(link: Link, data: bytes) -> None:
        link.write(data)

    async def some(ends: Ends, count: int) -> None:
        """Open, exchange a message, close; every third by ABORT, every seventh by the other end."""
        for first in range(0, count, AT_ONCE):
            many = min(AT_ONCE, count - first)
            peer = dialling()
            dialled = await gatherResults([ends.client.connect(peer) for _ in range(many)])
            await ends.server_owner.until(lambda many=many: len(ends.server_owner.links) == many)  # type: ignore[misc]
            ends_of = {link.remote.port: link for link in ends.server_owner.links}
            for number, ours in enumerate(dialled, first):
                ours.write(b"hello")
                if number % 3 == 0:
                    ours.abort("by us")
                elif number % 7 == 0:
                    ends_of[ours.local.port].close()
                else:
                    ours.close()
            for owner in (ends.client_owner, ends.server_owner):
                await owner.until(lambda owner=owner: len(owner.lost) == len(owner.links))  # type: ignore[misc]
                for each in (owner.links, owner.lost, owner.pieces, owner.unsent, owner.notes):
                    each.clear()

    async def scenario() -> None:
        async with Ends(listening(), react=answer) as ends:
            await some(ends, 6 * AT_ONCE)
            gc.collect()
            before = descriptors(), associations(), sys.getallocatedblocks(), resident()
            assert before[1] == 0
            await some(ends, COUNT)
            gc.collect()
            after = descriptors(), associations(), sys.getallocatedblocks(), resident()
            assert after[:2] == before[:2]
            assert after[2] - before[2] < COUNT // 20 + 500
            assert after[3] - before[3] < 8_000_000

    drive(scenario(), 1100)
