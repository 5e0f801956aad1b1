"""A peer as a whole: capabilities exchange, elections, disconnection, reconnection and the watchdog, input by input."""

from __future__ import annotations

import pytest

from diameter.errors import NotOpen
from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import (
    CancelConnect,
    Close,
    Connect,
    Deliver,
    DisconnectCause,
    Disconnecting,
    Dropped,
    Failed,
    Okay,
    Opened,
    Probed,
    Refused,
    Restarted,
    Suspect,
    Timers,
    Unreachable,
    Write,
)
from helpers.pair import ADDRESS, local, read
from helpers.peers import I_LINK, R_LINK, THIRD_LINK, Rig, connection, events, rig_in

OPEN = [State.I_OPEN, State.R_OPEN]
WAITING = [State.WAIT_CONN_ACK, State.WAIT_I_CEA, State.WAIT_CONN_ACK_ELECT, State.WAIT_RETURNS]
SLOW = Timers(tc_jitter=0, tw_jitter_s=0)


def link_of(rig: Rig) -> int:
    return I_LINK if rig.state() is State.I_OPEN else R_LINK


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
        [(link_of(rig), "Device-Watchdog-Request")] if state in OPEN else []
    )


def test_a_lost_third_link_is_nobody_s() -> None:
    rig = rig_in(State.I_OPEN)
    rig.lose(THIRD_LINK)
    assert (rig.out(), rig.state()) == ([], State.I_OPEN)


# ---- open


@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_application_messages_pass_both_ways(state: State) -> None:
    rig = rig_in(state)
    message = rig.application()
    rig.receive(link_of(rig), message)
    assert rig.out() == [Deliver(link=link_of(rig), message=message)]
    rig.peer.send(message.octets, rig.now)
    write = rig.first(Write)
    assert (write.link, write.send.data, write.send.ordered) == (link_of(rig), message.octets, True)


@pytest.mark.parametrize("state", [state for state in State if state not in OPEN], ids=lambda state: state.value)
def test_nothing_is_sent_unless_open(state: State) -> None:
    rig = rig_in(state)
    with pytest.raises(NotOpen, match=state.value):
        rig.peer.send(b"", rig.now)
    assert rig.peer.open_link is None


@pytest.mark.parametrize("state", [*OPEN, State.CLOSING], ids=lambda state: state.value)
def test_a_dwr_is_answered(state: State) -> None:
    rig = rig_in(state)
    link = R_LINK if state is State.R_OPEN else I_LINK
    rig.receive(link, rig.dwr())
    assert rig.answers() == [("Device-Watchdog-Answer", link, 2001)]
    assert rig.state() is state


def test_a_dwr_with_a_fault_is_answered_with_it() -> None:
    rig = rig_in(State.I_OPEN)
    rig.receive(I_LINK, rig.dwr().edit(remove=["Origin-Realm"]))
    assert rig.answers() == [("Device-Watchdog-Answer", I_LINK, 5005)]


@pytest.mark.parametrize("kind", ["CEA", "DWA", "DPA"])
def test_a_stray_answer_is_dropped(kind: str) -> None:
    rig = rig_in(State.I_OPEN)
    request = {"CEA": rig.cer(), "DWA": rig.dwr(), "DPA": rig.dpr()}[kind]
    rig.receive(I_LINK, rig.answer(request.with_identifiers(0x123456, 1)))
    assert events(rig.out()) == [Dropped]
    assert rig.state() is State.I_OPEN


def test_a_cer_on_the_open_link_is_refused() -> None:
    rig = rig_in(State.R_OPEN)
    rig.receive(R_LINK, rig.cer())
    assert rig.answers() == [("Capabilities-Exchange-Answer", R_LINK, 5012)]
    assert rig.state() is State.R_OPEN


def test_a_message_on_another_link_is_dropped() -> None:
    rig = rig_in(State.R_OPEN)
    rig.receive(THIRD_LINK, rig.dwr())
    assert events(rig.out()) == [Dropped]


@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_a_lost_link_fails_over_and_is_tried_again(state: State) -> None:
    rig = rig_in(state, timers=SLOW)
    rig.start()
    rig.lose(link_of(rig))
    assert rig.out() == [Failed(link=I_LINK if state is State.I_OPEN else R_LINK, reason="reset")]
    assert (rig.state(), rig.usable(), rig.peer.live_link) == (State.CLOSED, False, None)
    assert rig.dog() is watchdog.State.DOWN
    assert rig.due() == 30
    assert rig.out() == [Connect()]


def test_a_restart_of_the_peer_is_seen() -> None:
    rig = Rig(initiate=False)
    for state_id, expected in ((10, []), (10, []), (11, [Restarted(origin_state_id=11)]), (0, []), (11, []), (5, [])):
        rig.accept(rig.cer(origin_state_id=state_id))
        assert [one for one in rig.out() if isinstance(one, Restarted)] == expected
        rig.lose(R_LINK)
    rig.accept(rig.cer(origin_state_id=5))
    rig.out()
    rig.receive(R_LINK, rig.dwr().edit(add={"Origin-State-Id": 6}))
    assert rig.first(Restarted).origin_state_id == 6


# ---- order on message-oriented links (section 2.1.1)


def test_the_responder_sends_in_order_until_the_initiator_has_spoken() -> None:
    rig = Rig(initiate=False)
    rig.accept(message_oriented=True)
    assert [one.command for _, one in rig.written()] == ["Capabilities-Exchange-Answer", "Device-Watchdog-Request"]
    assert rig.ordered()
    rig.peer.heard(rig.now)
    assert not rig.ordered()
    rig.peer.send(b"", rig.now)
    assert not rig.first(Write).send.ordered


