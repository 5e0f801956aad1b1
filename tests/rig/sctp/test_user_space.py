"""Kernel SCTP and libusrsctp talk to each other, in both directions, over UDP (RFC 6951): the suite of every SCTP, and
that of DTLS over it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from diameter.config import ListenConfig, PeerConfig
from diameter.transport.link import ConnectFailed
from helpers.dtls_nodes import DtlsNodes
from helpers.dtls_suite import DtlsSuite, without_auth
from helpers.loop import drive
from helpers.sctp import FIRST, dialling, listening
from helpers.sctp_suite import TransportSuite, Way
from helpers.udp import ApartSuite, OneSocket

pytestmark = [pytest.mark.rig, pytest.mark.usefixtures("nowhere", "_over_udp")]
KERNEL, USER = 9899, 9901
SETTINGS: Final = Path("/proc/sys/net/sctp")


@pytest.fixture(scope="module")
def _over_udp(nowhere: None) -> Iterator[None]:
    """The kernel takes SCTP from UDP port 9899 and sends its own to 9901."""
    wanted = {"udp_port": KERNEL, "encap_port": USER}
    before = {name: (SETTINGS / name).read_text() for name in wanted}
    for name, port in wanted.items():
        (SETTINGS / name).write_text(str(port))
    yield
    for name, text in before.items():
        (SETTINGS / name).write_text(text)


class ToTheKernel(Way):
    """The kernel listens, user space dials."""

    def listening(self, host: str = FIRST, *more: str, **options: Any) -> ListenConfig:
        return listening(host, *more, sctp="kernel", **options)

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        return dialling(*hosts, sctp="usrsctp-udp", udp_port=USER, remote_udp_port=KERNEL, **options)


class FromTheKernel(Way):
    """User space listens, the kernel dials."""

    def listening(self, host: str = FIRST, *more: str, **options: Any) -> ListenConfig:
        return listening(host, *more, sctp="usrsctp-udp", udp_port=USER, **options)

    def dialling(self, *hosts: str, **options: Any) -> PeerConfig:
        return dialling(*hosts, sctp="kernel", **options)


class TestToTheKernel(TransportSuite):
    way = ToTheKernel()


class TestFromTheKernel(ApartSuite):
    way = FromTheKernel()


class TestDtlsToTheKernel(DtlsSuite):
    way = ToTheKernel()

    def test_one_end_without_sctp_auth_where_that_is_wanted(self, tmp_path: Path) -> None:
        """Where libusrsctp demands what Linux does not, nothing of Linux's arrives: that ends with a reason."""

        async def scenario() -> None:
            with without_auth(streams=3):
                listener = self.listening(auth="wanted", outbound_streams=3)
                async with self.ends(tmp_path, listener, handshake_s=1) as ends:
                    with pytest.raises(ConnectFailed, match=r"^dtls 127\.0\.0\.1:3868: "):
                        await ends.client.connect(self.dialling(auth="wanted"))

        drive(scenario())


class TestDtlsFromTheKernel(DtlsSuite):
    way = FromTheKernel()


class TestNodesToTheKernel(DtlsNodes):
    way = ToTheKernel()


class TestNodesFromTheKernel(DtlsNodes):
    way = FromTheKernel()


class TestUserSpaceInTheGuest(TransportSuite):
    """Both ends in user space, on a kernel that has SCTP of its own."""

    way = OneSocket()


def test_a_thousand_messages_each_way() -> None:
    async def scenario(way: Way) -> None:
        suite = TransportSuite()
        async with suite.ends(way.listening(), react=lambda link, data: link.write(data, ordered=False)) as ends:
            ours, _ = await ends.connect(way.dialling())
            for number in range(1000):
                ours.write(b"%06d" % number + b"x" * 200, ordered=False)
            await ends.client_owner.until(lambda: len(ends.client_owner.pieces) == 1000)
            assert sorted(int(piece[:6]) for piece in ends.client_owner.pieces) == list(range(1000))

    for way in (ToTheKernel(), FromTheKernel()):
        drive(scenario(way))
