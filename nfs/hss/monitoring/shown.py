"""What SCEFs have of devices, and what waits to be said, as `mtc subscriber watched` shows it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection

from nfs.hss.monitoring import outbox_tables, tables
from nfs.hss.monitoring.revoke import service_of
from nfs.hss.monitoring.tables import Item


def watched(connection: Connection, subject: str | None) -> dict[str, Any]:
    """`items` and `waiting`, of every device, or of an IMSI or a group."""
    items = [each for each in tables.every(connection) if subject in (None, each.imsi, each.grp)]
    notes = [each for each in outbox_tables.waiting(connection) if subject in (None, each.imsi, each.grp)]
    waiting = [{"what": each.what, "scef": each.scef, "imsi": each.imsi, "tries": each.tries} for each in notes]
    return {"items": [_item(each) for each in items], "waiting": waiting}


def _item(item: Item) -> dict[str, Any]:
    until = None if item.until is None else datetime.fromtimestamp(item.until, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "imsi": item.imsi,
        "scef": item.scef,
        "what": str(service_of(item)),
        "reference": item.apn if item.kind == "nidd" else item.reference,
        "group": item.grp or None,
        "left": item.remaining,
        "until": until,
        "suspended": item.suspended,
    }
