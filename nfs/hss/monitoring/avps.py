"""S6t and plain values: what a Configuration-Information-Request asks (8.4.2, 8.4.25, 8.4.66), and AVPs of reports."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from diameter import Message, ResultCode
from diameter.message import Grouped
from nfs.common.groups import names_group
from nfs.common.identities import ExternalIdentifier, IdentityError, decode_number, decode_plmn, encode_number
from nfs.hss.logic import UserId
from nfs.hss.monitoring.logic import BASE, Error, Timers, Wish
from nfs.hss.monitoring.tables import Item

TGPP: Final = 10415
HSS_NODE: Final = 0
SUSPEND, RESUME, CANCEL = 0, 1, 2  # Event-Handling
OURS: Final = 0b111_1101_1111
"""Features of Feature-List 1: all of table 8.4.23-1 but bit 5, whose flags no message of ours has."""
CANCELLATION, NIDD_UPDATE = 1 << 6, 1 << 4
NO_TIMERS: Final = Timers()
_MANY: Final = frozenset(
    {"Communication-Pattern-Set", "Scheduled-Communication-Time", "Visited-PLMN-Id", "PDN-Connectivity-Status-Report"}
)
_KEPT: Final = (str, bytes, int, float, datetime, dict)


class Reference(NamedTuple):
    """A reference of a SCEF; `extended`: of 64 bits."""

    number: int
    extended: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One Monitoring-Event-Configuration, AESE-Communication-Pattern or Suggested-Network-Configuration.

    new: the reference of what is to be there; gone: those of what is to go.  wish: an event; detail: the rest, as AVPs.
    """

    scef: str
    new: Reference | None
    gone: tuple[Reference, ...] = ()
    wish: Wish | None = None
    detail: dict[str, Any] = field(default_factory=dict)
    timers: Timers = NO_TIMERS
    until: int | None = None
    provider: str | None = None
    include: tuple[str, ...] = ()
    exclude: tuple[str, ...] = ()


def user(group: Grouped) -> tuple[UserId, bool]:
    """Whom a User-Identifier names, and whether that is a group.  Raises IdentityError."""
    if names_group(group):
        return UserId(external_id=str(ExternalIdentifier.parse(group.get("External-Identifier", "")))), True
    external_id = group.get("External-Identifier")
    found = UserId(
        imsi=group.get("User-Name"),
        msisdn=decode_number(group.raw("MSISDN")) if "MSISDN" in group else None,
        external_id=None if external_id is None else str(ExternalIdentifier.parse(external_id)),
    )
    if found.count != 1:
        raise IdentityError("one identity expected")
    return found, False


def called(user_id: UserId) -> str:
    """How the SCEF calls a device."""
    return user_id.external_id or user_id.msisdn or ""


def identifier(name: str, *, group: bool = False) -> dict[str, Any]:
    """User-Identifier of a device as a SCEF calls it; never the IMSI (8.4.36)."""
    if group:
        return {"External-Identifier": name, "Type-Of-External-Identifier": 1}
    return {"External-Identifier": name} if "@" in name else {"MSISDN": encode_number(name)}


def _references(group: Grouped) -> tuple[Reference | None, tuple[Reference, ...]]:
    """The 64-bit forms count before those of 32 bits, whose content is then nothing (8.4.2)."""
    wide, narrow = group.get("SCEF-Reference-ID-Ext"), group.get("SCEF-Reference-ID")
    gone = [Reference(each, extended=True) for each in group.all("SCEF-Reference-ID-for-Deletion-Ext")]
    gone = gone or [Reference(each) for each in group.all("SCEF-Reference-ID-for-Deletion")]
    new = Reference(wide, extended=True) if wide is not None else None if narrow is None else Reference(narrow)
    return new, tuple(gone)


def seconds(time: datetime | None) -> int | None:
    """A Time as seconds since 1970."""
    return None if time is None else int(time.timestamp())


def moment(at: int) -> datetime:
    """Seconds since 1970 as a Time."""
    return datetime.fromtimestamp(at, UTC)


def provider(group: Message | Grouped) -> str | None:
    """The MTC provider of a request or of a part of it."""
    info = group.get("MTC-Provider-Info")
    return None if info is None else info.get("MTC-Provider-ID", "")


def events(request: Message) -> list[Asked]:
    """Each Monitoring-Event-Configuration."""
    return [_event(each) for each in request.all("Monitoring-Event-Configuration")]


