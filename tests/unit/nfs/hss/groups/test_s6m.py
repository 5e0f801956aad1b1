"""Groups on S6m: a question with Type-Of-External-Identifier 1, a user for each member, and who may ask."""

from __future__ import annotations

import json
from collections.abc import Iterator
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
from nfs.common.store import Cache, Store
from nfs.hss import tables as subscribers
from nfs.hss.directory import Directory
from nfs.hss.groups import tables
from nfs.hss.groups.logic import Group, Trait, TraitKind
from nfs.hss.groups.s6m import Groups
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.hss.s6m import S6m

AREA = Trait(TraitKind.AREA, "00101-0001")
GROUPS = (
    Group(
        external_id="fleet@customer.example",
        local_id="local-7",
        members=("meter-1@customer.example", "nobody@customer.example"),
        rules=frozenset({AREA}),
        rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
    ),
    Group(external_id="empty@customer.example", rights=frozenset({("15550001", Service.DEVICE_TRIGGER)})),
)
USER = {"External-Identifier": "fleet@Customer.EXAMPLE", "Type-Of-External-Identifier": 1}
QUESTION = {"User-Identifier": USER, "Service-ID": 0, "SCS-Identity": encode_number("15550001"), "SIR-Flags": 1}


class Rig:
    def __init__(self, folder: Path, dictionary: Dictionary, *, knows: bool = True) -> None:
        self.folder = folder
        clock = InlineReactor()
        engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        with engine.begin() as connection:
            for number in (1, 2):
                name = f"meter-{number}@customer.example"
                one = Subscriber(
                    imsi=f"00101000000000{number}",
                    external_ids=(ExternalId(identifier=name),),
                    services=frozenset({Service.DEVICE_TRIGGER}),
                )
                subscribers.save(connection, one)
                tables.give(connection, name, (AREA,))
            for group in GROUPS:
                tables.make(connection, group)
        self.store = Store(engine, clock, InlineThreads())
        self.audit = AuditLog(folder / "audit", "hss.example")
        self.groups = Groups(self.store, self.audit, 2)
        directory = Directory(self.store, Cache(10, 1.0, clock.seconds), clock.callLater)
        application = S6m(directory, self.audit, self.groups if knows else None)
        self.fake = FakeRequester(application, dictionary, clock=clock)

    def ask(self, user: dict[str, Any] | None = None, **changed: Any) -> Message:
        avps = QUESTION | {name.replace("_", "-"): value for name, value in changed.items()}
        wanted = {name: value for name, value in avps.items() if value is not None}
        return self.fake.deliver("Subscriber-Information", wanted | {"User-Identifier": USER | (user or {})})

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]

    def close(self) -> None:
        _ = self.store.close()
        self.audit.close()


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary) -> Iterator[Rig]:
    rig = Rig(tmp_path, dictionary)
    yield rig
    rig.close()


@pytest.mark.requirement("R-GRP-46")
def test_a_user_for_each_member_and_no_service_data(rig: Rig) -> None:
    answer = rig.ask()
    assert answer.result == (0, 2001)
    users = [(user["User-Name"], user["External-Identifier"], len(user)) for user in answer.all("User-Identifier")]
    assert users == [
        ("001010000000001", "meter-1@customer.example", 2),
        ("001010000000002", "meter-2@customer.example", 2),
    ]
    assert "Service-Data" not in answer
    told = [(line["event"], line.get("check"), line["target"], line.get("reason")) for line in rig.lines()]
    assert told == [
        ("refusal", "group-member", "n***@customer.example", "no subscriber has this identity"),
        ("member", None, "m***@customer.example", None),
    ] or told == [
        ("member", None, "m***@customer.example", None),
        ("refusal", "group-member", "n***@customer.example", "no subscriber has this identity"),
    ]
    assert b"local-7" not in answer.octets


def test_a_group_without_members_is_no_error(rig: Rig) -> None:
    answer = rig.ask({"External-Identifier": "empty@customer.example"})
    assert answer.result == (0, 2001)
    assert answer.all("User-Identifier") == ()


@pytest.mark.parametrize(
    ("user", "changed", "code"),
    [
        ({"External-Identifier": "other@customer.example"}, {}, 5001),
        ({"External-Identifier": "meter-1@customer.example"}, {}, 5001),
        ({"External-Identifier": "no group"}, {}, 5001),
        ({}, {"SCS_Identity": encode_number("15550002")}, 5510),
        ({}, {"SCS_Identity": None}, 5510),
        ({}, {"SCS_Identity": b"\xf1"}, 5510),
        ({}, {"Service_ID": 1}, 5510),
    ],
)
def test_unknown_groups_and_those_who_may_not(
    rig: Rig, user: dict[str, Any], changed: dict[str, Any], code: int
) -> None:
    assert rig.ask(user, **changed).result == (10415, code)
    assert [line["check"] for line in rig.lines()] == ["group-information"]


def test_a_group_is_named_by_nothing_else(rig: Rig) -> None:
    assert rig.ask({"User-Name": "001010000000001"}).result == (0, 5004)
    assert rig.ask({"MSISDN": encode_number("15550100001")}).result == (0, 5004)


def test_a_group_that_is_too_large_is_not_answered_in_part(rig: Rig) -> None:
    rig.groups.at_most = 1
    answer = rig.ask()
    assert answer.result == (0, 5012)
    assert answer.all("User-Identifier") == ()
    assert rig.lines()[-1]["reason"] == "2 members, 1 at most"


def test_a_database_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(tables, "find", broken)
    assert rig.ask().result == (0, 5012)


def test_an_hss_that_knows_no_groups_takes_the_name_for_a_device(tmp_path: Path, dictionary: Dictionary) -> None:
    rig = Rig(tmp_path, dictionary, knows=False)
    assert rig.ask().result == (10415, 5001)
    assert rig.ask({"Type-Of-External-Identifier": 0}).result == (10415, 5001)
    rig.close()
