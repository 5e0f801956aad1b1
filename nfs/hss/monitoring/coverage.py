"""Enhanced coverage: in which networks a device may use it, as a SCEF sets it or asks for it (TS 23.682 5.17).

Serving nodes know it as a bit of Access-Restriction-Data (TS 29.272 7.3.31), for the network that they are in: with
each location update, and by IDR when a SCEF changes it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Connection, Row, delete, insert, select

from nfs.common.identities import encode_plmn
from nfs.common.store import Store
from nfs.hss.monitoring import outbox_tables
from nfs.hss.monitoring.configure import Target
from nfs.hss.monitoring.logic import Error, Refused
from nfs.hss.monitoring.outbox_tables import Note
from nfs.hss.monitoring.tables import COVERAGE
from nfs.hss.profiles import ProfileTable
from nfs.hss.s6a_orders import Insert
from nfs.hss.tables import SUBSCRIBER

NOT_ALLOWED: Final = 1 << 7
"""Bit 7 of Access-Restriction-Data."""
ABSENT: Final = 1
"""Bit 0 of S6t-HSS-Cause."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Set:
    """It was set for a device; `before`: what was there, None for nothing; `held`: notes of what nodes are to know."""

    on: Target
    restricted: bool
    plmns: list[str]
    before: tuple[bool, str] | None
    held: list[Note] = field(default_factory=list)

    def mask(self, profile: ProfileTable, plmn: str) -> int:
        """Access-Restriction-Data for a node of a network."""
        return profile.restrictions | (NOT_ALLOWED if _bars(self.plmns, plmn, restricted=self.restricted) else 0)


def _bars(plmns: list[str], plmn: str, *, restricted: bool) -> bool:
    return (plmn in plmns) is restricted


def _row(connection: Connection, imsi: str) -> Row[Any] | None:
    return connection.execute(select(COVERAGE).where(COVERAGE.c.imsi == imsi)).one_or_none()


def extend(connection: Connection, imsi: str, plmn: str, data: dict[str, Any]) -> None:
    """Say in Subscription-Data for a node of a network that it is not allowed there, where it is not."""
    found = _row(connection, imsi)
    if found is not None and _bars(json.loads(found.plmns), plmn, restricted=found.restricted):
        data["Access-Restriction-Data"] = data.get("Access-Restriction-Data", 0) | NOT_ALLOWED


def answer(connection: Connection, on: Target, wanted: tuple[bool, list[str]] | None) -> dict[str, Any] | Set:
    """Set it where `wanted` (restricted or allowed, digits of networks) is given; else say how it is.

    Enhanced-Coverage-Restriction-Data has nothing restricted where nobody has set anything.
    """
    imsi = on.subscriber.imsi
    found = _row(connection, imsi)
    if wanted is not None:
        _put(connection, imsi, (wanted[0], json.dumps(wanted[1])))
        before = None if found is None else (bool(found.restricted), str(found.plmns))
        return Set(on=on, restricted=wanted[0], plmns=wanted[1], before=before)
    restricted, plmns = (True, []) if found is None else (found.restricted, json.loads(found.plmns))
    name = "Restricted-PLMN-List" if restricted else "Allowed-PLMN-List"
    networks = {"Visited-PLMN-Id": [encode_plmn(each) for each in plmns]} if plmns else {}
    data: dict[str, Any] = {"Enhanced-Coverage-Restriction": {name: networks}}
    if on.places:
        data["Visited-PLMN-Id"] = encode_plmn(min(on.places, key=lambda each: each.kind).plmn)
    return {"Enhanced-Coverage-Restriction-Data": data}


def _put(connection: Connection, imsi: str, value: tuple[bool, str] | None) -> None:
    connection.execute(delete(COVERAGE).where(COVERAGE.c.imsi == imsi))
    if value is not None:
        connection.execute(insert(COVERAGE), {"imsi": imsi, "restricted": value[0], "plmns": value[1]})


async def push(store: Store, insert_data: Insert, done: Set, profile: ProfileTable | None) -> dict[str, Any]:
    """Give it to the nodes that serve the device; members of the answer.

    Where one does not take it all is as it was.  Raises Refused, StoreError.
    """
    if not done.on.places or profile is None:
        await _told(store, done)
        return {"S6t-HSS-Cause": ABSENT}
    imsi = done.on.subscriber.imsi
    said = await insert_data(imsi, lambda node: {"Access-Restriction-Data": done.mask(profile, node.plmn)})
    if all(each.good for each in said):
        await _told(store, done)
        return {}
    await store.do(lambda connection: _put(connection, imsi, done.before))
    if any(each.good for each in said):  # one of two nodes took it
        old = done.before
        before = Set(on=done.on, restricted=True, plmns=[], before=None)
        if old is not None:
            before = Set(on=done.on, restricted=old[0], plmns=json.loads(old[1]), before=None)
        await insert_data(imsi, lambda node: {"Access-Restriction-Data": before.mask(profile, node.plmn)})
    await _told(store, done)
    raise Refused(Error.UNABLE_TO_COMPLY, "the serving node did not take where enhanced coverage may be used")


async def _told(store: Store, done: Set) -> None:
    if done.held:
        await store.do(lambda connection: outbox_tables.done(connection, done.held))


def tidy(connection: Connection) -> None:
    """Forget it of devices that are no subscribers any more."""
    connection.execute(delete(COVERAGE).where(COVERAGE.c.imsi.not_in(select(SUBSCRIBER.c.imsi))))
