"""What still has to be said to SCEFs, or done to devices of a group, kept until somebody has taken it."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from typing import Any, Final, Literal

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    Integer,
    String,
    Table,
    Text,
    delete,
    func,
    insert,
    select,
    update,
)

from nfs.hss.monitoring.tables import packed, unpacked
from nfs.hss.tables import METADATA

What = Literal["report", "group", "member", "forget", "tell", "nidd"]
FOR_NODES: Final = ("member", "forget", "tell")
"""What is done to serving nodes; the rest is said to SCEFs."""

OUTBOX: Final = Table(
    "exposed_outbox",
    METADATA,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("what", String(8), nullable=False),
    Column("scef", String(255), nullable=False, index=True),
    Column("imsi", String(15), nullable=False),
    Column("called", String(253), nullable=False),
    Column("grp", String(253), nullable=False),
    Column("reference", BigInteger, nullable=False),
    Column("extended", Boolean, nullable=False),
    Column("body", Text, nullable=False),
    Column("due", BigInteger, nullable=False, index=True),
    Column("until", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("leased", BigInteger, nullable=False),
)
FIRST_AGAIN_S: Final = 2
LAST_AGAIN_S: Final = 300


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """One thing to do.  `report`: to a SCEF of one device; `group`: an item of a group's report; `member`: configure a
    member of a group; `forget`, `tell`: have the serving nodes know what is kept now; `nidd`: an authorisation
    that changed.

    body: AVPs of the report, or what the member needs.  due, until, leased: seconds since 1970; after `until` it is
    dropped, before `leased` somebody has it.
    """

    what: What
    scef: str
    imsi: str
    due: int
    until: int
    called: str = ""
    grp: str = ""
    reference: int = 0
    extended: bool = False
    body: dict[str, Any] = field(default_factory=dict)
    tries: int = 0
    leased: int = 0
    id: int = 0


_NAMES: Final = tuple(name for name in Note.__slots__ if name != "id")


def _row(note: Note) -> dict[str, Any]:
    wrapped = note.reference - (1 << 64) if note.reference >> 63 else note.reference
    return {name: getattr(note, name) for name in _NAMES} | {"body": packed(note.body), "reference": wrapped}


def add(connection: Connection, notes: Iterable[Note]) -> None:
    """Keep notes."""
    if rows := [_row(each) for each in notes]:
        connection.execute(insert(OUTBOX), rows)


def hold(connection: Connection, notes: Iterable[Note], until: int) -> list[Note]:
    """Keep notes that nobody gets before `until`: whoever did what they follow from does it himself, and forgets them
    (`done`), or leaves them to others (`free`).
    """
    found = []
    for each in notes:
        held = replace(each, leased=until)
        key = connection.execute(insert(OUTBOX), _row(held)).inserted_primary_key
        assert key is not None
        found.append(replace(held, id=int(key[0])))
    return found


def claim(connection: Connection, now: int, lease_s: int, limit: int, busy: Collection[str]) -> list[Note]:
    """Notes that are due, of SCEFs that are not busy; nobody else gets them before `lease_s` is over."""
    c = OUTBOX.c
    question = select(OUTBOX).where(c.due <= now, c.leased <= now)
    if busy:
        question = question.where(c.scef.not_in(busy))
    question = question.order_by(c.due, c.id).limit(limit).with_for_update(skip_locked=True)
    return _taken(connection, question, now + lease_s)


def claim_group(connection: Connection, note: Note, now: int, lease_s: int, limit: int) -> list[Note]:
    """Further items of the report that `note` is an item of, due or not, but those that somebody has."""
    c = OUTBOX.c
    wrapped = note.reference - (1 << 64) if note.reference >> 63 else note.reference
    same = (c.what == "group") & (c.scef == note.scef) & (c.grp == note.grp) & (c.reference == wrapped)
    question = select(OUTBOX).where(same, c.id != note.id, c.leased <= now).order_by(c.id).limit(limit)
    return _taken(connection, question.with_for_update(skip_locked=True), now + lease_s)


def _taken(connection: Connection, question: Any, until: int) -> list[Note]:
    found = [_note(row) for row in connection.execute(question)]
    if found:
        ids = [each.id for each in found]
        connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_(ids)).values(leased=until))
    return found


def _note(row: Any) -> Note:
    values = {**row._mapping, "body": unpacked(row.body), "reference": row.reference & ((1 << 64) - 1)}
    return Note(**values)


def more(connection: Connection, note: Note, but: Collection[int]) -> bool:
    """Whether more of the report of a group is to come: items (`but` these), or members not configured yet."""
    c = OUTBOX.c
    wrapped = note.reference - (1 << 64) if note.reference >> 63 else note.reference
    same = c.what.in_(("group", "member")) & (c.scef == note.scef) & (c.grp == note.grp) & (c.reference == wrapped)
    return connection.execute(select(c.id).where(same, c.id.not_in(but)).limit(1)).first() is not None


def done(connection: Connection, notes: Iterable[Note]) -> None:
    """Forget notes."""
    connection.execute(delete(OUTBOX).where(OUTBOX.c.id.in_([each.id for each in notes])))


def later(note: Note, now: int) -> Note:
    """The same to be tried again, each time after a longer while."""
    wait_s = min(FIRST_AGAIN_S << min(note.tries, 16), LAST_AGAIN_S)
    return replace(note, due=now + wait_s, tries=note.tries + 1, leased=0)


def again(connection: Connection, notes: Iterable[Note], now: int) -> None:
    """Try notes again later; those whose time is over are dropped."""
    for each in notes:
        put_off = later(each, now)
        values = {"due": put_off.due, "tries": put_off.tries, "leased": 0}
        connection.execute(update(OUTBOX).where(OUTBOX.c.id == each.id).values(values))


def free(connection: Connection, notes: Iterable[Note]) -> None:
    """Let others have notes that there was no time for."""
    connection.execute(update(OUTBOX).where(OUTBOX.c.id.in_([each.id for each in notes])).values(leased=0))


def drop(connection: Connection, scef: str, reference: int, imsi: str | None = None, grp: str | None = None) -> None:
    """Forget what waits to be said of an event that is deleted."""
    c = OUTBOX.c
    wrapped = reference - (1 << 64) if reference >> 63 else reference
    question = delete(OUTBOX).where(c.scef == scef, c.reference == wrapped, c.what.in_(("report", "group", "member")))
    if imsi is not None:
        question = question.where(c.imsi == imsi)
    connection.execute(question if grp is None else question.where(c.grp == grp))


def expire(connection: Connection, now: int) -> int:
    """Drop notes whose time is over; how many."""
    return connection.execute(delete(OUTBOX).where(OUTBOX.c.until <= now)).rowcount


def census(connection: Connection) -> list[tuple[str, What, int, int]]:
    """(SCEF, what, how many, most tries) of what waits."""
    c = OUTBOX.c
    question = select(c.scef, c.what, func.count(), func.max(c.tries)).group_by(c.scef, c.what).order_by(c.scef, c.what)
    return [(scef, what, many, tries) for scef, what, many, tries in connection.execute(question)]


def of_device(connection: Connection, imsi: str, what: What) -> list[Note]:
    """What waits of a kind for a device, held by somebody or not."""
    c = OUTBOX.c
    found = connection.execute(select(OUTBOX).where(c.imsi == imsi, c.what == what).order_by(c.id))
    return [_note(row) for row in found]


def waiting(connection: Connection) -> list[Note]:
    """All notes."""
    return [_note(row) for row in connection.execute(select(OUTBOX).order_by(OUTBOX.c.id))]
