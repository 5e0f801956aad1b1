"""Back-pressure over real sockets, in clear and under TLS: a peer that sends and does not read."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from diameter.config import Limits
from diameter.errors import NotOpen
from diameter.transport.link import Link
from helpers.certificates import Ca
from helpers.links import Bench, Recorder, listener, node, tls_table
from helpers.loop import drive

pytestmark = pytest.mark.link

REQUESTS = 100_000
REQUEST_OCTETS = 100
ANSWER_OCTETS = 200
"""Twice the request: together 20 MB, more than the kernel takes for a peer that does not read."""
SEND_LIMIT = 1_048_576


class Answering:
    """Answers each request of REQUEST_OCTETS with its number and filling."""

    def __init__(self) -> None:
        self.rest = b""
        self.answered = 0

    def __call__(self, link: Link, data: bytes) -> None:
        data = self.rest + data
        at = 0
        while at + REQUEST_OCTETS <= len(data):
            link.write(data[at : at + 8] * (ANSWER_OCTETS // 8))
            self.answered += 1
            at += REQUEST_OCTETS
        self.rest = data[at:]


def _bench(folder: Path, transport: str, react: Callable[[Link, bytes], None]) -> Bench:
    ca = Ca()
    tables = [
        None if transport == "tcp" else tls_table(folder, name, ca.issue(name))
        for name in ("server.example", "client.example")
    ]
    server = node("server.example", tables[0], listener(transport), limits=Limits(send_limit=SEND_LIMIT))
    client = node("client.example", tables[1], limits=Limits(send_limit=64 * SEND_LIMIT))
    return Bench(transport, server, client, (Recorder(react), Recorder()))


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_peer_that_does_not_read_costs_at_most_send_limit_and_gets_every_answer_later(
    transport: str, tmp_path: Path
) -> None:
    async def scenario() -> None:
        answering = Answering()
        async with _bench(tmp_path, transport, answering) as bench:
            ours, theirs = await bench.connect()
            ours.pause()
            for number in range(REQUESTS):
                ours.write(b"%08d" % number + b"." * (REQUEST_OCTETS - 8))
            await bench.server_owner.until(lambda: theirs.pauses > 0)
            assert theirs.congested
            assert bench.server_owner.congested == ["congested"]
            answered = answering.answered
            assert 0 < answered < REQUESTS
            assert 0 < theirs.buffered <= SEND_LIMIT
            assert ours.buffered > 0  # the reader at the other end has stopped, so ours wait here
            assert bench.client_owner.octets == 0

            ours.resume()
            await bench.client_owner.until(lambda: bench.client_owner.octets == REQUESTS * ANSWER_OCTETS)
            assert answering.answered == REQUESTS
            assert theirs.peak_buffered <= SEND_LIMIT
            assert (bench.server_owner.lost, bench.client_owner.lost) == ([], [])
            answers = bench.client_owner.data
            assert [answers[at : at + 8] for at in range(0, len(answers), ANSWER_OCTETS)] == [
                b"%08d" % number for number in range(REQUESTS)
            ]
            await bench.server_owner.until(lambda: bench.server_owner.congested[-1] == "drained")
            assert theirs.writes < REQUESTS / 20

    drive(scenario())


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_a_paused_owner_gets_nothing_and_loses_nothing(transport: str, tmp_path: Path) -> None:
    async def scenario() -> None:
        got: list[bytes] = []

        def one_by_one(link: Link, data: bytes) -> None:
            got.append(data)
            link.pause()

        async with _bench(tmp_path, transport, one_by_one) as bench:
            ours, theirs = await bench.connect()
            ours.write(b"a" * 300_000)
            sent = 0
            while sent < 300_000:
                await bench.server_owner.until(lambda seen=sent: sum(map(len, got)) > seen)  # type: ignore[misc]
                sent = sum(map(len, got))
                theirs.resume()
            assert theirs.octets_in == 300_000
            assert len(got) > 1

    drive(scenario())


def test_an_owner_that_ignores_both_signs_loses_the_link() -> None:
    async def scenario() -> None:
        def flood(link: Link, data: bytes) -> None:
            for _ in range(SEND_LIMIT // 1000 + 1):
                link.write(b"x" * 1000)
            with pytest.raises(NotOpen):
                link.write(b"x")

        async with _bench(Path(), "tcp", flood) as bench:
            ours, theirs = await bench.connect()
            ours.write(b"go")
            await bench.server_owner.until(lambda: bool(bench.server_owner.lost))
            assert bench.server_owner.lost == [f"send limit of {SEND_LIMIT} octets reached: the peer does not read"]
            assert theirs.peak_buffered <= SEND_LIMIT

    drive(scenario())
