"""S6m and S6n at the HSS: AVPs to questions and back, refusals with their codes, the cache."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from diameter import Dictionary, Message
from diameter.testing import FakeRequester
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Cache, Store
from nfs.hss import lookup, tables
from nfs.hss.directory import Directory
from nfs.hss.logic import ExternalId, Service, Subscriber, UserId
from nfs.hss.s6m import S6m

METER = Subscriber(
    imsi="001010000000001",
    msisdn="15550100001",
    external_ids=(
        ExternalId(identifier="meter-1@customer.example"),
        ExternalId(identifier="alarm-1@customer.example", port=9000),
    ),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER), ("15550001", Service.SMS_MO)}),
    nodes=(
        ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example"),
        ServingNode(kind=NodeKind.SGSN, number="15559003", reachable=False),
    ),
)
TRIGGER = {
    "User-Identifier": {"External-Identifier": "meter-1@Customer.EXAMPLE"},
    "Service-ID": 0,
    "SCS-Identity": encode_number("15550001"),
    "Service-Parameters": {"T4-Parameters": {"Priority-Indication": 0}},
    "SIR-Flags": 1,
}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


class Rig:
    def __init__(self, database: str, folder: Path, dictionary: Dictionary) -> None:
        self.folder = folder
        self.clock = InlineReactor()
        engine = open_engine(database_url(database, folder), migrations="nfs.hss:migrations", name="hss")
        with engine.begin() as connection:
            tables.save(connection, METER)
        self.engine = engine
        self.store = Store(engine, self.clock, InlineThreads())
        self.cache: Cache[UserId, Subscriber | None] = Cache(10, 1.0, self.clock.seconds)
        self.audit = AuditLog(folder / "audit", "hss.example")
        directory = Directory(self.store, self.cache, self.clock.callLater)
        self.fake = FakeRequester(S6m(directory, self.audit), dictionary, clock=self.clock)

    def ask(self, **changed: Any) -> Message:
        avps = TRIGGER | {name.replace("_", "-"): value for name, value in changed.items()}
        wanted = {name: value for name, value in avps.items() if value is not None}
        return self.fake.deliver("Subscriber-Information", wanted)

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]


@pytest.fixture
def rig(database: str, tmp_path: Path, dictionary: Dictionary) -> Iterator[Rig]:
    rig = Rig(database, tmp_path, dictionary)
    yield rig
    _ = rig.store.close()
    rig.audit.close()


def test_a_trigger(rig: Rig) -> None:
    answer = rig.ask()
    assert answer.faults == ()
    assert answer.result == (0, 2001)
    user, data = answer["User-Identifier"], answer["Service-Data"]["T4-Data"]
    assert (user["User-Name"], user["MSISDN"]) == (METER.imsi, encode_number("15550100001"))
    assert "External-Identifier" not in user
    assert data["HSS-Cause"] == 0
    assert data["Serving-Node"]["MME-Name"] == "mme1.example"
    assert "Additional-Serving-Node" not in data


def test_a_priority_trigger_gets_the_unreachable_nodes_too(rig: Rig) -> None:
    data = rig.ask(Service_Parameters={"T4-Parameters": {"Priority-Indication": 1}})["Service-Data"]["T4-Data"]
    assert data["Additional-Serving-Node"]["SGSN-Number"] == encode_number("15559003")


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"User_Identifier": {"External-Identifier": "nobody@customer.example"}}, 5001),
        ({"User_Identifier": {"External-Identifier": "no identity"}}, 5001),
        ({"User_Identifier": {"MSISDN": b"\xfe"}}, 5001),
        ({"User_Identifier": {"User-Name": "x"}}, 5001),
        ({"SCS_Identity": encode_number("15550002")}, 5510),
        ({"SCS_Identity": b"\xfe"}, 5510),
        ({"SCS_Identity": None}, 5510),
        ({"User_Identifier": {"User-Name": METER.imsi}, "Service_ID": 1, "Service_Parameters": None}, 5598),
    ],
)
def test_refusals(rig: Rig, changed: dict[str, Any], code: int) -> None:
    answer = rig.ask(**changed)
    assert answer.result == (10415, code)
    assert "Result-Code" not in answer
    assert "User-Identifier" not in answer
    (line,) = rig.lines()
    assert (line["peer"], line["area"], line["stage"]) == ("peer.example.net", "core", "authorisation")
    assert METER.imsi not in str(line)


@pytest.mark.parametrize("user", [{"User-Name": METER.imsi, "MSISDN": encode_number("15550100001")}, {"LMSI": b"1234"}])
def test_exactly_one_identity_is_asked_for(rig: Rig, user: dict[str, Any]) -> None:
    answer = rig.ask(User_Identifier=user)
    assert answer.result == (0, 5004)
    assert "User-Identifier" in answer["Failed-AVP"]


def test_mo_sms(rig: Rig) -> None:
    answer = rig.ask(
        User_Identifier={"User-Name": METER.imsi},
        Service_ID=1,
        Service_Parameters={"Application-Port-Identifier": 9000},
    )
    assert answer["User-Identifier"]["External-Identifier"] == "alarm-1@customer.example"
    assert "Service-Data" not in answer


def test_s6n(rig: Rig) -> None:
    answer = rig.ask(User_Identifier={"User-Name": METER.imsi}, Service_ID=None, SCS_Identity=None, SIR_Flags=0)
    users = answer.all("User-Identifier")
    assert [user.get("External-Identifier") for user in users] == [
        "meter-1@customer.example",
        "alarm-1@customer.example",
        None,
    ]
    assert users[2]["MSISDN"] == encode_number("15550100001")


@pytest.mark.requirement("T-TSP-07")
def test_who_is_asked_about_often_is_looked_up_once_known_or_not(rig: Rig) -> None:
    unknown = {"External-Identifier": "nobody@customer.example"}
    for _ in range(3):
        assert rig.ask().result == (0, 2001)
        assert rig.ask(User_Identifier=unknown).result == (10415, 5001)
    assert rig.store.tasks == 2
    with rig.engine.begin() as connection:
        tables.save(connection, replace(METER, rights=frozenset()))
    rig.clock.advance(1.0)
    assert rig.ask().result == (10415, 5510)


def test_a_database_that_fails_is_unable_to_comply(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(lookup, "find_many", gone)
    assert rig.ask().result == (0, 5012)
