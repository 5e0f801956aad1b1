"""diameter.testing: coroutines without a reactor, scripted answers, two nodes in memory."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail
from twisted.internet.defer import succeed as fired
from twisted.internet.task import Clock

from diameter import Message
from diameter.app import Application, Later, Neighbour, answers
from diameter.errors import ApplicationFault, LocalError, RequestTimeout
from diameter.testing import FakeRequester, Pair, run
from helpers.nodes import ACTION, Answering, Asking, Bench, dictionary, succeed


def test_run_steps_a_coroutine_to_its_end() -> None:
    async def work() -> int:
        return await fired(3) + 4

    assert run(work()) == 7


def test_run_raises_what_the_coroutine_raises() -> None:
    async def work() -> None:
        await fail(ValueError("no"))

    with pytest.raises(ValueError, match="no"):
        run(work())


def test_run_advances_the_clock_while_the_coroutine_waits() -> None:
    clock = Clock()
    later: Later[int] = Later()
    deferred: Deferred[int] = Deferred()
    clock.callLater(50, later.resolve, 1)
    clock.callLater(70, deferred.callback, 2)

    async def work() -> int:
        return await later + await deferred

    assert run(work(), clock) == 3
    assert clock.seconds() == 70


@pytest.mark.parametrize("clock", [None, Clock()])
def test_run_says_when_nothing_will_ever_come(clock: Clock | None) -> None:
    async def work() -> None:
        await Later[None]()

    with pytest.raises(LocalError, match="no timer is set"):
        run(work(), clock)


def test_run_gives_up_on_timers_that_bring_nothing() -> None:
    clock = Clock()

    def again() -> None:
        clock.callLater(1000, again)

    async def work() -> None:
        await Later[None]()

    again()
    with pytest.raises(LocalError, match="in vain"):
        run(work(), clock)


def test_run_knows_only_laters_and_deferreds() -> None:
    class Odd:
        def __await__(self) -> Any:
            yield 1

    async def work() -> None:
        await Odd()

    with pytest.raises(LocalError, match="awaits int"):
        run(work())


class Tsp(Application):
    """Asks the HSS-like other side once, then answers with what it said."""

    dictionary = "ts29368_tsp"

    def __init__(self) -> None:
        self.batches = 0
        self.reported: list[int] = []

    @answers("Device-Action-Request")
    async def device_action(self, request: Message) -> Message:
        try:
            answer = await self.request("Device-Notification", {"Device-Notification": NOTE}, to="hss.example.org")
        except RequestTimeout:
            raise ApplicationFault(5012) from None
        _ = self.spawn(self.report(request["Device-Action"]["Reference-Number"]))
        assert answer.result is not None
        return succeed(request) if answer.result[1] == 2001 else request.answer(answer.result[1])

    async def report(self, reference: int) -> None:
        self.reported.append(reference)
        await self.request(
            "Device-Notification", {"Device-Notification": NOTE}, to="scs.example.net", realm="example.net"
        )

    def on_batch(self) -> None:
        self.batches += 1


NOTE = {"Reference-Number": 9, "Action-Type": 2}


def test_a_fake_requester_answers_from_its_script_and_records() -> None:
    tsp = Tsp()
    fake = FakeRequester(tsp, dictionary(), answers={"Device-Notification": lambda r: r.answer(2001)})
    answer = fake.deliver("Device-Action", ACTION)
    assert answer.result == (0, 2001)
    assert answer["Origin-Host"] == "node.example.org"
    assert [r["Device-Notification"]["Reference-Number"] for r in fake.requests] == [9, 9]
    assert fake.requests[0]["Destination-Host"] == "hss.example.org"
    assert fake.requests[1]["Destination-Realm"] == "example.net"
    assert fake.sent[0][0::2] == ("Device-Notification", "hss.example.org")
    assert (tsp.reported, tsp.batches) == ([7], 1)


def test_a_script_may_hold_several_answers_and_exceptions() -> None:
    def busy(request: Message) -> Message:
        return request.answer(5012)

    asking = Asking()
    script: list[Any] = [busy, RequestTimeout("no answer")]
    FakeRequester(asking, dictionary(), answers={"Device-Action": script})
    assert asking.request("Device-Action", ACTION, realm="example.net").result().result == (0, 5012)
    with pytest.raises(RequestTimeout, match="no answer"):
        asking.request("Device-Action", ACTION, realm="example.net").result()
    with pytest.raises(LocalError, match="no answer is scripted for Device-Action-Request number 3"):
        _ = asking.request("Device-Action", ACTION, realm="example.net")


def test_a_fake_requester_delivers_from_whomever_one_likes() -> None:
    seen: list[Neighbour] = []

    def look(request: Message) -> Message:
        seen.append(server.peer_of(request))
        assert request["Origin-Host"] == "scs.example.net"
        return succeed(request)

    server = Answering(look)
    fake = FakeRequester(server, dictionary())
    who = Neighbour(host="scs.example.net", realm="example.net", secure=True)
    fake.deliver("Device-Action", ACTION, neighbour=who)
    assert seen == [who]


def test_an_application_fault_comes_back_as_its_answer() -> None:
    fake = FakeRequester(Answering(_refuse), dictionary())
    assert fake.deliver("Device-Action", ACTION).result == (10415, 5653)


def _refuse(request: Message) -> Message:
    raise ApplicationFault(5653, vendor=10415)


def test_a_fake_requester_is_strict() -> None:
    fake = FakeRequester(Asking(), dictionary())
    with pytest.raises(LocalError, match="Asking does not answer Device-Action-Request"):
        fake.deliver("Device-Action", ACTION)
    with pytest.raises(LocalError, match="did not come from a peer"):
        fake.peer_of(dictionary().request("Device-Watchdog", {}))


def test_an_error_in_spawned_work_goes_to_who_awaits_it() -> None:
    async def ask() -> None:
        raise RequestTimeout("no answer")

    application = Asking()
    fake = FakeRequester(application, dictionary())
    later = application.spawn(ask())
    fake.settle()
    with pytest.raises(RequestTimeout):
        later.result()


def test_a_pair_is_two_nodes_and_a_clock() -> None:
    asking = Asking()
    pair = Pair([Answering()], [asking], dictionary()).open()
    assert pair.run(asking.request("Device-Action", ACTION)).result == (0, 2001)
    assert {a for a, _ in pair.wire.passed} == {True, False}
    pair.close()
    assert pair.clock.getDelayedCalls() == []


def test_a_wire_refuses_what_is_over_the_limit() -> None:
    with Bench(config={"limits": {"send_limit": 20_000, "message_limit": 5000}}) as bench:
        far = next(link for link in bench.pair.wire.links if not link.dialled)
        far.pause()
        far.other.write(b"x" * 30_000)
        bench.pass_time(0.1)
        assert bench.pair.left._core.lines == {}
