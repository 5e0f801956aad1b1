"""SCTP in user space passes the suite of every SCTP, over UDP on loopback: one socket for both ends, or two."""

from __future__ import annotations

import socket
from random import Random
from typing import Any

import pytest
from twisted.internet.task import deferLater

from diameter.config import SctpConfig
from diameter.errors import ConfigError
from diameter.transport.endpoints import Links
from diameter.transport.link import ConnectFailed
from diameter.transport.usrsctp import leave
from diameter.transport.usrsctp_ends import UserCarrier
from diameter.transport.usrsctp_library import LINGER_S, library
from diameter.transport.usrsctp_wires import Wire
from helpers.links import Recorder
from helpers.loop import drive, reactor
from helpers.ports import free_port
from helpers.sctp import FIRST, Ends, listening, table
from helpers.sctp_suite import TransportSuite
from helpers.udp import ApartSuite, OneSocket, TwoSockets

pytestmark = pytest.mark.link


class TestOverOneSocket(TransportSuite):
    way = OneSocket()
    silent = "127.0.0.77"


class TestOverTwoSockets(ApartSuite):
    way = TwoSockets()
    silent = "127.0.0.77"


def test_a_peer_that_starts_again_is_another_link() -> None:
    """The dialling end dies unheard and comes back from the same ports (RFC 9260 section 5.2)."""
    way, peer_port = OneSocket(), free_port()

    async def scenario() -> None:
        async with Ends(way.listening(), react=lambda link, data: link.write(data)) as ends:
            peer = way.dialling(udp_port=peer_port, local_port=50_000)
            ours, theirs = await ends.connect(peer)
            with pytest.MonkeyPatch.context() as cut:
                cut.setattr(Wire, "carry", lambda *_: None)
                ours.abort("died")
            await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
            assert ends.server_owner.lost == []
            again, anew = await ends.connect(peer)
            assert ends.server_owner.lost == ["the peer has restarted the association"]
            assert anew.id != theirs.id
            again.write(b"hello")
            await ends.client_owner.until(lambda: ends.client_owner.pieces == [b"hello"])

    drive(scenario())


def test_a_dead_peer_is_noticed_and_what_was_not_sent_comes_back() -> None:
    """Retransmission, by the real clock: nothing gets through, so the association is lost."""
    way = OneSocket()
    quick = {"rto_initial_ms": 50, "rto_min_ms": 20, "rto_max_ms": 100, "path_max_retrans": 2, "heartbeat_ms": 100}

    async def scenario() -> None:
        async with Ends(way.listening(), send_limit=1 << 26) as ends:
            ours, _ = await ends.connect(way.dialling(association_max_retrans=3, **quick))
            with pytest.MonkeyPatch.context() as cut:
                cut.setattr(Wire, "carry", lambda *_: None)
                messages = [b"%06d" % number + b"\xff" * 20_000 for number in range(100)]
                for message in messages:
                    ours.write(message)
                await ends.client_owner.until(lambda: bool(ends.client_owner.lost))
            assert ends.client_owner.lost == ["association lost: no answer of the peer"]
            unsent = ends.client_owner.unsent
            assert len(unsent) > 50
            assert sorted(unsent) == messages[-len(unsent) :]

    drive(scenario())


@pytest.mark.parametrize("fault", ["loss", "doubles", "order"])
def test_a_bad_line_loses_and_doubles_nothing(fault: str) -> None:
    """One packet in twenty is lost, or comes twice, or comes late."""
    way, chance, real, late = OneSocket(), Random(7), Wire._input, list[tuple[bytes, Any]]()

    def spoiled(self: Wire, library: Any, at: int, size: int, place: Any) -> None:
        now = bytes(self._octets[at:size])
        if chance.random() < 0.05:
            if fault == "order":
                late.append((now, place))
            if fault != "doubles":
                return
            late.append((now, place))
        real(self, library, at, size, place)
        while late:
            octets, origin = late.pop()
            self._octets[: len(octets)] = octets
            real(self, library, 0, len(octets), origin)

    async def scenario() -> None:
        quick: dict[str, Any] = {
            "rto_initial_ms": 50, "rto_min_ms": 20, "rto_max_ms": 100, "association_max_retrans": 20,
        }  # fmt: skip
        async with Ends(
            way.listening(**quick, path_max_retrans=10), react=lambda link, data: link.write(data, ordered=False)
        ) as ends:
            ours, _ = await ends.connect(way.dialling(udp_port=0, **quick, path_max_retrans=10))
            with pytest.MonkeyPatch.context() as line:
                line.setattr(Wire, "_input", spoiled)
                for number in range(1000):
                    ours.write(b"%06d" % number + b"x" * 200, ordered=False)
                await ends.client_owner.until(lambda: len(ends.client_owner.pieces) >= 1000)
            assert sorted(int(piece[:6]) for piece in ends.client_owner.pieces) == list(range(1000))
            assert ends.client_owner.lost == []

    drive(scenario())


def test_an_idle_process_is_not_woken() -> None:
    """The clock beats while there are associations, seldom while they are idle, and not at all without."""
    way, found = OneSocket(), library()
    real, beats = found.lib, list[int]()

    class Counted:
        def __getattr__(self, name: str) -> Any:
            if name == "usrsctp_handle_timers":
                beats.append(1)
            return getattr(real, name)

    async def scenario(patch: pytest.MonkeyPatch) -> None:
        async with Ends(way.listening()) as ends:
            assert found._tick is None
            await ends.connect(way.dialling())
            await deferLater(reactor, 2 * LINGER_S)
            patch.setattr(found, "lib", Counted())
            await deferLater(reactor, 0.6)
            assert 2 <= len(beats) <= 8
            patch.undo()
        assert found._tick is None

    with pytest.MonkeyPatch.context() as patch:
        drive(scenario(patch))


def test_a_udp_port_that_another_program_has() -> None:
    """A dialler takes any other, unless it was told which; a listener says so."""
    way = OneSocket()

    async def scenario() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
            taken.bind((FIRST, 0))
            port = taken.getsockname()[1]
            async with Ends(way.listening()) as ends:
                with pytest.raises(ConnectFailed, match="address already in use"):
                    await ends.client.connect(way.dialling(udp_port=port))
            carrier = UserCarrier(reactor, "usrsctp-udp")
            wire = carrier.open(FIRST, SctpConfig.model_construct(set(), udp_port=port), shared=True)
            assert wire.sock.getsockname()[1] not in (0, port)
            leave(wire)
            links = Links(reactor, table("server.example", listening(sctp=way.sctp, udp_port=port)), Recorder())
            with pytest.raises(ConfigError, match="cannot listen on sctp .*: Address already in use"):
                await links.listen()

    drive(scenario())
