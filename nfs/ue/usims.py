"""The USIMs of very many UEs, in columns: some 110 octets for each instead of the 2,000 of an object with its cipher.

A `Usim` is made when one is asked for; what it learns goes back into the columns.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from nfs.common.cards import Card
from nfs.ue.usim import IND_BITS, Usim

_ONE: Final = "1"
"""Stands before the digits of an IMSI that is kept as a number, for its leading zeros."""


class Usims(Mapping[str, Usim]):
    """USIMs by IMSI, from (IMSI, card, highest SQN taken)."""

    __slots__ = ("_cards", "_highest", "_kinds", "_names", "_secrets", "_start", "_taken")

    def __init__(self, rows: Iterable[tuple[str, Card, int]]) -> None:
        names, highest = array("Q"), array("Q")
        secrets: list[bytes] = []
        kinds: list[Card] = []
        which = bytearray()
        for imsi, card, sqn in rows:
            kind = Card(
                algorithm=card.algorithm, k=b"", top=b"", res_octets=card.res_octets, iterations=card.iterations
            )
            if kind not in kinds:
                kinds.append(kind)
            names.append(int(_ONE + imsi))
            highest.append(sqn)
            secrets.append(card.k + card.top)
            which.append(kinds.index(kind))
        order = sorted(range(len(names)), key=names.__getitem__)
        self._names = array("Q", (names[at] for at in order))
        self._highest = array("Q", (highest[at] for at in order))
        self._start = array("Q", (sqn >> IND_BITS for sqn in self._highest))
        self._secrets = [secrets[at] for at in order]
        self._kinds = kinds
        self._cards = bytes(which[at] for at in order)
        self._taken: dict[int, array[int]] = {}

    def __len__(self) -> int:
        return len(self._names)

    def __iter__(self) -> Iterator[str]:
        return (str(name)[1:] for name in self._names)

    def __getitem__(self, imsi: str) -> Usim:
        """A USIM whose state is that of the columns.  Raises KeyError."""
        at = self._find(imsi)
        kind, secret = self._kinds[self._cards[at]], self._secrets[at]
        k = len(secret) - 32 if kind.algorithm == "tuak" else 16
        card = Card(
            algorithm=kind.algorithm,
            k=secret[:k],
            top=secret[k:],
            res_octets=kind.res_octets,
            iterations=kind.iterations,
        )
        return _Kept(self, at, card, self._highest[at])

    def __contains__(self, imsi: object) -> bool:
        try:
            return isinstance(imsi, str) and self._find(imsi) >= 0
        except KeyError:
            return False

    def _find(self, imsi: str) -> int:
        number = int(_ONE + imsi) if imsi.isascii() and imsi.isdigit() and len(imsi) <= 15 else 0
        at = bisect_left(self._names, number)
        if at == len(self._names) or self._names[at] != number:
            raise KeyError(imsi)
        return at

    def taken(self, at: int, ind: int) -> int:
        """The highest SEQ taken of an index, by the place of the USIM."""
        column = self._taken.get(ind)
        return column[at] if column is not None and column[at] else self._start[at]

    def take(self, at: int, ind: int, seq: int, highest: int) -> None:
        """Keep a SEQ of an index, and the highest SQN."""
        if ind not in self._taken:
            self._taken[ind] = array("Q", bytes(8 * len(self._names)))
        self._taken[ind][at] = seq
        self._highest[at] = highest


class _Kept(Usim):
    """A USIM whose sequence numbers lie in columns."""

    __slots__ = ("_at", "_store")

    def __init__(self, store: Usims, at: int, card: Card, highest: int) -> None:
        super().__init__(card.functions(), highest)
        self._store = store
        self._at = at

    def _taken_of(self, ind: int) -> int:
        return self._store.taken(self._at, ind)

    def _take(self, ind: int, seq: int) -> None:
        self._store.take(self._at, ind, seq, self._highest)
