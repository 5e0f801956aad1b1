"""S6t as captures: the HSS of this project, and clients of the tests for a SCEF and an MME, as nodes in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from diameter import Dictionary, Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, answers
from diameter.capture import Captured
from diameter.config import parse
from diameter.node import Node
from diameter.testing import MemoryLinks, run
from helpers.inline import InlineReactor, InlineThreads
from helpers.vector_lab import ADDRESSES, HSS, MME, REALM, SCEF, START
from nfs.common.database import database_url, open_engine
from nfs.common.function import Surroundings
from nfs.common.identities import encode_plmn
from nfs.hss import tables
from nfs.hss.__main__ import build
from nfs.hss.config import HssConfig
from nfs.hss.logic import ExternalId, Subscriber
from nfs.hss.monitoring import access
from nfs.hss.monitoring.logic import Service

METER: Final = "meter-1@customer.example"
IMSI: Final = "001010000000001"
HOME: Final = encode_plmn("00101")
BY: Final = " The SCEF and the MME are clients of the tests."
PHONE: Final = {"IMEI": "35299708123456", "Software-Version": "78"}
OTHER_PHONE: Final = {"IMEI": "35299708654321", "Software-Version": "01"}
MONTE: Final = {"Vendor-Id": 10415, "Feature-List-ID": 2, "Feature-List": 1 << 19}
EVERYTHING: Final = {"Vendor-Id": 10415, "Feature-List-ID": 1, "Feature-List": 0x7DF}
TOML: Final = f"""
audit = "hss.audit"
[node]
origin_host = "{HSS}"
origin_realm = "{REALM}"
[[node.listen]]
host = "{ADDRESSES[HSS]}"
transport = "tcp"
physical_protection = true
physical_protection_reason = "in memory"
[[peer]]
host = "{SCEF}"
realm = "{REALM}"
transport = "tcp"
physical_protection = true
physical_protection_reason = "in memory"
[[peer]]
host = "{MME}"
realm = "{REALM}"
transport = "tcp"
physical_protection = true
physical_protection_reason = "in memory"
[[scef]]
host = "{SCEF}"
services = ["imei-change", "location", "loss-of-connectivity", "nidd"]
[[profile]]
name = "meter"
[[profile.apn]]
name = "data"
pdn_type = "non-ip"
"""


class Scef(Application):
    """Asks, and takes every report."""

    dictionary = "ts29336_s6t"

    @answers("Reporting-Information-Request")
    def reporting_information(self, request: Message) -> Message:
        """Take a report."""
        return request.answer(2001)


class Mme(Application):
    """Registers a device, and watches for what it is asked to; a location it tells at once."""

    dictionary = "ts29272_s6a"

    @answers("Insert-Subscriber-Data-Request")
    def insert_subscriber_data(self, request: Message) -> Message:
        """Take what the HSS wants watched."""
        statuses, reports = [], []
        cell = {"E-UTRAN-Cell-Global-Identity": HOME + (1).to_bytes(4), "Age-Of-Location-Information": 0}
        for event in request["Subscription-Data"].all("Monitoring-Event-Configuration"):
            if "SCEF-Reference-ID" in event:
                names = {"SCEF-Reference-ID": event["SCEF-Reference-ID"], "SCEF-ID": event["SCEF-ID"]}
                result = {"Service-Result": {"Vendor-Id": 0, "Service-Result-Code": 2001}, "Node-Type": 1}
                statuses.append({"Service-Report": result, **names})
                if event["Monitoring-Type"] == 2:
                    location = {"MME-Location-Information": cell}
                    reports.append({**names, "EPS-Location-Information": location, "Monitoring-Type": 2})
        members: dict[str, Any] = {"Monitoring-Event-Config-Status": statuses} if statuses else {}
        return request.answer(2001, members | ({"Monitoring-Event-Report": reports} if reports else {}))


class Scene(NamedTuple):
    """One capture."""

    name: str
    title: str
    shows: str
    play: Callable[[ExposureLab], object]


class ExposureLab:
    """`said` grows by every message."""

    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        self.clock = InlineReactor()
        self.clock.rightNow = START
        self.wire = Wire(self.clock)
        self.said: list[Captured] = []
        self._dictionary = dictionary
        self._provision(folder)
        around = Surroundings(reactor=self.clock, dictionary=dictionary, folder=folder, threads=InlineThreads())
        config = parse(TOML, HssConfig, source="hss.toml", base=folder)
        self.parts = build(config, around)
        self.scef, self.mme = Scef(), Mme()
        at = f"tcp:{ADDRESSES[HSS]}:3868"
        ends: dict[str, Any] = {"connect": {HSS: at}, "physical_protection": "in memory"}
        hss = self._node(HSS, config.node_config, self.parts.applications, 1)
        clients = [
            self._node(host, quick_config(host, REALM, **ends), [application], seed)
            for seed, (host, application) in enumerate(((SCEF, self.scef), (MME, self.mme)), 2)
        ]
        self.nodes = [hss, *clients]
        for node in self.nodes:
            self.wait(node.start())
        for node in clients:
            self.wait(node.when_open(HSS))

    def _provision(self, folder: Path) -> None:
        engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        rights = access.Row(device=METER, scef=SCEF, services=tuple(Service))
        with engine.begin() as connection:
            names = (ExternalId(identifier=METER),)
            tables.save(connection, Subscriber(imsi=IMSI, msisdn="15560000001", external_ids=names, profile="meter"))
            tables.save(
                connection,
                Subscriber(imsi=f"{IMSI[:-1]}2", external_ids=(ExternalId(identifier="meter-2@customer.example"),)),
            )
            access.change(connection, IMSI, rights)
        engine.dispose()

    def _node(self, host: str, config: Any, applications: Any, seed: int) -> Node:
        return Node(
            config, applications, self._dictionary, reactor=self.clock, seed=seed, tap=_Tap(self, host),
            observe=lambda point, fields: None,
            links=lambda reactor, config, owner: MemoryLinks(self.wire, config, owner),
        )  # fmt: skip

    def note(self, time: float, own: str, other: str, dialled: bool, octets: bytes) -> None:
        """A message that `own` sends to `other`."""
        high = 40_060 if SCEF in (own, other) else 40_050
        ends = (ADDRESSES[own], high if dialled else 3868), (ADDRESSES[other], 3868 if dialled else high)
        now = round(time * 1e6) * 1000
        if self.said and now <= self.said[-1].time_ns:
            now = self.said[-1].time_ns + 1000
        self.said.append(Captured(now, *ends, octets, "sctp", True, 0, f"sctp, peer {other}, sent, PPID 46", 0, 46))

    def wait(self, awaitable: Any) -> Any:
        """The result of a Deferred or Later, advancing the clock."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.clock)

    def ask(self, event: Mapping[str, Any], name: str = METER) -> Message:
        """The SCEF asks for an event, or its end; then a second goes by."""
        avps = {
            "User-Identifier": {"External-Identifier": name},
            "Supported-Features": EVERYTHING,
            "Monitoring-Event-Configuration": {"SCEF-ID": SCEF, **event},
        }
        return self._said(self.scef.request("Configuration-Information", avps, to=HSS, realm=REALM))

    def nidd(self) -> Message:
        """The SCEF asks to carry data."""
        avps = {
            "User-Identifier": {"External-Identifier": METER},
            "NIDD-Authorization-Request": {"Service-Selection": "data"},
        }
        return self._said(self.scef.request("NIDD-Information", avps, to=HSS, realm=REALM))

    def register(self, terminal: Mapping[str, str]) -> Message:
        """The MME registers the device in a terminal."""
        avps = {"User-Name": IMSI, "Supported-Features": MONTE, "Terminal-Information": terminal, "RAT-Type": 1004}
        avps |= {"ULR-Flags": 0x22, "Visited-PLMN-Id": HOME}
        return self._said(self.mme.request("Update-Location", avps, to=HSS, realm=REALM))

    def _said(self, asked: Any) -> Message:
        answer: Message = self.wait(asked)
        for _ in range(10):
            self.clock.advance(0.1)
        return answer

    def close(self) -> None:
        """Stop everything."""
        assert self.parts.stopping is not None
        assert self.parts.stopped is not None
        self.parts.stopping()
        for node in self.nodes:
            self.wait(node.stop())
        self.wait(self.parts.stopped())


