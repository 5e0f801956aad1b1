"""Everything that can be done to a peer, by name, and what must be true after it."""

from __future__ import annotations

from collections.abc import Callable

from diameter.errors import NotOpen
from diameter.peer import watchdog
from diameter.peer.fsm import State
from diameter.peer.inputs import Close, DisconnectCause, Opened, Output, Write
from diameter.wire import header
from helpers.pair import read
from helpers.peers import I_LINK, R_LINK, THIRD_LINK, Rig, connection

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
        _cannot_send(rig)
    else:
        rig.peer.send(rig.application().octets, rig.now)


def _cannot_send(rig: Rig) -> None:
    try:
        rig.peer.send(rig.application().octets, rig.now)
    except NotOpen:
        return
    raise AssertionError(f"sent in {rig.state()}")


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
        _cannot_send(rig)
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
