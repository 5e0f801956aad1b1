"""A node from its start to its end."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.task import Clock

from diameter import Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, Later
from diameter.errors import ConfigError, LocalError, Undeliverable
from diameter.node import Node
from diameter.peer.inputs import DisconnectCause
from diameter.testing import MemoryLinks, run
from diameter.trace import Point
from helpers.nodes import ACTION, LEFT, REALM, Answering, Asking, Bench, Said, Waiting, dictionary


def listening(**options: Any) -> Bench:
    """A server that listens; its client never starts."""
    bench = Bench(opened=False, **options)
    bench.pair.wait(bench.pair.right.start())
    return bench


# ---- start and stop


def test_the_node_says_where_it_listens() -> None:
    with Bench() as bench:
        assert [(t, str(a)) for t, a in bench.pair.right.listening] == [("tcp", "127.0.0.1:3868")]
        assert bench.said.of(Point.LISTENING) == [{"transport": "tcp", "remote": "127.0.0.1:3868"}]
        bench.pair.right.reload()


def test_a_port_in_use_is_one_line() -> None:
    bench = listening()
    other = Node(
        quick_config("x.example.org", REALM, listen="tcp:127.0.0.1:3868", physical_protection="test"),
        [Asking()],
        dictionary(),
        reactor=bench.pair.clock,
        links=lambda reactor, config, owner: MemoryLinks(bench.pair.wire, config, owner),
    )
    with pytest.raises(
        ConfigError, match=r"^node\.listen\.0: cannot listen on tcp 127\.0\.0\.1:3868: Address already in use$"
    ):
        bench.pair.wait(other.start())
    bench.pair.wait(other.stop())
    bench.pair.close()


def test_stopping_sends_dpr_after_the_work_is_done() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait)) as bench:
        asked = bench.client.request("Device-Action", ACTION, realm=REALM)
        bench.pass_time(0.1)
        stopped = bench.pair.right.stop(DisconnectCause.BUSY)
        assert bench.pair.right.stop() is not stopped  # asked twice, stopped once
        bench.pass_time(1)
        assert not asked.done
        later.resolve(5012)
        bench.pair.wait(stopped)
        assert asked.result().result == (0, 5012)
        leaving = bench.client_said.of(Point.PEER_LEAVING)
        assert "Disconnect-Cause 1" in leaving[0]["reason"]


def test_stopping_waits_no_longer_than_it_may() -> None:
    async def never(request: Message) -> Message:
        return request.answer(await Later[int](), {})

    with Bench(Waiting(never), config={"drain_s": 3.0}) as bench:
        asked = bench.client.request("Device-Action", ACTION, realm=REALM)
        bench.pass_time(0.1)
        started = bench.pair.clock.seconds()
        bench.pair.wait(bench.pair.right.stop())
        assert bench.pair.clock.seconds() - started < 3.5
        with pytest.raises(Undeliverable):
            bench.pair.run(asked)
        assert bench.pair.right.in_work == 0


def test_a_peer_that_does_not_answer_a_dpr_is_cut_off() -> None:
    with Bench(config={"drain_s": 3.0}) as bench:
        bench.pair.wire.deaf = True
        started = bench.pair.clock.seconds()
        bench.pair.wait(bench.pair.right.stop())
        assert bench.pair.clock.seconds() - started < 6.5
        bench.pair.wire.deaf = False


def test_stopping_ends_whoever_still_waits() -> None:
    async def ever() -> None:
        await Later[None]()

    with Bench(config={"drain_s": 1.0}) as bench:
        later = bench.client.spawn(ever())
        bench.pass_time(0.1)
        opening = bench.pair.left.when_open("nobody.example.org", timeout_s=180)
        bench.pair.wait(bench.pair.left.stop())
        with pytest.raises(LocalError, match="has stopped"):
            later.result()
        with pytest.raises(Undeliverable, match="has stopped"):
            bench.pair.wait(opening)


@pytest.mark.parametrize("fails", [False, True])
def test_what_somebody_waited_for_may_come_when_the_node_has_stopped(fails: bool) -> None:
    """A store ends what it was given after its node, and nobody is there to hear it."""
    waited: Deferred[None] = Deferred()

    async def ever() -> None:
        await waited

    with Bench(config={"drain_s": 1.0}) as bench:
        later = bench.client.spawn(ever())
        bench.pass_time(0.1)
        bench.pair.wait(bench.pair.left.stop())
        waited.errback(OSError("gone")) if fails else waited.callback(None)
        bench.pass_time(0.1)
        assert bench.pair.left.stats.bugs == 0
        with pytest.raises(LocalError, match="has stopped"):
            later.result()


def test_a_listener_that_does_not_close_is_logged() -> None:
    class Stuck(MemoryLinks):
        def stop(self) -> Deferred[None]:
            _ = super().stop()
            return fail(OSError("stuck"))

    said, clock = Said(), Clock()
    node = Node(
        quick_config("x.example.org", REALM),
        [Asking()],
        dictionary(),
        reactor=clock,
        observe=said.observe,
        links=lambda reactor, config, owner: Stuck(Wire(clock), config, owner),
    )
    assert node.stop().called
    assert len(said.of(Point.BUG)) == 1


def test_two_applications_of_one_id_are_refused() -> None:
    with pytest.raises(LocalError, match="Asking and Answering are both application 16777309"):
        Node(quick_config("x.example.org", REALM), [Asking(), Answering()], dictionary(), reactor=Clock())


def test_waiting_for_a_peer_that_is_none() -> None:
    with Bench() as bench:
        with pytest.raises(Undeliverable, match=r"who\.example\.org is no peer of this node"):
            bench.pair.wait(bench.pair.right.when_open("who.example.org", timeout_s=180))
        assert bench.pair.wait(bench.pair.right.when_open()).host == LEFT


def test_a_node_without_peers_says_so() -> None:
    clock = Clock()
    node = Node(quick_config("x.example.org", REALM), [Asking()], dictionary(), reactor=clock)

    async def wait() -> None:
        await node.when_open(timeout_s=180)

    with pytest.raises(Undeliverable, match="has no peers"):
        run(wait(), clock)


def test_a_node_runs_coroutines_for_those_with_deferreds() -> None:
    async def twice() -> int:
        answers = [await bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(2)]
        return len(answers)

    with Bench() as bench:
        assert bench.pair.wait(bench.pair.left.run(twice())) == 2


def test_identity_and_realm_are_the_configured_ones() -> None:
    class Curious(Application):
        dictionary = "ts29368_tsp"

    application = Curious()
    node = Node(quick_config("x.example.org", REALM), [application], dictionary(), reactor=Clock())
    assert (application.port.origin_host, application.port.origin_realm) == ("x.example.org", REALM)
    assert (node.origin_host, node.pending, node.in_work) == ("x.example.org", 0, 0)
