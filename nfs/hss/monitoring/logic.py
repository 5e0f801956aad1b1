"""What the HSS makes of a SCEF's wishes, without a word of Diameter (TS 29.336 clause 7.2, TS 23.682 clause 5.6).

Two questions come before everything else.  May this SCEF ask for the service at all (`Scef`, of the configuration)?
May it for this device (`Rights`, rows of the access matrix)?  What no row allows is refused.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Final, NamedTuple, Protocol

from diameter.errors import DiameterError


class Service(StrEnum):
    """What a row of the access matrix is about: a kind of monitoring event, or another service of S6t."""

    LOSS_OF_CONNECTIVITY = "loss-of-connectivity"
    UE_REACHABILITY = "ue-reachability"
    LOCATION = "location"
    IMEI_CHANGE = "imei-change"
    ROAMING_STATUS = "roaming-status"
    COMMUNICATION_FAILURE = "communication-failure"
    AVAILABILITY = "availability-after-ddn-failure"
    PDN_CONNECTIVITY = "pdn-connectivity-status"
    PATTERN = "communication-pattern"
    NETWORK = "network-parameters"
    COVERAGE = "enhanced-coverage"
    NIDD = "nidd"
    GROUP_ID = "group-id"


class Type(IntEnum):
    """Monitoring-Type (8.4.7)."""

    LOSS_OF_CONNECTIVITY = 0
    UE_REACHABILITY = 1
    LOCATION_REPORTING = 2
    IMEI_CHANGE = 3
    ROAMING_STATUS = 4
    COMMUNICATION_FAILURE = 5
    AVAILABILITY = 6
    NUMBER_OF_UES = 7
    UE_REACHABILITY_AND_IDLE = 8
    AVAILABILITY_AND_IDLE = 9
    PDN_CONNECTIVITY = 10


SERVICE_OF: Final = {
    Type.LOSS_OF_CONNECTIVITY: Service.LOSS_OF_CONNECTIVITY,
    Type.UE_REACHABILITY: Service.UE_REACHABILITY,
    Type.LOCATION_REPORTING: Service.LOCATION,
    Type.IMEI_CHANGE: Service.IMEI_CHANGE,
    Type.ROAMING_STATUS: Service.ROAMING_STATUS,
    Type.COMMUNICATION_FAILURE: Service.COMMUNICATION_FAILURE,
    Type.AVAILABILITY: Service.AVAILABILITY,
    Type.UE_REACHABILITY_AND_IDLE: Service.UE_REACHABILITY,
    Type.AVAILABILITY_AND_IDLE: Service.AVAILABILITY,
    Type.PDN_CONNECTIVITY: Service.PDN_CONNECTIVITY,
}
"""Type 7 is asked of the serving node, not of the HSS (TS 23.682 5.6.2)."""
EVENTS: Final = frozenset(SERVICE_OF.values())


class Error(IntEnum):
    """Why S6t says no (8.3): vendor 10415, but for the two of `BASE`."""

    USER_UNKNOWN = 5001
    RESOURCES_EXCEEDED = 5006
    UNABLE_TO_COMPLY = 5012
    USER_NO_APN_SUBSCRIPTION = 5451
    UNAUTHORIZED_REQUESTING_ENTITY = 5510
    UNAUTHORIZED_SERVICE = 5511
    REQUESTED_RANGE_IS_NOT_ALLOWED = 5512
    CONFIGURATION_EVENT_STORAGE_NOT_SUCCESSFUL = 5513
    CONFIGURATION_EVENT_NON_EXISTANT = 5514
    SCEF_REFERENCE_ID_UNKNOWN = 5515
    UNAUTHORIZED_MTC_PROVIDER = 5516


BASE: Final = frozenset({Error.RESOURCES_EXCEEDED, Error.UNABLE_TO_COMPLY})
"""Results of RFC 6733."""


class Refused(DiameterError):
    """The whole request is refused; `why` is for the audit log."""

    def __init__(self, error: Error, why: str) -> None:
        super().__init__(error.name)
        self.error = error
        self.why = why


FOR_SMS: Final = 1
"""Bit 0 of Reachability-Type; bit 1 is for data."""
LAST_KNOWN: Final = 1
MOST: Final = (1 << 31) - 1
"""More than this nobody counts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """A monitoring event as a SCEF wants it (8.4.2).  Times in seconds; `until`: seconds since 1970.

    `reports`: at most so many; with neither `reports` nor `until` it is asked once.  `reach`: Reachability-Type.
    """

    type: int
    reports: int | None = None
    until: int | None = None
    detection_s: int | None = None
    reach: int = FOR_SMS
    latency_s: int | None = None
    response_s: int | None = None
    packets: int | None = None
    location: int = LAST_KNOWN
    accuracy: int | None = None
    interval_s: int | None = None
    association: int = 0
    plmn: bool = True
    apn: str = ""

    @property
    def left(self) -> int | None:
        """How many reports there are to be; None: as long as it lasts."""
        if self.type in (Type.AVAILABILITY, Type.AVAILABILITY_AND_IDLE):
            return None
        if self.reports is None:
            return 1 if self.until is None else None
        return min(self.reports, MOST)

    @property
    def for_sms(self) -> bool:
        """Whether it asks when short messages get through, which the HSS sees itself."""
        return self.type == Type.UE_REACHABILITY and bool(self.reach & FOR_SMS)

    @property
    def seen_here(self) -> bool:
        """Whether the HSS detects it, and no serving node."""
        return self.type in (Type.IMEI_CHANGE, Type.ROAMING_STATUS) or self.for_sms


