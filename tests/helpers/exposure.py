"""An HSS with S6a and S6t for tests: SCEFs that ask and are told, MMEs that watch as they are asked to."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection

from diameter import Message
from diameter.app import Neighbour
from diameter.testing import FakeRequester
from helpers.messages import dictionary
from helpers.mobility import IMSI, MONTE, PROFILES, TUAK_IMSI, Rig
from nfs.common.store import Cache
from nfs.hss.authentication import AuthenticationCentre, Known
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.monitoring import access, outbox_tables, tables
from nfs.hss.monitoring.config import Exposing, MonitoringTable, ScefTable
from nfs.hss.monitoring.follow import Follow
from nfs.hss.monitoring.logic import Service
from nfs.hss.monitoring.s6t import exposing
from nfs.hss.s6a import S6a

SCEF, OTHER, POOR, STRANGER = (f"{name}.operator.example" for name in ("scef", "scef2", "poor", "stranger"))
REALM: Final = "operator.example"
METER: Final = "meter-1@customer.example"
FLEET: Final = "fleet@customer.example"
NOW: Final = 1_700_000_000
EVERYTHING: Final = tuple(Service)
CONFIG: Final = Exposing(
    scef=(
        ScefTable(host=SCEF, services=EVERYTHING, most_events=3),
        ScefTable(host=OTHER, services=EVERYTHING, via=("relay.operator.example",)),
        ScefTable(host=POOR, services=(Service.LOCATION,)),
    ),
    monitoring=MonitoringTable(),
)
ALL_BITS: Final = {"Vendor-Id": 10415, "Feature-List-ID": 1, "Feature-List": 0x7FF}
ROW: Final = access.Row(device="any", scef=SCEF, services=EVERYTHING, providers=("acme",))


def watching(
    codes: Mapping[int, int] | None = None, report: Mapping[str, Any] | None = None
) -> Callable[[Message], Message]:
    """An MME that takes events: `codes` by reference where it does not, `report` what it reports at once."""

    def answer(request: Message) -> Message:
        statuses, reports = [], []
        for event in request["Subscription-Data"].all("Monitoring-Event-Configuration"):
            if "SCEF-Reference-ID" not in event:
                continue
            names = {"SCEF-Reference-ID": event["SCEF-Reference-ID"], "SCEF-ID": event["SCEF-ID"]}
            code = (codes or {}).get(event["SCEF-Reference-ID"], 2001)
            result = {"Vendor-Id": 0, "Service-Result-Code": code}
            statuses.append({"Service-Report": {"Service-Result": result, "Node-Type": 1}, **names})
            if report is not None and code == 2001:
                reports.append({**names, **report})
        members: dict[str, Any] = {"Monitoring-Event-Config-Status": statuses} if statuses else {}
        return request.answer(2001, members | ({"Monitoring-Event-Report": reports} if reports else {}))

    return answer


def taken(request: Message) -> Message:
    """A SCEF that takes a report."""
    return request.answer(2001, {"Auth-Session-State": 1})


class Lab(Rig):
    """Adds S6t.  `mme`: how MMEs answer IDR; `scef`: how SCEFs answer RIR and NIR; both may be changed at any time."""

    def __init__(self, folder: Path, *, config: Exposing = CONFIG) -> None:
        self.config = config
        self.mme: Callable[[Message], Message] | Exception = watching()
        self.scef: Callable[[Message], Message] | Exception = taken
        orders = ("Insert-Subscriber-Data", "Delete-Subscriber-Data", "Cancel-Location")
        super().__init__(folder, dict.fromkeys(orders, self._of_mme))

    @classmethod
    def fill(cls, connection: Connection) -> None:
        """Besides, what SCEFs may ask for, and a group."""
        super().fill(connection)
        for subject in (IMSI, TUAK_IMSI, FLEET):
            access.change(connection, subject, ROW)
        access.change(connection, IMSI, access.Row(device="any", scef=POOR, services=(Service.LOCATION,)))
        access.change(connection, IMSI, access.Row(device="any", scef=OTHER, services=EVERYTHING))
        groups.make(connection, Group(external_id=FLEET, members=(METER, "meter-9@customer.example")))

    def _of_mme(self, request: Message) -> Message:
        if isinstance(self.mme, Exception):
            raise self.mme
        return self.mme(request) if request.command_code == 319 else request.answer(2001)

    def _of_scef(self, request: Message) -> Message:
        if isinstance(self.scef, Exception):
            raise self.scef
        return self.scef(request)

    def restart(self) -> None:
        """Forget all that is not in the database."""
        known: Cache[str, Known | None] = Cache(100, 1.0, self.clock.seconds)
        self.centre = AuthenticationCentre(self.store, self._seal, known, self.clock.seconds, self.clock.callLater)
        follow = Follow(self.config.monitoring, self.clock.seconds, lambda: None)
        self.s6a = S6a(self.store, self.centre, PROFILES, self.audit, self._moved, self._backs, follow)
        self.s6t = exposing(self.s6a, follow, self.config, self.store, self.audit, self.clock)
        names: dict[str, Any] = {"origin_host": "hss.core.example", "origin_realm": "core.example"}
        self.fake = FakeRequester(self.s6a, dictionary(), self._answers, clock=self.clock, **names)
        scefs = dict.fromkeys(("Reporting-Information", "NIDD-Information"), self._of_scef)
        self.told = FakeRequester(self.s6t, dictionary(), scefs, clock=self.clock, **names)

    def say(self, command: str, avps: Mapping[str, Any], *, scef: str = SCEF, peer: str = "") -> Message:
        """Have a SCEF ask; the answer, which has no faults.  A name of None is left out."""
        user = {"User-Identifier": {"External-Identifier": METER}, "Supported-Features": ALL_BITS}
        filled = {name: value for name, value in {**user, **avps}.items() if value is not None}
        neighbour = Neighbour(host=peer or scef, realm=REALM)
        if peer:
            filled |= {"Origin-Host": scef, "Origin-Realm": REALM}
        answer = self.told.deliver(command, filled, neighbour=neighbour)
        assert answer.faults == ()
        return answer

    def cir(self, *events: Mapping[str, Any], scef: str = SCEF, **more: Any) -> Message:
        """A Configuration-Information-Request for events; `more` with dashes written as underscores."""
        avps = {name.replace("_", "-"): value for name, value in more.items()}
        peer = avps.pop("peer", "")
        if events:
            avps["Monitoring-Event-Configuration"] = [{"SCEF-ID": scef, **each} for each in events]
        return self.say("Configuration-Information", avps, scef=scef, peer=peer)

    def at(self, user: str = IMSI, **changes: Any) -> Message:
        """The device registers at an MME that watches for events; then what there is to say is said."""
        answer = self.ulr(user, **{"Supported_Features": [MONTE], **changes})
        self.told.settle()
        return answer

    def later(self, seconds: float) -> None:
        """Time goes by, and what is due is said."""
        self.clock.advance(seconds)
        self.s6t.outbox.wake()
        self.told.settle()

    def items(self, user: str = IMSI) -> list[tables.Item]:
        """What is configured for a device."""
        with self.transaction() as connection:
            return tables.of(connection, user, int(self.clock.seconds()))

    def notes(self) -> list[outbox_tables.Note]:
        """What waits to be said."""
        with self.transaction() as connection:
            return outbox_tables.waiting(connection)

    def reports(self) -> list[Message]:
        """What SCEFs were told."""
        return [each for each in self.told.requests if each.command_code == 8388719]


def event(reference: int, kind: int, **more: Any) -> dict[str, Any]:
    """Monitoring-Event-Configuration without its SCEF-ID."""
    avps = {"SCEF-Reference-ID": reference, "Monitoring-Type": kind}
    return avps | {name.replace("_", "-"): value for name, value in more.items()}


def code(answer: Message, at: int = 0) -> int:
    """The result code of a Monitoring-Event-Config-Status."""
    status = answer.all("Monitoring-Event-Config-Status")[at]
    return int(status["Service-Report"]["Service-Result"]["Service-Result-Code"])
