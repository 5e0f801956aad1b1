"""A peer opening: the capabilities exchange and what goes wrong in it, timeouts, elections, second connections."""

from __future__ import annotations

import pytest

from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import (
    CancelConnect,
    Close,
    Connect,
    Dropped,
    Okay,
    Opened,
    Refused,
    Unreachable,
    Write,
)
from helpers.pair import read
from helpers.peers import I_LINK, OPEN, R_LINK, SLOW, THIRD_LINK, Rig, connection, events, rig_in

WAITING = [State.WAIT_CONN_ACK, State.WAIT_I_CEA, State.WAIT_CONN_ACK_ELECT, State.WAIT_RETURNS]


# ---- opening


def test_the_initiator_opens_with_the_cea() -> None:
    rig = Rig()
    rig.start()
    assert rig.out() == [Connect()]
    cer = rig.connect()
    rig.receive(I_LINK, rig.answer(cer))
    opened, okay = rig.out()
    assert isinstance(opened, Opened)
    assert (opened.link, opened.initiator, opened.capabilities.origin_host) == (I_LINK, True, rig.remote)
    assert okay == Okay(link=I_LINK)
    assert (rig.peer.open_link, rig.peer.live_link, rig.usable()) == (I_LINK, I_LINK, True)
    assert rig.dog() is watchdog.State.OKAY


def test_the_responder_opens_with_its_own_cea() -> None:
    rig = Rig(initiate=False)
    rig.accept()
    outputs = rig.out()
    assert events(outputs) == [Write, Opened, Okay]
    assert isinstance(outputs[0], Write)
    assert read(outputs[0].send.data).result == (0, 2001)
    assert (rig.state(), rig.peer.open_link) == (State.R_OPEN, R_LINK)


def test_a_peer_that_only_answers_does_not_connect() -> None:
    rig = Rig(initiate=False)
    rig.start()
    assert (rig.out(), rig.state(), rig.peer.deadline()) == ([], State.CLOSED, None)


def test_starting_twice_connects_once() -> None:
    rig = Rig()
    rig.start()
    rig.start()
    assert rig.out() == [Connect()]


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.value)
def test_a_cer_that_is_refused_disturbs_nothing(state: State) -> None:
    rig = rig_in(state)
    rig.accept(rig.cer(applications=()), link=THIRD_LINK)
    outputs = rig.out()
    assert events(outputs) == [Write, Close, Refused]
    assert {one.link for one in outputs if isinstance(one, (Write, Close, Refused))} == {THIRD_LINK}
    assert isinstance(outputs[2], Refused)
    assert (outputs[2].result_code, outputs[2].by_peer) == (5010, False)
    assert rig.state() is state


def test_a_cer_of_another_host_is_an_unknown_peer() -> None:
    rig = Rig()
    rig.accept(rig.cer(origin_host="stranger.example.org"))
    assert rig.answers() == [("Capabilities-Exchange-Answer", R_LINK, 3010)]
    assert rig.state() is State.CLOSED


# ---- the exchange goes wrong


@pytest.mark.parametrize("code", [3010, 5010, 5012, 5017, 4003])
def test_a_failing_cea_ends_the_attempt(code: int) -> None:
    rig = rig_in(State.WAIT_CONN_ACK, timers=SLOW)
    cer = rig.connect()
    rig.receive(I_LINK, rig.answer(cer, code))
    refused, close, unreachable = rig.out()
    assert isinstance(refused, Refused)
    assert (refused.by_peer, refused.result_code) == (True, code)
    assert isinstance(close, Close)
    assert isinstance(unreachable, Unreachable)
    assert str(code) in unreachable.reason
    assert unreachable.retry_s == 30
    assert rig.state() is State.CLOSED