class _Tap:
    """Writes down what a node sends."""

    def __init__(self, lab: ExposureLab, own: str) -> None:
        self._lab = lab
        self._own = own

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        """One message."""
        if outgoing and int.from_bytes(octets[8:12]):
            self._lab.note(time, self._own, peer or link.dialled, bool(link.dialled), octets)

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        """Nothing is kept of events."""


IMEI_EVENT: Final = {
    "SCEF-Reference-ID": 7,
    "Monitoring-Type": 3,
    "Association-Type": 1,
    "Maximum-Number-of-Reports": 2,
}


def _imei_change(lab: ExposureLab) -> None:
    lab.register(PHONE)
    begin = len(lab.said)
    lab.ask(IMEI_EVENT)
    del lab.said[:begin]
    lab.register(OTHER_PHONE)


def _location(lab: ExposureLab) -> None:
    lab.ask({"SCEF-Reference-ID": 8, "Monitoring-Type": 2})


def _deletion(lab: ExposureLab) -> None:
    lab.ask({"SCEF-Reference-ID": 9, "Monitoring-Type": 0, "Maximum-Number-of-Reports": 5})
    lab.ask({"Monitoring-Type": 0, "SCEF-Reference-ID-for-Deletion": [9, 10]})


def _refused(lab: ExposureLab) -> None:
    for name in ("nobody@customer.example", "meter-2@customer.example"):
        lab.ask(IMEI_EVENT, name)


SCENES: Final = (
    Scene("s6t-imei-change", "S6t: a device in another terminal",
          "A SCEF has a change of the IMSI-IMEI(SV) association watched. What the HSS knows is reported in the CIA; "
          "when the device registers from another terminal, in a RIR.", _imei_change),
    Scene("s6t-immediate-report", "S6t: a location, at once",
          "Location reporting, asked for once: the HSS asks the MME in Insert-Subscriber-Data, whose answer has the "
          "report that the CIA brings.", _location),
    Scene("s6t-deleted", "S6t: an event is configured, and deleted",
          "Loss of connectivity, watched by the MME; then a CIR deletes it with another one that there is not (5514).",
          _deletion),
    Scene("s6t-nidd", "S6t: NIDD is authorised", "NIDD-Information, and the SCEF of the APN for the MME.",
          lambda lab: lab.nidd()),
    Scene("s6t-refused", "S6t: no such device, no right to it",
          "DIAMETER_ERROR_USER_UNKNOWN (5001), then DIAMETER_ERROR_UNAUTHORIZED_SERVICE (5511).", _refused),
)  # fmt: skip


def exposed(dictionary: Dictionary) -> Iterator[tuple[Scene, tuple[Captured, ...]]]:
    """Each scene with its messages."""
    with tempfile.TemporaryDirectory() as folder:
        lab = ExposureLab(Path(folder), dictionary)
        try:
            for scene in SCENES:
                lab.said.clear()
                scene.play(lab)
                yield scene._replace(shows=scene.shows + BY), tuple(lab.said)
        finally:
            lab.close()
