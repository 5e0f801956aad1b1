"""SCTP over UDP for tests: ports, and how to write down its ends."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.config import ListenConfig, PeerConfig
from diameter.transport.link import ConnectFailed
from helpers.loop import drive
from helpers.ports import free_port
from helpers.sctp import FIRST, dialling, listening
from helpers.sctp_suite import TransportSuite, Way


class OneSocket(Way):
    """Everything over one UDP socket, which both ends share."""

    sctp = "usrsctp-udp"

    def __init__(self) -> None:
        self.udp_port = free_port()

    def listening(self, host: str = FIRST, *more: str, **options: Any) -> ListenConfig:
        return listening(host, *more, sctp=self.sctp, udp_port=self.udp_port, **options)

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        options = {"udp_port": self.udp_port, "remote_udp_port": self.udp_port, **options}
        return dialling(*hosts, sctp=self.sctp, **options)


class TwoSockets(OneSocket):
    """Each end has a UDP socket of its own."""

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        return super().dialling(*hosts, **{"udp_port": 0, **options})


class ApartSuite(TransportSuite):
    """The suite for ends with a UDP port each: where nobody has the UDP port, nobody answers."""

    def test_nobody_listens(self) -> None:
        """On that SCTP port of somebody who has the UDP port."""

        async def scenario() -> None:
            async with self.ends() as ends:
                with pytest.raises(ConnectFailed, match=r"sctp 127\.0\.0\.1:3999: connection refused"):
                    await ends.client.connect(self.way.dialling(port=3999))

        drive(scenario())
