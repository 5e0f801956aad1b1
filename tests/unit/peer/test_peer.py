"""A peer that is open: messages, stray answers, lost links, order, and the watchdog."""

from __future__ import annotations

import pytest

from diameter.errors import NotOpen
from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import (
    Close,
    Connect,
    Deliver,
    Dropped,
    Failed,
    Okay,
    Opened,
    Probed,
    Restarted,
    Suspect,
    Timers,
    Write,
)
from helpers.pair import read
from helpers.peers import I_LINK, OPEN, R_LINK, SLOW, THIRD_LINK, Rig, events, rig_in

# ---- open


@pytest.mark.parametrize("state", OPEN, ids=lambda state: state.value)
def test_application_messages_pass_both_ways(state: State) -> None:
    rig = rig_in(state)
    message = rig.application()
    rig.receive(rig.link(), message)
    assert rig.out() == [Deliver(link=rig.link(), message=message)]
    rig.peer.send(message.octets, rig.now)
    write = rig.first(Write)
    assert (write.link, write.send.data, write.send.ordered) == (rig.link(), message.octets, True)


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
    rig.lose(rig.link())
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
