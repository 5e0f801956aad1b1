"""What a subscription may do in EPS: `[[profile]]` tables, and the Subscription-Data they make (TS 29.272 7.3.2)."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Table
from diameter.config.base import Identity
from nfs.common.identities import encode_number, plmn
from nfs.hss.logic import Subscriber
from nfs.hss.mobility import ACCESS, Rat
from nfs.hss.registrations import Watch

PDN_TYPES: Final = {"ipv4": 0, "ipv6": 1, "ipv4v6": 2, "non-ip": 0}
MT_SMS, MO_SMS = b"\x21", b"\x22"
_MOST: Final = (1 << 32) - 1
_NO, _YES = 0, 1

Plmn = Annotated[str, AfterValidator(plmn)]
Kbps = Annotated[int, Field(ge=1, le=4_000_000_000)]


class ApnTable(Table):
    """One `[[profile.apn]]` table."""

    name: str = Field(min_length=1, max_length=100, description="Service-Selection: the APN's network identifier")
    pdn_type: Literal["ipv4", "ipv6", "ipv4v6", "non-ip"] = Field(default="ipv4v6", description="what a PDN is")
    qci: int = Field(default=9, ge=1, le=254, description="QoS-Class-Identifier")
    priority: int = Field(default=8, ge=1, le=15, description="Priority-Level, 1 the highest")
    may_preempt: bool = Field(default=False, description="its bearers may take the place of others")
    preemptable: bool = Field(default=True, description="others may take the place of its bearers")
    uplink_kbps: Kbps = Field(default=1000, description="AMBR of the APN")
    downlink_kbps: Kbps = Field(default=1000, description="AMBR of the APN")
    scef: Identity | None = Field(default=None, description="SCEF that non-IP data goes through")
    scef_realm: Identity | None = Field(default=None, description="its realm")

    @model_validator(mode="after")
    def _an_scef_has_non_ip_data(self) -> Self:
        if (self.scef is None) != (self.scef_realm is None) or (self.scef is not None and self.pdn_type != "non-ip"):
            raise ValueError("scef: with scef_realm, and for pdn_type non-ip only")
        return self


class ProfileTable(Table):
    """One `[[profile]]` table: what subscribers with its name may do."""

    name: str = Field(min_length=1, max_length=64, description="as subscribers name it")
    apn: tuple[ApnTable, ...] = Field(
        min_length=1, strict=False, description="`[[profile.apn]]`; the first is the default APN"
    )
    uplink_kbps: Kbps = Field(default=2000, description="AMBR of the UE")
    downlink_kbps: Kbps = Field(default=2000, description="AMBR of the UE")
    plmns: tuple[Plmn, ...] = Field(default=(), strict=False, description="visited networks allowed; none: every one")
    rats: tuple[Rat, ...] = Field(default=(), strict=False, description="radio access allowed; none: every one")
    periodic_tau_s: int | None = Field(default=None, ge=0, description="Subscribed-Periodic-RAU-TAU-Timer")
    active_time_s: int | None = Field(default=None, ge=0, description="Active-Time of power saving")
    usage_type: int | None = Field(default=None, ge=0, le=255, description="UE-Usage-Type")
    charging: str | None = Field(default=None, pattern="^[0-9A-Fa-f]{4}$", description="3GPP-Charging-Characteristics")

    @property
    def restrictions(self) -> int:
        """Access-Restriction-Data: a bit for each radio access that is not allowed (7.3.31)."""
        return (
            0 if not self.rats else sum(1 << access.bit for access in ACCESS.values() if access.name not in self.rats)
        )


def by_name(profiles: Iterable[ProfileTable]) -> dict[str, ProfileTable]:
    """The profiles of a configuration.  Raises ValueError for a name twice."""
    found: dict[str, ProfileTable] = {}
    for each in profiles:
        if found.setdefault(each.name, each) is not each:
            raise ValueError(f"profile {each.name} is there twice")
    return found


def subscription(
    profile: ProfileTable, subscriber: Subscriber, *, sms: bool = False, watches: Iterable[Watch] = ()
) -> dict[str, Any]:
    """Subscription-Data for an MME or SGSN.  `sms`: it is registered for short messages, so their services go along."""
    avps: dict[str, Any] = {"Subscriber-Status": _YES if subscriber.barred else _NO}
    if subscriber.msisdn is not None:
        avps["MSISDN"] = encode_number(subscriber.msisdn)
    avps["Network-Access-Mode"] = 2
    if subscriber.barred:
        avps["Operator-Determined-Barring"] = 1
    if profile.restrictions:
        avps["Access-Restriction-Data"] = profile.restrictions
    if sms:
        avps["Teleservice-List"] = {"TS-Code": [MT_SMS, MO_SMS]}
    if profile.charging is not None:
        avps["3GPP-Charging-Characteristics"] = profile.charging
    avps["AMBR"] = _ambr(profile.uplink_kbps, profile.downlink_kbps)
    avps["APN-Configuration-Profile"] = {
        "Context-Identifier": 1,
        "All-APN-Configurations-Included-Indicator": 0,
        "APN-Configuration": [_apn(number, apn) for number, apn in enumerate(profile.apn, 1)],
    }
    if profile.periodic_tau_s is not None:
        avps["Subscribed-Periodic-RAU-TAU-Timer"] = profile.periodic_tau_s
    if profile.usage_type is not None:
        avps["UE-Usage-Type"] = profile.usage_type
    if events := [configuration(each) for each in watches if not each.failed]:
        avps["Monitoring-Event-Configuration"] = events
    if subscriber.external_ids:
        avps["External-Identifier"] = subscriber.external_ids[0].identifier
    if profile.active_time_s is not None:
        avps["Active-Time"] = profile.active_time_s
    return avps


def configuration(event: Watch) -> dict[str, Any]:
    """Monitoring-Event-Configuration of an event (TS 29.336 8.4.2)."""
    avps = {"SCEF-Reference-ID": event.reference, "SCEF-ID": event.scef, "Monitoring-Type": event.event}
    return avps | event.detail


def _apn(number: int, apn: ApnTable) -> dict[str, Any]:
    priority = {
        "Priority-Level": apn.priority,
        "Pre-emption-Capability": int(not apn.may_preempt),
        "Pre-emption-Vulnerability": int(not apn.preemptable),
    }
    avps: dict[str, Any] = {
        "Context-Identifier": number,
        "PDN-Type": PDN_TYPES[apn.pdn_type],
        "Service-Selection": apn.name,
        "EPS-Subscribed-QoS-Profile": {"QoS-Class-Identifier": apn.qci, "Allocation-Retention-Priority": priority},
        "AMBR": _ambr(apn.uplink_kbps, apn.downlink_kbps),
    }
    if apn.pdn_type == "non-ip":
        avps["Non-IP-PDN-Type-Indicator"] = _YES
        avps["Non-IP-Data-Delivery-Mechanism"] = int(apn.scef is not None)
    if apn.scef is not None:
        avps |= {"SCEF-ID": apn.scef, "SCEF-Realm": apn.scef_realm}
    return avps


def _ambr(uplink_kbps: int, downlink_kbps: int) -> dict[str, int]:
    avps = {
        "Max-Requested-Bandwidth-UL": min(uplink_kbps * 1000, _MOST),
        "Max-Requested-Bandwidth-DL": min(downlink_kbps * 1000, _MOST),
    }
    if uplink_kbps * 1000 > _MOST:
        avps["Extended-Max-Requested-BW-UL"] = uplink_kbps
    if downlink_kbps * 1000 > _MOST:
        avps["Extended-Max-Requested-BW-DL"] = downlink_kbps
    return avps
