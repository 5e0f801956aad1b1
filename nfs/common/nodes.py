"""Serving nodes for short messages: one record, and its form in Serving-Node and Additional-Serving-Node.

The two AVPs (2401 and 2406) have the same members on S6m (TS 29.336 6.4.12, 6.4.13) and on T4 (TS 29.337 6.3.3,
6.3.4); T4 adds the SMSF, which is read here wherever it comes.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final, NamedTuple, Protocol

from nfs.common.identities import IdentityError, decode_number, e164, encode_number


class NodeKind(StrEnum):
    """What kind of node can bring a short message to the device."""

    IP_SM_GW = "ip-sm-gw"
    MME = "mme"
    MSC = "msc"
    SGSN = "sgsn"
    SMSF_3GPP = "smsf-3gpp"
    SMSF_NON_3GPP = "smsf-non-3gpp"


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingNode:
    """A node the subscriber is registered in for SMS.  `number`: E.164 digits; name and realm: Diameter's, or "".

    An MME has all three.  An MSC may have the name and realm of the MME it is associated with, an SGSN its own when
    it speaks Gdd, an IP-SM-GW its own.  `reachable` False: MNRF, MNRG or UNRI is set; it does not travel.
    Raises IdentityError for a combination that the clauses do not allow.
    """

    kind: NodeKind
    number: str
    name: str = ""
    realm: str = ""
    reachable: bool = True

    def __post_init__(self) -> None:
        object.__setattr__(self, "number", e164(self.number, f"{self.kind} number"))
        if bool(self.name) != bool(self.realm):
            raise IdentityError(f"{self.kind}: name and realm come together")
        if self.kind is NodeKind.MME and not self.name:
            raise IdentityError("mme: name, realm and number expected")


class _Names(NamedTuple):
    number: str
    name: str
    realm: str


_NAMES: Final[Mapping[NodeKind, _Names]] = {
    NodeKind.IP_SM_GW: _Names("IP-SM-GW-Number", "IP-SM-GW-Name", "IP-SM-GW-Realm"),
    NodeKind.MME: _Names("MME-Number-for-MT-SMS", "MME-Name", "MME-Realm"),
    NodeKind.MSC: _Names("MSC-Number", "MME-Name", "MME-Realm"),
    NodeKind.SGSN: _Names("SGSN-Number", "SGSN-Name", "SGSN-Realm"),
    NodeKind.SMSF_3GPP: _Names("SMSF-3GPP-Number", "SMSF-3GPP-Name", "SMSF-3GPP-Realm"),
    NodeKind.SMSF_NON_3GPP: _Names("SMSF-Non-3GPP-Number", "SMSF-Non-3GPP-Name", "SMSF-Non-3GPP-Realm"),
}


class Group(Protocol):
    """What is read of a Grouped."""

    def get(self, name: str, default: Any = None) -> Any: ...

    def __contains__(self, name: object) -> bool: ...


def to_avps(node: ServingNode) -> dict[str, Any]:
    """The members of the AVP."""
    names = _NAMES[node.kind]
    avps: dict[str, Any] = {names.number: encode_number(node.number)}
    if node.name:
        avps |= {names.name: node.name, names.realm: node.realm}
    return avps


def from_group(group: Group) -> ServingNode:
    """The node that the members name; IdentityError when they name none."""
    for kind, names in _NAMES.items():
        if names.number in group:
            return ServingNode(
                kind=kind,
                number=decode_number(group.get(names.number), f"{kind} number"),
                name=group.get(names.name, ""),
                realm=group.get(names.realm, ""),
            )
    raise IdentityError("serving node: no number of a known kind of node")