def test_the_dwa_to_the_first_dwr_frees_the_order() -> None:
    rig = Rig(initiate=False)
    rig.accept(message_oriented=True)
    dwr = rig.written()[1][1]
    rig.receive(R_LINK, rig.answer(dwr))
    assert not rig.ordered()


def test_the_initiator_is_free_of_order_with_the_cea() -> None:
    rig = rig_in(State.WAIT_CONN_ACK)
    cer = rig.connect(message_oriented=True)
    assert rig.ordered()
    rig.receive(I_LINK, rig.answer(cer))
    assert not rig.ordered()
    rig.peer.stop(rig.now)
    assert all(one.send.ordered for one in rig.out() if isinstance(one, Write))


# ---- the watchdog


def test_a_silent_peer_is_suspected_and_then_closed() -> None:
    rig = rig_in(State.I_OPEN, timers=SLOW)
    assert rig.due() == 30
    assert [one.command for _, one in rig.written()] == ["Device-Watchdog-Request"]
    assert rig.due() == 30
    assert rig.out() == [Suspect(link=I_LINK)]
    assert (rig.usable(), rig.peer.open_link, rig.state()) == (False, I_LINK, State.I_OPEN)
    assert rig.dog() is watchdog.State.SUSPECT
    assert rig.due() == 30
    close, failed = rig.out()
    assert close == Close(link=I_LINK, reason="the watchdog had no answer", abort=True)
    assert isinstance(failed, Failed)
    assert (rig.state(), rig.dog()) == (State.CLOSED, watchdog.State.DOWN)


@pytest.mark.parametrize("kind", ["DWA", "DWR", "application", "heard"])
def test_any_message_ends_suspicion(kind: str) -> None:
    rig = rig_in(State.R_OPEN, timers=SLOW)
    rig.due()
    dwr = rig.written()[0][1]
    rig.due()
    rig.out()
    if kind == "heard":
        rig.peer.heard(rig.now)
    else:
        rig.receive(R_LINK, {"DWA": rig.answer(dwr), "DWR": rig.dwr(), "application": rig.application()}[kind])
    assert Okay(link=R_LINK) in rig.out()
    assert rig.usable()


def test_hearing_puts_the_next_dwr_off() -> None:
    rig = rig_in(State.I_OPEN, timers=SLOW)
    rig.now += 20
    rig.peer.heard(rig.now)
    assert rig.peer.last_rx == rig.now
    assert rig.due() == 10
    assert rig.out() == []
    assert rig.due() == 20
    assert rig.first(Write).link == I_LINK


def test_hearing_counts_only_on_an_open_link() -> None:
    rig = rig_in(State.CLOSING)
    before = rig.peer.last_rx
    rig.peer.heard(rig.now + 1)
    assert rig.peer.last_rx == before


def reopened(**settings: object) -> Rig:
    """A peer whose link was lost and has come back: the watchdog is in REOPEN."""
    rig = rig_in(State.R_OPEN, timers=Timers(tw_jitter_s=0, **settings), initiate=False)  # type: ignore[arg-type]  # a test's own settings
    rig.lose(R_LINK)
    rig.accept()
    return rig


def test_a_link_that_comes_back_owes_three_answers() -> None:
    rig = reopened()
    assert rig.dog() is watchdog.State.REOPEN
    assert (rig.peer.open_link, rig.usable()) == (R_LINK, False)
    outputs = rig.out()
    assert Opened in events(outputs)
    assert Okay not in events(outputs)
    assert isinstance(outputs[-1], Write)
    dwr = read(outputs[-1].send.data)
    for answered in range(3):
        rig.receive(R_LINK, rig.answer(dwr))
        outputs = rig.out()
        assert Probed in events(outputs)
        assert (Okay in events(outputs)) is (answered == 2)
        if answered < 2:
            assert rig.due() == 30
            dwr = rig.written()[0][1]
    assert rig.usable()


def test_what_arrives_on_probation_is_served() -> None:
    rig = reopened()
    rig.out()
    message = rig.application()
    rig.receive(R_LINK, message)
    assert rig.out() == [Deliver(link=R_LINK, message=message)]
    assert rig.dog() is watchdog.State.REOPEN


def test_probation_that_fails_closes() -> None:
    rig = reopened()
    rig.out()
    assert (rig.due(), rig.out()) == (30, [])
    assert rig.due() == 30
    assert events(rig.out()) == [Close, Failed]
    assert rig.state() is State.CLOSED


def test_probation_can_be_turned_off() -> None:
    rig = reopened(reopen_dwas=0)
    assert rig.dog() is watchdog.State.OKAY
    assert rig.usable()


def test_a_probe_is_answered_with_its_time() -> None:
    rig = rig_in(State.I_OPEN)
    rig.peer.probe(rig.now)
    rig.peer.probe(rig.now)
    (_, dwr), *more = rig.written()
    assert more == []
    rig.now += 0.25
    rig.receive(I_LINK, rig.answer(dwr, 5012))
    assert rig.out() == [Probed(link=I_LINK, rtt_s=0.25)]
    rig.receive(I_LINK, rig.answer(dwr))
    assert events(rig.out()) == [Dropped]


def test_a_probe_needs_an_open_link() -> None:
    rig = rig_in(State.CLOSED)
    rig.peer.probe(rig.now)
    assert rig.out() == []


# ---- disconnecting


@pytest.mark.parametrize("cause", list(DisconnectCause), ids=lambda cause: cause.name)
@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_stop_says_why_and_closes_on_the_dpa(state: State, cause: DisconnectCause) -> None:
    rig = rig_in(state)
    link = link_of(rig)
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
