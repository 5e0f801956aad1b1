"""A token bucket as one number: the time at which it is full again (the generic cell rate algorithm).

So a bucket that is full need not be kept, and one that is forgotten for want of room is full.
"""

from __future__ import annotations

from typing import Final

from nfs.mtc_sgw.logic import Rate

ROUNDING: Final = 1e-6
"""Seconds by which sums of intervals may be off at times since 1970."""


def take(full_at: float | None, now: float, rate: Rate) -> tuple[bool, float]:
    """Whether there was a token, and when the bucket is full again.  `full_at` None: it is full; times in seconds.

    A clock that was set back leaves it empty, but for no longer than it takes to fill.
    """
    interval_s = 1 / rate.per_s
    most_s = rate.burst * interval_s
    ahead_s = 0.0 if full_at is None else min(max(full_at - now, 0.0), most_s)
    if ahead_s > most_s - interval_s + ROUNDING:
        return False, now + ahead_s
    return True, now + ahead_s + interval_s


def give_back(full_at: float, rate: Rate, tokens: int = 1) -> float:
    """When the bucket is full again after so many tokens were put back."""
    return full_at - tokens / rate.per_s
