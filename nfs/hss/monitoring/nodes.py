"""What serving nodes are told of a SCEF's wishes (IDR, TS 29.272 5.2.2.1), and what they say to it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.message import Grouped
from nfs.hss.monitoring import avps
from nfs.hss.monitoring.configure import NODE_TYPE, Applied, Target
from nfs.hss.monitoring.logic import Error, Timers
from nfs.hss.monitoring.tables import Item
from nfs.hss.s6a_orders import Insert

REACHABILITY: Final = 1
"""Bit 0 of IDR-Flags: the node is to say when the device is reachable."""
UNKNOWN: Final = (Error.CONFIGURATION_EVENT_NON_EXISTANT, Error.SCEF_REFERENCE_ID_UNKNOWN)
Said = dict[tuple[str, int], dict[int, int]]
"""By SCEF and reference, the result code of each Node-Type."""


def data(done: Applied, timers: Timers | None) -> dict[str, Any]:
    """Subscription-Data that tell a node what changed; empty where it need not be told."""
    found: dict[str, Any] = {}
    configurations = [avps.configuration(item) for item, _, _ in done.asked if item.kind == "event"]
    configurations += [avps.deletion(item) for item, _ in done.gone if item.kind == "event"]
    patterns = [avps.pattern(item) for item, _, _ in done.asked if item.kind == "pattern"]
    patterns += [_no_pattern(item) for item, _ in done.gone if item.kind == "pattern"]
    if configurations:
        found["Monitoring-Event-Configuration"] = configurations
    if patterns:
        found["AESE-Communication-Pattern"] = patterns
    return found | ({} if timers is None else avps.timers(timers))


def _no_pattern(item: Item) -> dict[str, Any]:
    return {name: value for name, value in avps.deletion(item).items() if name != "Monitoring-Type"}


async def tell(
    insert: Insert, done: Applied, on: Target, timers: Timers | None
) -> tuple[Said, dict[tuple[str, int], dict[str, Any]]]:
    """Tell the nodes of a device; result codes, and reports that came with the answers."""
    members = data(done, timers)
    said: Said = {}
    reports: dict[tuple[str, int], dict[str, Any]] = {}
    if not on.places or not (members or done.reach):
        return said, reports
    kinds = {each.host.lower(): NODE_TYPE[each.kind] for each in on.places}
    for outcome in await insert(done.imsi, members, REACHABILITY if done.reach else None):
        node = kinds.get(outcome.host.lower(), 1)
        done.silent = done.silent or outcome.result is None
        codes = {} if outcome.answer is None else statuses(outcome.answer)
        otherwise = int(ResultCode.SUCCESS if outcome.good else ResultCode.UNABLE_TO_COMPLY)
        for item, _, _ in done.asked:
            key = (item.scef.lower(), item.reference)
            said.setdefault(key, {})[node] = codes.get(key, otherwise) if outcome.good else otherwise
        for item, _ in done.gone:
            key = (item.scef.lower(), item.reference)
            code = codes.get(key, otherwise) if outcome.good else otherwise
            if code in UNKNOWN or outcome.result == (avps.TGPP, Error.USER_UNKNOWN):  # nothing is there to be watched
                code = int(ResultCode.SUCCESS)
            said.setdefault(key, {})[node] = code
        if outcome.answer is not None:
            reports |= _reports(outcome.answer)
    return said, reports


def _key(group: Grouped) -> tuple[str, int]:
    """SCEF and reference; -1, which is nobody's, where an answer about a failure leaves that out."""
    number = group.get("SCEF-Reference-ID-Ext")
    return group.get("SCEF-ID", "").lower(), group.get("SCEF-Reference-ID", -1) if number is None else number


def statuses(message: Message) -> dict[tuple[str, int], int]:
    """The result code of each Monitoring-Event-Config-Status, by SCEF and reference; the first bad one counts."""
    return {_key(each): _code(each.all("Service-Report")) for each in message.all("Monitoring-Event-Config-Status")}


def _code(reports: Iterable[Grouped]) -> int:
    for report in reports:
        result = report.get("Service-Result")
        code = int(ResultCode.SUCCESS if result is None else result.get("Service-Result-Code", ResultCode.SUCCESS))
        if code != ResultCode.SUCCESS:
            return code
    return int(ResultCode.SUCCESS)


def _reports(message: Message) -> dict[tuple[str, int], dict[str, Any]]:
    names = ("SCEF-Reference-ID", "SCEF-Reference-ID-Ext", "SCEF-ID", "Monitoring-Type")
    return {
        _key(each): {name: value for name, value in avps.plain(each).items() if name not in names}
        for each in message.all("Monitoring-Event-Report")
    }
