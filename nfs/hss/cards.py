"""The authentication centre's part of the database: each subscriber's keys, under seal, and blocks of SQN.

A subscriber's K with its OPc or TOPc lies there as one AES-256-GCM text under the key of a file, bound to IMSI and
algorithm.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    bindparam,
    delete,
    insert,
    select,
    text,
    update,
)

from nfs.common.aka import AkaError, Seal
from nfs.common.cards import Card
from nfs.hss.lookup import dialect_of
from nfs.hss.sqn import SLOTS, Block, extend
from nfs.hss.tables import METADATA

CARD: Final = Table(
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
SQN_BLOCK: Final = Table(
    "sqn_block",
    METADATA,
    Column("slot", Integer, primary_key=True, autoincrement=False),
    Column("until", BigInteger, nullable=False),
)
_DELETE: Final = delete(CARD).where(CARD.c.imsi == bindparam("identity"))
_OFFSETS: Final = select(CARD.c.imsi, CARD.c.seq_offset).where(CARD.c.imsi.in_(bindparam("imsis", expanding=True)))
_CARD_OF: Final = select(CARD).where(CARD.c.imsi == bindparam("imsi"))
_WITH_PROFILE: Final = (
    "SELECT s.imsi, s.profile, c.sealed, c.algorithm, c.amf, c.res_octets, c.iterations, c.seq_offset"
    " FROM subscriber s LEFT JOIN card c ON c.imsi = s.imsi WHERE s.imsi "
)
_NEW_SLOT: Final = text("INSERT INTO sqn_block (slot, until) VALUES (:slot, :until) ON CONFLICT DO NOTHING")
"""Of two processes that begin at the same moment one finds the slot taken, or its transaction is begun again."""
_ALGORITHM_OF: Final = select(CARD.c.algorithm).where(CARD.c.imsi == bindparam("imsi"))


def save(connection: Connection, imsi: str, card: Card, seal: Seal) -> None:
    """Keep the keys of a subscriber that is there, in the place of those it has."""
    save_many(connection, {imsi: card}, seal)


def save_many(connection: Connection, by_imsi: Mapping[str, Card], seal: Seal) -> None:
    """Keep the keys of subscribers that are there, in the place of those they have.

    The offset of SEQ stays, unless a card brings one: without it a subscriber would get numbers again that it had.
    """
    if not by_imsi:
        return
    before = {row.imsi: row.seq_offset for row in connection.execute(_OFFSETS, {"imsis": list(by_imsi)})}
    connection.execute(_DELETE, [{"identity": imsi} for imsi in by_imsi])
    rows = [row(imsi, card, seal) for imsi, card in by_imsi.items()]
    for each in rows:
        each["seq_offset"] = each["seq_offset"] or before.get(each["imsi"], 0)
    connection.execute(insert(CARD), rows)


def row(imsi: str, card: Card, seal: Seal) -> dict[str, Any]:
    """The row of a card, its keys sealed."""
    return {
        "imsi": imsi,
        "algorithm": card.algorithm,
        "amf": card.amf,
        "res_octets": card.res_octets,
        "iterations": card.iterations,
        "seq_offset": card.offset,
        "sealed": seal.seal(card.k + card.top, f"{card.algorithm} {imsi}"),
    }


def find(connection: Connection, imsi: str, seal: Seal) -> Card | None:
    """The keys of a subscriber; None where there are none.  Raises AkaError when the seal does not open."""
    row = connection.execute(_CARD_OF, {"imsi": imsi}).one_or_none()
    return None if row is None else _card(imsi, row, seal)


def find_many(
    connection: Connection, imsis: Collection[str], seal: Seal | None
) -> dict[str, tuple[str | None, Card | None] | AkaError]:
    """(profile, keys) of each of these subscribers that is there, by one statement; without `seal` no keys.

    In the place of what a seal does not open stands the AkaError.
    """
    found: dict[str, tuple[str | None, Card | None] | AkaError] = {}
    dialect = dialect_of(connection)
    for row in connection.exec_driver_sql(_WITH_PROFILE + dialect.among, (dialect.bound(imsis),)):
        try:
            found[row.imsi] = row.profile, None if row.sealed is None or seal is None else _card(row.imsi, row, seal)
        except AkaError as error:
            found[row.imsi] = error
    return found


def _card(imsi: str, row: Any, seal: Seal) -> Card:
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
    if slot in ends:
        taken = _advance(connection, slot, ends[slot], block)
    else:
        taken = connection.execute(_NEW_SLOT, {"slot": slot, "until": block.end}).rowcount > 0
    return block if taken else reserve(connection, now, at_least, None)


def _advance(connection: Connection, slot: int, until: int, block: Block) -> bool:
    where = (SQN_BLOCK.c.slot == slot) & (SQN_BLOCK.c.until == until)
    return connection.execute(update(SQN_BLOCK).where(where).values(until=block.end)).rowcount > 0
