"""Which groups a subscription names to the MME: IMSI-Group-Id of Subscription-Data (TS 29.272 clause 7.3.2).

Of the groups that the subscriber belongs to at this moment, those with an IMSI-Group Identifier; by a list or a rule,
whatever services it subscribes to.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from sqlalchemy import Connection, and_, bindparam, or_, select

from nfs.common.imsi_group import ImsiGroupId
from nfs.hss.groups.logic import Trait, TraitKind, wanted
from nfs.hss.groups.tables import MEMBER, RULE, TRAIT
from nfs.hss.logic import Subscriber
from nfs.hss.monitoring.tables import IMSI_GROUP

WITHDRAWAL: Final = 1 << 20
"""DSR-Flags: Subscribed-IMSI-Group-Id-Withdrawal (7.3.25)."""
NAME: Final = "IMSI-Group-Id"

_NAMED: Final = select(IMSI_GROUP).order_by(IMSI_GROUP.c.grp)
_LISTED: Final = (
    select(IMSI_GROUP)
    .join(MEMBER, MEMBER.c.group_id == IMSI_GROUP.c.grp)
    .where(MEMBER.c.identifier.in_(bindparam("names", expanding=True)))
)
_RULES: Final = select(IMSI_GROUP, RULE.c.kind, RULE.c.value).join(RULE, RULE.c.group_id == IMSI_GROUP.c.grp)


def groups_of(connection: Connection, subscriber: Subscriber) -> list[ImsiGroupId]:
    """The IMSI-Group Identifiers of a subscriber, in the order of their numbers."""
    names = [each.identifier for each in subscriber.external_ids]
    if not names:
        return []
    found = {_of(row) for row in connection.execute(_LISTED, {"names": names})}
    rules: dict[tuple[str, ImsiGroupId], set[Trait]] = {}
    for row in connection.execute(_RULES):
        rules.setdefault((row.grp, _of(row)), set()).add(Trait(TraitKind(row.kind), row.value))
    if rules:
        asked = {rule for each in rules.values() for rule in each}
        clauses = (and_(TRAIT.c.kind == str(each.kind), TRAIT.c.value == each.value) for each in asked)
        rows = connection.execute(select(TRAIT).where(or_(*clauses), TRAIT.c.identifier.in_(names)))
        held = [(row.identifier, Trait(TraitKind(row.kind), row.value)) for row in rows]
        for (_, group), every in rules.items():
            if wanted(every, ((name, trait) for name, trait in held if trait in every)):
                found.add(group)
    return sorted(found)


def extend(connection: Connection, subscriber: Subscriber, data: dict[str, Any]) -> None:
    """Name the groups of a subscriber in its Subscription-Data."""
    if found := groups_of(connection, subscriber):
        data[NAME] = [each.avps() for each in found]


def withdrawn(connection: Connection, data: Mapping[str, Mapping[str, Any]]) -> bool:
    """Whether nodes that got these data, by their network, may still have groups of before: what an IDR does not name
    stays.  None is named, and this HSS knows some.
    """
    return not any(NAME in each for each in data.values()) and connection.execute(_NAMED.limit(1)).first() is not None


def _of(row: Any) -> ImsiGroupId:
    return ImsiGroupId(row.service, row.plmn, bytes.fromhex(row.local))
