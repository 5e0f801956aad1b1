"""The owners' database: tables, and the ways in and out of them as work for a `Store` or for a connection."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Iterable, Sequence
from typing import Any, Final

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Connection,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
    delete,
    func,
    insert,
    select,
    update,
)

from diameter.errors import LocalError
from nfs.common.identities import ExternalIdentifier, IdentityError, domain_name, e164
from nfs.mtc_sgw.owners.lists import OwnerLists

MIGRATIONS: Final = "nfs.mtc_sgw.owners:migrations"
KEPT: Final = 10_000
"""Refusals kept for each owner, the newest."""
METADATA: Final = MetaData()
OWNER: Final = Table(
    "owner",
    METADATA,
    Column("name", String(64), primary_key=True),
    Column("token_sha256", String(64), nullable=False, unique=True),
    Column("listed", Boolean, nullable=False),
    Column("webhook", String(2000), nullable=False),
)
DEVICE: Final = Table(
    "owner_device",
    METADATA,
    Column("identity", String(253), primary_key=True),
    Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), nullable=False, index=True),
)
ALLOWED: Final = Table(
    "owner_allowed",
    METADATA,
    Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), primary_key=True),
    Column("scs", String(15), primary_key=True),
)
REFUSAL: Final = Table(
    "owner_refusal",
    METADATA,
    Column("id", BigInteger().with_variant(Integer, "sqlite"), primary_key=True, autoincrement=True),
    Column("owner", String(64), ForeignKey("owner.name", ondelete="CASCADE"), nullable=False, index=True),
    Column("time", String(27), nullable=False),
    Column("device", String(253), nullable=False),
    Column("peer", String(255), nullable=False),
    Column("address", String(64), nullable=False),
    Column("origin", String(255), nullable=False),
    Column("command", String(64), nullable=False),
    Column("reference", BigInteger),
    Column("check", String(64), nullable=False),
    Column("reason", String(500), nullable=False),
    Column("result", String(64), nullable=False),
)
UNTOLD: Final = Table(
    "owner_untold",
    METADATA,
    Column(
        "refusal",
        BigInteger().with_variant(Integer, "sqlite"),
        ForeignKey("owner_refusal.id", ondelete="CASCADE"),
        primary_key=True,
        autoincrement=False,
    ),
)
"""Refusals that a gateway in front has kept; the MTC-IWF tells their owners."""
CHANGE: Final = Table("owner_change", METADATA, Column("number", BigInteger, nullable=False))
SHOWN: Final = tuple(column for column in REFUSAL.c if column.name != "owner")


class OwnerError(LocalError):
    """What was asked cannot be done; the words are for whoever asked."""


def hash_token(token: str) -> str:
    """What is kept of a token: tokens are 256 random bits, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()


def identity(text: str) -> str:
    """A device as the database has it: `local@domain`, `*@domain`, or the digits of an MSISDN.  Raises OwnerError."""
    try:
        if text.startswith("*@"):
            return f"*@{domain_name(text[2:])}"
        return str(ExternalIdentifier.parse(text)) if "@" in text else e164(text.removeprefix("+"))
    except IdentityError as error:
        raise OwnerError(str(error)) from None


def number(text: str) -> str:
    """The E.164 number of an SCS.  Raises OwnerError."""
    try:
        return e164(text.removeprefix("+"), "SCS")
    except IdentityError as error:
        raise OwnerError(str(error)) from None


def add(connection: Connection, name: str, devices: Iterable[str], *, renew: bool = False) -> str:
    """Add devices to an owner, who is made when there is none; the token of a new one, else "".

    renew: a token is made also for one who is there; the old one is void.  Raises OwnerError.
    """
    token = ""
    there = connection.execute(select(OWNER.c.name).where(OWNER.c.name == name)).first()
    if there is None or renew:
        token = secrets.token_urlsafe(32)
    if there is None:
        row = {"name": name, "token_sha256": hash_token(token), "listed": False, "webhook": ""}
        connection.execute(insert(OWNER), row)
    elif renew:
        connection.execute(update(OWNER).where(OWNER.c.name == name).values(token_sha256=hash_token(token)))
    for each in dict.fromkeys(map(identity, devices)):
        whose = connection.execute(select(DEVICE.c.owner).where(DEVICE.c.identity == each)).scalar()
        if whose is None:
            connection.execute(insert(DEVICE), {"identity": each, "owner": name})
        elif whose != name:
            raise OwnerError(f"{each} belongs to {whose}")
    changed(connection)
    return token


