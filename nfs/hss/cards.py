"""The authentication centre's part of the database: each subscriber's keys, under seal, and blocks of SQN.

A subscriber's K with its OPc or TOPc lies there as one AES-256-GCM text under the key of a file, bound to IMSI and
algorithm; OP and TOP are never kept.  Nothing in here prints a key, and no record shows one in its `repr`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field
from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    bindparam,
    delete,
    insert,
    select,
    update,
)
from sqlalchemy import Table as SqlTable

from diameter.config import Table
from nfs.common.aka import AkaError, Algorithm, Milenage, Seal, opc_of
from nfs.common.identities import IdentityError
from nfs.common.tuak import Lengths, Tuak, topc_of
from nfs.hss.sqn import SLOTS, Block, extend
from nfs.hss.tables import METADATA

AlgorithmName = Literal["milenage", "tuak"]

CARD: Final = SqlTable(
    "card",
    METADATA,
    Column("imsi", String(15), ForeignKey("subscriber.imsi", ondelete="CASCADE"), primary_key=True),
    Column("algorithm", String(8), nullable=False),
    Column("amf", Integer, nullable=False),
    Column("res_octets", Integer, nullable=False),
    Column("iterations", Integer, nullable=False),
    Column("seq_offset", BigInteger, nullable=False),
    Column("sealed", LargeBinary, nullable=False),
)
SQN_BLOCK: Final = SqlTable(
    "sqn_block",
    METADATA,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
)
_CARD_OF: Final = select(CARD).where(CARD.c.imsi == bindparam("imsi"))
_ALGORITHM_OF: Final = select(CARD.c.algorithm).where(CARD.c.imsi == bindparam("imsi"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What HSS and USIM share.  `top`: OPc or TOPc.  `offset`: of SEQ (see `nfs.hss.sqn`).  `amf`: 16 bits.

    Raises AkaError when `functions` finds keys of a wrong length.
    """

    algorithm: AlgorithmName = "milenage"
    k: bytes = field(repr=False)
    top: bytes = field(repr=False)
    amf: int = 0x8000
    res_octets: int = 8
    iterations: int = 1
    offset: int = 0

    def functions(self) -> Algorithm:
        """f1 to f5* of this card."""
        if self.algorithm == "tuak":
            return Tuak(self.k, self.top, Lengths(res=self.res_octets), self.iterations)
        return Milenage(self.k, self.top)


def _octets(text: str) -> str:
    if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", text):
        raise ValueError("hexadecimal digits expected")
    return text


Octets = Annotated[str, AfterValidator(_octets)]


class KeysRow(Table):
    """Keys as files of subscribers have them, in hexadecimal; OP or TOP become OPc or TOPc at once."""

    algorithm: AlgorithmName = "milenage"
    k: Octets = Field(repr=False)
    op: Octets | None = Field(default=None, repr=False)
    opc: Octets | None = Field(default=None, repr=False)
    top: Octets | None = Field(default=None, repr=False)
    topc: Octets | None = Field(default=None, repr=False)
    amf: Octets = "8000"
    res_bits: Literal[32, 64, 128] = 64
    iterations: int = Field(default=1, ge=1, le=100)

    def to_card(self) -> Card:
        """The card of it.  Raises IdentityError, which names what is missing and shows nothing."""
        tuak = self.algorithm == "tuak"
        operator, own, other = ("top", "topc", (self.op, self.opc)) if tuak else ("op", "opc", (self.top, self.topc))
        raw, done = (self.top, self.topc) if tuak else (self.op, self.opc)
        if (raw is None) == (done is None) or other != (None, None) or len(self.amf) != 4:
            raise IdentityError(f"keys: k with {operator} or {own}, one of the two, and an amf of 4 digits expected")
        if not tuak and (self.res_bits, self.iterations) != (64, 1):
            raise IdentityError("keys: res_bits and iterations belong to tuak")
        k = bytes.fromhex(self.k)
        try:
            if done is not None:
                top = bytes.fromhex(done)
            else:
                given = bytes.fromhex(raw or "")
                top = topc_of(k, given, self.iterations) if tuak else opc_of(k, given)
            card = Card(
                algorithm=self.algorithm,
                k=k,
                top=top,
                amf=int(self.amf, 16),
                res_octets=self.res_bits // 8,
                iterations=self.iterations,
            )
            card.functions()
        except AkaError as error:
            raise IdentityError(f"keys: {error}") from None
        return card


def save(connection: Connection, imsi: str, card: Card, seal: Seal) -> None:
    """Keep the keys of a subscriber that is there, in the place of those it has."""
    connection.execute(delete(CARD).where(CARD.c.imsi == imsi))
    row = {
        "imsi": imsi,
        "algorithm": card.algorithm,
        "amf": card.amf,
        "res_octets": card.res_octets,
        "iterations": card.iterations,
        "seq_offset": card.offset,
        "sealed": seal.seal(card.k + card.top, f"{card.algorithm} {imsi}"),
    }
    connection.execute(insert(CARD), row)


def find(connection: Connection, imsi: str, seal: Seal) -> Card | None:
    """The keys of a subscriber; None where there are none.  Raises AkaError when the seal does not open."""
    row: Any = connection.execute(_CARD_OF, {"imsi": imsi}).one_or_none()
    if row is None:
        return None
    octets = seal.open(row.sealed, f"{row.algorithm} {imsi}")
    cut = 16 if row.algorithm == "milenage" else len(octets) - 32
    return Card(
        algorithm=row.algorithm,
        k=octets[:cut],
        top=octets[cut:],
        amf=row.amf,
        res_octets=row.res_octets,
        iterations=row.iterations,
        offset=row.seq_offset,
    )


def algorithm_of(connection: Connection, imsi: str) -> str | None:
    """The algorithm whose keys a subscriber has: all of them that is ever shown."""
    found: str | None = connection.execute(_ALGORITHM_OF, {"imsi": imsi}).scalar_one_or_none()
    return found


def move(connection: Connection, imsi: str, before: int, offset: int) -> None:
    """Give a subscriber another offset of SEQ, unless somebody did that since `before` was read."""
    where = (CARD.c.imsi == imsi) & (CARD.c.seq_offset == before)
    connection.execute(update(CARD).where(where).values(seq_offset=offset))


def reserve(connection: Connection, now: int, at_least: int, own: Block | None) -> Block:
    """Take a block of SQN that nobody else has or had: the next of the own slot, else of the slot that ended first."""
    if own is not None:
        block = extend(own.slot, own.end, now, at_least)
        if _advance(connection, own.slot, own.end, block):
            return block
    ends = {row.slot: row.until for row in connection.execute(select(SQN_BLOCK).with_for_update())}
    slot = min(range(SLOTS), key=lambda each: ends.get(each, 0))
    block = extend(slot, ends.get(slot, 0), now, at_least)
    if slot not in ends:
        connection.execute(insert(SQN_BLOCK), {"slot": slot, "until": block.end})
    else:
        _advance(connection, slot, ends[slot], block)
    return block


def _advance(connection: Connection, slot: int, until: int, block: Block) -> bool:
    where = (SQN_BLOCK.c.slot == slot) & (SQN_BLOCK.c.until == until)
    return connection.execute(update(SQN_BLOCK).where(where).values(until=block.end)).rowcount > 0
