"""A link whose keys are worn is replaced by another one to the same peer, and no request is lost."""

from __future__ import annotations

import pytest

from diameter import Message
from diameter.app import Later
from diameter.config import NodeConfig
from diameter.errors import Undeliverable
from diameter.transport.link import Link
from helpers.nodes import ACTION, REALM, RIGHT, TSP, Bench, Waiting, split, succeed


def worn(bench: Bench) -> Link:
    """Let the transport say that the client's link is worn; the link."""
    link = next(link for link in bench.pair.wire.links if link.dialled)
    bench.pair.left.link_worn(link)
    return link


def ask(bench: Bench) -> Later[Message]:
    return bench.client.request("Device-Action", ACTION, realm=REALM)


def link_of(bench: Bench) -> int:
    return next(entry.link for entry in bench.pair.left.peers if entry.host == RIGHT)


class Slow(Waiting):
    """Answers the first request when told to, the others at once."""

    def __init__(self) -> None:
        super().__init__(self.wait)
        self.got: list[Message] = []
        self.go: Later[None] = Later()

    async def wait(self, request: Message) -> Message:
        self.got.append(request)
        if len(self.got) == 1:
            await self.go
        return succeed(request)


def test_requests_wait_for_the_next_link() -> None:
    with Bench() as bench:
        before = link_of(bench)
        worn(bench)
        asked = [ask(bench) for _ in range(5)]
        assert bench.server.seen == []
        assert [bench.pair.run(each)["Result-Code"] for each in asked] == [2001] * 5
        assert link_of(bench) not in (0, before)
        stats = bench.pair.left.stats
        assert (stats.undeliverable, stats.failed_over, len(bench.server.seen)) == (0, 0, 5)
        assert not any(message.retransmitted for message in bench.server.seen)
        assert bench.pair.left._core.renewing == {}
        assert bench.ask()["Result-Code"] == 2001


def test_what_was_sent_is_answered_before_the_link_goes() -> None:
    slow = Slow()
    with Bench(slow) as bench:
        before, first = link_of(bench), ask(bench)
        bench.pass_time(0.01)
        worn(bench)
        later = ask(bench)
        bench.pass_time(0.5)
        assert (link_of(bench), len(slow.got)) == (before, 1)
        slow.go.resolve(None)
        assert [bench.pair.run(each)["Result-Code"] for each in (first, later)] == [2001, 2001]
        assert [message.retransmitted for message in slow.got] == [False, False]
        assert link_of(bench) != before


def test_what_is_not_answered_in_time_goes_again_with_t_set() -> None:
    slow = Slow()
    with Bench(slow) as bench:
        first = ask(bench)
        bench.pass_time(0.01)
        worn(bench)
        bench.pass_time(2.0)
        assert link_of(bench)
        passed = split(b"".join(data for ours, data in bench.pair.wire.passed if ours))
        again = [one.retransmitted for one in passed if one.request and one.application_id == TSP]
        assert again == [False, True]
        slow.go.resolve(None)
        assert bench.pair.run(first)["Result-Code"] == 2001
        assert len(slow.got) == 1  # known by its End-to-End Identifier


def test_without_a_next_link_they_fail_with_the_reason() -> None:
    with Bench() as bench:
        bench.pair.wire.refuse = "connection refused"
        worn(bench)
        asked = ask(bench)
        with pytest.raises(Undeliverable, match="no new link in its place"):
            bench.pair.run(asked)
        assert bench.pair.left._core.renewing == {}


def test_a_peer_that_is_taken_away_meanwhile_is_not_dialled_again() -> None:
    with Bench() as bench:
        bench.pair.wire.delay_s = 0.5
        worn(bench)
        asked = ask(bench)
        bench.pass_time(0.02)
        left = bench.pair.left
        config: NodeConfig = left.config.model_copy(update={"peer": ()})
        left.reload(config)
        with pytest.raises(Undeliverable):
            bench.pair.run(asked)
        bench.pass_time(3.0)
        assert left._core.renewing == {}
        assert left.peers == ()


def test_who_was_dialled_does_nothing() -> None:
    with Bench() as bench:
        before = link_of(bench)
        link = next(link for link in bench.pair.wire.links if not link.dialled)
        bench.pair.right.link_worn(link)
        bench.pass_time(1.0)
        assert link_of(bench) == before


def test_a_worn_link_that_is_said_twice_is_renewed_once() -> None:
    with Bench() as bench:
        link = worn(bench)
        bench.pair.left.link_worn(link)
        assert bench.pair.run(ask(bench))["Result-Code"] == 2001
        bench.pass_time(1.0)
        assert bench.pair.left.stats.connections_out == 2


def test_a_node_that_stops_meanwhile_stops() -> None:
    bench = Bench()
    bench.pair.wire.delay_s = 0.5
    worn(bench)
    asked = ask(bench)
    bench.pass_time(0.02)
    bench.pair.close()
    with pytest.raises(Undeliverable):
        bench.pair.run(asked)
    assert bench.pair.left._core.renewing == {}