def test_a_cea_of_another_host_ends_the_attempt() -> None:
    rig = Rig(origin_host="other.example.org")
    rig.start()
    cer = rig.connect()
    rig.receive(I_LINK, rig.answer(cer))
    refused = rig.first(Refused)
    assert (refused.by_peer, refused.result_code) == (False, None)
    assert "other.example.org" in refused.reason
    assert rig.state() is State.CLOSED


@pytest.mark.parametrize("kind", ["CER", "DWR", "DPR", "DWA", "application", "CEA with another identifier"])
def test_anything_but_the_cea_ends_the_attempt(kind: str) -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    cer = rig.connect()
    message = {
        "CER": rig.cer(),
        "DWR": rig.dwr(),
        "DPR": rig.dpr(),
        "DWA": rig.answer(rig.dwr()),
        "application": rig.application(),
        "CEA with another identifier": rig.answer(cer.with_identifiers(0x77777, 1)),
    }[kind]
    rig.receive(I_LINK, message)
    assert events(rig.out()) == [Dropped, Close, Unreachable]
    assert rig.state() is State.CLOSED


@pytest.mark.parametrize(
    ("state", "waited", "closed"),
    [
        (State.WAIT_CONN_ACK, 10, [CancelConnect]),
        (State.WAIT_CONN_ACK_ELECT, 10, [CancelConnect, Close]),
        (State.WAIT_I_CEA, 10, [Close]),
        (State.WAIT_RETURNS, 10, [Close, Close]),
        (State.CLOSING, 5, [Close]),
    ],
    ids=lambda value: getattr(value, "value", None),
)
def test_timeout_in_each_waiting_state(state: State, waited: float, closed: list[type]) -> None:
    rig = rig_in(state)
    assert rig.due() == waited
    outputs = rig.out()
    assert events(outputs)[: len(closed)] == closed
    assert all(one.abort for one in outputs if isinstance(one, Close))
    assert rig.state() is State.CLOSED


def test_the_timer_of_an_exchange_is_not_restarted_by_an_election() -> None:
    rig = rig_in(State.WAIT_I_CEA)
    rig.wait(6)
    rig.accept()
    assert rig.state() is State.WAIT_RETURNS
    assert rig.due() == 4


def test_a_connection_refused_is_tried_again_after_tc() -> None:
    rig = rig_in(State.WAIT_CONN_ACK, timers=SLOW)
    rig.peer.connect_failed(rig.now, "connection refused")
    assert rig.out() == [Unreachable(reason="connection refused", retry_s=30)]
    assert rig.due() == 30
    assert rig.out() == [Connect()]


def test_a_failed_attempt_of_a_peer_nobody_wants_any_more_is_not_repeated() -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    rig.peer.stop(rig.now)
    assert rig.out() == [CancelConnect(), Unreachable(reason="stopped here", retry_s=None)]
    rig.peer.connect_failed(rig.now, "late")
    assert (rig.out(), rig.peer.deadline()) == ([], None)


def test_a_link_that_comes_up_after_all_is_closed() -> None:
    rig = rig_in(State.CLOSED)
    rig.peer.connected(connection(I_LINK), rig.now)
    assert events(rig.out()) == [Close]


@pytest.mark.parametrize("state", WAITING, ids=lambda state: state.value)
def test_stop_gives_up_whatever_waits(state: State) -> None:
    rig = rig_in(state)
    rig.peer.stop(rig.now)
    outputs = rig.out()
    assert {type(one) for one in outputs} <= {CancelConnect, Close, Unreachable}
    assert (rig.state(), rig.peer.deadline()) == (State.CLOSED, None)


# ---- elections


def test_the_winner_closes_the_connection_it_initiated() -> None:
    rig = rig_in(State.WAIT_I_CEA, remote="a.example.org")
    rig.accept()
    outputs = rig.out()
    assert events(outputs) == [Close, Write, Opened, Okay]
    assert (outputs[0].link, outputs[1].link) == (I_LINK, R_LINK)  # type: ignore[union-attr]  # as just asserted
    assert rig.state() is State.R_OPEN


