"""Token buckets by name, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class Buckets:
    """`per_s` tokens come in a second, `burst` find room.  clock: seconds, monotonic.

    capacity: so many names at most; the one that asked longest ago is forgotten, and begins with a full bucket.
    """

    def __init__(self, per_s: float, burst: int, clock: Callable[[], float], capacity: int = 10_000) -> None:
        self._per_s = per_s
        self._burst = burst
        self._clock = clock
        self._capacity = capacity
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, name: str) -> float:
        """Take a token; 0 when there was one, else the seconds until there is."""
        now = self._clock()
        tokens, before = self._buckets.get(name, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - before) * self._per_s)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._per_s
        self._buckets[name] = (tokens if wait_s else tokens - 1, now)
        self._buckets.move_to_end(name)
        if len(self._buckets) > self._capacity:
            self._buckets.popitem(last=False)
        return wait_s
