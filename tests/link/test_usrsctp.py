"""SCTP in user space passes the suite of every SCTP, over UDP on loopback: with one socket for both ends, and with two."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from diameter.config import ListenConfig, PeerConfig
from diameter.transport.link import ConnectFailed
from helpers.loop import drive
from helpers.sctp import FIRST, dialling, listening
from helpers.sctp_suite import TransportSuite, Way

pytestmark = pytest.mark.link


def free_port() -> int:
    """A UDP port that nobody has."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.bind((FIRST, 0))
        return int(asking.getsockname()[1])


class OneSocket(Way):
    """Everything over one UDP socket, which both ends share."""

    sctp = "usrsctp-udp"

    def __init__(self) -> None:
        self.udp_port = free_port()

    def listening(self, host: str = FIRST, *more: str, **options: Any) -> ListenConfig:
        return listening(host, *more, sctp=self.sctp, udp_port=self.udp_port, **options)

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        return dialling(*hosts, sctp=self.sctp, udp_port=self.udp_port, remote_udp_port=self.udp_port, **options)


class TwoSockets(OneSocket):
    """Each end has a UDP socket of its own."""

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        return dialling(*hosts, sctp=self.sctp, udp_port=0, remote_udp_port=self.udp_port, **options)


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
