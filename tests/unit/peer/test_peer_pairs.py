"""Every input of a peer in every state, and any sequence of them: the machine never breaks its own promises."""

from __future__ import annotations

import itertools
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import NotOpen
from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import Close, DisconnectCause, Opened, Output, Write
from diameter.wire import header
from helpers.pair import read
from helpers.peers import I_LINK, R_LINK, THIRD_LINK, Rig, connection, rig_in

LINKS = {"I": I_LINK, "R": R_LINK, "other": THIRD_LINK}
OPEN = (State.I_OPEN, State.R_OPEN)
FREE = (State.CLOSED, State.WAIT_CONN_ACK, State.WAIT_I_CEA)  # no responder link is there; a link is never used twice


def _answer_last(rig: Rig, link: int, code: int, error_code: int) -> None:
    """Answer the last request that was written of this command, if any."""
    for output in reversed(rig.log):
        if isinstance(output, Write):
            octets = output.send.data
            if header.command_code(octets) == code and header.is_request(octets):
                rig.receive(link, rig.answer(read(octets), error_code))
                return


def _send(rig: Rig) -> None:
    if rig.peer.open_link is None:
        with pytest.raises(NotOpen):
            rig.peer.send(rig.application().octets, rig.now)
    else:
        rig.peer.send(rig.application().octets, rig.now)


def _deadline(rig: Rig) -> None:
    if rig.peer.deadline() is not None:
        rig.due()


def inputs() -> dict[str, Callable[[Rig], None]]:
    """Everything that can be done to a peer, by name."""
    found: dict[str, Callable[[Rig], None]] = {
        "start": lambda rig: rig.start(),
        "connected": lambda rig: rig.peer.connected(connection(I_LINK), rig.now),
        "connect failed": lambda rig: rig.peer.connect_failed(rig.now, "refused"),
        "CER": lambda rig: rig.accept(link=R_LINK if rig.state() in FREE else THIRD_LINK),
        "CER without common application": lambda rig: rig.accept(rig.cer(applications=())),
        "heard": lambda rig: rig.peer.heard(rig.now),
        "probe": lambda rig: rig.peer.probe(rig.now),
        "send": _send,
        "a moment": lambda rig: rig.wait(0.5),
        "deadline": _deadline,
        "an hour": lambda rig: rig.wait(3600),
    }
    for cause in DisconnectCause:
        found[f"stop {cause.name}"] = lambda rig, cause=cause: rig.peer.stop(rig.now, cause)  # type: ignore[misc]
    for name, link in LINKS.items():
        at: dict[str, Callable[[Rig, int], None]] = {
            "lost": lambda rig, link: rig.lose(link),
            "CER again": lambda rig, link: rig.receive(link, rig.cer()),
            "CEA": lambda rig, link: _answer_last(rig, link, 257, 2001),
            "CEA refusing": lambda rig, link: _answer_last(rig, link, 257, 3010),
            "DWR": lambda rig, link: rig.receive(link, rig.dwr()),
            "DWA": lambda rig, link: _answer_last(rig, link, 280, 2001),
            "stray DWA": lambda rig, link: rig.receive(link, rig.answer(rig.dwr())),
            "DPR": lambda rig, link: rig.receive(link, rig.dpr()),
            "DPA": lambda rig, link: _answer_last(rig, link, 282, 2001),
            "stray DPA": lambda rig, link: rig.receive(link, rig.answer(rig.dpr())),
            "request": lambda rig, link: rig.receive(link, rig.application()),
            "answer": lambda rig, link: rig.receive(link, rig.application(request=False)),
        }
        for what, call in at.items():
            found[f"{what} on {name}"] = lambda rig, call=call, link=link: call(rig, link)  # type: ignore[misc]
    return found


INPUTS = inputs()


def check(rig: Rig, before: State, outputs: list[Output]) -> None:
    """What must be true after every input."""
    peer, state = rig.peer, rig.state()
    assert (peer.open_link is not None) == (state in OPEN)
    assert (peer.live_link is not None) == (state in (*OPEN, State.CLOSING))
    if peer.usable:
        assert peer.open_link is not None
        assert peer.watchdog_state is watchdog.State.OKAY
    if state in OPEN:
        assert peer.capabilities is not None
        assert peer.watchdog_state in (watchdog.State.OKAY, watchdog.State.SUSPECT, watchdog.State.REOPEN)
        assert peer.usable is (peer.watchdog_state is watchdog.State.OKAY)
    else:
        with pytest.raises(NotOpen):
            peer.send(b"", rig.now)
    if state is not State.CLOSED:
        assert peer.deadline() is not None
    if state is State.CLOSED and before is not State.CLOSED:
        assert peer.watchdog_state in (watchdog.State.INITIAL, watchdog.State.DOWN)
    closed = [one.link for one in outputs if isinstance(one, Close)]
    assert len(closed) == len(set(closed))
    for index, one in enumerate(outputs):
        if isinstance(one, Write):
            gone = {late.link for late in outputs[:index] if isinstance(late, Close)}
            assert one.link not in gone
        if isinstance(one, Opened):
            assert state in (*OPEN, State.CLOSING)


@pytest.mark.parametrize(
    ("state", "name", "remote"),
    list(itertools.product(State, INPUTS, ("a.example.org", "z.example.org"))),
    ids=lambda value: getattr(value, "value", value),
)
def test_every_input_in_every_state(state: State, name: str, remote: str) -> None:
    if state is State.WAIT_RETURNS and remote < "m":
        remote = "z.example.org"  # a peer that wins does not wait for returns
    rig = rig_in(state, remote=remote)
    INPUTS[name](rig)
    check(rig, state, rig.out())


@given(names=st.lists(st.sampled_from(sorted(INPUTS)), max_size=30), remote=st.sampled_from("az"))
def test_any_sequence_of_inputs(names: list[str], remote: str) -> None:
    rig = Rig(remote=f"{remote}.example.org")
    for name in names:
        before = rig.state()
        INPUTS[name](rig)
        rig.now += 0.1
        check(rig, before, rig.out())


@given(names=st.lists(st.sampled_from(sorted(INPUTS)), max_size=20))
def test_whatever_happened_a_new_start_opens(names: list[str]) -> None:
    """After any history, a peer that is stopped, left alone and started again opens with one exchange."""
    rig = Rig()
    for name in names:
        INPUTS[name](rig)
        rig.out()
    rig.peer.stop(rig.now)
    for link in LINKS.values():
        rig.lose(link)
    rig.wait(60)
    rig.out()
    assert rig.state() is State.CLOSED
    assert rig.peer.deadline() is None
    rig.start()
    cer = rig.connect()
    rig.receive(I_LINK, rig.answer(cer))
    assert rig.state() is State.I_OPEN