def _event(group: Grouped) -> Asked:
    new, gone = _references(group)
    reach: Mapping[str, Any] | Grouped = group.get("UE-Reachability-Configuration") or {}
    location: Mapping[str, Any] | Grouped = group.get("Location-Information-Configuration") or {}
    pdn: Mapping[str, Any] | Grouped = group.get("PDN-Connectivity-Status-Configuration") or {}
    until = seconds(group.get("Monitoring-Duration"))
    wish = Wish(
        type=group["Monitoring-Type"],
        reports=group.get("Maximum-Number-of-Reports"),
        until=until,
        detection_s=group.get("Maximum-Detection-Time"),
        reach=reach.get("Reachability-Type", 1),
        latency_s=reach.get("Maximum-Latency"),
        response_s=reach.get("Maximum-Response-Time"),
        packets=reach.get("DL-Buffering-Suggested-Packet-Count", group.get("DL-Buffering-Suggested-Packet-Count")),
        location=location.get("MONTE-Location-Type", 1),
        accuracy=location.get("Accuracy"),
        interval_s=location.get("Periodic-Time"),
        association=group.get("Association-Type", 0),
        plmn=group.get("PLMN-ID-Requested", 0) == 0,
        apn=pdn.get("Service-Selection", ""),
    )
    return Asked(
        scef=group["SCEF-ID"], new=new, gone=gone, wish=None if new is None else wish, until=until,
        provider=provider(group), include=_members(group, "Include-Identifiers"),
        exclude=_members(group, "Exclude-Identifiers"),
    )  # fmt: skip


def _members(group: Grouped, name: str) -> tuple[str, ...]:
    """External Identifiers and MSISDNs of members that come to a group's event, or leave it."""
    found = group.get(name)
    if found is None:
        return ()
    numbers = tuple(decode_number(each) for each in found.all("MSISDN"))
    return (*(str(ExternalIdentifier.parse(each)) for each in found.all("External-Identifier")), *numbers)


def patterns(request: Message) -> list[Asked]:
    """Each AESE-Communication-Pattern; it lasts as long as the longest of its sets."""
    found = []
    for group in request.all("AESE-Communication-Pattern"):
        new, gone = _references(group)
        sets = group.all("Communication-Pattern-Set")
        ends = [seconds(each.get("Reference-ID-Validity-Time")) for each in sets]
        known = [each for each in ends if each is not None]
        until = max(known) if known and len(known) == len(ends) else None
        detail = {"Communication-Pattern-Set": [plain(each) for each in sets]}
        found.append(
            Asked(scef=group["SCEF-ID"], new=new, gone=gone, detail=detail, until=until, provider=provider(group))
        )
    return found


def network(request: Message) -> Asked | None:
    """Suggested-Network-Configuration; the same reference in both places is a deletion and nothing else (8.4.66)."""
    group = request.get("Suggested-Network-Configuration")
    if group is None:
        return None
    new, gone = _references(group)
    timers = Timers(
        tau_s=group.get("Subscribed-Periodic-RAU-TAU-Timer"),
        active_s=group.get("Active-Time"),
        packets=group.get("DL-Buffering-Suggested-Packet-Count"),
    )
    pure = None if new in gone and timers == Timers() else new
    return Asked(scef=group["SCEF-ID"], new=pure, gone=gone, timers=timers, provider=provider(group))


def plain(group: Grouped) -> dict[str, Any]:
    """A group as plain values: groups as dictionaries, what may come more than once as a list.

    What is not known here, and addresses, which no such group has by its clause, are left out: they cannot be kept.
    """
    found: dict[str, Any] = {}
    for each in group.avps:
        value = plain(each.value) if isinstance(each.value, Grouped) else each.value
        if each.definition is None or not isinstance(value, _KEPT):
            continue
        if each.name in _MANY:
            found.setdefault(each.name, []).append(value)
        else:
            found.setdefault(each.name, value)
    return found


def reference(number: int, extended: bool = False) -> dict[str, Any]:
    """SCEF-Reference-ID, and the one of 64 bits where that is in use; the short one then says nothing."""
    return {"SCEF-Reference-ID": 0, "SCEF-Reference-ID-Ext": number} if extended else {"SCEF-Reference-ID": number}


def service_result(error: Error | int | None) -> dict[str, Any]:
    """Service-Result of an error, or of success."""
    code = int(ResultCode.SUCCESS) if error is None else int(error)
    vendor = 0 if error is None or error in BASE or code < 5000 else TGPP
    return {"Vendor-Id": vendor, "Service-Result-Code": code}


