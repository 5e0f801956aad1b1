"""Links over real TCP sockets on loopback."""

from __future__ import annotations

import pytest

from diameter.config import Limits
from diameter.errors import ConfigError, NotOpen
from diameter.transport.endpoints import Links
from diameter.transport.link import ConnectFailed, Link
from helpers.links import Bench, Recorder, dial, listener, node
from helpers.loop import drive, reactor

pytestmark = pytest.mark.link


def _bench(server: Recorder | None = None, client: Recorder | None = None, **limits: object) -> Bench:
    tables = node("server.example", None, listener("tcp"), **limits), node("client.example")
    return Bench("tcp", *tables, (server or Recorder(), client or Recorder()))


def _echo(link: Link, data: bytes) -> None:
    link.write(data)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_octets_go_both_ways(host: str) -> None:
    async def scenario() -> None:
        server, client = Recorder(_echo), Recorder()
        listening = Links(reactor, node("server.example", None, listener("tcp", host)), server)
        await listening.listen()
        dialling = Links(reactor, node("client.example"), client)
        link = await dialling.connect(dial("tcp", listening.listening[0][1].port, host))
        assert (link.transport, link.secure, link.dialled, link.peer_names) == ("tcp", False, "server.example", ())
        assert link.remote == listening.listening[0][1]
        link.write(b"request")
        await client.until(lambda: client.data == b"request")
        link.close()
        await server.until(lambda: bool(server.lost))
        assert (server.lost, client.lost) == ([""], [""])
        with pytest.raises(NotOpen):
            link.write(b"late")
        await listening.stop()
        await dialling.stop()

    drive(scenario())


def test_what_is_written_in_one_wake_up_leaves_in_one_write() -> None:
    async def scenario() -> None:
        server = Recorder(_echo)
        async with _bench(server) as bench:
            ours, theirs = await bench.connect()
            for at in range(100):
                ours.write(b"%03d" % at)
            await bench.client_owner.until(lambda: bench.client_owner.octets == 300)
            assert (ours.writes, theirs.writes) == (1, 1)
            assert bench.client_owner.data == b"".join(b"%03d" % at for at in range(100))

    drive(scenario())


def test_the_next_address_is_tried_when_one_refuses() -> None:
    async def scenario() -> None:
        async with _bench() as bench:
            link = await bench.client.connect(dial("tcp", bench.port, "127.0.0.2", "::1", "127.0.0.1"))
            assert link.remote.host == "127.0.0.1"
            await bench.server_owner.until(lambda: bool(bench.server_owner.links))

    drive(scenario())


def test_nobody_there_is_one_clear_sentence() -> None:
    async def scenario() -> None:
        async with _bench() as bench:
            port = bench.port
        with pytest.raises(ConnectFailed) as failed:
            await bench.client.connect(dial("tcp", port, "127.0.0.1", "::1"))
        assert str(failed.value) == (
            f"tcp 127.0.0.1:{port}: connection refused; tcp [::1]:{port}: connection refused"
        )  # fmt: skip

    drive(scenario())


def test_a_port_in_use_is_one_line_and_leaves_no_listener() -> None:
    async def scenario() -> None:
        async with _bench() as bench:
            both = node("other.example", None, listener("tcp"), listener("tcp", port=bench.port))
            second = Links(reactor, both, Recorder())
            with pytest.raises(ConfigError) as wrong:
                await second.listen()
            text = f"node.listen.1: cannot listen on tcp 127.0.0.1:{bench.port}: Address already in use"
            assert wrong.value.lines == (text,)
            assert second.listening == ()

    drive(scenario())


def test_a_closing_link_sends_what_was_written_and_an_aborted_one_says_why() -> None:
    async def scenario() -> None:
        async with _bench() as bench:
            ours, theirs = await bench.connect()
            ours.write(b"x" * 3_000_000)
            ours.close()
            await bench.server_owner.until(lambda: bool(bench.server_owner.lost))
            assert bench.server_owner.octets == 3_000_000
            again = await bench.client.connect(dial("tcp", bench.port))
            again.abort("because")
            await bench.client_owner.until(lambda: len(bench.client_owner.lost) == 2)
            assert bench.client_owner.lost == ["", "because"]
            assert theirs.octets_in == 3_000_000

    drive(scenario())


def test_more_connections_than_allowed_are_refused() -> None:
    async def scenario() -> None:
        async with _bench(limits=_limits(connections=1)) as bench:
            await bench.connect()
            await bench.client.connect(dial("tcp", bench.port))
            await bench.client_owner.until(lambda: bool(bench.client_owner.lost))
            assert bench.server_owner.refused == [("tcp", "more than 1 connections")]

    drive(scenario())


def test_dialling_stops_when_told() -> None:
    async def scenario() -> None:
        links = Links(reactor, node("client.example"), Recorder())
        dialling = links.connect(dial("tcp", 3868, "192.0.2.1"))
        failures: list[object] = []
        _ = dialling.addErrback(failures.append)
        await links.stop()
        assert len(failures) == 1

    drive(scenario())


def _limits(**values: int) -> Limits:
    return Limits(**values)
