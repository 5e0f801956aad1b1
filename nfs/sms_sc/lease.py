"""The time of an SMS-SC among others on one store: moved on while it can be, and all given up when it could not.

An SMS-SC that cannot reach the store for `lease_s` takes nothing, delivers nothing and forgets what it holds, because
another one takes that over then; when it reaches the store again it begins as after a restart.  Its own clock decides,
from before the question to the store: it is never later than the others.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Sequence
from typing import Any, Final, Protocol

from diameter.errors import LocalError
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.shared import Lost, SharedKeep

ROUNDS: Final = 4
"""How often the time is moved on within one lease."""


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Never call."""


class Lease:
    """Keeps this SMS-SC among the others.

    `begin(triggers)` is called with what is ours after each entry, `more(triggers)` with what others left, `lost()`
    when nothing is ours any more, `say(text)` for the log.  clock: seconds, never set back.
    """

    def __init__(
        self,
        keep: SharedKeep,
        lease_s: float,
        *,
        begin: Callable[[Sequence[Trigger]], None],
        more: Callable[[Sequence[Trigger]], None],
        lost: Callable[[], None],
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Timer],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
        say: Callable[[str], None],
    ) -> None:
        self._keep = keep
        self._lease_s = lease_s
        self._begin = begin
        self._more = more
        self._lost = lost
        self._clock = clock
        self._call_later = call_later
        self._spawn = spawn
        self._say = say
        self._until = 0.0
        self._timer: Timer | None = None
        self._end: Timer | None = None
        self._stopped = False
        self.held = False

    async def enter(self) -> None:
        """Be there, and have what is ours.  Raises StoreError."""
        asked_at = self._clock()
        triggers = await self._keep.enter(self._lease_s)
        if self._stopped:
            return
        self.held = True
        self._extend(asked_at)
        self._again()
        self._begin(triggers)

    def stop(self) -> None:
        """Move nothing on any more."""
        self._stopped = True
        for timer in (self._timer, self._end):
            if timer is not None:
                timer.cancel()
        self._timer = self._end = None

    def _again(self) -> None:
        self._timer = self._call_later(self._lease_s / ROUNDS, self._round)

    def _round(self) -> None:
        self._timer = None
        self._spawn(self._renew() if self.held else self.start())

    async def _renew(self) -> None:
        asked_at = self._clock()
        try:
            triggers = await self._keep.renew(self._lease_s)
        except Lost:
            self._give_up()
            triggers = []
        except LocalError:
            triggers = []
        else:
            if self.held:
                self._extend(asked_at)
        if self._stopped:
            return
        self._again()
        if triggers and self.held:
            self._say(f"{len(triggers)} messages of an SMS-SC that is gone are taken over")
            self._more(triggers)

    async def start(self) -> None:
        """Enter, now or as soon as the store is there."""
        try:
            await self.enter()
        except LocalError:
            if not self._stopped:
                self._again()

    def _extend(self, asked_at: float) -> None:
        if self._end is not None:
            self._end.cancel()
            self._end = None
        self._until = asked_at + self._lease_s
        if not self._stopped:
            self._end = self._call_later(max(0.0, self._until - self._clock()), self._over)

    def _over(self) -> None:
        self._end = None
        self._give_up()

    def _give_up(self) -> None:
        """What we hold may be another one's."""
        if self._end is not None:
            self._end.cancel()
            self._end = None
        if self.held and not self._stopped:
            self.held = False
            self._say(f"the store was away for {self._lease_s:g} s: messages are left to others")
            self._lost()
