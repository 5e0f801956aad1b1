"""DTLS over kernel SCTP passes the suite of DTLS over every SCTP."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from helpers.dtls_nodes import DtlsNodes
from helpers.dtls_suite import DtlsEnds, DtlsSuite
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.sctp import dialling, listening
from helpers.sctp_ways import Way, back, numbered

pytestmark = pytest.mark.rig


class Kernel(Way):
    """The kernel's."""

    sctp = "kernel"


class TestOverKernelSctp(DtlsSuite):
    way = Kernel()


class TestNodes(DtlsNodes):
    way = Kernel()


class Apart(DtlsEnds):
    """Ends whose listener is opened by the test, in another network."""

    async def __aenter__(self) -> Apart:
        return self


@pytest.mark.parametrize("fault", ["loss 3%", "delay 5ms 4ms", "delay 10ms reorder 50%", "duplicate 20%", "corrupt 3%"])
def test_nothing_is_lost_or_doubled_on_a_bad_line(cables: Cables, tmp_path: Path, fault: str) -> None:
    """Streams may overtake each other by any number of records; damaged packets are sent again by SCTP."""
    quick: dict[str, Any] = {"rto_initial_ms": 100, "rto_min_ms": 50, "rto_max_ms": 200}
    listener = listening("10.1.1.2", transport="dtls", **quick)
    peer = dialling("10.1.1.2", bind="10.1.1.1", transport="dtls", outbound_streams=11, **quick)

    async def scenario() -> None:
        async with Apart(listener, tmp_path, react=back) as ends:
            with cables.right:
                await ends.server.listen()
            with cables.left:
                ours, _ = await ends.connect(peer)
            cables.spoil(fault)
            for data in numbered(1000):
                ours.write(data + b"x" * 200, ordered=False)
            owner = ends.client_owner
            await owner.until(lambda: len(owner.pieces) == 1000)
            assert sorted(each[:6] for each in owner.pieces) == numbered(1000)
            assert owner.lost == ends.server_owner.lost == []
            cables.repair()

    drive(scenario())
