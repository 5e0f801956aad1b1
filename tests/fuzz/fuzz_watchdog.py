"""The watchdog of RFC 3539: any sequence of inputs moves along rows of its table, its timer runs exactly while a link
is up, and a silent peer is down within three intervals.
"""

from __future__ import annotations

import random

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.peer.inputs import Timers
    from diameter.peer.watchdog import TABLE, Action, State, Watchdog

UP = (State.OKAY, State.SUSPECT, State.REOPEN)


def oracle(data: bytes) -> None:
    """Octet 0: settings; then one input an octet, its high bits the time that passes before it."""
    choices = Choices(data)
    settings = choices.octet()
    timers = Timers(reopen_dwas=settings & 3, tw_jitter_s=0 if settings & 4 else 2)
    dog = Watchdog(timers, random.Random(settings).uniform)
    now = 100.0
    while choices.left:
        choice = choices.octet()
        now += (0, 0.1, 5, 28, 33, 100, 1000, 86400)[choice >> 5]
        _step(dog, choice & 31, now)
    if dog.state in UP:
        _silence(dog, timers)


def _step(dog: Watchdog, choice: int, now: float) -> None:
    before, waited = dog.state, dog.deadline()
    what = choice % 9
    actions: tuple[Action, ...] = ()
    if what == 0:
        actions = dog.up(now)
    elif what == 1:
        actions = dog.down(now)
    elif what == 2:
        actions = dog.received(now)
    elif what == 3:
        actions = dog.received(now, dwa=True)
    elif what == 4:
        actions = dog.probe(now)
    elif what == 5:
        dog.rest()
    elif what == 6:
        dog.last_rx = now  # what the node does once per wake-up
    elif waited is not None or before not in UP:
        now = max(now, waited or now) if what == 7 else now
        actions = dog.expire(now)
    if what not in (0, 5):
        assert dog.state is before or dog.state in {
            after for (start, _), (after, _) in TABLE.items() if start is before
        }
    assert (dog.deadline() is not None) == (dog.state in UP)
    assert dog.state in UP or not dog.pending
    assert actions.count(Action.SEND_DWR) <= 1
    assert (Action.FAILOVER in actions) <= (before is State.OKAY)
    assert (Action.FAILBACK in actions) <= (dog.state is State.OKAY)
    assert -1 <= dog.dwas <= 3


def _silence(dog: Watchdog, timers: Timers) -> None:
    """Nothing comes any more: the link is closed after at most four timers (REOPEN: DWR, forgiven, DWR unanswered)."""
    deadline = dog.deadline()
    assert deadline is not None
    for _ in range(6):
        actions = dog.expire(deadline)
        if dog.state is State.DOWN:
            assert Action.CLOSE in actions
            return
        following = dog.deadline()
        assert following is not None
        assert following >= deadline
        assert following - max(deadline, dog.last_rx) <= timers.tw_s + timers.tw_jitter_s + 1e-6
        deadline = following
    raise AssertionError(f"still {dog.state} after six intervals of silence")


if __name__ == "__main__":
    drive(oracle, "-max_len=256")
