"""Authentication vectors for S6a and S6d: keys from the database, sequence numbers, what a USIM says by AUTS."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Final
from zlib import crc32

from diameter.app import Later
from nfs.common.aka import AkaError, Algorithm, Seal, autn, kasme, resynchronise
from nfs.common.cards import Card
from nfs.common.store import EMPTY, Cache, Store, StoreError
from nfs.hss import cards
from nfs.hss.mobility import Error, Refused
from nfs.hss.sqn import UNITS_PER_S, Sequence, number, offset_after, units

MOST_VECTORS: Final = 5
"""Of each kind in one answer; more that are asked for are not given (TS 29.272 5.2.3.1.3 lets the HSS decide)."""
FAR_AHEAD: Final = 86_400 * UNITS_PER_S
"""How far one subscriber's SEQ may run ahead of the clock: blocks are common to all, and a node that asks for vectors
without end would take every subscriber beyond what a USIM follows."""
SEPARATED: Final = 0x8000
"""The AMF separation bit: set in vectors of E-UTRAN, clear in those of UTRAN (TS 33.401 6.1.1)."""


Found = dict[str, tuple[str | None, Card | None] | AkaError]


@dataclass(frozen=True, slots=True)
class Known:
    """A subscriber with its keys, ready for use; `card` and `functions` are None where it has none."""

    imsi: str
    profile: str | None
    card: Card | None
    functions: Algorithm | None


class AuthenticationCentre:
    """Vectors for subscribers of a database.  `seconds`: the time since 1970; `random`: gives octets.

    `call_later(0, callable)`: calls after the messages of this wake-up.  `reads`: where keys are read, `store` when not
    given.
    """

    def __init__(
        self,
        store: Store,
        seal: Seal | None,
        cache: Cache[str, Known | None],
        seconds: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], object],
        random: Callable[[int], bytes] = secrets.token_bytes,
        *,
        reads: Store | None = None,
    ) -> None:
        self._store = store
        self._reads = store if reads is None else reads
        self._seal = seal
        self._cache = cache
        self._seconds = seconds
        self._random = random
        self._call_later = call_later
        self._asked: dict[str, Later[Known | None]] = {}
        self._forgotten = 0
        self._sequence = Sequence()
        self._reserving: Later[None] | None = None

    async def find(self, imsi: str) -> Known | None:
        """A subscriber with its keys, all that are asked for in one wake-up by one statement.

        Raises StoreError, Refused when the seal does not open.
        """
        known = self._cache.get(imsi, EMPTY)
        if known is None or isinstance(known, Known):
            return known
        waiting = self._asked.get(imsi)
        if waiting is None:
            if not self._asked:
                self._call_later(0, self._read)
            waiting = self._asked[imsi] = Later()
        return await waiting

    def _read(self) -> None:
        asked, self._asked = self._asked, {}
        _ = self._reads.do(lambda connection: cards.find_many(connection, asked, self._seal)).addCallbacks(
            self._found, self._lost, callbackArgs=(asked, self._forgotten), errbackArgs=(asked,)
        )

    def _found(self, found: Found, asked: dict[str, Later[Known | None]], forgotten: int) -> None:
        for imsi, waiting in asked.items():
            one = found.get(imsi)
            if isinstance(one, AkaError):
                waiting.fail(Refused(Error.AUTHENTICATION_DATA_UNAVAILABLE, str(one)))
                continue
            known = None
            if one is not None:
                profile, card = one
                known = Known(imsi, profile, card, None if card is None else card.functions())
            if forgotten == self._forgotten:  # else it may have been read before what was changed meanwhile
                self._cache.put(imsi, known)
            waiting.resolve(known)

    def _lost(self, failure: Any, asked: dict[str, Later[Known | None]]) -> None:
        """What is known from before will do, for a while."""
        self._cache.lost()
        for imsi, waiting in asked.items():
            known = self._cache.get(imsi, EMPTY)
            if known is None or isinstance(known, Known):
                waiting.resolve(known)
            else:
                waiting.fail(failure.value)

    def forget(self, imsi: str) -> None:
        """Read a subscriber anew when it is asked for next."""
        self._forgotten += 1
        self._cache.forget(imsi)

    def clear(self) -> None:
        """Read everybody anew."""
        self._forgotten += 1
        self._cache.clear()

    async def resynchronise(self, known: Known, info: bytes) -> Known:
        """Take RAND || AUTS of a USIM; what to go on with.  Raises StoreError; Refused for one not its own."""
        card, functions, imsi = _usable(known)
        try:
            sqn_ms = resynchronise(functions, info)
        except AkaError as error:
            raise Refused(Error.AUTHENTICATION_DATA_UNAVAILABLE, str(error)) from None
        offset = offset_after(sqn_ms, card.offset, units(self._seconds()))
        if offset is None:
            return known
        before = card.offset
        await self._store.do(lambda connection: cards.move(connection, imsi, before, offset))
        self.forget(imsi)
        return replace(known, card=replace(card, offset=offset))

    async def e_utran(self, known: Known, count: int, plmn: bytes, node: str) -> list[dict[str, Any]]:
        """E-UTRAN-Vectors, bound to a visited network of three octets.  Raises Refused, StoreError."""
        card, functions, imsi = _usable(known)
        amf = (card.amf | SEPARATED).to_bytes(2)
        vectors = []
        for _ in range(count):
            rand, sqn = self._random(16), await self._sqn(imsi, card.offset, node)
            out = functions.outputs(rand, sqn, amf)
            token = autn(out, sqn, amf)
            key = kasme(out.ck, out.ik, plmn, token[:6])
            vectors.append({"RAND": rand, "XRES": out.res, "AUTN": token, "KASME": key})
        return vectors

    async def utran(self, known: Known, count: int, node: str) -> list[dict[str, Any]]:
        """UTRAN-Vectors.  Raises Refused, StoreError."""
        card, functions, imsi = _usable(known)
        amf = (card.amf & ~SEPARATED).to_bytes(2)
        vectors = []
        for _ in range(count):
            rand, sqn = self._random(16), await self._sqn(imsi, card.offset, node)
            out = functions.outputs(rand, sqn, amf)
            keys = {"Confidentiality-Key": out.ck, "Integrity-Key": out.ik}
            vectors.append({"RAND": rand, "XRES": out.res, "AUTN": autn(out, sqn, amf), **keys})
        return vectors

    async def _sqn(self, imsi: str, offset: int, node: str) -> bytes:
        while (seq := self._sequence.take(imsi, units(self._seconds()))) is None:
            await self._reserve(imsi)
        block = self._sequence.block
        assert block is not None
        return number(seq, offset, block.slot, crc32(node.encode()))

    async def _reserve(self, imsi: str) -> None:
        """Have a new block; whoever needs one meanwhile waits for the same."""
        if self._reserving is not None:
            await self._reserving
            return
        now, wanted, own = units(self._seconds()), self._sequence.wanted(imsi), self._sequence.block
        if wanted > FAR_AHEAD + max(now, 0 if own is None else own.start):
            raise Refused(Error.AUTHENTICATION_DATA_UNAVAILABLE, "more vectors asked for than time has numbers")
        waiting: Later[None] = Later()
        self._reserving = waiting
        try:
            self._sequence.renew(await self._store.do(lambda c: cards.reserve(c, now, wanted, own)))
        except StoreError as error:  # of all who wait: each of them asking in turn would hold them up for hours
            self._reserving = None
            waiting.fail(error)
            raise
        self._reserving = None
        waiting.resolve(None)


def _usable(known: Known) -> tuple[Card, Algorithm, str]:
    if known.card is None or known.functions is None:
        raise Refused(Error.AUTHENTICATION_DATA_UNAVAILABLE, "no keys")
    return known.card, known.functions, known.imsi
