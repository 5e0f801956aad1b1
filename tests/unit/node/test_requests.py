"""Requests of ours: filled, routed, matched with their answers, and how they end (RFC 6733 sections 6.1.1 to 6.2.1)."""

from __future__ import annotations

import pytest

from diameter import Message
from diameter.app import Application, Later, Neighbour, Screen, answers
from diameter.errors import (
    ApplicationFault,
    EncodeError,
    ErrorAnswer,
    LocalError,
    RequestTimeout,
    Undeliverable,
)
from diameter.trace import Drop, Point
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, Answering, Asking, Bench, Waiting, split, succeed


def test_an_answer_comes_back_to_whoever_asked() -> None:
    with Bench() as bench:
        answer = bench.ask()
        assert answer.result == (0, 2001)
        assert answer["Device-Notification"]["Reference-Number"] == 7
        stats = bench.pair.left.stats
        assert (stats.requests_out, stats.answers_in, bench.pair.left.pending) == (1, 1, 0)


def test_the_realm_of_a_user_name_is_asked() -> None:
    with Bench() as bench:
        later = bench.client.request("Device-Action", {**ACTION, "User-Name": f"meter@{REALM}"})
        assert bench.pair.run(later)["Result-Code"] == 2001
        assert bench.server.seen[-1]["Destination-Realm"] == REALM
        lost = bench.client.request("Device-Action", {**ACTION, "User-Name": "meter@nowhere.example"})
        with pytest.raises(Undeliverable, match=r"no way to nowhere\.example"):
            bench.pair.run(lost)
        imsi = bench.client.request("Device-Action", {**ACTION, "User-Name": "001010000000001"})
        assert bench.pair.run(imsi)["Result-Code"] == 2001


def test_what_every_request_has_is_filled_in() -> None:
    with Bench() as bench:
        bench.ask(realm=None)
        (request,) = bench.server.seen
        names = [avp.name for avp in request.avps]
        assert names[0] == "Session-Id"
        assert request["Session-Id"].startswith(f"{LEFT};")
        assert (request["Origin-Host"], request["Origin-Realm"]) == (LEFT, REALM)
        assert (request["Destination-Realm"], request.get("Destination-Host")) == (REALM, None)
        assert (request["Auth-Session-State"], request["Auth-Application-Id"]) == (1, TSP)
        assert request.proxiable
        assert not request.retransmitted
        assert request.faults == ()


def test_a_destination_host_names_the_peer() -> None:
    with Bench() as bench:
        bench.ask(to=RIGHT, realm=None)
        assert bench.server.seen[0]["Destination-Host"] == RIGHT
        assert bench.server.seen[0]["Destination-Realm"] == REALM


def test_what_the_caller_gives_is_left_alone() -> None:
    with Bench() as bench:
        bench.ask({"Session-Id": "mine;1;2", **ACTION})
        assert bench.server.seen[0]["Session-Id"] == "mine;1;2"
        assert len(bench.server.seen[0].all("Session-Id")) == 1


def test_identifiers_and_sessions_are_fresh_for_each_request() -> None:
    with Bench() as bench:
        for _ in range(20):
            bench.ask()
        seen = bench.server.seen
        assert len({m.hop_by_hop for m in seen}) == len({m.end_to_end for m in seen}) == 20
        assert len({m["Session-Id"] for m in seen}) == 20


def test_requests_of_one_turn_leave_in_one_write() -> None:
    with Bench() as bench:
        writes = bench.pair.left.stats.writes
        laters = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(50)]
        assert bench.pair.left.pending == 50
        for later in laters:
            assert bench.pair.run(later).result == (0, 2001)
        assert bench.pair.left.stats.writes - writes == 1
        assert bench.pair.right.stats.wake_ups <= bench.pair.left.stats.wake_ups + 5


def test_an_answer_with_a_failure_is_returned_not_raised() -> None:
    fault = ApplicationFault(5653, vendor=10415)
    with Bench(Answering(lambda request: fault)) as bench:
        assert bench.ask().result == (10415, 5653)


def test_an_answer_with_the_e_bit_is_raised_and_carried_along() -> None:
    with Bench() as bench:
        bench.pair.left._core.table.peers[RIGHT].realm = "elsewhere.example"
        with pytest.raises(ErrorAnswer, match="3003") as caught:
            bench.ask(realm="elsewhere.example")
        assert caught.value.answer.result == (0, 3003)


