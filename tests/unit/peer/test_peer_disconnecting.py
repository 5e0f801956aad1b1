"""Stop, DPR and DPA, and what each Disconnect-Cause means for coming back."""

from __future__ import annotations

import pytest

from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import (
    Close,
    Connect,
    Deliver,
    DisconnectCause,
    Disconnecting,
    Dropped,
    Failed,
    Okay,
    Write,
)
from helpers.pair import ADDRESS, local, read
from helpers.peers import I_LINK, OPEN, R_LINK, SLOW, Rig, events, rig_in


@pytest.mark.parametrize("cause", list(DisconnectCause), ids=lambda cause: cause.name)
@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_stop_says_why_and_closes_on_the_dpa(state: State, cause: DisconnectCause) -> None:
    rig = rig_in(state)
    link = rig.link()
    rig.peer.stop(rig.now, cause)
    write, leaving = rig.out()
    assert isinstance(write, Write)
    dpr = read(write.send.data)
    assert (dpr.command, dpr["Disconnect-Cause"]) == ("Disconnect-Peer-Request", cause)
    assert leaving == Disconnecting(link=link, cause=cause, by_peer=False)
    assert (rig.state(), rig.peer.open_link, rig.peer.live_link) == (State.CLOSING, None, link)
    rig.receive(link, rig.answer(dpr))
    assert events(rig.out()) == [Close, Failed]
    assert (rig.state(), rig.peer.deadline()) == (State.CLOSED, None)
    assert rig.dog() is watchdog.State.INITIAL


@pytest.mark.parametrize(
    ("cause", "wait"),
    [
        (DisconnectCause.REBOOTING, 30.0),
        (DisconnectCause.BUSY, 300.0),
        (DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU, None),
    ],
    ids=lambda value: getattr(value, "name", None),
)
def test_a_dpr_is_answered_and_its_cause_obeyed(cause: DisconnectCause, wait: float | None) -> None:
    rig = rig_in(State.I_OPEN, timers=SLOW)
    rig.receive(I_LINK, rig.dpr(cause))
    write, leaving = rig.out()
    assert isinstance(write, Write)
    assert read(write.send.data).result == (0, 2001)
    assert leaving == Disconnecting(link=I_LINK, cause=cause, by_peer=True)
    rig.lose(I_LINK)
    assert rig.out() == [Failed(link=I_LINK, reason="reset")]
    assert rig.peer.deadline() == (None if wait is None else rig.now + wait)
    if wait is None:
        rig.accept()
        rig.out()
        rig.lose(R_LINK)
        assert rig.due() == 30
        rig.out()
    else:
        assert rig.due() == wait
    assert rig.state() is State.WAIT_CONN_ACK


def test_the_operator_may_insist() -> None:
    rig = rig_in(State.I_OPEN)
    rig.receive(I_LINK, rig.dpr(DisconnectCause.DO_NOT_WANT_TO_TALK_TO_YOU))
    rig.lose(I_LINK)
    rig.out()
    rig.start()
    assert rig.out() == [Connect()]


def test_a_dpr_without_a_cause_is_answered_5005_and_obeyed() -> None:
    rig = rig_in(State.I_OPEN, timers=SLOW)
    rig.receive(I_LINK, rig.dpr().edit(remove=["Disconnect-Cause"]))
    write, leaving = rig.out()
    assert isinstance(write, Write)
    assert read(write.send.data).result == (0, 5005)
    assert leaving == Disconnecting(link=I_LINK, cause=None, by_peer=True)
    assert rig.state() is State.CLOSING
    rig.lose(I_LINK)
    assert rig.due() == 30


def test_dprs_that_cross_are_both_answered() -> None:
    rig = rig_in(State.I_OPEN)
    rig.peer.stop(rig.now)
    dpr = rig.written()[0][1]
    rig.receive(I_LINK, rig.dpr())
    assert rig.answers() == [("Disconnect-Peer-Answer", I_LINK, 2001)]
    assert rig.state() is State.CLOSING
    rig.receive(I_LINK, rig.answer(dpr))
    assert rig.state() is State.CLOSED


def test_a_dpr_that_is_never_answered_counts_as_a_failure() -> None:
    rig = rig_in(State.CLOSING)
    rig.due()
    assert rig.dog() is watchdog.State.DOWN


def test_answers_in_flight_are_delivered_while_closing_and_requests_are_not() -> None:
    rig = rig_in(State.CLOSING)
    answer, request = rig.application(request=False), rig.application()
    rig.receive(I_LINK, answer)
    assert rig.out() == [Deliver(link=I_LINK, message=answer)]
    rig.receive(I_LINK, request)
    assert events(rig.out()) == [Dropped]


def test_a_dwa_while_closing_is_dropped() -> None:
    rig = rig_in(State.I_OPEN)
    rig.peer.probe(rig.now)
    dwr = rig.written()[0][1]
    rig.peer.stop(rig.now)
    rig.out()
    rig.receive(I_LINK, rig.answer(dwr))
    assert events(rig.out()) == [Dropped]


def test_starting_while_closing_reconnects_after_tc() -> None:
    rig = rig_in(State.I_OPEN, timers=SLOW)
    rig.peer.stop(rig.now)
    dpr = rig.written()[0][1]
    rig.start()
    rig.receive(I_LINK, rig.answer(dpr))
    assert rig.due() == 30
    assert rig.out()[-1] == Connect()


def test_after_an_orderly_end_the_next_link_is_trusted_at_once() -> None:
    rig = rig_in(State.R_OPEN, initiate=False)
    rig.receive(R_LINK, rig.dpr())
    rig.lose(R_LINK)
    rig.out()
    rig.accept()
    assert Okay(link=R_LINK) in rig.out()


def test_the_identity_of_the_node_is_what_its_messages_say() -> None:
    rig = Rig()
    rig.start()
    cer = rig.connect()
    assert cer["Origin-Host"] == local("m.example.org").origin_host
    assert cer["Host-IP-Address"] == ADDRESS
