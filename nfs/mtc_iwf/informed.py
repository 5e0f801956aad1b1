"""What an HSS says of a device on S6m and S6n, read and checked (TS 29.336 5.2.1, 6.4): `mtc s6m` and `mtc s6n`.

`trigger`, `short_message` and `names` make the question of an MTC-IWF and of an MTC-AAA; `Told` is what an answer says,
`checks` whether it may say so.  Nothing in here sends or waits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any, Final

from diameter import Message
from diameter.errors import RemoteFault
from diameter.message import Grouped
from nfs.common.checked import SUCCESS, Check, grammar, proper, result
from nfs.common.identities import Address, ExternalIdentifier, IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import ServingNode, from_group
from nfs.common.user_id import UserId

DEVICE_TRIGGER, SMS_MO = 0, 1  # Service-ID
FROM_IWF, FROM_AAA = 1, 0  # SIR-Flags
ABSENT: Final = 1  # HSS-Cause
CAUSES: Final[Mapping[int, str]] = {
    ABSENT: "Absent-Subscriber",
    2: "Teleservice-Not-Provisioned",
    4: "Call-Barred",
}


class Asked(StrEnum):
    """What was asked for, and with it what the answer has to say."""

    TRIGGER = "device-trigger"
    SMS_MO = "sms-mo"
    NAMES = "names"


def trigger(user: Mapping[str, Any], *, scs: str, priority: bool = False) -> dict[str, Any]:
    """S6m: who is this device, and may this SCS trigger it?  `user`: members of User-Identifier; `scs`: E.164."""
    parameters = {"Priority-Indication": int(priority), "SM-RP-SMEA": Address(scs).encode()}
    return {
        "User-Identifier": user,
        "Service-ID": DEVICE_TRIGGER,
        "SCS-Identity": encode_number(scs),
        "Service-Parameters": {"T4-Parameters": parameters},
        "SIR-Flags": FROM_IWF,
    }


def short_message(user: Mapping[str, Any], *, scs: str, port: int | None) -> dict[str, Any]:
    """S6m: which External Identifier stands for this IMSI and application port?"""
    avps = {"User-Identifier": user, "Service-ID": SMS_MO, "SCS-Identity": encode_number(scs), "SIR-Flags": FROM_IWF}
    return avps if port is None else avps | {"Service-Parameters": {"Application-Port-Identifier": port}}


def names(subscriber: str) -> dict[str, Any]:
    """S6n: under which names is this IMSI known outside?  Nothing else is asked for (5.2.1.4)."""
    return {"User-Identifier": {"User-Name": subscriber}, "SIR-Flags": FROM_AAA}


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What an answer says.  `cause`: HSS-Cause, None without T4-Data; `nodes`: the preferred first.

    `unread`: what of it could not be read, and why.
    """

    users: tuple[UserId, ...] = ()
    cause: int | None = None
    nodes: tuple[ServingNode, ...] = ()
    unread: tuple[str, ...] = ()

    @property
    def causes(self) -> tuple[str, ...]:
        """The names of the bits that are set."""
        return tuple(name for bit, name in CAUSES.items() if (self.cause or 0) & bit)

    def form(self) -> dict[str, Any]:
        """As JSON values."""
        nodes = [
            {"kind": str(node.kind), "number": node.number, "name": node.name, "realm": node.realm}
            for node in self.nodes
        ]
        causes = None if self.cause is None else list(self.causes)
        return {"users": [asdict(user) for user in self.users], "causes": causes, "nodes": nodes}


def read(answer: Message) -> Told:
    """What is in an answer; never raises for what a peer writes."""
    unread: list[str] = []
    users = tuple(_user(group, unread) for group in _groups(answer, "User-Identifier"))
    service = next(iter(_groups(answer, "Service-Data")), None)
    data = None if service is None else next(iter(_groups(service, "T4-Data")), None)
    if data is None:
        return Told(users=users, unread=tuple(unread))
    nodes = []
    for name in ("Serving-Node", "Additional-Serving-Node"):
        for group in _groups(data, name):
            try:
                nodes.append(from_group(group))
            except (IdentityError, RemoteFault) as error:
                unread.append(_named(name, error))
    return Told(users=users, cause=_cause(data, unread), nodes=tuple(nodes), unread=tuple(unread))


