"""S6m, MTC-IWF side (TS 29.336): the question about a device as a Subscriber-Information-Request."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from diameter import Message, RequestError
from diameter.app import Application
from diameter.message import Grouped
from nfs.common.groups import GROUP, TYPE
from nfs.common.identities import Address, ExternalIdentifier, IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import ServingNode, from_group
from nfs.mtc_iwf.groups.ports import Member, NoGroups
from nfs.mtc_iwf.ports import Device, Found, HssRefused, Unavailable
from nfs.mtc_iwf.statuses import TGPP

DEVICE_TRIGGER = 0  # Service-ID
FROM_IWF = 1  # SIR-Flags bit 0
_NOT_UNDERSTOOD = {(0, 5001), (0, 5004), (0, 5008), (0, 5009)}
"""Result-Codes with which a strict receiver refuses an AVP that it does not know there, or its value."""
ABSENT, NOT_PROVISIONED, BARRED = 1, 2, 4  # HSS-Cause


class S6m(Application):
    """Asks the HSS.  host: of one HSS, or None to go by `realm` alone (clause 6.1.6).  groups: it knows groups."""

    dictionary = "ts29336_s6m"

    def __init__(self, *, realm: str, host: str | None = None, groups: bool = False) -> None:
        self._groups = groups
        self._realm = realm
        self._host = host

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises HssRefused, Unavailable (clause 5.2.1.3)."""
        try:
            answer = await self.request(
                "Subscriber-Information",
                {
                    "User-Identifier": _user(device),
                    "Service-ID": DEVICE_TRIGGER,
                    "SCS-Identity": encode_number(scs),
                    "Service-Parameters": {
                        "T4-Parameters": {"Priority-Indication": int(priority), "SM-RP-SMEA": Address(scs).encode()}
                    },
                    "SIR-Flags": FROM_IWF,
                },
                to=self._host,
                realm=self._realm,
            )
        except RequestError as error:
            raise Unavailable(f"HSS: {error}") from None
        _check(answer)
        return _found(answer)

    async def members(self, group: str, *, scs: str) -> tuple[Member, ...]:
        """Who belongs to a group that this SCS may message?  Raises HssRefused, NoGroups, Unavailable.

        Published S6m has no such question (clause 6.4.11); an HSS that does not know it takes the group for a device.
        """
        if not self._groups:
            raise NoGroups("the HSS is not configured to answer for groups")
        avps = {
            "User-Identifier": {"External-Identifier": group, TYPE: GROUP},
            "Service-ID": DEVICE_TRIGGER,
            "SCS-Identity": encode_number(scs),
            "Service-Parameters": {"T4-Parameters": {"SM-RP-SMEA": Address(scs).encode()}},
            "SIR-Flags": FROM_IWF,
        }
        try:
            answer = await self.request("Subscriber-Information", avps, to=self._host, realm=self._realm)
        except RequestError as error:
            raise Unavailable(f"HSS: {error}") from None
        if answer.result is not None and answer.result in _NOT_UNDERSTOOD:
            raise NoGroups(f"the HSS takes no {TYPE}")
        _check(answer)
        return _members(answer)

    def forget(self, device: Device, *, scs: str) -> None:
        """Nothing is remembered here."""


def _check(answer: Message) -> None:
    """Raises HssRefused, Unavailable for what is no success."""
    result = answer.result
    if result is not None and result[0] == TGPP:
        raise HssRefused(result[1])
    if result is None or not 2000 <= result[1] < 3000:
        raise Unavailable(f"HSS: result {result[1] if result else 'missing'}")


def _members(answer: Message) -> tuple[Member, ...]:
    """One of each User-Identifier.  Raises NoGroups for the answer about a device."""
    if "Service-Data" in answer:
        raise NoGroups("the HSS has answered for a device")
    members: list[Member] = []
    for user in answer.all("User-Identifier"):
        if "User-Name" not in user or "External-Identifier" not in user:
            raise NoGroups("the HSS has not named the members of the group")
        try:
            external_id = str(ExternalIdentifier.parse(user["External-Identifier"]))
            members.append(Member(imsi=imsi(user["User-Name"]), external_id=external_id))
        except IdentityError as error:
            raise Unavailable(f"HSS: {error}") from None
    return tuple(members)


def _user(device: Device) -> dict[str, Any]:
    """Exactly one identity, the External Identifier when there is one (clause 5.2.1.1)."""
    if device.external_id is not None:
        return {"External-Identifier": device.external_id}
    return {"MSISDN": encode_number(device.msisdn or "")}


def _external_ids(users: tuple[Grouped, ...]) -> Iterator[str]:
    """Of all instances: an answer may have several, each with another identity of the one user (clause 5.2.1)."""
    for user in users:
        if "External-Identifier" in user:
            yield str(ExternalIdentifier.parse(user.text("External-Identifier")))


def _found(answer: Message) -> Found:
    """The answer's content; without an IMSI or T4-Data it is of no use for a trigger."""
    users, service = answer.all("User-Identifier"), answer.get("Service-Data")
    data = None if service is None else service.get("T4-Data")
    user = next((each for each in users if "User-Name" in each), None)
    if user is None or data is None:
        raise Unavailable("HSS: answer without User-Name or T4-Data")
    cause = data.get("HSS-Cause", 0)
    nodes: list[ServingNode] = []
    try:
        if "Serving-Node" in data:
            nodes = [from_group(group) for group in (data["Serving-Node"], *data.all("Additional-Serving-Node"))]
        return Found(
            imsi=imsi(user["User-Name"]),
            msisdn=decode_number(user["MSISDN"]) if "MSISDN" in user else None,
            external_ids=tuple(_external_ids(users)),
            absent=bool(cause & ABSENT),
            not_provisioned=bool(cause & NOT_PROVISIONED),
            barred=bool(cause & BARRED),
            nodes=() if cause & ABSENT else tuple(nodes),
        )
    except IdentityError as error:
        raise Unavailable(f"HSS: {error}") from None
