"""Authorisation of non-IP data delivery (7.2.3): who may send a device's data, through which APN, until when."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from nfs.common.identities import encode_number
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.monitoring import tables
from nfs.hss.monitoring.logic import Error, Refused
from nfs.hss.monitoring.tables import Item
from nfs.hss.profiles import ProfileTable, subscription


def apn_of(profiles: Mapping[str, ProfileTable], subscriber: Subscriber, apn: str) -> ProfileTable:
    """The profile of a subscriber that has an APN for non-IP data.  Raises Refused."""
    profile = None if subscriber.profile is None else profiles.get(subscriber.profile)
    names = () if profile is None else (each.name for each in profile.apn if each.pdn_type == "non-ip")
    if profile is None or apn.lower() not in {name.lower() for name in names}:
        raise Refused(Error.USER_NO_APN_SUBSCRIPTION, "no such APN for non-IP data in its profile")
    return profile


def grant(connection: Connection, item: Item, now: int) -> list[Item]:
    """Keep an authorisation; those that it takes the place of."""
    before = [each for each in tables.of(connection, item.imsi, now) if each.kind == "nidd" and each.apn == item.apn]
    for each in before:
        tables.remove(connection, each)
    tables.put(connection, item)
    return before


def contexts(profile: ProfileTable, subscriber: Subscriber, apn: str, scef: tuple[str, str] | None) -> dict[str, Any]:
    """Subscription-Data that give an APN its SCEF (host and realm); with None the one that the profile has.

    Nothing where the profile has no such APN any more.
    """
    whole = subscription(profile, subscriber)["APN-Configuration-Profile"]
    mine = [each for each in whole["APN-Configuration"] if each["Service-Selection"].lower() == apn.lower()]
    if not mine:
        return {}
    if scef is not None:
        for each in mine:
            each |= {"SCEF-ID": scef[0], "SCEF-Realm": scef[1], "Non-IP-Data-Delivery-Mechanism": 1}
    whole |= {"APN-Configuration": mine, "All-APN-Configurations-Included-Indicator": 1}
    return {"APN-Configuration-Profile": whole}


def names(subscriber: Subscriber, asked: UserId) -> dict[str, Any]:
    """What the SCEF learns beside the IMSI: the name that it did not ask by."""
    found: dict[str, Any] = {"User-Name": subscriber.imsi}
    if asked.msisdn is None and subscriber.msisdn is not None:
        found["MSISDN"] = encode_number(subscriber.msisdn)
    if asked.external_id is None and subscriber.external_ids:
        found["External-Identifier"] = subscriber.external_ids[0].identifier
    return found
