"""Which of several peers that would all do takes the next request (RFC 6733 section 2.8: agents balance load).

A `Share` is the best group of candidates for one destination, kept by the routing table until a peer changes.  Three
ways to choose in it: in the order given, the first always; by weight, each peer its share of the requests; by what is
outstanding, the peer that has fewest requests without an answer for its weight.

The Load value of RFC 8583 section 7.4 (0 to 65535, higher is less loaded, made to be used like the weight of an SRV
record) multiplies the weight, whoever feeds it into `PeerEntry.load`.  A peer that says 0 still gets a crumb: if all
of them say 0, somebody has to do the work.

No randomness: by weight is the smooth round robin of web servers (each turn everybody gains its weight, the richest
is taken and pays for all), so that every run of requests as long as the sum of the weights has the right shares.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from enum import Enum
from typing import Final, Generic, Protocol, TypeVar

FULL: Final = 65_535
"""The Load value of a peer without load; what counts for one that says nothing."""


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

    __slots__ = ("_credits", "_turn", "_turns", "balance", "hosts", "peers")

    def __init__(self, peers: Sequence[T], balance: Balance) -> None:
        """`peers`: at least one."""
        self.peers = tuple(peers)
        self.hosts = frozenset(peer.host.lower() for peer in peers)
        self.balance = balance if len(self.peers) > 1 else Balance.ORDER
        self._credits = [0] * len(self.peers)
        self._turns = [0] * len(self.peers)
        self._turn = 0

    def next(self, outstanding: Callable[[T], int]) -> T:
        """The peer for the next request; `outstanding`: requests without an answer of a peer."""
        if self.balance is Balance.ORDER:
            return self.peers[0]
        weights = [effective(peer) for peer in self.peers]
        if self.balance is Balance.WEIGHT:
            credits = self._credits
            for at, weight in enumerate(weights):
                credits[at] += weight
            best = credits.index(max(credits))
            credits[best] -= sum(weights)
            return self.peers[best]
        best = min(
            range(len(weights)), key=lambda at: ((outstanding(self.peers[at]) + 1) / weights[at], self._turns[at])
        )
        self._turn += 1
        self._turns[best] = self._turn  # among equals, whoever has waited longest
        return self.peers[best]
