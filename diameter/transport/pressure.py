"""How much waits to be sent on one link, against its marks; see `diameter.transport.link` for what they mean."""

from __future__ import annotations


class Pressure:
    """Counts octets.  `held`: the owner wants nothing delivered.  `told`: what the owner last heard of congestion."""

    __slots__ = ("_congested_at", "_paused_at", "_reading", "congested", "held", "limit", "told", "waiting")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self._congested_at = limit // 4
        self._paused_at = limit // 2
        self._reading = True
        self.congested = self.held = self.told = False
        self.waiting = 0

    def take(self, octets: int) -> int:
        """So many more wait; returns how many do."""
        self.waiting += octets
        if self.waiting > self._congested_at:
            self.congested = True
            if self.waiting > self._paused_at:
                self._reading = False
        return self.waiting

    def gone(self, octets: int) -> None:
        """So many wait no longer."""
        self.waiting -= octets
        if self.congested and self.waiting <= self._congested_at // 2:
            self.congested = False
        if not self._reading and self.waiting <= self._paused_at // 2:
            self._reading = True

    @property
    def go(self) -> bool:
        """May anything be delivered?"""
        return self._reading and not self.held

    @property
    def over(self) -> bool:
        """Is it more than may ever wait?"""
        return self.waiting > self.limit

    def fits(self, octets: int) -> bool:
        """Would so many more not stop the reading?"""
        return self.waiting + octets < self._paused_at

    @property
    def untold(self) -> bool:
        """Does the owner not know yet?"""
        return self.congested is not self.told
