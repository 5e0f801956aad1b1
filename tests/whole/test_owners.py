"""The owner's word in a whole network: the list counts for the next request, and refusals of every check reach him."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary
from helpers.inline import InlineThreads
from helpers.network import HSS_TOML, IWF_TOML, SCS1, SCS2, Network, ScsStub
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Store
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.mtc_iwf.owners.lists import OwnedHss
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.book import Book

METER = "meter-1@customer.example"
OWNERS = """
[owners]
port = 0
physical_protection = true
physical_protection_reason = "in memory"
"""
SUBSCRIBER = Subscriber(
    imsi="001010000000001",
    external_ids=(ExternalId(identifier=METER),),
    services=frozenset(Service),
    rights=frozenset({("15550001", Service.DEVICE_TRIGGER)}),
    nodes=(ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.core.example", realm="core.example"),),
)


@pytest.fixture(params=["embedded", "separate"])
def network(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Network]:
    iwf = IWF_TOML.replace("[hss]", OWNERS + "[hss]", 1)
    engine = open_engine(database_url("owners.db", tmp_path), migrations=tables.MIGRATIONS, name="owners")
    with engine.begin() as connection:
        tables.add(connection, "meters", [METER, "*@customer.example"])
    engine.dispose()
    network = Network(tmp_path, Dictionary.load(), (SUBSCRIBER,), iwf=iwf, form=request.param).open()
    yield network
    network.close()


def trigger(network: Network, reference: int, device: str = METER, scs: ScsStub | None = None) -> int:
    """Ask for a trigger; the Request-Status."""
    number = "15550001" if scs is None else "15550002"
    avps = {
        "External-Identifier": device,
        "SCS-Identity": encode_number(number),
        "Reference-Number": reference,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"wake"},
    }
    status: int = network.trigger(avps, scs=scs)["Device-Notification"]["Request-Status"]
    return status


def book_of(network: Network) -> Book:
    """Another book on the same database, which writes into the lists that the procedures go by."""
    tsp = network.iwf_parts.applications[0]
    assert isinstance(tsp, Tsp)
    hss = tsp.iwf._hss
    assert isinstance(hss, OwnedHss)
    engine = open_engine(database_url("owners.db", network.folder), migrations=tables.MIGRATIONS, name="owners")
    return Book(Store(engine, network.clock, InlineThreads()), hss._owners)


@pytest.mark.requirement("R-TRIG-10", "R-TRIG-11")
def test_the_list_counts_for_the_next_request_and_each_refusal_is_kept(network: Network) -> None:
    book = book_of(network)
    assert trigger(network, 1) == RequestStatus.SUCCESS
    network.wait(book.allow("meters", ["15550002"]))
    assert trigger(network, 2) == RequestStatus.INVEXTID
    assert len(network.sms_sc.triggers) == 1
    network.wait(book.put("meters", "15550001"))
    assert trigger(network, 3) == RequestStatus.SUCCESS
    assert trigger(network, 4, "nobody@customer.example") == RequestStatus.INVEXTID  # the HSS says so
    assert trigger(network, 5, scs=network.scs2) == RequestStatus.NOTAUTHORIZED  # it has no right to the command
    assert trigger(network, 6, "meter@elsewhere.example") == RequestStatus.INVEXTID  # nobody's

    found = network.wait(book.refusals("meters"))
    assert [(each["reference"], each["check"], each["device"], each["peer"]) for each in found] == [
        (2, "owner", METER, SCS1),
        (4, "association", "nobody@customer.example", SCS1),
        (5, "command-rights", METER, SCS2),
    ]
    assert all(each["address"].startswith("127.0.0.") for each in found)
    assert [line["check"] for line in network.audit()] == [
        "owner",
        "association",
        "command-rights",
        "external-identifier",
    ]
    assert METER not in str(network.audit())
    network.wait(book.close())


BLOCKED = """
[[sgw.device]]
devices = ["*@Customer.example"]
blocked = ["15550001"]
[hss]"""


@pytest.mark.requirement("R-TRIG-11", "E-IP-06")
@pytest.mark.parametrize(
    ("by", "every_name", "check"),
    [
        ("block", True, "block-list"),
        ("list", True, "owner"),
        ("block", False, "unnamed"),
        ("list", False, "unnamed"),
    ],
)
def test_the_word_of_an_owner_by_domain_holds_against_the_number_whatever_the_hss_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, by: str, every_name: bool, check: str
) -> None:
    """An HSS that says no name leaves it open whose the number is, and then nobody gets it who is kept from any."""
    monkeypatch.setattr("helpers.network.HSS_TOML", f"{HSS_TOML}[hss]\nevery_name = {str(every_name).lower()}\n")
    iwf = IWF_TOML.replace("[hss]", OWNERS + "[hss]" if by == "list" else BLOCKED, 1)
    if by == "list":
        engine = open_engine(database_url("owners.db", tmp_path), migrations=tables.MIGRATIONS, name="owners")
        with engine.begin() as connection:
            tables.add(connection, "meters", ["*@customer.example"])
            tables.allow(connection, "meters", [])
        engine.dispose()
    network = Network(tmp_path, Dictionary.load(), (replace(SUBSCRIBER, msisdn="15550100001"),), iwf=iwf).open()
    asked: dict[str, Any] = {"MSISDN": encode_number("15550100001"), "SCS-Identity": encode_number("15550001")}
    asked |= {"Reference-Number": 1, "Action-Type": 1, "Trigger-Data": {"Payload": b"wake"}}
    assert network.trigger(asked)["Device-Notification"]["Request-Status"] == RequestStatus.INVEXTID
    assert [line["check"] for line in network.audit()] == [check]
    assert network.sms_sc.triggers == []
    network.close()


QUIET, LIMIT = 'quiet = ["22:00-22:20"]', "per_hour = 1"  # it is 22:13 UTC


@pytest.mark.requirement("E-IP-06")
@pytest.mark.parametrize(
    ("wish", "every_name", "pattern", "told"),
    [
        (QUIET, False, "*@customer.example", [RequestStatus.TEMPORARYERROR] * 2),
        (QUIET, True, "*@other.example", [RequestStatus.SUCCESS] * 2),
        (LIMIT, False, "*@customer.example", [RequestStatus.SUCCESS, RequestStatus.QUOTAEXCEEDED]),
        (LIMIT, True, "*@customer.example", [RequestStatus.SUCCESS, RequestStatus.QUOTAEXCEEDED]),
    ],
)
def test_quiet_hours_and_limits_by_domain_hold_against_the_number_whatever_the_hss_says(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    wish: str,
    every_name: bool,
    pattern: str,
    told: list[RequestStatus],
) -> None:
    """First by number, then by name: what an owner wants holds for the device, not for the name it is asked by."""
    monkeypatch.setattr("helpers.network.HSS_TOML", f"{HSS_TOML}[hss]\nevery_name = {str(every_name).lower()}\n")
    iwf = IWF_TOML.replace("[hss]", f'[[sgw.device]]\ndevices = ["{pattern}"]\n{wish}\n[hss]', 1)
    network = Network(tmp_path, Dictionary.load(), (replace(SUBSCRIBER, msisdn="15550100001"),), iwf=iwf).open()
    asked: dict[str, Any] = {"MSISDN": encode_number("15550100001"), "SCS-Identity": encode_number("15550001")}
    asked |= {"Reference-Number": 1, "Action-Type": 1, "Trigger-Data": {"Payload": b"wake"}}
    by_number = network.trigger(asked)["Device-Notification"]["Request-Status"]
    assert [by_number, trigger(network, 2)] == told
    refused = [each for each in told if each is not RequestStatus.SUCCESS]
    lines = [(line["check"], line["result"]) for line in network.audit()]
    assert lines == [("unwanted", each.name) for each in refused]
    counted = [each for each in network.iwf_parts.standing.counts() if each.labels.get("check") == "unwanted"]
    assert [(each.name, each.value) for each in counted] == [("mtc_refusals", len(refused))] * bool(refused)
    assert len(network.sms_sc.triggers) == told.count(RequestStatus.SUCCESS)
    network.close()
