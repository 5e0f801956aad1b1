"""RFC 3539 appendix A: each row of the table against the machine, every pair, jitter, and the corner cases."""

from __future__ import annotations

import itertools
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer.inputs import Timers
from diameter.peer.watchdog import TABLE, Action, Input, State, Watchdog

# State, event, pending and NumDWA before, what the caller is told, state, pending and NumDWA after.
Case = tuple[State, str, bool, int, tuple[Action, ...], State, bool, int]
S, A = State, Action
ROWS: dict[str, Case] = {
    "OKAY, Receive DWA": (S.OKAY, "dwa", True, 0, (), S.OKAY, False, 0),
    "OKAY, Receive non-DWA": (S.OKAY, "other", True, 0, (), S.OKAY, True, 0),
    "SUSPECT, Receive DWA": (S.SUSPECT, "dwa", True, 0, (A.FAILBACK,), S.OKAY, False, 0),
    "SUSPECT, Receive non-DWA": (S.SUSPECT, "other", True, 0, (A.FAILBACK,), S.OKAY, True, 0),
    "REOPEN, Receive DWA, NumDWA == 2": (S.REOPEN, "dwa", True, 2, (A.FAILBACK,), S.OKAY, False, 3),
    "REOPEN, Receive DWA, NumDWA == 1": (S.REOPEN, "dwa", True, 1, (), S.REOPEN, False, 2),
    "REOPEN, Receive DWA, NumDWA == 0": (S.REOPEN, "dwa", True, 0, (), S.REOPEN, False, 1),
    "REOPEN, Receive DWA, NumDWA == -1": (S.REOPEN, "dwa", True, -1, (), S.REOPEN, False, 0),
    "REOPEN, Receive non-DWA": (S.REOPEN, "other", True, 1, (A.THROW_AWAY,), S.REOPEN, True, 1),
    "INITIAL, Receive DWA": (S.INITIAL, "dwa", True, 0, (A.THROW_AWAY,), S.INITIAL, False, 0),
    "INITIAL, Receive non-DWA": (S.INITIAL, "other", False, 0, (A.THROW_AWAY,), S.INITIAL, False, 0),
    "DOWN, Receive DWA": (S.DOWN, "dwa", True, 0, (A.THROW_AWAY,), S.DOWN, False, 0),
    "DOWN, Receive non-DWA": (S.DOWN, "other", False, 0, (A.THROW_AWAY,), S.DOWN, False, 0),
    "OKAY, Timer expires, !Pending": (S.OKAY, "timer", False, 0, (A.SEND_DWR,), S.OKAY, True, 0),
    "OKAY, Timer expires, Pending": (S.OKAY, "timer", True, 0, (A.FAILOVER,), S.SUSPECT, True, 0),
    "SUSPECT, Timer expires": (S.SUSPECT, "timer", True, 0, (A.CLOSE,), S.DOWN, False, 0),
    "SUSPECT, Timer expires, !Pending": (S.SUSPECT, "timer", False, 0, (A.CLOSE,), S.DOWN, False, 0),
    "INITIAL, Timer expires": (S.INITIAL, "timer", False, 0, (A.ATTEMPT_OPEN,), S.INITIAL, False, 0),
    "DOWN, Timer expires": (S.DOWN, "timer", False, 0, (A.ATTEMPT_OPEN,), S.DOWN, False, 0),
    "REOPEN, Timer expires, !Pending": (S.REOPEN, "timer", False, 1, (A.SEND_DWR,), S.REOPEN, True, 1),
    "REOPEN, Timer expires, Pending, NumDWA >= 0": (S.REOPEN, "timer", True, 1, (), S.REOPEN, True, -1),
    "REOPEN, Timer expires, Pending, NumDWA < 0": (S.REOPEN, "timer", True, -1, (A.CLOSE,), S.DOWN, False, -1),
    "INITIAL, Connection up": (S.INITIAL, "up", False, 0, (), S.OKAY, False, 0),
    "DOWN, Connection up": (S.DOWN, "up", False, 3, (A.SEND_DWR,), S.REOPEN, True, 0),
    "OKAY, Connection down": (S.OKAY, "down", True, 0, (A.CLOSE, A.FAILOVER), S.DOWN, False, 0),
    "SUSPECT, Connection down": (S.SUSPECT, "down", True, 0, (A.CLOSE,), S.DOWN, False, 0),
    "REOPEN, Connection down": (S.REOPEN, "down", True, 1, (A.CLOSE,), S.DOWN, False, 1),
}
UP = {State.OKAY, State.SUSPECT, State.REOPEN}
WHEN = 1000.0


