"""Enhanced coverage: in which networks a device may use it, as a SCEF sets it or asks for it (TS 23.682 5.17)."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from nfs.common.identities import encode_plmn
from nfs.hss.monitoring.configure import Target
from nfs.hss.monitoring.tables import COVERAGE


def answer(connection: Connection, on: Target, wanted: tuple[bool, list[str]] | None) -> dict[str, Any]:
    """Set it where `wanted` (restricted or allowed, digits of networks) is given; else say how it is.

    Enhanced-Coverage-Restriction-Data has nothing restricted where nobody has set anything.
    """
    imsi = on.subscriber.imsi
    if wanted is not None:
        connection.execute(delete(COVERAGE).where(COVERAGE.c.imsi == imsi))
        row = {"imsi": imsi, "restricted": wanted[0], "plmns": json.dumps(wanted[1])}
        connection.execute(insert(COVERAGE), row)
        return {}
    found = connection.execute(select(COVERAGE).where(COVERAGE.c.imsi == imsi)).one_or_none()
    restricted, plmns = (True, []) if found is None else (found.restricted, json.loads(found.plmns))
    name = "Restricted-PLMN-List" if restricted else "Allowed-PLMN-List"
    networks = {"Visited-PLMN-Id": [encode_plmn(each) for each in plmns]} if plmns else {}
    data: dict[str, Any] = {"Enhanced-Coverage-Restriction": {name: networks}}
    if on.places:
        data["Visited-PLMN-Id"] = encode_plmn(min(on.places, key=lambda each: each.kind).plmn)
    return {"Enhanced-Coverage-Restriction-Data": data}
