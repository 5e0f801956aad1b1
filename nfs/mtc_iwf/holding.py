"""Answers that must not tell by their time what lies behind them: held until a moment that all of them share.

An answer goes out a whole number of `delay_s` after its request came, one if the HSS was quicker than that.  What was
remembered, what was asked and whatever the HSS had to do for it then look the same.  One timer serves all answers of
one tick.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import Any, Final

from diameter.app import Later
from diameter.standing import Queue

TICK_S: Final = 0.01
"""Answers due in the same hundredth of a second share a timer."""


class Holding:
    """The held answers.  clock: Twisted's IReactorTime.  `delay_s` and `at_most` may be replaced while running.

    at_most: so many for each SCS; `full` beyond.  `held` counts all there ever were.
    """

    def __init__(self, clock: Any, *, delay_s: float, at_most: int) -> None:
        self._clock = clock
        self.delay_s = delay_s
        self.at_most = at_most
        self.held = 0
        self.waiting: Counter[str] = Counter()
        self._wheel: dict[int, list[tuple[str, Later[None]]]] = {}
        self._calls: dict[int, Any] = {}

    @property
    def now(self) -> float:
        """Seconds of the clock."""
        seconds: float = self._clock.seconds()
        return seconds

    def queue(self) -> Queue:
        """The held answers for the operator."""
        return Queue("refusals held for their time", sum(self.waiting.values()))

    def full(self, scs: str) -> bool:
        """Whether no more answers for this SCS can be held; to be asked before anything is known of the device."""
        return self.waiting[scs] >= self.at_most

    async def until_due(self, scs: str, since: float) -> None:
        """Wait until an answer to a request of `since` is due."""
        if self.delay_s == 0:
            return
        now = self.now
        delays = max(1, math.ceil((now - since) / self.delay_s))
        tick = math.ceil(round((since + delays * self.delay_s) / TICK_S, 3))
        later: Later[None] = Later()
        self.held += 1
        self.waiting[scs] += 1
        if tick not in self._wheel:
            self._wheel[tick] = []
            self._calls[tick] = self._clock.callLater(max(0.0, tick * TICK_S - now), self._due, tick)
        self._wheel[tick].append((scs, later))
        await later

    def stop(self) -> None:
        """Let everything go that is held."""
        for tick, call in list(self._calls.items()):
            call.cancel()
            self._due(tick)

    def _due(self, tick: int) -> None:
        del self._calls[tick]
        for scs, later in self._wheel.pop(tick):
            self.waiting[scs] -= 1
            if not self.waiting[scs]:
                del self.waiting[scs]
            later.resolve(None)
