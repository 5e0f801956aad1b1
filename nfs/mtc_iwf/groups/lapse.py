"""Members whose time is over and of whom the SMS-SC has said nothing: the SCS hears of each all the same.

As `nfs.mtc_iwf.lapsed` does for one device, but without asking the SMS-SC: masses of members would be masses of
recalls.  So the report is UNCONFIRMED, and the fan-out brings it to the SCS.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection, Table, and_, bindparam, select, update

from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.groups.ports import Progress
from nfs.mtc_iwf.triggers import TRIGGER

_LAPSED: Final = and_(
    TRIGGER.c.member != "", TRIGGER.c.state == Progress.OPEN.value, TRIGGER.c.expires_at <= bindparam("now")
)
_GROUPS: Final = select(TRIGGER.c.scs, TRIGGER.c.reference).where(_LAPSED).distinct()
_OWE: Final = update(TRIGGER).where(
    _LAPSED, TRIGGER.c.scs == bindparam("key_scs"), TRIGGER.c.reference == bindparam("key_reference")
)


def lapse(connection: Connection, now: float, group: Table) -> int:
    """Owe the SCS a report on each member that lapsed; how many groups (rows of `group`) have something to do now."""
    busy = update(group).where(group.c.scs == bindparam("key_scs"), group.c.reference == bindparam("key_reference"))
    groups = connection.execute(_GROUPS, {"now": now}).all()
    for scs, reference in groups:
        key = {"key_scs": scs, "key_reference": reference}
        owed = {"state": Progress.OWED.value, "outcome": int(DeliveryOutcome.UNCONFIRMED)}
        connection.execute(_OWE, {**key, "now": now, **owed})
        connection.execute(busy, {**key, "busy": True})
    return len(groups)