def test_no_answer_in_time_is_a_timeout() -> None:
    async def never(request: Message) -> Message:
        return request.answer(await Later[int](), {})

    with Bench(Waiting(never), config={"drain_s": 1.0}) as bench:
        started = bench.pair.clock.seconds()
        with pytest.raises(RequestTimeout, match=r"Device-Action-Request from right\.example\.org within 10"):
            bench.ask()
        assert 10 <= bench.pair.clock.seconds() - started <= 10.5
        with pytest.raises(RequestTimeout):
            bench.ask(timeout_s=2)
        assert 12 <= bench.pair.clock.seconds() - started <= 13
        assert bench.pair.left.stats.timeouts == 2
        assert bench.pair.left.pending == 0
        assert len(bench.client_said.of(Point.TIMEOUT)) == 2


def test_an_answer_after_the_timeout_is_dropped_with_a_reason() -> None:
    later: Later[int] = Later()

    async def wait(request: Message) -> Message:
        return request.answer(await later, {})

    with Bench(Waiting(wait)) as bench:
        with pytest.raises(RequestTimeout):
            bench.ask(timeout_s=1)
        later.resolve(5012)
        bench.pass_time(0.1)
        assert bench.pair.left.stats.dropped == {Drop.STRAY_ANSWER: 1}
        assert "no request waits" in bench.client_said.of(Point.DROPPED)[0]["reason"]


def test_an_answer_nobody_asked_for_is_dropped() -> None:
    with Bench() as bench:
        stray = succeed(split(bench.request().octets)[0])
        bench.inject(stray.octets)
        assert bench.pair.right.stats.dropped == {Drop.STRAY_ANSWER: 1}


def test_nobody_to_send_to_is_undeliverable_and_says_why() -> None:
    with Bench(opened=False) as bench:
        bench.pair.wire.refuse = "connection refused"
        bench.pair.wait(bench.pair.right.start())
        bench.pair.wait(bench.pair.left.start())
        bench.pass_time(1)
        with pytest.raises(Undeliverable, match=r"peer right\.example\.org is Closed \(connection refused\)"):
            bench.ask()
        assert bench.pair.left.stats.undeliverable == 1
        assert len(bench.client_said.of(Point.UNDELIVERABLE)) == 1


def test_a_peer_without_the_application_is_named() -> None:
    class S6m(Application):
        dictionary = "ts29336_s6m"

    other = S6m()
    with Bench(left_applications=[Asking(), other]) as bench:
        later = other.request("Subscriber-Information", {}, realm=REALM)
        with pytest.raises(Undeliverable, match="is open but lacks application 16777310"):
            bench.pair.run(later)


def test_requests_of_a_lost_connection_fail_at_once() -> None:
    async def never(request: Message) -> Message:
        return request.answer(await Later[int](), {})

    with Bench(Waiting(never), config={"drain_s": 1.0}) as bench:
        laters = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(3)]
        bench.pass_time(0.1)
        for link in list(bench.pair.wire.links):
            link.abort("cut")
        bench.pass_time(0.1)
        for later in laters:
            with pytest.raises(Undeliverable, match=r"connection to right\.example\.org lost"):
                later.result()


def test_a_message_that_cannot_be_built_is_the_callers_fault() -> None:
    with Bench() as bench:
        with pytest.raises(EncodeError, match="Action-Type"):
            _ = bench.client.request("Device-Action", {"Device-Action": {"Reference-Number": 1}}, realm=REALM)
        with pytest.raises(EncodeError, match="no command No-Such-Request"):
            _ = bench.client.request("No-Such", {}, realm=REALM)
        assert bench.pair.left.pending == 0


def test_a_screen_holds_a_request_back() -> None:
    class Refusing(Screen):
        def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
            assert neighbour.host == RIGHT
            return ApplicationFault(5003, "an IMSI")

    with Bench(left={"screens": (Refusing(),)}) as bench:
        with pytest.raises(Undeliverable, match="refused by a screen: an IMSI"):
            bench.ask()
        assert bench.server.seen == []
        assert bench.pair.left.stats.refused == {"5003": 1}


def test_a_screen_may_edit_a_request() -> None:
    class Editing(Screen):
        def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
            return message.edit(add={"User-Name": "x"})

    with Bench(left={"screens": (Editing(),)}) as bench:
        bench.ask()
        assert bench.server.seen[0]["User-Name"] == "x"


def test_a_faulty_answer_is_no_answer() -> None:
    """A success without what the grammar demands cannot be handed on; a failure without it can."""

    def incomplete(request: Message) -> Message:
        good = succeed(request) if request["Device-Action"]["Reference-Number"] == 1 else request.answer(5012)
        return good.edit(remove=("Auth-Session-State",))

    with Bench(Answering(incomplete)) as bench:
        action = {"External-Identifier": "a@b.example", "Action-Type": 1}
        with pytest.raises(ErrorAnswer, match="faulty"):
            bench.ask({"Device-Action": {**action, "Reference-Number": 1}})
        assert bench.pair.left.stats.dropped == {Drop.FAULTY_ANSWER: 1}
        assert bench.ask({"Device-Action": {**action, "Reference-Number": 2}}).result == (0, 5012)


