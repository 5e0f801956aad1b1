"""Members of a group keep keys of their own: who has the key of the group has no key of a member."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.attaching import Core, mme
from helpers.mobility import IMSI, TUAK_IMSI
from nfs.common import group_keys
from nfs.common.aka import kasme
from nfs.common.audit import AuditLog
from nfs.common.cose_content import integrity_key
from nfs.common.imsi_group import ImsiGroupId
from nfs.common.nas_security import EEA2, EIA2, NAS_ENC, NAS_INT, Direction, NasContext, NasError, nas_key
from nfs.hss import tables
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.monitoring.tables import set_imsi_group
from nfs.mme.membership import Desk
from nfs.mme.nas import Hop
from nfs.ue.membership import Credentials

FLEET = ImsiGroupId(1, "00101", b"\x07")
NAME, PLMN = "fleet@customer.example", b"\x00\xf1\x10"
MEMBERS = {IMSI: "meter-1@customer.example", TUAK_IMSI: "meter-2@customer.example"}
SECRET = b"a short message for one member alone"


def credentials(ring: group_keys.Ring) -> dict[ImsiGroupId, Credentials]:
    return {FLEET: Credentials(group=FLEET, key_id=ring.current.number, key=ring.current.octets)}


class Lab:
    """Two UEs that attached by AKA, each with a USIM of its own, and joined one group."""

    def __init__(self, folder: Path) -> None:
        self.s6a, _ = mme()
        self.core = Core(folder, self.s6a, mme()[0])
        self.audit = AuditLog(folder / "mme.audit", "mme.visited.example")
        self.s6a.radio.hop = self.hop = Hop(secured=True, attached=lambda imsi: imsi in self.s6a.ues.contexts)
        with self.core.rig.transaction() as connection:
            second = ExternalId(identifier=MEMBERS[TUAK_IMSI])
            tables.save(connection, Subscriber(imsi=TUAK_IMSI, profile="anywhere", external_ids=(second,)))
            groups.make(connection, Group(external_id=NAME, members=tuple(MEMBERS.values())))
            set_imsi_group(connection, NAME, 1, "00101", b"\x07")
        self.ring = group_keys.first(NAME)
        self.desk = self.give(self.ring)
        for imsi in MEMBERS:
            assert self.core.wait(self.s6a.attach(imsi)).good

    def give(self, ring: group_keys.Ring) -> Desk:
        return Desk(self.s6a.ues, credentials(ring), self.audit, "mme.visited.example")

    def join(self, desk: Desk) -> set[bytes]:
        """The group keys that the members then have."""
        assert all(desk.join(imsi, str(FLEET)) for imsi in MEMBERS)
        return {desk.keyring[imsi][FLEET].key for imsi in MEMBERS}

    def keys(self) -> dict[str, tuple[bytes, bytes, bytes]]:
        """K_ASME, K_NASenc and K_NASint of each member; both ends have derived the same."""
        found = {}
        for imsi, (ours, theirs) in self.hop._keys.items():
            assert ours == theirs
            found[imsi] = ours, nas_key(ours, NAS_ENC, EEA2), nas_key(ours, NAS_INT, EIA2)
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.audit.close()
    lab.core.close()


def made_of(key: bytes) -> set[bytes]:
    """Whatever a holder of the group's key can make of it with the derivations that there are."""
    roots = {key, key[::-1], integrity_key(key, 1)}
    roots |= {kasme(root[:16], root[16:], PLMN, bytes(6)) for root in tuple(roots)}
    leaves = {nas_key(root, use, kind) for root in roots for use in (NAS_ENC, NAS_INT) for kind in (0, 1, 2, 3)}
    return roots | leaves | {half for root in roots for half in (root[:16], root[16:])}


@pytest.mark.requirement("E-GRP-03")
def test_each_member_has_keys_of_its_own_and_the_group_one_that_all_have(lab: Lab) -> None:
    shared = lab.join(lab.desk)
    assert shared == {lab.ring.current.octets}
    every = [key for keys in lab.keys().values() for key in keys]
    assert len(lab.keys()) == 2
    assert len(set(every) | shared) == 2 * 3 + 1
    one, other = (lab.hop.ends(imsi) for imsi in MEMBERS)
    assert one is not None
    assert other is not None
    with pytest.raises(NasError, match="integrity"):
        other.ue.unprotect(one.mme.protect(SECRET))


@pytest.mark.requirement("E-GRP-03")
def test_who_has_the_key_of_the_group_has_no_nas_key_of_a_member(lab: Lab) -> None:
    (leaked,) = lab.join(lab.desk)
    candidates = made_of(leaked)
    for imsi, keys in lab.keys().items():
        assert candidates.isdisjoint(keys)
        ends = lab.hop.ends(imsi)
        assert ends is not None
        on_the_air = ends.mme.protect(SECRET)
        assert SECRET[:8] not in on_the_air
        for each in candidates:
            listener: Any = NasContext(each, Direction.UPLINK)
            with pytest.raises(NasError, match="integrity"):
                listener.unprotect(on_the_air)
            with pytest.raises(NasError, match="integrity"):
                ends.ue.unprotect(NasContext(each, Direction.DOWNLINK).protect(b"forged"))
        assert ends.ue.unprotect(on_the_air) == SECRET


@pytest.mark.requirement("E-GRP-03", "E-GRP-04")
def test_neither_kind_of_key_goes_into_the_other(lab: Lab) -> None:
    """To join, and to get a renewed key, changes no key of a member; other keys of members, none of the group."""
    before = lab.keys()
    first = lab.join(lab.desk)
    renewed = lab.join(lab.give(group_keys.renewed(lab.ring, 0.0)))
    assert first.isdisjoint(renewed)
    assert lab.keys() == before
    for imsi in MEMBERS:  # authenticated anew: K_ASME of another challenge
        assert lab.core.wait(lab.s6a.attach(imsi)).good
    after = lab.keys()
    assert all(after[imsi][at] != before[imsi][at] for imsi in MEMBERS for at in range(3))
    assert lab.join(lab.desk) == first