def remove(connection: Connection, name: str, devices: Sequence[str] = ()) -> bool:
    """Take devices from an owner, or without devices the owner with all that is kept; False when there was none."""
    if devices:
        keys = [identity(each) for each in devices]
        found = connection.execute(delete(DEVICE).where(DEVICE.c.owner == name, DEVICE.c.identity.in_(keys))).rowcount
    else:
        for table in (DEVICE, ALLOWED, REFUSAL):
            connection.execute(delete(table).where(table.c.owner == name))
        found = connection.execute(delete(OWNER).where(OWNER.c.name == name)).rowcount
    changed(connection)
    return found > 0


def allow(connection: Connection, name: str, scs: Iterable[str] | None) -> None:
    """The owner's list is these SCSs from now on; None: no list.  Raises OwnerError."""
    numbers = None if scs is None else sorted(set(map(number, scs)))
    connection.execute(delete(ALLOWED).where(ALLOWED.c.owner == name))
    connection.execute(update(OWNER).where(OWNER.c.name == name).values(listed=numbers is not None))
    if numbers:
        connection.execute(insert(ALLOWED), [{"owner": name, "scs": each} for each in numbers])
    changed(connection)


def webhook(connection: Connection, name: str, url: str) -> None:
    """Where refusals of this owner are pushed from now on, "" for nowhere."""
    connection.execute(update(OWNER).where(OWNER.c.name == name).values(webhook=url))
    changed(connection)


def changed(connection: Connection) -> None:
    """Count a change, for whoever holds the lists in memory."""
    if connection.execute(update(CHANGE).values(number=CHANGE.c.number + 1)).rowcount == 0:
        connection.execute(insert(CHANGE), {"number": 1})


def generation(connection: Connection) -> int:
    """How many changes there were."""
    return int(connection.execute(select(CHANGE.c.number)).scalar() or 0)


Everything = tuple[int, OwnerLists, dict[str, str], dict[str, str]]


def read(connection: Connection) -> Everything:
    """Generation, lists, owner by hash of the token, webhook by owner."""
    people = connection.execute(select(OWNER)).all()
    allowed: dict[str, set[str]] = {row.name: set() for row in people if row.listed}
    for row in connection.execute(select(ALLOWED)):
        if row.owner in allowed:
            allowed[row.owner].add(row.scs)
    owners = {row.identity: row.owner for row in connection.execute(select(DEVICE))}
    lists = OwnerLists(owners=owners, allowed={name: frozenset(each) for name, each in allowed.items()})
    tokens = {row.token_sha256: row.name for row in people}
    return generation(connection), lists, tokens, {row.name: row.webhook for row in people}


def record(connection: Connection, rows: Sequence[dict[str, Any]], *, untold: bool = False) -> list[dict[str, Any]]:
    """Keep refusals of owners who are still there; they come back as `refusals` shows them, with `owner`.

    untold: somebody else is to tell the owners.
    """
    there = set(connection.execute(select(OWNER.c.name)).scalars())
    rows = [row for row in rows if row["owner"] in there]
    kept = []
    for row in rows:
        found = connection.execute(insert(REFUSAL).values(row)).inserted_primary_key
        assert found is not None
        kept.append({"id": found[0], **row})
        if untold:
            connection.execute(insert(UNTOLD), {"refusal": found[0]})
    for name in {row["owner"] for row in rows}:
        oldest = select(REFUSAL.c.id).where(REFUSAL.c.owner == name).order_by(REFUSAL.c.id.desc()).offset(KEPT).limit(1)
        bound = connection.execute(oldest).scalar()
        if bound is not None:
            connection.execute(delete(REFUSAL).where(REFUSAL.c.owner == name, REFUSAL.c.id <= bound))
    return kept


def take_untold(connection: Connection, at_most: int) -> list[dict[str, Any]]:
    """Refusals that somebody else has kept, as `record` gives them; nobody gets them again."""
    asked = select(REFUSAL).join(UNTOLD, UNTOLD.c.refusal == REFUSAL.c.id).order_by(REFUSAL.c.id).limit(at_most)
    found = [dict(row) for row in connection.execute(asked).mappings()]
    if found:
        connection.execute(delete(UNTOLD).where(UNTOLD.c.refusal.in_([row["id"] for row in found])))
    return found


def refusals(
    connection: Connection, name: str, *, after: int = 0, device: str = "", since: str = "", limit: int = 100
) -> list[dict[str, Any]]:
    """What was refused about the devices of an owner, oldest first, beginning behind number `after`."""
    asked = select(*SHOWN).where(REFUSAL.c.owner == name, REFUSAL.c.id > after).order_by(REFUSAL.c.id).limit(limit)
    if device:
        asked = asked.where(func.lower(REFUSAL.c.device) == device.lower())
    if since:
        asked = asked.where(REFUSAL.c.time >= since)
    return [dict(row) for row in connection.execute(asked).mappings()]
