"""S6a at the HSS, location: updates, purge and notifications; each refusal for its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter.testing import FakeRequester
from helpers.messages import dictionary
from helpers.mobility import (
    ABROAD,
    BARE,
    BARRED,
    IMSI,
    MME,
    MONTE,
    NO_EPS,
    OLD,
    PROFILES,
    SGSN,
    SMS_IN_MME,
    TGPP,
    TUAK_IMSI,
    Rig,
)
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import registrations, tables
from nfs.hss.logic import UserId
from nfs.hss.registrations import Watch
from nfs.hss.s6a import S6a


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def test_a_first_location_update(rig: Rig) -> None:
    terminal = {"IMEI": "35299708123456", "Software-Version": "78"}
    answer = rig.ulr(Terminal_Information=terminal, SMS_Register_Request=1, UE_SRVCC_Capability=0)
    assert answer.result == (0, 2001)
    assert answer["ULA-Flags"] == 1
    data = answer["Subscription-Data"]
    assert (data["Subscriber-Status"], data["Network-Access-Mode"]) == (0, 2)
    assert data["MSISDN"] == encode_number("15550100001")
    assert data["Access-Restriction-Data"] == 0b1000_0000_1111
    assert (data["Subscribed-Periodic-RAU-TAU-Timer"], data["Active-Time"], data["UE-Usage-Type"]) == (3600, 10, 7)
    assert data["External-Identifier"] == "meter-1@customer.example"
    assert data["3GPP-Charging-Characteristics"] == "0800"
    assert "Teleservice-List" not in data
    first, second = data["APN-Configuration-Profile"].all("APN-Configuration")
    assert (first["Service-Selection"], first["PDN-Type"], first["Context-Identifier"]) == ("internet", 2, 1)
    assert first["EPS-Subscribed-QoS-Profile"]["Allocation-Retention-Priority"]["Priority-Level"] == 8
    assert first["AMBR"]["Max-Requested-Bandwidth-UL"] == 1_000_000
    assert (second["Non-IP-PDN-Type-Indicator"], second["SCEF-ID"]) == (1, "scef.example")
    own = rig.registered()["mme"]
    assert (own.host, own.plmn, own.rat, own.imei, own.software) == (MME, "00101", 1004, "35299708123456", "78")
    assert rig.fake.sent == []
    assert rig.moved == [IMSI]


def test_more_than_32_bits_of_bandwidth(rig: Rig) -> None:
    (apn,) = rig.ulr(TUAK_IMSI)["Subscription-Data"]["APN-Configuration-Profile"].all("APN-Configuration")
    assert (apn["AMBR"]["Max-Requested-Bandwidth-UL"], apn["AMBR"]["Extended-Max-Requested-BW-UL"]) == (
        (1 << 32) - 1,
        5_000_000,
    )
    assert "Extended-Max-Requested-BW-DL" not in apn["AMBR"]


@pytest.mark.parametrize(("preference", "registered"), [(0, True), (2, True), (None, True), (1, False)])
def test_short_messages_come_through_the_mme_that_wants_them(rig: Rig, preference: int, registered: bool) -> None:
    number = encode_number("15550000300")
    answer = rig.ulr(MME_Number_for_MT_SMS=number, SMS_Register_Request=preference, Supported_Features=[SMS_IN_MME])
    assert answer["ULA-Flags"] == (3 if registered else 1)
    assert ("Teleservice-List" in answer["Subscription-Data"]) is registered
    features = {each["Feature-List-ID"]: each["Feature-List"] for each in answer.all("Supported-Features")}
    assert features[2] & 1
    with rig.transaction() as connection:
        found = tables.find(connection, UserId(imsi=IMSI))
    node = ServingNode(kind=NodeKind.MME, number="15550000300", name=MME, realm="visited.example")
    assert found is not None
    assert found.nodes == ((node,) if registered else ())


def test_a_subscriber_without_sms_is_not_registered_for_it(rig: Rig) -> None:
    answer = rig.ulr(BARE, MME_Number_for_MT_SMS=encode_number("15550000300"), SMS_Register_Request=0)
    assert answer["ULA-Flags"] == 1


def test_a_number_that_is_none(rig: Rig) -> None:
    answer = rig.ulr(MME_Number_for_MT_SMS=b"\xaf")
    assert answer.result == (0, 5004)
    assert "MME-Number-for-MT-SMS" in answer["Failed-AVP"]
    assert rig.registered() == {}


@pytest.mark.requirement("R-GEN-11", "T-ACC-01")
@pytest.mark.parametrize(
    ("user", "changes", "result", "diagnostic"),
    [
        ("999990000000009", {}, 5001, None),
        (NO_EPS, {}, 5420, 1),
        (IMSI, {"Visited_PLMN_Id": ABROAD}, 5004, None),
        (IMSI, {"RAT_Type": 1000}, 5421, None),
        (BARRED, {}, 5004, 2),
    ],
)
def test_attach_refused(rig: Rig, user: str, changes: Any, result: int, diagnostic: int | None) -> None:
    answer = rig.ulr(user, **changes)
    assert answer.result == (TGPP, result)
    assert answer.get("Error-Diagnostic") == diagnostic
    assert "Subscription-Data" not in answer
    assert rig.registered(user) == {}
    assert rig.refusals()[0]["check"] == "mobility"


def test_a_profile_that_no_configuration_has(rig: Rig) -> None:
    rig.s6a.profiles = {}
    assert rig.ulr().result == (TGPP, 5420)
    assert "in no configuration" in rig.refusals()[0]["reason"]


def test_a_node_that_enforces_barring_gets_it(rig: Rig) -> None:
    feature = {"Vendor-Id": TGPP, "Feature-List-ID": 1, "Feature-List": 1}
    data = rig.ulr(BARRED, Supported_Features=[feature])["Subscription-Data"]
    assert (data["Subscriber-Status"], data["Operator-Determined-Barring"]) == (1, 1)


def test_radio_that_has_no_bit_is_not_restricted(rig: Rig) -> None:
    assert rig.ulr(RAT_Type=0).result == (0, 2001)


@pytest.mark.parametrize(("flags", "kind"), [(0x22, 4), (0x02, 0)])
def test_the_old_mme_lets_go(rig: Rig, flags: int, kind: int) -> None:
    rig.ulr(host=OLD)
    rig.ulr(ULR_Flags=flags)
    (request,) = rig.fake.requests
    assert (request.command, request["Destination-Host"]) == ("Cancel-Location-Request", OLD)
    assert (request["User-Name"], request["Cancellation-Type"], request["CLR-Flags"]) == (IMSI, kind, 1)
    assert rig.registered()["mme"].host == MME


def test_nodes_that_know_no_initial_attach(rig: Rig) -> None:
    """`initial_attach = false`: whoever has to let go is the same, the reason is that the subscriber moved."""
    rig.s6a = S6a(rig.store, rig.centre, PROFILES, rig.audit, lambda _: None, initial_attach=False)
    rig.fake = FakeRequester(
        rig.s6a, dictionary(), {"Cancel-Location": lambda request: request.answer(2001)}, clock=rig.clock
    )
    rig.ulr(host=SGSN, ULR_Flags=0x20)
    rig.ulr(host=OLD, ULR_Flags=0x02)
    rig.ulr(ULR_Flags=0x22)
    requests = rig.fake.requests
    assert {(each["Destination-Host"], each["Cancellation-Type"]) for each in requests} == {(OLD, 0), (SGSN, 1)}


def test_the_same_mme_again_is_not_cancelled_and_may_skip_the_data(rig: Rig) -> None:
    assert "Subscription-Data" in rig.ulr(ULR_Flags=0x06)  # it asks to skip, but was not here before
    assert "Subscription-Data" not in rig.ulr(ULR_Flags=0x06)
    assert "Subscription-Data" in rig.ulr(ULR_Flags=0x02)
    assert rig.fake.sent == []


@pytest.mark.parametrize(("flags", "kind"), [(0x03, 1), (0x22, 4), (0x02, None)])
def test_a_sgsn_beside_the_mme(rig: Rig, flags: int, kind: int | None) -> None:
    answer = rig.ulr(BARE, SGSN, ULR_Flags=0, RAT_Type=1000)
    assert answer["ULA-Flags"] == 1
    rig.ulr(BARE, ULR_Flags=flags)
    assert set(rig.registered(BARE)) == ({"mme", "sgsn"} if kind is None else {"mme"})
    assert [each["Cancellation-Type"] for each in rig.fake.requests] == ([] if kind is None else [kind])
    assert [each["CLR-Flags"] for each in rig.fake.requests] == ([] if kind is None else [0])


def test_a_sgsn_takes_short_messages_under_its_number(rig: Rig) -> None:
    rig.ulr(TUAK_IMSI, SGSN, ULR_Flags=0, RAT_Type=1000, SGSN_Number=encode_number("15550000400"))
    with rig.transaction() as connection:
        found = tables.find(connection, UserId(imsi=TUAK_IMSI))
    assert found is not None
    assert [(node.kind, node.number, node.name) for node in found.nodes] == [(NodeKind.SGSN, "15550000400", SGSN)]


def test_events_go_along_to_an_mme_that_can_watch(rig: Rig) -> None:
    rig.ulr()
    with rig.transaction() as connection:
        registrations.watch(connection, IMSI, Watch(scef="scef.example", reference=7, event=1))
        registrations.watch(connection, IMSI, Watch(scef="scef.example", reference=8, event=2, failed=True))
    assert "Monitoring-Event-Configuration" not in rig.ulr()["Subscription-Data"]
    (event,) = rig.ulr(Supported_Features=[MONTE])["Subscription-Data"].all("Monitoring-Event-Configuration")
    assert (event["SCEF-Reference-ID"], event["SCEF-ID"], event["Monitoring-Type"]) == (7, "scef.example", 1)


@pytest.mark.parametrize(("flags", "host", "bits"), [(0x22, MME, 1), (0, SGSN, 2)])
def test_purge(rig: Rig, flags: int, host: str, bits: int) -> None:
    rig.ulr(host=host, ULR_Flags=flags, MME_Number_for_MT_SMS=encode_number("15550000300"))
    answer = rig.ask("Purge-UE", {"User-Name": IMSI}, host)
    assert (answer.result, answer["PUA-Flags"]) == ((0, 2001), bits)
    (own,) = rig.registered().values()
    assert own.purged
    with rig.transaction() as connection:
        found = tables.find(connection, UserId(imsi=IMSI))
    assert found is not None
    assert found.nodes == ()
    rig.ulr(host=OLD, ULR_Flags=flags)  # nobody is asked to let go of who was purged
    assert rig.fake.sent == []
    assert "Subscription-Data" in rig.ulr(host=OLD, ULR_Flags=flags)


@pytest.mark.parametrize("command", ["Purge-UE", "Notify"])
def test_only_the_node_it_is_registered_in_may_speak_of_it(rig: Rig, command: str) -> None:
    rig.ulr()
    assert rig.ask(command, {"User-Name": IMSI}, OLD).result == (TGPP, 5423)
    assert rig.ask(command, {"User-Name": "999990000000009"}).result == (TGPP, 5001)
    assert rig.ask(command, {"User-Name": IMSI}, MME.upper()).result == (0, 2001)


def _node(rig: Rig) -> ServingNode | None:
    with rig.transaction() as connection:
        found = tables.find(connection, UserId(imsi=IMSI))
    assert found is not None
    return next(iter(found.nodes), None)


def test_what_an_mme_notifies(rig: Rig) -> None:
    rig.ulr(MME_Number_for_MT_SMS=encode_number("15550000300"))
    for avps in ({"NOR-Flags": 1 << 3}, {"Alert-Reason": 1}, {"NOR-Flags": 1 << 6, "Alert-Reason": 0}):
        with rig.transaction() as connection:
            connection.execute(tables.SERVING_NODE.update().values(reachable=False))
        assert rig.ask("Notify", {"User-Name": IMSI, **avps}).result == (0, 2001)
        node = _node(rig)
        assert node is not None
        assert node.reachable
    assert rig.back == [(IMSI, "mme"), (IMSI, "mme"), (IMSI, None), (IMSI, "mme")]
    rig.ask("Notify", {"User-Name": IMSI, "Terminal-Information": {"IMEI": "11111111111111"}})
    assert rig.registered()["mme"].imei == "11111111111111"
    rig.ask("Notify", {"User-Name": IMSI, "NOR-Flags": 1 << 9})
    assert _node(rig) is None
    assert rig.registered()["mme"].host == MME


def test_an_mme_that_can_no_longer_watch(rig: Rig) -> None:
    rig.ulr()
    with rig.transaction() as connection:
        registrations.watch(connection, IMSI, Watch(scef="scef.example", reference=7, event=1))
    for code, failed in ((2001, False), (5012, True)):
        report = {"Service-Result": {"Vendor-Id": 0, "Service-Result-Code": code}, "Node-Type": 1}
        status = {"SCEF-Reference-ID": 7, "SCEF-ID": "scef.example", "Service-Report": report}
        assert rig.ask("Notify", {"User-Name": IMSI, "Monitoring-Event-Config-Status": status}).result == (0, 2001)
        with rig.transaction() as connection:
            assert [each.failed for each in registrations.watched(connection, IMSI)] == [failed]
