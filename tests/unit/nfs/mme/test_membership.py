"""A UE says that it is a member of a group: the MME asks the subscription, not the UE."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter.config import parse
from diameter.errors import ConfigError
from helpers.attaching import Core, answered, mme
from helpers.mobility import IMSI, TUAK_IMSI
from helpers.private import private
from nfs.common.audit import AuditLog
from nfs.common.imsi_group import ImsiGroupId
from nfs.hss.groups import tables as groups
from nfs.hss.groups.imsi_groups import WITHDRAWAL
from nfs.hss.groups.logic import Group
from nfs.hss.monitoring.tables import set_imsi_group
from nfs.mme.acts import Alerts, Doing
from nfs.mme.config import MmeConfig
from nfs.mme.membership import Desk, read_credentials
from nfs.mme.scenario.model import EventTable
from nfs.ue.membership import Credentials

FLEET, OTHERS = ImsiGroupId(1, "00101", b"\x07"), ImsiGroupId(1, "00101", b"\x08")
KEY = bytes(range(32))
CONFIG = """
[node]
origin_host = "mme.visited.example"
origin_realm = "visited.example"
[[group]]
id = "00000001-001-01-07"
key_file = "fleet.key"
key_id = 3
"""


@pytest.fixture
def first() -> Any:
    return mme()


@pytest.fixture
def core(tmp_path: Path, first: Any) -> Iterator[Core]:
    core = Core(tmp_path, first[0], mme()[0])
    with core.rig.transaction() as connection:
        for name, local, members in (("fleet", 7, ("meter-1@customer.example",)), ("others", 8, ())):
            groups.make(connection, Group(external_id=f"{name}@customer.example", members=members))
            set_imsi_group(connection, f"{name}@customer.example", 1, "00101", bytes([local]))
    yield core
    core.close()


@pytest.fixture
def desk(tmp_path: Path, first: Any) -> Iterator[Desk]:
    private(tmp_path / "fleet.key", KEY.hex() + "\n")
    config = parse(CONFIG, MmeConfig, source="mme.toml", base=tmp_path)
    audit = AuditLog(tmp_path / "mme.audit", "mme.visited.example")
    yield Desk(first[0].ues, read_credentials(config.group), audit, "mme.visited.example")
    audit.close()


@pytest.mark.requirement("R-GRP-06", "S-GRP-34")
def test_only_members_get_the_credentials_of_a_group(core: Core, first: Any, desk: Desk, tmp_path: Path) -> None:
    s6a, told = first
    acts = Doing(s6a, Alerts(), None, desk)

    def join(imsi: str, group: ImsiGroupId = FLEET) -> bool:
        joined: bool = core.wait(acts.join(imsi, EventTable(do="join", at_s=0.0, group=str(group))))
        return joined

    assert not join(IMSI)  # a member, but it has not been authenticated: anybody can say an IMSI
    for imsi in (IMSI, TUAK_IMSI):
        assert core.wait(s6a.attach(imsi)).good
    assert not join(TUAK_IMSI)  # authenticated, and no member: its claim is forged
    assert not join(IMSI, OTHERS)  # a member of another group
    assert dict(desk.keyring) == {}
    assert join(IMSI)
    assert desk.keyring[IMSI] == {FLEET: Credentials(group=FLEET, key_id=3, key=KEY)}
    assert desk.counters == {"not authenticated": 1, "not a member": 2, "member": 1}
    assert [(each.imsi, each.why) for each in told if each.event == "join" and each.good] == [(IMSI, "")]

    lines = [json.loads(line) for line in (tmp_path / "mme.audit").read_text().splitlines()]
    refused = [(line["check"], line["stage"], line["reason"]) for line in lines if line["event"] == "refusal"]
    assert refused == [
        ("group-membership", "authentication", "not authenticated"),
        ("group-membership", "authorisation", "not a member"),
        ("group-membership", "authorisation", "not a member"),
    ]
    written = (tmp_path / "mme.audit").read_text()
    assert not any(secret in written for secret in (IMSI, TUAK_IMSI, KEY.hex(), str(FLEET)))


@pytest.mark.requirement("R-GRP-06")
def test_a_member_that_is_let_go_is_one_no_longer(core: Core, first: Any, desk: Desk) -> None:
    """By DSR at once, by IDR for a list in the place of another; a member that comes later is one from then on."""
    s6a, _ = first
    core.wait(s6a.attach(IMSI))
    assert s6a.ues.contexts[IMSI].groups == {FLEET}
    answered(core.wait(core.hss.orders.delete(IMSI, WITHDRAWAL)))
    assert not desk.join(IMSI, str(FLEET))
    answered(core.wait(core.hss.orders.insert(IMSI, {"IMSI-Group-Id": [OTHERS.avps()]})))
    assert s6a.ues.contexts[IMSI].groups == {OTHERS}
    assert not desk.join(IMSI, str(OTHERS))  # a member, but its credentials are not here
    assert desk.counters == {"not a member": 1, "no credentials": 1}
    answered(core.wait(core.hss.orders.insert(IMSI, {"IMSI-Group-Id": [OTHERS.avps(), FLEET.avps()]})))
    assert desk.join(IMSI, str(FLEET))


def test_a_group_that_is_no_group(tmp_path: Path) -> None:
    private(tmp_path / "fleet.key", "0011")
    config = parse(CONFIG, MmeConfig, source="mme.toml", base=tmp_path)
    with pytest.raises(ConfigError, match=r"fleet\.key: 64 hexadecimal digits expected"):
        read_credentials(config.group)
    second = CONFIG.partition("[[group]]")[2]
    for text, fault in (
        (CONFIG.replace("00000001-001-01-07", "7"), r"group\.0\.id: .*IMSI-Group Identifier"),
        (f"{CONFIG}[[group]]{second}", r"group\.id: named twice"),
    ):
        with pytest.raises(ConfigError, match=fault):
            parse(text, MmeConfig, source="mme.toml", base=tmp_path)
    assert KEY.hex() not in repr(Credentials(group=FLEET, key_id=1, key=KEY))
    assert ImsiGroupId.of({"Group-Service-Id": 1, "Group-PLMN-Id": b"\xaa\xbb\xcc", "Local-Group-Id": b"1"}) is None
