"""What handlers do: answer, refuse, fail, wait, spawn; and the screens around them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from diameter import Message
from diameter.app import Later, Neighbour, Screen
from diameter.errors import ApplicationFault, LocalError, RequestTimeout
from diameter.trace import Drop, Point
from helpers.nodes import LEFT, TSP, Answering, Bench, Waiting, succeed

# ---- what handlers do


@pytest.mark.parametrize("asynchronous", [False, True])
def test_an_application_fault_becomes_result_code_or_experimental_result(asynchronous: bool) -> None:
    faults = [ApplicationFault(5012), ApplicationFault(5653, vendor=10415), ApplicationFault(3004)]

    def refuse(request: Message) -> Message:
        raise faults[request.hop_by_hop]

    async def refuse_later(request: Message) -> Message:
        raise faults[request.hop_by_hop]

    server = Waiting(refuse_later) if asynchronous else Answering(refuse)
    with Bench(server) as bench:
        answers = bench.inject(*(bench.request(hop_by_hop=n) for n in range(3)))
        assert [a.result for a in answers] == [(0, 5012), (10415, 5653), (0, 3004)]
        assert [a.error for a in answers] == [False, False, True]
        assert "Experimental-Result" in answers[1]
        assert "Result-Code" not in answers[1]
        assert [r.stage for r in bench.said.refused] == ["application"] * 3
        assert bench.pair.right.stats.bugs == 0


def test_an_application_fault_returned_counts_like_one_raised() -> None:
    with Bench(Answering(lambda request: ApplicationFault(5003))) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5003)


def test_an_application_fault_brings_its_avps() -> None:
    fault = ApplicationFault(5653, vendor=10415, avps={"Error-Message": "not now"})
    with Bench(Answering(lambda request: fault)) as bench:
        assert bench.inject(bench.request())[0]["Error-Message"] == "not now"


def boom(request: Message) -> Message:
    empty: dict[int, Message] = {}
    return empty[request.hop_by_hop]


async def boom_later(request: Message) -> Message:
    return boom(request)


BUGS: dict[str, Callable[[], Any]] = {
    "an exception": lambda: Answering(boom),
    "an exception in a coroutine": lambda: Waiting(boom_later),
    "no answer": lambda: Answering(lambda request: None),
    "the request itself": lambda: Answering(lambda request: request),
    "an answer to something else": lambda: Answering(lambda request: succeed(request).edit(hop_by_hop=5)),
    "an answer that breaks its grammar": lambda: Answering(
        lambda request: request.answer(2001, {"Device-Notification": {"Reference-Number": 1}})
    ),
    "a fault with AVPs nobody knows": lambda: Answering(lambda request: ApplicationFault(5012, avps={"No-Such": 1})),
}


@pytest.mark.parametrize("what", BUGS)
def test_a_bug_is_logged_once_and_answered_5012(what: str) -> None:
    with Bench(BUGS[what]()) as bench:
        (answer,) = bench.inject(bench.request())
        assert (answer.result, answer.error) == ((0, 5012), False)
        assert bench.pair.right.stats.bugs == 1
        (event,) = bench.said.of(Point.BUG)
        assert isinstance(event["error"], Exception)
        assert [r.stage for r in bench.said.refused] == ["bug"]


def test_a_request_error_that_escapes_a_handler_is_no_bug() -> None:
    def give_up(request: Message) -> Message:
        raise RequestTimeout("no answer")

    with Bench(Answering(give_up)) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5012)
        assert bench.pair.right.stats.bugs == 0


def test_a_handler_knows_the_adjacent_peer() -> None:
    found: list[Neighbour] = []

    def look(request: Message) -> Message:
        found.append(bench.server.peer_of(request))
        return succeed(request)

    with Bench(Answering(look)) as bench:
        bench.inject(bench.request())
        (who,) = found
        assert (who.host, who.realm, who.transport, who.secure) == (LEFT, "example.org", "tcp", False)
        assert TSP in who.applications


# ---- handlers that wait


def test_a_handler_that_waits_answers_when_it_has_what_it_awaits() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait)) as bench:
        assert bench.inject(bench.request()) == []
        assert bench.pair.right.in_work == 1
        before = len(bench.pair.wire.passed)
        later.resolve(5003)
        bench.pass_time(0.01)
        assert len(bench.pair.wire.passed) == before + 1
        assert bench.pair.right.in_work == 0
        assert bench.pair.right.stats.answers_out == 1


def test_a_handler_may_await_a_deferred_and_see_its_failure() -> None:
    deferreds: list[Deferred[int]] = [Deferred(), Deferred()]

    async def wait(request: Message) -> Message:
        try:
            return request.answer(await deferreds[request.hop_by_hop], {})
        except ValueError:
            return request.answer(5012, {})

    with Bench(Waiting(wait)) as bench:
        bench.inject(bench.request(hop_by_hop=0), bench.request(hop_by_hop=1))
        before = len(bench.pair.wire.passed)
        deferreds[1].errback(ValueError("no"))
        deferreds[0].callback(5003)
        bench.pass_time(0.01)
        back = b"".join(data for from_client, data in bench.pair.wire.passed[before:] if not from_client)
        assert b"\0\0\x13\x94" in back  # 5012
        assert b"\0\0\x13\x8b" in back  # 5003
        assert bench.pair.right.stats.bugs == 0


def test_a_value_of_a_deferred_is_left_for_others_who_wait() -> None:
    shared: Deferred[int] = Deferred()

    async def wait(request: Message) -> Message:
        return request.answer(await shared, {})

    with Bench(Waiting(wait)) as bench:
        bench.inject(bench.request(hop_by_hop=0), bench.request(hop_by_hop=1))
        shared.callback(5003)
        assert bench.pair.right.stats.answers_out == 2
        bench.pass_time(0.01)


def test_awaiting_something_else_is_a_bug() -> None:
    class Odd:
        def __await__(self) -> Any:
            yield "something"

    async def wait(request: Message) -> Message:
        await Odd()
        return succeed(request)

    with Bench(Waiting(wait)) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5012)
        assert "neither a Later nor a Deferred" in str(bench.said.of(Point.BUG)[0]["error"])
        assert bench.pair.right.in_work == 0


def test_an_answer_for_a_link_that_is_gone_is_dropped_and_counted() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait)) as bench:
        bench.inject(bench.request())
        for link in list(bench.pair.wire.links):
            link.abort("cut")
        bench.pass_time(0.01)
        later.resolve(5003)
        assert bench.pair.right.stats.dropped == {Drop.LINK_GONE: 1}


def test_more_requests_of_a_link_than_may_be_in_work_are_told_to_go_elsewhere() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait), config={"limits": {"inbound_requests": 4}}) as bench:
        assert bench.inject(*(bench.request(hop_by_hop=n) for n in range(4))) == []
        busy = bench.inject(*(bench.request(hop_by_hop=n) for n in range(4, 8)))
        assert [(answer["Result-Code"], answer.error) for answer in busy] == [(3004, True)] * 4
        later.resolve(5003)
        bench.pass_time(0.1)
        assert bench.pair.right.stats.requests_in == 8
        assert bench.pair.right.stats.answers_out == 8
        (again,) = bench.inject(bench.request(hop_by_hop=4))  # a busy answer is none that is remembered
        assert again["Result-Code"] == 5003


def test_the_last_places_are_for_high_priorities() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    limits = {"inbound_requests": 60, "requests_in_work": 1000}
    with Bench(Waiting(wait), config={"limits": limits}) as bench:
        none = [bench.request(hop_by_hop=n) for n in range(60)]
        assert len(bench.inject(*none)) == 10  # without DRMP it is priority 10
        assert len(bench.inject(*(bench.request(hop_by_hop=n, DRMP=15) for n in range(100, 110)))) == 10
        assert len(bench.inject(*(bench.request(hop_by_hop=n, DRMP=0) for n in range(200, 220)))) == 10
        assert bench.pair.right.in_work == 60
        later.resolve(5003)
        bench.pass_time(0.1)


def test_all_links_together_have_a_limit_too() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait), config={"limits": {"requests_in_work": 4}}) as bench:
        assert len(bench.inject(*(bench.request(hop_by_hop=n) for n in range(9)))) == 5
        later.resolve(5003)
        bench.pass_time(0.1)


# ---- screens, spawned work, batches


class Refusing(Screen):
    """Refuses requests of an odd Hop-by-Hop Identifier, and answers in the same way."""

    def __init__(self, *, inbound: bool = False, outbound: bool = False) -> None:
        self._sides = inbound, outbound
        self.neighbours: list[Neighbour] = []

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        self.neighbours.append(neighbour)
        return ApplicationFault(5003, "odd") if self._sides[0] and message.hop_by_hop % 2 else message

    def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        return ApplicationFault(5012, "odd") if self._sides[1] and message.hop_by_hop % 2 else message


def test_a_screen_refuses_before_the_handler() -> None:
    screen = Refusing(inbound=True)
    with Bench(right={"screens": (screen,)}) as bench:
        answers = bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=2))
        assert [a.result for a in answers] == [(0, 5003), (0, 2001)]
        assert len(bench.server.seen) == 1
        assert [r.stage for r in bench.said.refused] == ["screen"]
        assert screen.neighbours[0].host == LEFT


def test_a_screen_holds_an_answer_back() -> None:
    with Bench(right={"screens": (Refusing(outbound=True),)}) as bench:
        answers = bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=2))
        assert [a.result for a in answers] == [(0, 5012), (0, 2001)]
        assert [r.stage for r in bench.said.refused] == ["outbound"]


def test_a_screen_may_edit_and_the_handler_still_knows_the_peer() -> None:
    class Editing(Screen):
        def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
            return message.edit(add={"Route-Record": "screened.example.org"})

    with Bench(Answering(lambda r: succeed(r) if bench.server.peer_of(r).host == LEFT else None)) as bench:
        bench.pair.right._serving._screens = (Editing(),)
        assert bench.inject(bench.request())[0]["Result-Code"] == 2001
        assert bench.server.seen[0]["Route-Record"] == "screened.example.org"


def test_a_bug_in_a_screen_refuses() -> None:
    class Broken(Screen):
        def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
            raise ZeroDivisionError

    with Bench(right={"screens": (Broken(),)}) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5012)
        assert bench.server.seen == []
        assert bench.pair.right.stats.bugs == 1


def test_what_a_handler_spawns_runs_after_the_messages_of_the_wake_up() -> None:
    order: list[str] = []

    async def afterwards() -> str:
        order.append("spawned")
        return "done"

    def handle(request: Message) -> Message:
        bench.server.spawn(afterwards())
        order.append(f"request {request.hop_by_hop}")
        return succeed(request)

    with Bench(Answering(handle)) as bench:
        bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=2))
        assert order == ["request 1", "request 2", "spawned", "spawned"]


def test_an_exception_in_spawned_work_that_nobody_awaits_is_logged() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def given_up() -> None:
        raise RequestTimeout("no answer")

    def handle(request: Message) -> Message:
        bench.server.spawn(broken() if request.hop_by_hop else given_up())
        return succeed(request)

    with Bench(Answering(handle)) as bench:
        bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=0))
        assert bench.pair.right.stats.bugs == 1
        assert "broken" in bench.said.of(Point.BUG)[0]["command"]
        assert "given_up" in bench.said.of(Point.UNDELIVERABLE)[0]["command"]


def test_who_awaits_spawned_work_gets_its_value_or_its_error() -> None:
    async def broken() -> None:
        raise ZeroDivisionError

    async def fine() -> int:
        return 5003

    async def wait(request: Message) -> Message:
        try:
            await bench.server.spawn(broken())
        except ZeroDivisionError:
            return request.answer(await bench.server.spawn(fine()), {})
        return succeed(request)

    with Bench(Waiting(wait)) as bench:
        assert bench.inject(bench.request())[0].result == (0, 5003)
        assert bench.pair.right.stats.bugs == 0


def test_a_bug_in_on_batch_is_logged_and_the_answers_still_leave() -> None:
    class Broken(Answering):
        def on_batch(self) -> None:
            raise ZeroDivisionError

    with Bench(Broken()) as bench:
        bench.said.points.clear()
        assert len(bench.inject(bench.request())) == 1
        assert len(bench.said.of(Point.BUG)) >= 1


def test_a_request_from_an_application_the_peer_may_not_use() -> None:
    with Bench() as bench:
        line = next(iter(bench.pair.right._core.lines.values()))
        line.allowed = frozenset({1})
        assert bench.inject(bench.request())[0].result == (0, 3007)
        assert "not open to" in bench.said.refused[0].text


def test_a_request_while_the_node_stops_is_told_to_go_elsewhere() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait)) as bench:
        bench.inject(bench.request(hop_by_hop=1))
        stopping = bench.pair.right.stop()
        (answer,) = bench.inject(bench.request(hop_by_hop=2))
        assert (answer.result, answer.error) == ((0, 3004), True)
        later.resolve(5003)
        bench.pair.wait(stopping)
        assert bench.pair.right.stats.answers_out == 2


def test_peer_of_needs_a_message_that_came_from_a_peer() -> None:
    with Bench() as bench, pytest.raises(LocalError, match="did not come from a peer"):
        bench.server.peer_of(bench.request())
