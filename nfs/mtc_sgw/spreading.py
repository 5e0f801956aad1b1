"""Triggers in masses, spread over time: for everybody, and for each area with its own limit.

A burst that would have many devices wake at once is stretched instead of refused: a trigger that finds its bucket
empty waits for the token that comes, if that is within `up_to_s`, and only else is RATEEXCEEDED.  With `jitter_s` each
waits a little more, by chance, so that what was asked at one moment does not reach the radio at one moment.  A trigger
with priority does not wait, and is counted; but those with priority borrow no more than half of the time that others
may wait, so that however many they are, the others get their turn.

An area is what the operator knows of where devices are: names of devices, and nodes that serve them as the HSS says
(a Tracking Area has no place in S6m).
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.bucket import ROUNDING
from nfs.mtc_sgw.logic import Rate, Refuse, plain


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """A token bucket whose next tokens can be waited for, `up_to_s` at most."""

    rate: Rate
    up_to_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """devices: names, with * and ? as in file names.  nodes: DiameterIdentities of serving nodes, lower case."""

    name: str
    pace: Pace
    devices: tuple[str, ...] = ()
    nodes: frozenset[str] = frozenset()

    def holds(self, names: Collection[str], nodes: Collection[str]) -> bool:
        """Whether a device with these names, at these nodes, is in the area."""
        if any(plain(node) in self.nodes for node in nodes):
            return True
        return any(fnmatchcase(name, pattern) for name in names for pattern in self.devices)


@dataclass(frozen=True, slots=True, kw_only=True)
class SpreadLimits:
    """`everybody` None: only areas have a pace."""

    everybody: Pace | None = None
    areas: tuple[Area, ...] = ()
    jitter_s: float = 0.0


class Spreading:
    """The buckets.  `limits` may be replaced while running.  draw: a number from 0 to 1, by chance.

    `delayed` counts triggers that had to wait, `refused` those that could not.
    """

    def __init__(self, limits: SpreadLimits, draw: Callable[[], float]) -> None:
        self.limits = limits
        self.delayed = self.refused = 0
        self._draw = draw
        self._full_at: dict[str, float] = {}

    def wait_s(self, names: Collection[str], nodes: Collection[str], now: float, *, priority: bool) -> float | Refuse:
        """How long a trigger has to wait; RATEEXCEEDED for one that would wait too long, which takes no token."""
        taken: dict[str, float] = {}
        longest = 0.0
        for key, pace in self._paces(names, nodes):
            interval_s = 1 / pace.rate.per_s
            full_at = max(self._full_at.get(key, now), now) + interval_s
            wait_s = full_at - now - pace.rate.burst * interval_s
            if wait_s > pace.up_to_s + ROUNDING and not priority:
                self.refused += 1
                return _refuse(f"more triggers than {key or 'everybody'} may have wait already")
            if priority:  # never beyond what leaves others a turn, unless they have gone further themselves
                room_s = min(pace.up_to_s / 2, pace.up_to_s - interval_s)
                most = now + pace.rate.burst * interval_s + room_s
                full_at = max(min(full_at, most), self._full_at.get(key, now))
            taken[key] = full_at
            longest = max(longest, wait_s)
        self._full_at |= taken
        if not taken or priority:
            return 0.0
        longest = (longest if longest > ROUNDING else 0.0) + self.limits.jitter_s * self._draw()
        self.delayed += longest > 0
        return longest

    def _paces(self, names: Collection[str], nodes: Collection[str]) -> Iterator[tuple[str, Pace]]:
        for area in self.limits.areas:
            if area.holds(names, nodes):
                yield f"area {area.name}", area.pace
        if self.limits.everybody is not None:
            yield "", self.limits.everybody


def _refuse(reason: str) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, status=RequestStatus.RATEEXCEEDED)
