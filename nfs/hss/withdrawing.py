"""What `mtc subscriber withdraw` takes away from serving nodes: Delete-Subscriber-Data (TS 29.272 5.2.2.2, 7.3.25).

Bits that need more than a bit (trace, supplementary services, contexts of GPRS) are not offered.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from sqlalchemy import Connection

from nfs.hss.monitoring import revoke, tables
from nfs.hss.profiles import MO_SMS, MT_SMS, ProfileTable
from nfs.hss.s6a_orders import MONITORING_WITHDRAWAL

PLAIN: Final = {
    "regional": 0,
    "apns": 1,
    "charging": 2,
    "stn-sr": 4,
    "roaming-restriction": 7,
    "csg": 9,
    "apn-oi": 10,
    "periodic-tau": 14,
    "vsrvcc": 15,
    "a-msisdn": 16,
    "prose": 17,
    "buffered-packets": 19,
    "imsi-groups": 20,
    "msisdn": 23,
    "usage-type": 24,
    "external-id": 26,
    "paging-window": 28,
    "active-time": 29,
    "edrx": 30,
    "service-gap": 31,
}
"""What goes, and its bit of DSR-Flags, which says all."""
CONTEXTS: Final = 1 << 3
SMS: Final = 1 << 13
NAMES: Final = ("sms", *PLAIN)


def request(
    names: Iterable[str], apns: Iterable[str], scef: str, profile: ProfileTable | None
) -> tuple[int, dict[str, Any]] | str:
    """DSR-Flags and the members that say which; or why there is none."""
    flags, members = 0, dict[str, Any]()
    for name in names:
        if name == "sms":
            flags |= SMS
            members["TS-Code"] = [MT_SMS, MO_SMS]
        else:
            flags |= 1 << PLAIN[name]
    numbers: Mapping[str, int] = (
        {} if profile is None else {each.name.lower(): number for number, each in enumerate(profile.apn, 1)}
    )
    wanted = [each.lower() for each in apns]
    if unknown := [each for each in wanted if each not in numbers]:
        return f"no APN {unknown[0]} in its profile"
    if wanted:
        flags |= CONTEXTS
        members["Context-Identifier"] = sorted(numbers[each] for each in set(wanted))
    if scef:
        flags |= MONITORING_WITHDRAWAL
        members["SCEF-ID"] = scef
    return flags, members


def forget_events(connection: Connection, imsi: str, scef: str, now: int) -> str:
    """Forget the monitoring events that a SCEF has on a subscriber; it hears of it.  Its name as it is kept."""
    items = [each for each in tables.of(connection, imsi, now) if each.kind == "event"]
    mine = [each for each in items if each.scef.lower() == scef.lower()]
    revoke.cancel(connection, mine, now, nodes=False)
    return mine[0].scef if mine else scef