def watchdog(state: State = State.INITIAL, *, seed: int = 1, **settings: float) -> Watchdog:
    """A watchdog in some state."""
    timers = Timers(**settings)  # type: ignore[arg-type]  # a test names its own settings
    return Watchdog(timers, random.Random(seed).uniform, state=state)


def feed(dog: Watchdog, event: str, now: float) -> tuple[Action, ...]:
    """One input by its short name."""
    if event == "dwa":
        return dog.received(now, dwa=True)
    if event == "other":
        return dog.received(now)
    return {"timer": dog.expire, "up": dog.up, "down": dog.down}[event](now)


@pytest.mark.parametrize("case", ROWS.values(), ids=ROWS)
def test_row(case: Case) -> None:
    state, event, pending, dwas, told, after, pending_after, dwas_after = case
    dog = watchdog(state)
    dog.pending, dog.dwas = pending, dwas
    assert feed(dog, event, WHEN) == told
    assert (dog.state, dog.pending, dog.dwas) == (after, pending_after, dwas_after)


@pytest.mark.parametrize("case", ROWS.values(), ids=ROWS)
def test_row_sets_the_timer(case: Case) -> None:
    """SetWatchdog() in every row where a link is up after it, but for the messages of REOPEN: its timer runs on."""
    state, event, pending, dwas, _, after, _, _ = case
    dog = watchdog(state)
    dog.pending, dog.dwas = pending, dwas
    feed(dog, event, WHEN)
    deadline = dog.deadline()
    if after not in UP or (state is State.REOPEN and event in ("dwa", "other")):
        assert deadline is None
    else:
        assert deadline is not None
        assert WHEN + 28 <= deadline <= WHEN + 32


def test_every_row_of_the_table_is_tried() -> None:
    named = {(case[0], case[1]) for case in ROWS.values()}
    short = {Input.RECEIVE_DWA: "dwa", Input.RECEIVE_LAST_DWA: "dwa", Input.RECEIVE_OTHER: "other"}
    short |= {Input.CONNECTION_UP: "up", Input.CONNECTION_DOWN: "down"}
    assert named == {(state, short.get(event, "timer")) for state, event in TABLE}
    assert len(ROWS) >= len(TABLE) == 25


@pytest.mark.parametrize(
    ("state", "event", "pending", "dwas"),
    list(itertools.product(State, ("dwa", "other", "timer", "up", "down"), (False, True), (-1, 0, 2))),
)
def test_every_pair_stays_in_the_machine(state: State, event: str, pending: bool, dwas: int) -> None:
    dog = watchdog(state)
    dog.pending, dog.dwas = pending, dwas
    told = feed(dog, event, WHEN)
    listed = any(case[:2] == (state, event) for case in ROWS.values())
    assert isinstance(dog.state, State)
    assert listed or (told, dog.state) == ((), state)
    assert not (dog.pending and dog.state not in UP and listed)


def test_a_silent_peer_goes_down_after_three_tw() -> None:
    dog, now = watchdog(), 0.0
    told = [dog.up(now)]
    while dog.state is not State.DOWN:
        due = dog.deadline()
        assert due is not None
        now = due
        told.append(dog.expire(now))
    assert told == [(), (Action.SEND_DWR,), (Action.FAILOVER,), (Action.CLOSE,)]
    assert 3 * 28 <= now <= 3 * 32


def test_a_loaded_link_sends_no_dwr() -> None:
    """Corner case 1 of appendix A: every message restarts Tw, also those that only store `last_rx`."""
    dog = watchdog()
    dog.up(0.0)
    now = 0.0
    while now < 600:
        now += 5
        dog.last_rx = now
        due = dog.deadline()
        if due is not None and due <= now:
            assert dog.expire(now) == ()
    due = dog.deadline()
    assert due is not None
    told = dog.expire(due)
    while not told:
        due = dog.deadline()
        assert due is not None
        told = dog.expire(due)
    assert told == (Action.SEND_DWR,)
    assert now + 28 <= due <= now + 32