def configuration(item: Item) -> dict[str, Any]:
    """Monitoring-Event-Configuration for a serving node (TS 29.272 5.2.2.1)."""
    wish = Wish(**item.detail)
    avps: dict[str, Any] = reference(item.reference, extended=item.extended)
    avps |= {"SCEF-ID": item.scef, "Monitoring-Type": item.type}
    if item.remaining is not None:
        avps["Maximum-Number-of-Reports"] = item.remaining
    if item.until is not None:
        avps["Monitoring-Duration"] = moment(item.until)
    if wish.detection_s is not None:
        avps["Maximum-Detection-Time"] = wish.detection_s
    if wish.type in (1, 8):
        reach = {"Reachability-Type": wish.reach, "Maximum-Latency": wish.latency_s}
        reach |= {"Maximum-Response-Time": wish.response_s, "DL-Buffering-Suggested-Packet-Count": wish.packets}
        avps["UE-Reachability-Configuration"] = {name: each for name, each in reach.items() if each is not None}
    if wish.type == 2:
        place = {"MONTE-Location-Type": wish.location, "Accuracy": wish.accuracy, "Periodic-Time": wish.interval_s}
        avps["Location-Information-Configuration"] = {name: each for name, each in place.items() if each is not None}
    if wish.apn:
        avps["PDN-Connectivity-Status-Configuration"] = {"Service-Selection": wish.apn}
    return avps


def deletion(item: Item) -> dict[str, Any]:
    """What has a serving node forget an event."""
    name = "SCEF-Reference-ID-for-Deletion" + ("-Ext" if item.extended else "")
    return {"SCEF-ID": item.scef, "Monitoring-Type": max(item.type, 0), name: item.reference}


def pattern(item: Item) -> dict[str, Any]:
    """AESE-Communication-Pattern for a serving node."""
    return {**reference(item.reference, extended=item.extended), "SCEF-ID": item.scef, **item.detail}


def timers(found: Timers) -> dict[str, Any]:
    """Timers as members of Subscription-Data or of a network configuration."""
    avps = {
        "Subscribed-Periodic-RAU-TAU-Timer": found.tau_s,
        "Active-Time": found.active_s,
        "DL-Buffering-Suggested-Packet-Count": found.packets,
    }
    return {name: value for name, value in avps.items() if value is not None}


def report(item: Item, **more: Any) -> dict[str, Any]:
    """Monitoring-Event-Report of an event with the members `more`, dashes written as underscores."""
    avps = {**reference(item.reference, extended=item.extended), "SCEF-ID": item.scef, "Monitoring-Type": item.type}
    return avps | {name.replace("_", "-"): value for name, value in more.items()}


def group_item(item: Item, members: Mapping[str, Any]) -> dict[str, Any]:
    """Group-Report-Item of a report: what it says, of whom."""
    left_out = ("SCEF-Reference-ID", "SCEF-Reference-ID-Ext", "SCEF-ID", "Terminal-Information", "Reachability-Cause")
    said = {name: value for name, value in members.items() if name not in left_out}
    return {"User-Identifier": identifier(item.called), **said}


def features(request: Message) -> int | None:
    """Feature-List 1 of whoever asks; None when it names no features."""
    lists = [each for each in request.all("Supported-Features") if each.get("Vendor-Id") == TGPP]
    if not lists:
        return None
    return int(next((each["Feature-List"] for each in lists if each["Feature-List-ID"] == 1), 0))


def supported(bits: int) -> dict[str, int]:
    """Supported-Features with a Feature-List 1."""
    return {"Vendor-Id": TGPP, "Feature-List-ID": 1, "Feature-List": bits}


def coverage(request: Message) -> tuple[bool, list[str]] | None:
    """Enhanced-Coverage-Restriction: whether its networks are the restricted ones, and their digits."""
    group = request.get("Enhanced-Coverage-Restriction")
    if group is None:
        return None
    restricted = "Restricted-PLMN-List" in group
    found = group.get("Restricted-PLMN-List" if restricted else "Allowed-PLMN-List")
    octets: Iterable[bytes] = () if found is None else found.all("Visited-PLMN-Id")
    return restricted, [decode_plmn(each) for each in octets]


def wish_detail(wish: Wish) -> dict[str, Any]:
    """A wish as it is kept."""
    return asdict(wish)
