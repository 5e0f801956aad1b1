"""A log that a flood cannot fill: of lines alike only the first ones are written, then how many more there were.

Lines are alike when they are of one trace point and one peer; a peer that nobody knows is its address without the port,
which is another one for each connection.  Because addresses can be as many as somebody likes, the lines of one point
are bounded altogether as well.  Only points that others can cause at will are held back; an observer of one's own sees
every one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, Final

from diameter._node.core import Clock, DelayedCall
from diameter.trace import Observer, Point

OFTEN: Final = frozenset(
    {
        Point.LINK_REFUSED,
        Point.LINK_FAULT,
        Point.PEER_REFUSED,
        Point.REFUSED,
        Point.DROPPED,
        Point.DUPLICATE,
        Point.TIMEOUT,
        Point.UNDELIVERABLE,
        Point.REDIRECTED,
        Point.FAULT,
    }
)
"""What others can cause as often as they like."""
WINDOW_S: Final = 10.0
FROM_ONE: Final = 20
"""Lines of one point and peer in one window."""
FROM_ALL: Final = 200
"""Lines of one point in one window."""
OTHERS: Final = "others"


class Throttle:
    """Stands in front of an observer."""

    def __init__(self, clock: Clock, behind: Observer) -> None:
        self._clock = clock
        self._behind = behind
        self._seen: Counter[tuple[Point, str]] = Counter()
        self._all: Counter[Point] = Counter()
        self._left_out: Counter[tuple[Point, str]] = Counter()
        self._timer: DelayedCall | None = None

    def __call__(self, point: Point, fields: Mapping[str, Any]) -> None:
        """Pass an event on, or count it."""
        if point not in OFTEN:
            if point is Point.STOPPED:
                self._tell()
            self._behind(point, fields)
            return
        if self._timer is None:
            self._timer = self._clock.callLater(WINDOW_S, self._tell)
        self._all[point] += 1
        if self._all[point] > FROM_ALL:
            self._left_out[point, OTHERS] += 1
            return
        key = point, str(fields.get("peer") or fields.get("remote") or OTHERS)
        who = key[1].rpartition(":")
        if who[2].isdigit():
            key = point, who[0]
        self._seen[key] += 1
        if self._seen[key] > FROM_ONE:
            self._left_out[key] += 1
        else:
            self._behind(point, fields)

    def _tell(self) -> None:
        """A window ends: say what was left out."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self._timer = None
        left_out = dict(self._left_out)
        for counted in (self._seen, self._all, self._left_out):
            counted.clear()
        for (point, who), count in left_out.items():
            self._behind(Point.LEFT_OUT, {"count": count, "reason": point.name, "peer": who, "seconds": WINDOW_S})
