"""SCTP in user space straight over IP (protocol 132) passes the suite of every SCTP, in a network of its own."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import pytest

from diameter.transport.link import ConnectFailed
from helpers.loop import drive
from helpers.network_spaces import Space
from helpers.sctp import FIRST, SECOND
from helpers.sctp_suite import TransportSuite, Way

QUICK: Final[dict[str, Any]] = {
    "init_attempts": 1, "init_timeout_ms": 100, "rto_initial_ms": 100, "rto_min_ms": 50, "rto_max_ms": 100,
}  # fmt: skip
pytestmark = [pytest.mark.link, pytest.mark.usefixtures("_alone")]


@pytest.fixture(scope="module")
def _alone() -> Iterator[None]:
    space = Space()
    with space:
        yield
    space.close()


class OverIp(Way):
    """IP protocol 132."""

    sctp = "usrsctp-raw"


class TestOverIp(TransportSuite):
    way = OverIp()
    silent = "127.0.0.77"

    def test_nobody_listens(self) -> None:
        """Packets to a port that is not ours may be somebody else's, so they are not answered."""

        async def scenario() -> None:
            async with self.ends() as ends:
                with pytest.raises(ConnectFailed, match="no answer in time|timed out"):
                    await ends.client.connect(self.way.dialling(port=3999, **QUICK))

        drive(scenario())

    def test_two_addresses_are_two_sockets(self) -> None:
        async def scenario() -> None:
            async with self.ends(self.way.listening(FIRST)) as ends:
                ours, theirs = await ends.connect(self.way.dialling(bind=SECOND))
                assert (ours.local.host, theirs.remote.host) == (SECOND, SECOND)

        drive(scenario())
