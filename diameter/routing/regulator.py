"""How much less a node asks for so that what is offered falls to what it can do (left open by RFC 7683 section 6.2).

The measure is a pressure: load divided by capacity, whatever the load is counted in; 1 is all the node is to take.
Once a second the share that others let through is divided by the root of the pressure, so that two or three reports
lead there and the delay between a report and its effect makes nothing swing; the first report of an overload takes the
whole step at once.  Near 1 nothing changes, because each change is a report for everybody.  The way back goes by
`RISE` a second (section 5.2.3: in a controlled fashion), and the overload has ended when all is let through again.

Rejected: one fixed reduction between two marks, which is too little for one overload and too much for the next, and
swings between them; a token bucket of our own, because what is thrown away here has been sent and read already.
"""

from __future__ import annotations

from math import ceil, sqrt
from typing import Final

CALM: Final = 0.95
"""Below this pressure more is let through again."""
PRESSED: Final = 1.05
"""Above this pressure less is let through."""
RISE: Final = 0.1
"""Most that the share let through grows by at once."""
LEAST: Final = 0.05
"""Share that is always let through: without answers nobody would hear that the overload is over."""


class Regulator:
    """What one node asks for, from one look at its load to the next."""

    __slots__ = ("keep",)

    def __init__(self) -> None:
        self.keep = 1.0
        """Share that others are to let through; 1 while nothing is asked for."""

    @property
    def percent(self) -> int:
        """The reduction asked for, 0 to 95."""
        return ceil(round(100 * (1 - self.keep), 6))

    def judge(self, pressure: float) -> int:
        """The reduction to ask for now, in percent, after `pressure` was measured."""
        if self.keep == 1.0:
            if pressure >= 1.0:
                self.keep = min(1 / pressure, 0.99)
        elif pressure > PRESSED:
            self.keep /= sqrt(pressure)
        elif pressure < CALM:
            self.keep = min(self.keep / sqrt(max(pressure, 0.25)), self.keep + RISE)
            if self.keep > 0.995:
                self.keep = 1.0
        self.keep = max(self.keep, LEAST)
        return self.percent
