"""Sequence numbers for authentication vectors (TS 33.102 6.3 and annex C), decided without a clock or a database.

SQN (48 bits) is SEQ (43 bits) and IND (5 bits).  SEQ is the time in tenths of a second plus an offset that each
subscriber has (0 until a USIM says otherwise by AUTS).  IND is two bits of a slot, which a process holds, and three
bits of the node that asks: a USIM keeps the highest SEQ it took for each IND, so vectors that one node keeps for later
are not outrun by those another node uses.

Nothing is written for a vector.  A process reserves a block of a slot, the SEQ (offsets left out) from where the last
block of that slot ended to about ten seconds ahead, and that one row is written before the block is used.  Blocks of a
slot never overlap: what a process handed out before it was killed is below the end of its block, and whoever takes the
slot next begins there, also when the clock went back.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Final

UNITS_PER_S: Final = 10
AHEAD: Final = 10 * UNITS_PER_S
"""Length of a block, in units: how often a process writes, and how far a restart may begin ahead of the clock."""
SLOTS: Final = 4
"""Processes that give vectors beside each other; one more shares a slot, which costs resynchronisations only."""
IND_BITS: Final = 5
SEQ_LIMIT: Final = 1 << 43
JUMP: Final = 1 << 28
"""How far ahead of its own a USIM takes a SEQ; one further behind than this is followed down to where it is."""
MARGIN: Final = 2 * AHEAD
"""Distance kept to a USIM's SEQ, so that processes with clocks a little apart are all above it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """SEQ values from `start` to below `end` of a slot, for the process that reserved them and nobody else."""

    slot: int
    start: int
    end: int


def units(now: float) -> int:
    """The clock (seconds since 1970) as SEQ counts it."""
    return max(0, int(now * UNITS_PER_S))


def extend(slot: int, until: int, now: int, at_least: int = 0) -> Block:
    """The next block of a slot whose blocks so far ended at `until`; it reaches beyond `at_least`."""
    start = max(until, now)
    return Block(slot=slot, start=start, end=max(start, at_least + 1) + AHEAD)


class Sequence:
    """Gives SEQ values out of blocks: for each subscriber ever higher, none twice."""

    def __init__(self) -> None:
        self.block: Block | None = None
        self._last: OrderedDict[str, int] = OrderedDict()
        self._now = 0

    def take(self, imsi: str, now: int) -> int | None:
        """The next SEQ of a subscriber, its offset left out; None: the block has none left, reserve (see `wanted`)."""
        block = self.block
        if block is None:
            return None
        now = self._now = max(now, self._now, block.start)  # a clock that goes back gives nothing twice
        seq = max(now, self._last.get(imsi, -1) + 1)
        if seq >= block.end:
            return None
        self._last[imsi] = seq
        self._last.move_to_end(imsi)
        self._forget(now)
        return seq

    def wanted(self, imsi: str) -> int:
        """What a block must reach beyond, to have one for this subscriber."""
        return self._last.get(imsi, -1) + 1

    def renew(self, block: Block) -> None:
        """Go on with another block: of the same slot it joins on, of another one it begins anew."""
        old = self.block
        if old is not None and old.slot == block.slot and old.end == block.start:
            block = Block(slot=block.slot, start=old.start, end=block.end)
        self.block = block

    def _forget(self, now: int) -> None:
        """Drop subscribers whose last value the clock has passed: two looks at each call, so that it never piles up."""
        for _ in range(2):
            imsi, last = next(iter(self._last.items()))
            if last >= now:
                return
            del self._last[imsi]

    def __len__(self) -> int:
        return len(self._last)


def number(seq: int, offset: int, slot: int, node: int) -> bytes:
    """The six octets of SQN.  `node`: any number that stands for the node that asks.  TS 33.102 C.1.1.1."""
    ind = (slot % SLOTS) << 3 | node & 7
    return ((seq + offset) % SEQ_LIMIT << IND_BITS | ind).to_bytes(6)


def offset_after(sqn_ms: bytes, offset: int, now: int) -> int | None:
    """The offset that brings a subscriber above what its USIM has taken; None: the one it has does (TS 33.102 C.3.4).

    A USIM ahead of us is followed up, one that would refuse our next as too far ahead is followed down.
    """
    seq_ms = int.from_bytes(sqn_ms) >> IND_BITS
    ahead = now + offset - seq_ms
    return None if 0 < ahead < JUMP else seq_ms + MARGIN - now