def checks(asked: Asked, answer: Message, subscriber: str | None = None) -> Iterator[Check]:
    """Whether an answer may say what it says.  `subscriber`: the IMSI that was asked for, where it was."""
    yield from grammar(answer)
    yield result(answer)
    told = read(answer)
    yield proper(not told.unread, "identities and nodes can be read", "; ".join(told.unread))
    if answer.result != SUCCESS:
        yield proper(not told.users, "no User-Identifier beside a refusal", "there is one (5.2.1.1)")
        return
    if asked is Asked.TRIGGER:
        yield from _trigger(answer, told)
        return
    yield proper("Service-Data" not in answer, "no Service-Data", "it is for triggers (5.2.1.2)")
    if asked is Asked.SMS_MO:
        good = len(told.users) == 1 and told.users[0].external_id is not None
        yield proper(good, "the External Identifier of the application", "one User-Identifier with one expected")
    else:
        yield from _names(told, subscriber)


def _names(told: Told, subscriber: str | None) -> Iterator[Check]:
    """Step 6 of 5.2.1.2: a User-Identifier for each name; the IMSI for a device that has none."""
    yield proper(bool(told.users), "User-Identifier", "missing")
    outside = [user for user in told.users if user.msisdn is not None or user.external_id is not None]
    if told.users and not outside:
        good = told.users == (UserId(imsi=subscriber),)
        yield proper(good, "a device without names is its IMSI", "it is another IMSI, or there more than once")
        return
    yield proper(all(user.count == 1 for user in told.users), "one name in each User-Identifier", "several in one")
    yield proper(len(set(told.users)) == len(told.users), "no name twice", "one is there twice")
    if len(outside) < len(told.users):
        yield Check("note", "User-Name", "the IMSI is said although there are names")


def _trigger(answer: Message, told: Told) -> Iterator[Check]:
    """Step 4 of 5.2.1.2, and 6.4.8."""
    yield proper(any(user.imsi for user in told.users), "IMSI", "no User-Identifier has a User-Name")
    yield proper(told.cause is not None, "T4-Data", "missing")
    if told.cause is None:
        return
    if told.cause & ABSENT:
        yield proper(not told.nodes, "no nodes of an absent subscriber", f"{len(told.nodes)} named (6.4.8)")
    elif told.cause & ~ABSENT:
        if told.nodes:
            yield Check("note", "nodes", "named although no short message can be delivered (6.4.8)")
    else:
        yield proper(bool(told.nodes), "serving nodes", "none, and the subscriber is not said to be absent")
    first = bool(_groups(answer["Service-Data"]["T4-Data"], "Serving-Node"))
    others = bool(_groups(answer["Service-Data"]["T4-Data"], "Additional-Serving-Node"))
    yield proper(first or not others, "Additional-Serving-Node", "without Serving-Node (6.4.8)")


def _cause(data: Grouped, unread: list[str]) -> int:
    """HSS-Cause, 0 where there is none to be read."""
    try:
        return data.number("HSS-Cause") if "HSS-Cause" in data else 0
    except RemoteFault as error:
        unread.append(_named("HSS-Cause", error))
        return 0


def _named(name: str, error: IdentityError | RemoteFault) -> str:
    text = error.text if isinstance(error, RemoteFault) else str(error)
    return text if text.startswith(name) else f"{name}: {text}"


def _groups(holder: Message | Grouped, name: str) -> tuple[Grouped, ...]:
    return tuple(each for each in holder.all(name) if isinstance(each, Grouped))


def _user(group: Grouped, unread: list[str]) -> UserId:
    found: dict[str, str] = {}
    for name, key in (("User-Name", "imsi"), ("MSISDN", "msisdn"), ("External-Identifier", "external_id")):
        if name in group:
            try:
                found[key] = _identity(group, name)
            except (IdentityError, RemoteFault) as error:
                unread.append(_named(name, error))
    return UserId(**found)


def _identity(group: Grouped, name: str) -> str:
    """One member of User-Identifier.  Raises IdentityError."""
    if name == "MSISDN":
        return decode_number(group.raw(name))
    return imsi(group.text(name)) if name == "User-Name" else str(ExternalIdentifier.parse(group.text(name)))