# ---- a handler that asks another


class Relaying(Application):
    """Asks the client back before it answers."""

    dictionary = "ts29368_tsp"

    @answers("Device-Action-Request")
    async def device_action(self, request: Message) -> Message:
        one = self.request("Device-Notification", {"Device-Notification": _note(1)}, to=LEFT)
        two = self.request("Device-Notification", {"Device-Notification": _note(2)}, to=LEFT)
        assert (await one).result == (await two).result == (0, 2001)
        return succeed(request)


def _note(reference: int) -> dict[str, int]:
    return {"Reference-Number": reference, "Action-Type": 2}


class Notified(Application):
    """The client of `Relaying`."""

    dictionary = "ts29368_tsp"

    def __init__(self) -> None:
        self.references: list[int] = []

    @answers("Device-Notification-Request")
    def device_notification(self, request: Message) -> Message:
        self.references.append(request["Device-Notification"]["Reference-Number"])
        return request.answer(2001)


def test_a_handler_waits_for_requests_of_its_own_made_side_by_side() -> None:
    notified = Notified()
    with Bench(Relaying(), left_applications=[notified]) as bench:
        later = notified.request("Device-Action", ACTION, realm=REALM)
        assert bench.pair.run(later).result == (0, 2001)
        assert notified.references == [1, 2]
        assert bench.pair.right.stats.answers_out == 1


# ---- peers that do not keep up


def test_requests_beyond_the_limit_are_held_and_sent_later() -> None:
    with Bench(config={"limits": {"outbound_requests": 10}}) as bench:
        laters = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(20)]
        assert bench.pair.left.stats.held == 10
        with pytest.raises(Undeliverable, match="does not keep up: 10 requests"):
            bench.ask()
        assert [bench.pair.run(later).result for later in laters] == [(0, 2001)] * 20
        assert bench.client_said.names().count("CONGESTED") == bench.client_said.names().count("DRAINED") == 1


def test_requests_for_a_congested_link_are_held_until_it_drains() -> None:
    limits = {"send_limit": 20_000, "message_limit": 5000}
    with Bench(config={"limits": limits}) as bench:
        far = next(link for link in bench.pair.wire.links if not link.dialled)
        near = next(link for link in bench.pair.wire.links if link.dialled)
        far.pause()
        laters = [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(20)]
        bench.pass_time(0.1)
        laters += [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(20)]
        bench.pass_time(0.1)
        laters += [bench.client.request("Device-Action", ACTION, realm=REALM) for _ in range(60)]
        assert near.congested
        assert bench.pair.left.stats.held > 0
        far.resume()
        assert [bench.pair.run(later).result for later in laters] == [(0, 2001)] * 100
        assert near.peak_buffered <= 20_000


def test_a_held_request_can_expire_and_is_then_never_sent() -> None:
    async def never(request: Message) -> Message:
        return request.answer(await Later[int](), {})

    with Bench(Waiting(never), config={"limits": {"outbound_requests": 1}, "drain_s": 1.0}) as bench:
        first = bench.client.request("Device-Action", ACTION, realm=REALM, timeout_s=5)
        held = bench.client.request("Device-Action", ACTION, realm=REALM, timeout_s=1)
        with pytest.raises(RequestTimeout):
            bench.pair.run(held)
        with pytest.raises(RequestTimeout):
            bench.pair.run(first)
        assert bench.pair.right.stats.requests_in == 1
        third = bench.client.request("Device-Action", ACTION, realm=REALM, timeout_s=1)
        bench.pass_time(0.1)
        assert bench.pair.right.stats.requests_in == 2
        with pytest.raises(RequestTimeout):
            bench.pair.run(third)


def test_requests_between_passes_are_of_the_present_time() -> None:
    with Bench() as bench:
        bench.pass_time(100)
        bench.pair.wire.deaf = True
        started = bench.pair.clock.seconds()
        with pytest.raises(RequestTimeout):
            bench.ask(timeout_s=3)
        assert 3 <= bench.pair.clock.seconds() - started < 3.5
        bench.pair.wire.deaf = False


def test_a_reply_nobody_has_run_for_says_so() -> None:
    with Bench() as bench:
        later = bench.client.request("Device-Action", ACTION, realm=REALM)
        with pytest.raises(LocalError, match=r"Node\.spawn"):
            later.result()
        bench.pair.run(later)
