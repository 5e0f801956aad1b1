"""Failover and failback (RFC 6733 section 5.5.4) with several servers in memory."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter.app import Later, Screen
from diameter.errors import ApplicationFault, Undeliverable
from diameter.trace import Drop, Point
from helpers.nodes import Waiting, succeed
from helpers.several import Counting, Several, host


async def never(request: Message) -> Message:
    return await Later[Message]()


class Slow(Waiting):
    """Answers when told to."""

    def __init__(self) -> None:
        super().__init__(self.wait)
        self.got: list[Message] = []
        self.go: Later[None] = Later()

    async def wait(self, request: Message) -> Message:
        self.got.append(request)
        await self.go
        return succeed(request)


def test_requests_of_a_lost_link_go_to_another_peer_with_t_set() -> None:
    b = Counting()
    with Several({"a": Waiting(never), "b": b}) as net:
        asked = [net.ask(number) for number in range(5)]
        net.pass_time(0.01)
        assert b.seen == []
        net.cut("a")
        answers = [net.run(later) for later in asked]
    assert [answer["Origin-Host"] for answer in answers] == [host("b")] * 5
    assert [answer["Device-Notification"]["Reference-Number"] for answer in answers] == [0, 1, 2, 3, 4]
    assert [message.retransmitted for message in b.seen] == [True] * 5
    assert net.client.stats.failed_over == 5
    assert [fields["count"] for fields in net.said["client"].of(Point.FAILOVER)] == [5]


def test_the_end_to_end_identifier_stays() -> None:
    a, b = Slow(), Counting()
    with Several({"a": a, "b": b}) as net:
        asked = net.ask()
        net.pass_time(0.01)
        net.cut("a")
        net.run(asked)
    assert a.got[0].end_to_end == b.seen[0].end_to_end
    assert not a.got[0].retransmitted


def test_what_was_never_sent_goes_without_t() -> None:
    b = Counting()
    with Several({"a": Waiting(never), "b": b}, client={"limits": {"outbound_requests": 2}}) as net:
        asked = [net.ask(number) for number in range(4)]
        net.pass_time(0.01)
        net.cut("a")
        for later in asked:
            net.run(later)
    assert [message.retransmitted for message in b.seen] == [True, True, False, False]


def suspected() -> tuple[Several, Slow, Slow]:
    a, b = Slow(), Slow()
    net = Several({"a": a, "b": b}, config={"tw_s": 6})
    return net, a, b


def until_suspect(net: Several) -> None:
    """Advance until the client suspects a peer."""
    for _ in range(400):
        if net.said["client"].of(Point.PEER_SUSPECT):
            return
        net.pass_time(0.1)
    raise AssertionError(net.said["client"].names())


def ask_and_suspect(net: Several) -> Later[Message]:
    """A request that goes to "a", which falls silent with it and is suspected."""
    asked = net.ask(timeout_s=120)
    net.pass_time(0.01)
    net.silence("a")
    until_suspect(net)
    return asked


def test_the_requests_of_a_suspect_peer_go_to_another_with_t() -> None:
    net, a, b = suspected()
    with net:
        asked = ask_and_suspect(net)
        net.pass_time(0.01)
        assert [a.got[0].retransmitted, b.got[0].retransmitted] == [False, True]
        b.go.resolve(None)
        assert net.run(asked)["Origin-Host"] == host("b")


def test_a_late_answer_of_the_suspect_peer_is_taken_and_the_second_is_a_stray() -> None:
    net, a, b = suspected()
    with net:
        asked = ask_and_suspect(net)
        net.pass_time(0.01)
        assert len(b.got) == 1
        a.go.resolve(None)
        answer = net.run(asked)
        assert answer["Origin-Host"] == host("a")
        b.go.resolve(None)
        net.pass_time(0.01)
        assert net.client.stats.dropped[Drop.STRAY_ANSWER] == 1
        assert [line.outstanding for line in net.client._core.lines.values()] == [0, 0]


def test_without_another_peer_the_suspect_keeps_its_requests() -> None:
    a = Slow()
    with Several({"a": a}, config={"tw_s": 6}) as net:
        asked = ask_and_suspect(net)
        assert net.client.pending == 1
        a.go.resolve(None)
        assert net.run(asked)["Origin-Host"] == host("a")


def test_when_the_second_fails_the_first_may_still_answer() -> None:
    net, a, _ = suspected()
    with net:
        asked = ask_and_suspect(net)
        net.cut("b")
        assert net.client.pending == 1
        a.go.resolve(None)
        assert net.run(asked)["Origin-Host"] == host("a")
        assert [line.outstanding for line in net.client._core.lines.values()] == [0]


def test_without_candidate_the_reasons_are_told() -> None:
    with Several({"a": Waiting(never), "b": Waiting(never)}) as net:
        asked = net.ask()
        net.pass_time(0.01)
        net.cut("b")
        net.cut("a")
        with pytest.raises(Undeliverable, match=r"a\.example\.org lost.*no way to .*peer b\.example\.org is"):
            net.run(asked)


def test_a_fixed_destination_is_not_given_to_another_host() -> None:
    with Several({"a": Waiting(never), "b": Counting()}) as net:
        asked = net.ask(to=host("a"))
        net.pass_time(0.01)
        net.cut("a")
        with pytest.raises(Undeliverable, match="lost"):
            net.run(asked)
        assert net.client.stats.failed_over == 0


def test_a_request_is_sent_so_often_and_not_more() -> None:
    servers: dict[str, Any] = {name: Waiting(never) for name in "abcd"}
    with Several(servers, client={"limits": {"transmissions": 2}}) as net:
        asked = net.ask()
        net.pass_time(0.01)
        net.cut("a")
        net.pass_time(0.01)
        net.cut("b")
        with pytest.raises(Undeliverable, match="sent 2 times already"):
            net.run(asked)


def test_nothing_goes_back_to_a_peer_that_failed_it() -> None:
    with Several({"a": Waiting(never), "b": Waiting(never)}, config={"tc_s": 1, "tw_s": 6}) as net:
        asked = net.ask(timeout_s=200)
        net.pass_time(0.01)
        net.cut("a")
        net.revive("a")
        net.run(net.client.when_open(host("a"), 100))
        net.cut("b")
        with pytest.raises(Undeliverable, match="lost"):
            net.run(asked)


def test_failback() -> None:
    a, b = Counting(), Counting()
    with Several({"a": a, "b": b}, config={"tc_s": 1, "tw_s": 6}) as net:
        net.run(net.ask())
        net.cut("a")
        net.run(net.ask())
        net.revive("a")
        net.run(net.client.when_open(host("a"), 100))
        net.run(net.ask())
    assert [len(a.seen), len(b.seen)] == [2, 1]


class NotToB(Screen):
    """Holds back what goes to b."""

    def outbound(self, message: Message, neighbour: Any) -> Message | ApplicationFault:
        return ApplicationFault(5012, "not to b") if neighbour.host == host("b") else message


def test_the_screens_decide_about_the_second_peer_too() -> None:
    servers = {"a": Waiting(never), "b": Counting(), "c": Counting()}
    with Several(servers, options={"screens": [NotToB()]}) as net:
        asked = net.ask()
        net.pass_time(0.01)
        net.cut("a")
        assert net.run(asked)["Origin-Host"] == host("c")


class Broken(Screen):
    """Has a bug that shows with b."""

    def outbound(self, message: Message, neighbour: Any) -> Message | ApplicationFault:
        assert neighbour.host != host("b")
        return message


def test_a_bug_of_a_screen_costs_one_candidate_and_not_the_requests() -> None:
    servers = {"a": Waiting(never), "b": Counting(), "c": Counting()}
    with Several(servers, options={"screens": [Broken()]}) as net:
        asked = [net.ask(), net.ask()]
        net.pass_time(0.01)
        net.cut("a")
        assert [net.run(later)["Origin-Host"] for later in asked] == [host("c")] * 2
        assert net.client.stats.bugs == 2


def test_a_server_dies_under_load() -> None:
    """The first of two dies with requests on the way: each is answered, and executed by both only with T."""
    a, b = Counting(), Counting()
    with Several({"a": a, "b": b}) as net:
        net.wire.delay_s = 0.01
        asked = []
        for number in range(2000):
            asked.append(net.ask(number))
            net.pass_time(0.0005)
            if number == 1000:
                net.cut("a")
        answers = [net.run(later) for later in asked]
    assert [answer["Device-Notification"]["Reference-Number"] for answer in answers] == list(range(2000))
    first = {(who, end) for who, end, _ in a.executed}
    twice = [(who, end, t) for who, end, t in b.executed if (who, end) in first]
    assert twice
    assert all(t for _, _, t in twice)
    assert len(first) == len(a.executed)
    assert len({(who, end) for who, end, _ in b.executed}) == len(b.executed)
    assert len(a.seen) + len(b.seen) - len(twice) == 2000
