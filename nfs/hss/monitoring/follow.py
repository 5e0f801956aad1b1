"""What S6a says of a device, for whoever watches it: called inside the transactions of ULR and NOR.

A device that moves takes its configuration along: what the new node is to watch for goes into its Subscription-Data.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Connection

from diameter import Message, ResultCode
from nfs.hss.monitoring import avps, coverage, outbox_tables, tables
from nfs.hss.monitoring.config import MonitoringTable
from nfs.hss.monitoring.configure import MONITORING, NODE_TYPE, PATTERNS, power_saving
from nfs.hss.monitoring.logic import Wish
from nfs.hss.monitoring.nodes import statuses
from nfs.hss.monitoring.notice import Seen, look, note
from nfs.hss.monitoring.tables import Item
from nfs.hss.registrations import Kind, Registration


class Follow:
    """`clock`: seconds since 1970.  `noted`: to be called once what was noted down is on disk."""

    def __init__(self, config: MonitoringTable, clock: Callable[[], float], noted: Callable[[], None]) -> None:
        self.config = config
        self._clock = clock
        self.noted = noted

    def registered(
        self, connection: Connection, imsi: str, new: Registration, data: dict[str, Any], *, sms: bool
    ) -> bool:
        """A device registered: note down what is to be reported, put into Subscription-Data what the node is to know.

        sms: short messages go through this node.  True when something was noted.
        """
        now = int(self._clock())
        coverage.extend(connection, imsi, new.plmn, data)
        items = tables.of(connection, imsi, now)
        if not items:
            return False
        seen = Seen(imei=new.imei, software=new.software, plmn=new.plmn, back=sms)
        noted = look(connection, items, seen, now, self.config.keep_s)
        noted += self._moved(connection, items, new, now)
        _add(data, items, new, self.config)
        _nidd(connection, data, items)
        return bool(noted)

    def extend(self, connection: Connection, imsi: str, data: dict[str, Any]) -> None:
        """Put what SCEFs have set into Subscription-Data of a profile."""
        items = tables.of(connection, imsi, int(self._clock()))
        data |= avps.timers(power_saving(items, self.config))
        _nidd(connection, data, items)

    def at(self, connection: Connection, imsi: str, plmn: str, data: dict[str, Any]) -> None:
        """Put what depends on the network of a node into Subscription-Data."""
        data.setdefault("Access-Restriction-Data", 0)
        coverage.extend(connection, imsi, plmn, data)

    def _moved(self, connection: Connection, items: list[Item], new: Registration, now: int) -> int:
        """SUSPEND where the new node watches for nothing, RESUME where it does again (7.2.2)."""
        able = bool(new.features & MONITORING)
        notes = []
        for item in items:
            if item.kind == "event" and not Wish(**item.detail).seen_here and item.suspended is able:
                handling = avps.RESUME if able else avps.SUSPEND
                tables.change(connection, item, suspended=not able)
                notes.append(note(item, {"Event-Handling": handling}, now, self.config.keep_s))
        outbox_tables.add(connection, notes)
        return len(notes)

    def notified(
        self, connection: Connection, imsi: str, node: Kind, seen: Seen, failed: Mapping[tuple[str, int], int]
    ) -> bool:
        """A node told something of a device; `failed`: result codes of events that it cannot watch for, by SCEF and
        reference.  True when something was noted.
        """
        now = int(self._clock())
        items = tables.of(connection, imsi, now)
        noted = look(connection, items, seen, now, self.config.keep_s) if items else 0
        notes = []
        for item in items:
            code = failed.get((item.scef.lower(), item.reference))
            if code is not None and item.kind == "event" and not item.suspended:
                tables.change(connection, item, suspended=True)
                why = {"Service-Result": avps.service_result(code), "Node-Type": NODE_TYPE[node]}
                members = {"Event-Handling": avps.SUSPEND, "Service-Report": why}
                notes.append(note(item, members, now, self.config.keep_s))
        outbox_tables.add(connection, notes)
        return bool(noted or notes)


def _add(data: dict[str, Any], items: list[Item], new: Registration, config: MonitoringTable) -> None:
    """Events, patterns and timers for a node that can take them."""
    events = [each for each in items if each.kind == "event" and not Wish(**each.detail).seen_here]
    if new.features & MONITORING and events:
        before = data.get("Monitoring-Event-Configuration", [])
        data["Monitoring-Event-Configuration"] = [*before, *(avps.configuration(each) for each in events)]
    patterns = [avps.pattern(each) for each in items if each.kind == "pattern"]
    if new.kind == "mme" and new.features & PATTERNS and patterns:
        data["AESE-Communication-Pattern"] = patterns
    data |= avps.timers(power_saving(items, config))


def _nidd(connection: Connection, data: dict[str, Any], items: list[Item]) -> None:
    """The SCEF that NIDD was authorised for, in the place of the profile's."""
    granted = {each.apn: each for each in items if each.kind == "nidd"}
    for apn in data.get("APN-Configuration-Profile", {}).get("APN-Configuration", ()):
        item = granted.get(apn["Service-Selection"])
        if item is not None:
            known = tables.known(connection, item.scef)
            apn |= {"SCEF-ID": item.scef} | ({} if known is None else {"SCEF-Realm": known.realm})


def seen_in(request: Message, *, back: bool) -> Seen:
    """What a Notify-Request says of a device; `back`: short messages get through."""
    terminal = request.get("Terminal-Information")
    return Seen(
        imei=None if terminal is None else terminal.get("IMEI"),
        software=None if terminal is None else terminal.get("Software-Version"),
        back=back,
        available_until=request.get("Maximum-UE-Availability-Time"),
    )


def failures(request: Message) -> dict[tuple[str, int], int]:
    """The bad ones of Monitoring-Event-Config-Status, by SCEF and reference."""
    return {key: code for key, code in statuses(request).items() if code != ResultCode.SUCCESS}
