"""Which of several peers that would all do takes the next request (RFC 6733 section 2.8: agents balance load).

A `Share` is the best group of candidates for one destination, kept by the routing table until a peer changes.  Three
ways to choose in it: in the order given, the first always; by weight, each peer its share of the requests; by what is
outstanding, the peer that has fewest requests without an answer for its weight.

What a choice costs does not grow with the peers.  By weight is stride scheduling: each peer has a next turn, its turns
as far apart as its weight is small, in a heap; every run of requests as long as the sum of the weights has the right
shares.  By outstanding looks at COMPARED peers, the next ones round; up to so many it is the least of all, beyond it is
the least of those, which evens load out nearly as well (two of a thousand would do; Mitzenmacher, "The Power of Two
Choices in Randomized Load Balancing").  No randomness, so that a test can say who is next.

The Load value of RFC 8583 section 7.4 (0 to 65535, higher is less loaded, made to be used like the weight of an SRV
record) multiplies the weight, whoever feeds it into `PeerEntry.load`, and counts from the next choice on: a peer lets
that part of its turns pass which it is loaded.  A peer that says 0 still gets a crumb: if all of them say 0, somebody
has to do the work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from heapq import heapify, heappop, heappush
from typing import Final, Generic, Protocol, TypeVar

FULL: Final = 65_535
"""The Load value of a peer without load; what counts for one that says nothing."""
COMPARED: Final = 8
"""Peers looked at for one choice by outstanding requests; turns that may pass for one choice by weight."""
ROUND: Final = 1 << 64
"""The way round of stride scheduling; much more than any weight, so that rounding does not count."""
NONE: Final[frozenset[str]] = frozenset()


class Balance(Enum):
    """How a group of peers shares requests."""

    ORDER = "order"
    WEIGHT = "weight"
    OUTSTANDING = "outstanding"


class Candidate(Protocol):
    """What is read of a row of the peer table."""

    @property
    def host(self) -> str: ...

    @property
    def weight(self) -> int: ...

    @property
    def load(self) -> int | None: ...


T = TypeVar("T", bound=Candidate)


def effective(candidate: Candidate) -> int:
    """Weight by Load, at least 1."""
    load = candidate.load
    return candidate.weight * FULL if load is None else max(candidate.weight * load, 1)


class Share(Generic[T]):
    """The peers that would all do for one destination, best first, and whose turn it is."""

    __slots__ = ("_at", "_credits", "_names", "_turns", "balance", "hosts", "peers")

    def __init__(self, peers: Sequence[T], balance: Balance) -> None:
        """`peers`: at least one."""
        self.peers = tuple(peers)
        self._names = tuple(peer.host.lower() for peer in peers)
        self.hosts = frozenset(self._names)
        self.balance = balance if len(self.peers) > 1 else Balance.ORDER
        self._credits: list[int] = []
        self._turns: list[tuple[int, int]] = []
        self._at = 0
        if self.balance is Balance.WEIGHT:
            self._turns = [(ROUND // peer.weight, at) for at, peer in enumerate(peers)]
            heapify(self._turns)
        if self.balance is not Balance.ORDER:
            self._credits = [0] * len(self.peers)

    def next(self, outstanding: Callable[[T], int], shunned: frozenset[str] = NONE) -> T:
        """The peer for the next request; `outstanding`: requests without an answer of a peer.

        `shunned`: hosts, in lower case, that may not be it; not all of them.  They are next as soon as they may.
        """
        if self.balance is Balance.ORDER:
            if not shunned:
                return self.peers[0]
            return next(peer for peer, name in zip(self.peers, self._names, strict=True) if name not in shunned)
        if self.balance is Balance.WEIGHT:
            return self.peers[self._by_weight(shunned)]
        return self.peers[self._by_outstanding(outstanding, shunned)]

    def _by_weight(self, shunned: frozenset[str]) -> int:
        """Whose turn is next, and who does not let it pass."""
        turns, credits, peers = self._turns, self._credits, self.peers
        aside: list[int] = []
        passed: list[int] = []
        while True:
            turn, at = heappop(turns)
            if shunned and self._names[at] in shunned:
                aside.append(at)
                continue
            peer = peers[at]
            heappush(turns, (turn + ROUND // peer.weight, at))
            load = peer.load
            if load is None or load >= FULL:
                break
            credits[at] += load or 1
            if credits[at] >= FULL:
                credits[at] -= FULL
                break
            passed.append(at)
            if len(passed) >= COMPARED * 2:  # all of them are loaded: the one that has let most pass
                at = max(passed, key=credits.__getitem__)
                credits[at] = 0
                break
        for each in aside:  # they are next, but do not make up for what they may not have
            heappush(turns, (turn, each))
        return at

    def _by_outstanding(self, outstanding: Callable[[T], int], shunned: frozenset[str]) -> int:
        """The least of the next ones round; among equals, whoever was looked at first."""
        peers, names, count = self.peers, self._names, len(self.peers)
        at, left, best, least = self._at, COMPARED, -1, 0.0
        for _ in range(count):
            if not shunned or names[at] not in shunned:
                score = (outstanding(peers[at]) + 1) / effective(peers[at])
                if best < 0 or score < least:
                    best, least = at, score
                left -= 1
            at = at + 1 if at + 1 < count else 0
            if not left:
                break
        self._at = best + 1 if best + 1 < count else 0
        return best
