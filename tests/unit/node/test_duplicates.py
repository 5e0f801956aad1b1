"""A node executes a request once, however often it comes (RFC 6733 sections 3 and 5.5.4)."""

from __future__ import annotations

import pytest

from diameter import Message
from diameter.app import Later
from diameter.errors import ApplicationFault, RequestTimeout
from diameter.trace import Point
from helpers.nodes import Answering, Bench, Waiting


def test_a_duplicate_is_answered_with_the_stored_answer() -> None:
    with Bench() as bench:
        (first,) = bench.inject(bench.request(hop_by_hop=1))
        copy = bench.request(hop_by_hop=1).edit(hop_by_hop=5, flags=0xD0)
        (second,) = bench.inject(copy)
        assert (second.hop_by_hop, second.octets[16:]) == (5, first.octets[16:])
        assert len(bench.server.seen) == 1
        assert bench.pair.right.stats.duplicates == 1
        assert len(bench.said.of(Point.DUPLICATE)) == 1


def test_the_copy_with_t_may_come_first() -> None:
    with Bench() as bench:
        bench.inject(bench.request().edit(hop_by_hop=9, flags=0xD0))
        (second,) = bench.inject(bench.request())
        assert second["Result-Code"] == 2001
        assert len(bench.server.seen) == 1


def test_copies_of_a_request_in_work_are_answered_with_it() -> None:
    later: Later[int] = Later()
    seen: list[Message] = []

    async def wait(request: Message) -> Message:
        seen.append(request)
        return request.answer(await later, {})

    with Bench(Waiting(wait), config={"limits": {"held_duplicates": 2}}) as bench:
        one = bench.request()
        back = bench.inject(*(one.edit(hop_by_hop=hop) for hop in (1, 2, 3, 4)))
        assert [(answer.hop_by_hop, answer["Result-Code"]) for answer in back] == [(4, 3004)]
        later.resolve(5003)
        assert [answer.hop_by_hop for answer in bench.inject()] == [1, 2, 3]
        assert len(seen) == 1


def test_a_refusal_of_the_application_is_remembered() -> None:
    def refuse(request: Message) -> Message:
        raise ApplicationFault(5012)

    with Bench(Answering(refuse)) as bench:
        one = bench.request()
        assert [answer["Result-Code"] for answer in bench.inject(one, one)] == [5012, 5012]
        assert len(bench.server.seen) == 1


@pytest.mark.parametrize("error", [ValueError("a bug"), RequestTimeout("asked in vain")])
def test_what_failed_is_not_tried_again(error: Exception) -> None:
    def fail(request: Message) -> Message:
        raise error

    with Bench(Answering(fail)) as bench:
        one = bench.request()
        assert [answer["Result-Code"] for answer in bench.inject(one, one)] == [5012, 5012]
        assert len(bench.server.seen) == 1


def test_what_was_refused_before_it_was_executed_is_not_remembered() -> None:
    with Bench() as bench:
        wrong = bench.request(Destination_Host="other.example.org")
        (no,) = bench.inject(wrong)
        assert no["Result-Code"] == 3002
        (yes,) = bench.inject(bench.request(Session_Id=wrong["Session-Id"]))
        assert yes["Result-Code"] == 2001


def test_only_who_may_bring_a_request_hears_the_answer() -> None:
    """The stored answer is not for another peer that names the same Origin-Host."""
    with Bench() as bench:
        bench.inject(bench.request())
        (no,) = bench.inject(bench.request(Origin_Host="stranger.example.net"))
        assert no["Result-Code"] == 5003


def test_a_duplicate_over_a_new_link_is_answered_though_the_first_answer_was_lost() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait), config={"tc_s": 1, "tw_s": 6}) as bench:
        one = bench.request()
        bench.inject(one)
        next(iter(bench.pair.wire.links)).abort("cut")
        bench.pass_time(60)
        later.resolve(5003)
        bench.pass_time(0.1)
        (answer,) = bench.inject(one.edit(flags=0xD0))
        assert answer["Result-Code"] == 5003
        assert bench.pair.right.stats.duplicates == 1


def test_it_can_be_switched_off() -> None:
    with Bench(config={"limits": {"duplicate_answers": 0}}) as bench:
        one = bench.request()
        bench.inject(one, one)
        assert len(bench.server.seen) == 2


def test_a_request_without_origin_is_refused_as_before() -> None:
    with Bench() as bench:
        (answer,) = bench.inject(bench.request().edit(remove="Origin-Host"))
        assert answer["Result-Code"] == 5005
