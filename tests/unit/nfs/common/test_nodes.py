"""Serving nodes as AVPs, there and back."""

from __future__ import annotations

from typing import Any

import pytest

from nfs.common.identities import IdentityError, encode_number
from nfs.common.nodes import NodeKind, ServingNode, from_group, to_avps


@pytest.mark.parametrize("kind", NodeKind)
@pytest.mark.parametrize("named", [True, False])
def test_there_and_back(kind: NodeKind, named: bool) -> None:
    if kind is NodeKind.MME and not named:
        return
    name, realm = ("n.example", "example") if named else ("", "")
    node = ServingNode(kind=kind, number="15559001", name=name, realm=realm)
    assert from_group(to_avps(node)) == node


def test_a_plus_is_no_part_of_a_number() -> None:
    assert ServingNode(kind=NodeKind.MSC, number="+15559001") == ServingNode(kind=NodeKind.MSC, number="15559001")


def test_the_members_of_an_mme() -> None:
    assert to_avps(ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example")) == {
        "MME-Number-for-MT-SMS": encode_number("15559001"),
        "MME-Name": "mme1.example",
        "MME-Realm": "example",
    }


@pytest.mark.parametrize(
    "avps",
    [
        {},
        {"MME-Name": "mme1.example", "MME-Realm": "example"},
        {"MME-Number-for-MT-SMS": encode_number("15559001")},
        {"SGSN-Number": b"\xff"},
        {"SGSN-Number": encode_number("15559001"), "SGSN-Name": "s.example"},
    ],
)
def test_what_is_no_serving_node(avps: dict[str, Any]) -> None:
    with pytest.raises(IdentityError):
        from_group(avps)
