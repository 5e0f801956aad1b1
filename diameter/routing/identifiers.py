"""Hop-by-Hop and End-to-End Identifiers (RFC 6733 section 3) and Session-Ids (section 8.8).

Time and randomness are given, never fetched.  The three departures from the letter, each stricter than the text:

* one Hop-by-Hop counter serves all connections of a node: unique on each of them, and one table finds every request;
* the high 12 bits of an End-to-End Identifier follow the clock instead of being set at start only.  Two identifiers of
one
  second differ in the counter, of two seconds within 68 minutes in the high bits, so "4 minutes, even across reboots"
  holds by construction and not by luck (up to 2**20 requests a second);
* a Session-Id starts at the whole 64-bit NTP time stamp, fraction included, so that it also grows over a restart that
takes
  less than a second.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, NewType

HopByHop = NewType("HopByHop", int)
"""Matches an answer with its request on one connection."""
EndToEnd = NewType("EndToEnd", int)
"""Set by the originator, never changed on the way; with Origin-Host it tells duplicates."""

NTP_EPOCH_OFFSET_S: Final = 2_208_988_800
"""Seconds from 1900-01-01 (NTP, RFC 5905) to 1970-01-01."""


class Lane(NamedTuple):
    """Which identifiers are ours where several processes are one node: those that leave `first` when divided by `step`.

    `step` is a power of two, so that counters keep their lane when they wrap.
    """

    first: int = 0
    step: int = 1

    @classmethod
    def among(cls, index: int, processes: int) -> Lane:
        """The lane of process `index` of so many."""
        return cls(index, 1 << (processes - 1).bit_length())


ALL: Final = Lane()
"""The lane of a node that is one process."""


class HopByHopSource:
    """Growing by one from a random start, modulo 2**32."""

    __slots__ = ("_next",)

    def __init__(self, seed: int) -> None:
        """`seed`: any random integer; its low 32 bits are the first identifier."""
        self._next = seed & 0xFFFFFFFF

    def next(self) -> HopByHop:
        """The next identifier, 0 .. 2**32 - 1."""
        value = self._next
        self._next = (value + 1) & 0xFFFFFFFF
        return HopByHop(value)


class EndToEndSource:
    """Low 12 bits of the time above a 20-bit counter with a random start."""

    __slots__ = ("_count", "_step")

    def __init__(self, seed: int, lane: Lane = ALL) -> None:
        """`seed`: any random integer; its low 20 bits start the counter, in its lane."""
        self._count = (seed & 0xFFFFF & -lane.step) + lane.first
        self._step = lane.step

    def next(self, now: float) -> EndToEnd:
        """The next identifier; `now` in seconds since 1970 (any clock that never goes back over a restart will do)."""
        count = self._count
        self._count = (count + self._step) & 0xFFFFF
        return EndToEnd((int(now) & 0xFFF) << 20 | count)


class SessionIds:
    """`<DiameterIdentity>;<high 32 bits>;<low 32 bits>[;<optional value>]`, growing over restarts."""

    __slots__ = ("_prefix", "_step", "_value")

    def __init__(self, identity: str, now: float, lane: Lane = ALL) -> None:
        """`identity`: Origin-Host of this node; `now`: seconds since 1970."""
        self._prefix = identity
        self._step = lane.step
        whole = int(now)
        begin = ((whole + NTP_EPOCH_OFFSET_S) << 32) + int((now - whole) * 2**32)
        self._value = (begin & -lane.step) + lane.first

    def next(self, optional: str = "") -> str:
        """A Session-Id never given out before by this identity; `optional` is appended for people who read traces."""
        self._value += self._step
        made = f"{self._prefix};{self._value >> 32 & 0xFFFFFFFF};{self._value & 0xFFFFFFFF}"
        return f"{made};{optional}" if optional else made


class Identifiers:
    """The node's sources of identifiers, shared by applications' requests and base messages."""

    def __init__(self, host: str, now: Callable[[], float], seed: int, lane: Lane = ALL) -> None:
        """`now`: seconds since 1970; `seed`: 64 random bits; `lane`: what is ours of the identifiers of the node."""
        self._now = now
        self.hop_by_hop = HopByHopSource(seed)
        self.end_to_end = EndToEndSource(seed >> 32, lane)
        self.sessions = SessionIds(host, now(), lane)

    def both(self) -> tuple[int, int]:
        """A fresh (Hop-by-Hop, End-to-End) pair."""
        return self.hop_by_hop.next(), self.end_to_end.next(self._now())
