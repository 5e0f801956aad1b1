"""SCTP in user space passes the suite of every SCTP, over UDP on loopback: one socket for both ends, or two."""

from __future__ import annotations

import pytest

from diameter.transport.link import ConnectFailed
from helpers.loop import drive
from helpers.sctp_suite import TransportSuite
from helpers.udp import OneSocket, TwoSockets

pytestmark = pytest.mark.link


class TestOverOneSocket(TransportSuite):
    way = OneSocket()
    silent = "127.0.0.77"


class TestOverTwoSockets(TransportSuite):
    way = TwoSockets()
    silent = "127.0.0.77"

    def test_nobody_listens(self) -> None:
        """On that SCTP port: where nobody has the UDP port, nobody answers."""

        async def scenario() -> None:
            async with self.ends() as ends:
                with pytest.raises(ConnectFailed, match=r"sctp 127\.0\.0\.1:3999: connection refused"):
                    await ends.client.connect(self.way.dialling(port=3999))

        drive(scenario())