def test_the_winner_that_is_still_connecting_elects_when_connected() -> None:
    rig = rig_in(State.WAIT_CONN_ACK_ELECT, remote="a.example.org")
    rig.peer.connected(connection(I_LINK), rig.now)
    assert events(rig.out()) == [Write, Close, Write, Opened, Okay]
    assert rig.state() is State.R_OPEN


def test_the_loser_waits_for_the_cea_and_closes_the_other_connection() -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    cer = rig.connect()
    rig.accept()
    assert (rig.out(), rig.state()) == ([], State.WAIT_RETURNS)
    rig.receive(I_LINK, rig.answer(cer))
    outputs = rig.out()
    assert events(outputs) == [Close, Opened, Okay]
    assert (outputs[0].link, rig.state()) == (R_LINK, State.I_OPEN)  # type: ignore[union-attr]  # as just asserted


def test_the_loser_goes_on_waiting_when_the_winner_closes_first() -> None:
    rig = rig_in(State.WAIT_RETURNS)
    rig.lose(R_LINK)
    assert (rig.out(), rig.state()) == ([], State.WAIT_I_CEA)


@pytest.mark.parametrize("how", ["the link is lost", "the CEA refuses", "another message"])
def test_a_failed_initiator_link_leaves_the_responder_link(how: str) -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    cer = rig.connect()
    rig.accept()
    if how == "the link is lost":
        rig.lose(I_LINK)
    else:
        rig.receive(I_LINK, rig.answer(cer, 5012) if how == "the CEA refuses" else rig.dwr())
    assert rig.state() is State.R_OPEN
    assert ("Capabilities-Exchange-Answer", R_LINK, 2001) in rig.answers()


def test_a_refused_connection_leaves_the_responder_link() -> None:
    rig = rig_in(State.WAIT_CONN_ACK_ELECT)
    rig.peer.connect_failed(rig.now, "refused")
    assert events(rig.out()) == [Write, Opened, Okay]
    assert rig.state() is State.R_OPEN


@pytest.mark.parametrize(
    ("state", "after"),
    [(State.WAIT_CONN_ACK_ELECT, State.WAIT_CONN_ACK), (State.WAIT_RETURNS, State.WAIT_I_CEA)],
    ids=lambda state: state.value,
)
def test_a_message_before_our_cea_ends_the_responder_link(state: State, after: State) -> None:
    rig = rig_in(state)
    rig.receive(R_LINK, rig.application())
    assert events(rig.out()) == [Dropped, Close]
    assert rig.state() is after


def test_the_responder_link_may_go_while_we_connect() -> None:
    rig = rig_in(State.WAIT_CONN_ACK_ELECT)
    rig.lose(R_LINK)
    assert (rig.out(), rig.state()) == ([], State.WAIT_CONN_ACK)


@pytest.mark.parametrize(
    "state", [*OPEN, State.WAIT_CONN_ACK_ELECT, State.WAIT_RETURNS, State.CLOSING], ids=lambda s: s.value
)
def test_a_second_connection_is_rejected_and_told_why(state: State) -> None:
    rig = rig_in(state)
    rig.accept(link=THIRD_LINK)
    outputs = rig.out()
    assert events(outputs)[:3] == [Write, Close, Refused]
    assert isinstance(outputs[0], Write)
    assert (outputs[0].link, read(outputs[0].send.data).result) == (THIRD_LINK, (0, 4003))
    assert rig.state() is state
    probes = [one for one in outputs[3:] if isinstance(one, Write)]
    assert [(one.link, read(one.send.data).command) for one in probes] == (
        [(rig.link(), "Device-Watchdog-Request")] if state in OPEN else []
    )


def test_a_lost_third_link_is_nobody_s() -> None:
    rig = rig_in(State.I_OPEN)
    rig.lose(THIRD_LINK)
    assert (rig.out(), rig.state()) == ([], State.I_OPEN)
