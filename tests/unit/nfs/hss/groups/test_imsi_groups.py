"""IMSI-Group-Id in Subscription-Data: of the groups a subscriber belongs to, those that have one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.mobility import IMSI, TUAK_IMSI, Rig
from nfs.common.imsi_group import ImsiGroupId
from nfs.hss import tables as subscribers
from nfs.hss.groups import imsi_groups, tables
from nfs.hss.groups.logic import Group, Trait, TraitKind
from nfs.hss.logic import UserId
from nfs.hss.monitoring.tables import set_imsi_group

METER = "meter-1@customer.example"
AREA, OWNER = Trait(TraitKind.AREA, "00101-0001"), Trait(TraitKind.OWNER, "acme")


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_by_list_and_by_rule(rig: Rig) -> None:
    """Each of the kinds that a group wants, as when the group is messaged; those without an identifier stay inside."""
    with rig.transaction() as connection:
        for name, local, group in (
            ("listed", b"\x01", Group(external_id="listed@customer.example", members=(METER,))),
            ("both", b"\x02", Group(external_id="both@customer.example", rules=frozenset({AREA, OWNER}))),
            ("area", b"\x03", Group(external_id="area@customer.example", rules=frozenset({AREA}))),
            ("bare", b"", Group(external_id="bare@customer.example", members=(METER,))),
        ):
            tables.make(connection, group)
            if local:
                set_imsi_group(connection, f"{name}@customer.example", 5, "310150", local)
        found = subscribers.find(connection, UserId(imsi=IMSI))
        assert found is not None
        assert imsi_groups.groups_of(connection, found) == [ImsiGroupId(5, "310150", b"\x01")]
        tables.give(connection, METER, [AREA])
        assert [each.local for each in imsi_groups.groups_of(connection, found)] == [b"\x01", b"\x03"]
        tables.give(connection, METER, [AREA, OWNER])
        assert [each.local for each in imsi_groups.groups_of(connection, found)] == [b"\x01", b"\x02", b"\x03"]
    named = rig.ulr()["Subscription-Data"].all("IMSI-Group-Id")
    assert [each["Local-Group-Id"] for each in named] == [b"\x01", b"\x02", b"\x03"]
    assert (named[0]["Group-Service-Id"], named[0]["Group-PLMN-Id"].hex()) == (5, "130051")
    assert "IMSI-Group-Id" not in rig.ulr(TUAK_IMSI)["Subscription-Data"]  # without a name it is in no group