def test_traffic_without_a_dwa_never_fails_over() -> None:
    dog = watchdog()
    dog.up(0.0)
    assert dog.expire(40.0) == (Action.SEND_DWR,)
    for now in range(41, 400, 10):
        assert dog.received(now) == ()
    assert (dog.state, dog.pending) == (State.OKAY, True)


def test_a_timer_that_fires_too_early_does_nothing() -> None:
    dog = watchdog()
    dog.up(0.0)
    assert dog.expire(27.9) == ()
    assert dog.state is State.OKAY


def test_reopen_takes_three_answers() -> None:
    dog = watchdog(State.DOWN)
    assert dog.up(0.0) == (Action.SEND_DWR,)
    now = 0.0
    for _ in range(2):
        assert dog.received(now + 1, dwa=True) == ()
        now = dog.deadline() or 0.0
        assert dog.expire(now) == (Action.SEND_DWR,)
    assert dog.received(now + 1, dwa=True) == (Action.FAILBACK,)
    assert dog.state is State.OKAY


def test_reopen_forgives_one_answer_missed_and_then_asks_for_more() -> None:
    dog = watchdog(State.DOWN)
    dog.up(0.0)
    now = dog.deadline() or 0.0
    assert dog.expire(now) == ()
    assert dog.dwas == -1
    for expected in (0, 1, 2):
        assert dog.received(now + 1, dwa=True) == ()
        assert dog.dwas == expected
        now = dog.deadline() or 0.0
        assert dog.expire(now) == (Action.SEND_DWR,)
    assert dog.received(now + 1, dwa=True) == (Action.FAILBACK,)


def test_reopen_closes_at_the_second_answer_missed() -> None:
    dog = watchdog(State.DOWN)
    dog.up(0.0)
    assert dog.expire(dog.deadline() or 0.0) == ()
    assert dog.expire(dog.deadline() or 0.0) == (Action.CLOSE,)
    assert dog.state is State.DOWN


@pytest.mark.parametrize(("owed", "state"), [(0, State.OKAY), (1, State.REOPEN), (3, State.REOPEN)])
def test_probation_is_a_setting(owed: int, state: State) -> None:
    dog = watchdog(State.DOWN, reopen_dwas=owed)
    dog.up(0.0)
    assert dog.state is state
    if owed == 1:
        assert dog.received(1.0, dwa=True) == (Action.FAILBACK,)


def test_pending_dies_with_the_connection() -> None:
    dog = watchdog()
    dog.up(0.0)
    dog.expire(40.0)
    dog.down(41.0)
    assert not dog.pending
    assert dog.deadline() is None


def test_an_orderly_end_leads_back_to_initial() -> None:
    dog = watchdog()
    dog.up(0.0)
    dog.hold()
    assert (dog.state, dog.deadline()) == (State.OKAY, None)
    dog.rest()
    assert (dog.state, dog.deadline()) == (State.INITIAL, None)
    dog.up(100.0)
    assert dog.state is State.OKAY


@pytest.mark.parametrize("state", list(State), ids=lambda state: state.value)
def test_a_probe_asks_once_where_a_link_is_up(state: State) -> None:
    dog = watchdog(state)
    told = dog.probe(0.0)
    assert told == ((Action.SEND_DWR,) if state in (State.OKAY, State.REOPEN) else ())
    assert dog.probe(0.0) == ()


@given(seed=st.integers(), tw=st.floats(6, 600), jitter=st.floats(0, 5.9))
def test_each_tw_lies_within_its_jitter(seed: int, tw: float, jitter: float) -> None:
    dog = watchdog(seed=seed, tw_s=tw, tw_jitter_s=jitter)
    dog.up(0.0)
    now = 0.0
    for _ in range(20):
        due = dog.deadline()
        assert due is not None
        assert now + tw - jitter - 1e-6 <= due <= now + tw + jitter + 1e-6
        now = due
        dog.expire(now)
        dog.received(now, dwa=True)


def test_jitter_differs_from_one_tw_to_the_next() -> None:
    dog = watchdog()
    dog.up(0.0)
    waits = set()
    for now in range(1, 20):
        dog.received(float(now))
        waits.add((dog.deadline() or 0.0) - now)
    assert len(waits) > 10