class Range(NamedTuple):
    """What an operator allows, both ends included."""

    least: int
    most: int

    def holds(self, value: int | None) -> bool:
        """Whether a value may be; one that is not there may."""
        return value is None or self.least <= value <= self.most

    def near(self, value: int) -> int:
        """The value, or the end that it went beyond."""
        return min(max(value, self.least), self.most)


class Bounds(Protocol):
    """The ranges of the configuration."""

    @property
    def detection(self) -> Range: ...

    @property
    def latency(self) -> Range: ...

    @property
    def response(self) -> Range: ...

    @property
    def packets(self) -> Range: ...


class Scef(Protocol):
    """What a SCEF may ask for at all; `most_events` of one type, None without a limit."""

    @property
    def host(self) -> str: ...

    @property
    def services(self) -> Collection[Service]: ...

    @property
    def most_events(self) -> int | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Of one device and one SCEF: what rows allow, what nobody may, and the MTC providers that count."""

    allowed: frozenset[Service] = frozenset()
    never: frozenset[Service] = frozenset()
    providers: frozenset[str] = frozenset()

    def holds(self, service: Service) -> bool:
        """Whether the service may be used."""
        return service in self.allowed and service not in self.never


def authorise(scef: Scef | None, rights: Rights, services: Iterable[Service], providers: Collection[str] = ()) -> None:
    """The checks of a whole request (7.2.1.2 steps 2 and 3).  Raises Refused.

    Of each class of services that is asked for (events are one) one must be open to the SCEF, and then to the SCEF for
    this device; which of several events are not is said event by event.
    """
    asked = _by_class(services)
    if scef is None:
        raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY, "no SCEF of ours")
    for each in asked:
        if not any(service in scef.services for service in each):
            raise Refused(Error.UNAUTHORIZED_REQUESTING_ENTITY, f"the SCEF has no {', '.join(sorted(each))}")
    if not rights.providers.issuperset(providers):
        raise Refused(Error.UNAUTHORIZED_MTC_PROVIDER, "not an MTC provider of this device")
    for each in asked:
        if not any(rights.holds(service) for service in each):
            raise Refused(Error.UNAUTHORIZED_SERVICE, f"no {', '.join(sorted(each))} of this device for the SCEF")


def _by_class(services: Iterable[Service]) -> list[set[Service]]:
    asked = set(services)
    events = asked & EVENTS
    return [*([events] if events else []), *({each} for each in sorted(asked - EVENTS))]


def judge(wish: Wish, scef: Scef, rights: Rights, bounds: Bounds, *, count: int = 0) -> Error | None:
    """Why one event is refused, in the order of 7.2.1.2 step 5; None: it is not.

    count: events of this type that the SCEF has already.
    """
    service = SERVICE_OF.get(Type(wish.type)) if wish.type in Type.__members__.values() else None
    if service is None:
        return Error.UNABLE_TO_COMPLY
    if scef.most_events is not None and count >= scef.most_events:
        return Error.RESOURCES_EXCEEDED
    if service not in scef.services:
        return Error.UNAUTHORIZED_REQUESTING_ENTITY
    if not rights.holds(service):
        return Error.UNAUTHORIZED_SERVICE
    return None if _in_range(wish, bounds) else Error.REQUESTED_RANGE_IS_NOT_ALLOWED


def _in_range(wish: Wish, bounds: Bounds) -> bool:
    """Operator's ranges, and the limits of 8.4.8 on the number of reports."""
    if wish.reports is not None:
        if wish.reports < 1 or wish.type in (Type.AVAILABILITY, Type.AVAILABILITY_AND_IDLE):
            return False
        single = wish.for_sms or (wish.type == Type.LOCATION_REPORTING and wish.location == LAST_KNOWN)
        if single and wish.reports > 1:
            return False
    if wish.type == Type.UE_REACHABILITY and wish.reach not in (1, 2):
        return False
    packets = None if wish.packets is None or wish.packets < 1 else wish.packets
    return (
        bounds.detection.holds(wish.detection_s)
        and bounds.latency.holds(wish.latency_s)
        and bounds.response.holds(wish.response_s)
        and bounds.packets.holds(packets)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Timers:
    """What power saving gets: longest silence, time to answer, packets to keep; None where nothing is said."""

    tau_s: int | None = None
    active_s: int | None = None
    packets: int | None = None


def merged(wanted: Iterable[Timers], bounds: Bounds) -> Timers:
    """The timers that serve everybody: shortest silence, longest time to answer, packets added up within the range."""
    every = list(wanted)
    silence = [each.tau_s for each in every if each.tau_s is not None]
    active = [each.active_s for each in every if each.active_s is not None]
    packets = [each.packets for each in every if each.packets is not None and each.packets > 0]
    return Timers(
        tau_s=min(silence, default=None),
        active_s=max(active, default=None),
        packets=bounds.packets.near(sum(packets)) if packets else None,
    )


def timers_of(wish: Wish) -> Timers:
    """What an event asks of power saving."""
    silence = [each for each in (wish.detection_s, wish.latency_s) if each is not None]
    return Timers(tau_s=min(silence, default=None), active_s=wish.response_s, packets=wish.packets)


def accepted(asked: Timers, bounds: Bounds) -> Timers:
    """Network parameters as they are taken: what is beyond a range is moved to its end."""

    def near(value: int | None, bound: Range) -> int | None:
        return None if value is None else bound.near(value)

    return Timers(
        tau_s=near(asked.tau_s, bounds.latency),
        active_s=near(asked.active_s, bounds.response),
        packets=near(asked.packets, bounds.packets) if asked.packets is not None and asked.packets > 0 else None,
    )


IMEI_CHANGED, SOFTWARE_CHANGED = 1, 2


def device_change(before: str, imei: str, software: str, association: int) -> tuple[int, str]:
    """IMEI-Change bits (0: nothing to report) and what to remember; "IMEI/SV", `before` "" for the first time.

    association: 0 the IMEI alone counts, 1 its software version too (8.4.18).
    """
    now = f"{imei[:14]}/{software[:2]}"
    if before.partition("/")[0] != imei[:14]:
        return IMEI_CHANGED, now
    if before != now and association == 1 and software:
        return SOFTWARE_CHANGED, now
    return 0, before


def at_home(imsi: str, plmn: str) -> bool:
    """Whether a network, by its digits, is the one that the IMSI names."""
    return imsi.startswith(plmn)


def roaming_change(before: str, imsi: str, plmn: str, *, with_plmn: bool) -> tuple[bool, str]:
    """Whether the roaming status (or, when asked for, the network) changed, and what to remember."""
    now = f"{'home' if at_home(imsi, plmn) else 'away'}/{plmn if with_plmn else ''}"
    return now != before, now
