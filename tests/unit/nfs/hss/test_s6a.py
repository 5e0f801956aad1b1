"""S6a at the HSS: vectors that a USIM takes, location updates, purge, notifications; each refusal for its reason."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from diameter.wire import avp
from helpers.mobility import (
    ABROAD,
    BARE,
    BARRED,
    CARD,
    ENDS,
    HOME,
    IMSI,
    MME,
    NO_EPS,
    OLD,
    SGSN,
    TUAK_CARD,
    TUAK_IMSI,
    Rig,
    accept,
    usim,
)
from nfs.common.aka import Seal, auts, kasme
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss import registrations, tables
from nfs.hss.logic import UserId
from nfs.hss.registrations import Watch
from nfs.hss.sqn import number

TGPP = 10415
E_UTRAN, UTRAN = "Requested-EUTRAN-Authentication-Info", "Requested-UTRAN-GERAN-Authentication-Info"
SMS_IN_MME = {"Vendor-Id": TGPP, "Feature-List-ID": 2, "Feature-List": 1}
MONTE = {"Vendor-Id": TGPP, "Feature-List-ID": 2, "Feature-List": 1 << 19}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.mark.parametrize(("imsi", "card"), [(IMSI, CARD), (TUAK_IMSI, TUAK_CARD)])
def test_a_vector_that_the_usim_takes(rig: Rig, imsi: str, card: Any) -> None:
    answer = rig.air(imsi)
    assert answer.result == (0, 2001)
    vector = answer["Authentication-Info"]["E-UTRAN-Vector"]
    sqn, out = accept(usim(card), vector["RAND"], vector["AUTN"])
    assert vector["AUTN"][6] & 0x80  # the separation bit
    assert vector["XRES"] == out.res
    assert vector["KASME"] == kasme(out.ck, out.ik, HOME, vector["AUTN"][:6])
    assert "Item-Number" not in vector
    assert int.from_bytes(sqn) >> 5 == 17_000_000_000
    assert card.k not in answer.octets
    assert card.top not in answer.octets


def test_several_vectors_of_both_kinds_have_rising_numbers(rig: Rig) -> None:
    asked = {"Number-Of-Requested-Vectors": 3, "Immediate-Response-Preferred": 0}
    info = rig.air(avps={E_UTRAN: asked, UTRAN: {"Number-Of-Requested-Vectors": 9}})["Authentication-Info"]
    e_utran, utran = info.all("E-UTRAN-Vector"), info.all("UTRAN-Vector")
    assert (len(e_utran), len(utran)) == (3, 5)
    every = [*e_utran, *utran]
    numbers = [accept(usim(), vector["RAND"], vector["AUTN"])[0] for vector in every]
    assert numbers == sorted(set(numbers))
    assert [vector["Item-Number"] for vector in every] == list(range(1, 9))
    assert len({vector["RAND"] for vector in every}) == 8
    assert not utran[0]["AUTN"][6] & 0x80
    _, out = accept(usim(), utran[0]["RAND"], utran[0]["AUTN"])
    assert (utran[0]["Confidentiality-Key"], utran[0]["Integrity-Key"]) == (out.ck, out.ik)


def test_the_number_of_vectors_has_a_default_and_a_floor(rig: Rig) -> None:
    for asked in ({}, {"Number-Of-Requested-Vectors": 0}):
        assert len(rig.air(avps={E_UTRAN: asked})["Authentication-Info"].all("E-UTRAN-Vector")) == 1


@pytest.mark.parametrize("ahead", [1_000_000, 1 << 40, -(1 << 30)])
@pytest.mark.parametrize("name", [E_UTRAN, UTRAN])
def test_a_usim_that_is_not_met_says_so_and_is_followed(rig: Rig, ahead: int, name: str) -> None:
    first = rig.air()["Authentication-Info"]["E-UTRAN-Vector"]
    own = number(17_000_000_000 + ahead, 0, 0, 0)
    info = first["RAND"] + auts(usim(), first["RAND"], own)
    answer = rig.air(avps={name: {"Number-Of-Requested-Vectors": 1, "Re-Synchronization-Info": info}})
    vector = answer["Authentication-Info"]["E-UTRAN-Vector"]
    sqn, _ = accept(usim(), vector["RAND"], vector["AUTN"])
    seq, seq_ms = int.from_bytes(sqn) >> 5, int.from_bytes(own) >> 5
    assert seq_ms < seq < seq_ms + (1 << 28)
    rig.clock.advance(5.0)  # what was learnt is in the database
    later, _ = accept(usim(), *_of(rig.air()["Authentication-Info"]["E-UTRAN-Vector"]))
    assert sqn < later


def _of(vector: Any) -> tuple[bytes, bytes]:
    return vector["RAND"], vector["AUTN"]


def test_no_transaction_for_a_vector(rig: Rig) -> None:
    rig.air()
    before = rig.store.tasks
    for _ in range(20):
        rig.air()
    assert rig.store.tasks == before


def test_a_hss_that_was_killed_gives_no_number_again(rig: Rig) -> None:
    numbers = []
    for _ in range(6):
        numbers += [accept(usim(), *_of(rig.air()["Authentication-Info"]["E-UTRAN-Vector"]))[0] for _ in range(10)]
        rig.restart()  # in the same tenth of a second
    assert len(set(numbers)) == 60


@pytest.mark.requirement("R-GEN-11", "T-ACC-01")
@pytest.mark.parametrize(
    ("user", "changes", "result", "diagnostic"),
    [
        ("999990000000009", {}, 5001, None),
        ("nobody", {}, 5001, None),
        (NO_EPS, {}, 5420, 1),
        (BARE, {}, 4181, None),
        (IMSI, {"Visited-PLMN-Id": ABROAD}, 5004, None),
        (IMSI, {E_UTRAN: {"Re-Synchronization-Info": bytes(30)}}, 4181, None),
    ],
)
def test_authentication_refused(rig: Rig, user: str, changes: Any, result: int, diagnostic: int | None) -> None:
    answer = rig.air(user, avps=changes)
    assert answer.result == (TGPP, result)
    assert answer.get("Error-Diagnostic") == diagnostic
    assert "Authentication-Info" not in answer
    (line,) = rig.refusals()
    assert (line["check"], line["stage"]) == ("authentication-information", "authentication")
    assert user not in str(line) or user == "nobody"


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({E_UTRAN: None}, 5005, E_UTRAN),
        ({E_UTRAN: {"Re-Synchronization-Info": bytes(29)}}, 5014, E_UTRAN),
        ({"Visited-PLMN-Id": b"\x00\xf1"}, 5004, "Visited-PLMN-Id"),
    ],
)
def test_a_request_that_cannot_be(rig: Rig, changes: Any, code: int, named: str) -> None:
    answer = rig.air(avps=changes)
    assert answer.result == (0, code)
    assert named in answer["Failed-AVP"]


def test_keys_under_another_seal_are_no_keys(tmp_path: Path) -> None:
    for folder, seal in (("other", Seal(bytes(32))), ("none", None)):
        (tmp_path / folder).mkdir()
        rig = Rig(tmp_path / folder, seal=seal)
        assert rig.air().result == (TGPP, 4181)
        rig.close()


def test_a_database_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(tables, "find", gone)
    assert rig.air().result == (TGPP, 4181)
    assert rig.ulr().result == (0, 5012)


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


# ---- octets as MMEs in the field write them

VSAI = avp.build(
    260, 0, 0x40, avp.build(266, 0, 0x40, TGPP.to_bytes(4)) + avp.build(258, 0, 0x40, bytes.fromhex("01000023"))
)
SESSION = avp.build(263, 0, 0x40, b"mme.visited.example;1;2;app_s6a")
USER = avp.build(1, 0, 0x40, IMSI.encode())


def _tgpp(code: int, data: bytes, flags: int = 0xC0) -> bytes:
    return avp.build(code, TGPP, flags, data)


def _word(number: int) -> bytes:
    return number.to_bytes(4)


@pytest.mark.parametrize("flags", [0xC0, 0x80])
def test_octets_of_an_air(rig: Rig, flags: int) -> None:
    """Vendor-Specific-Application-Id at the end, the M bits set or clear, an unknown AVP without M."""
    asked = _tgpp(1408, _tgpp(1410, _word(1), flags) + _tgpp(1412, _word(1), flags), flags)
    unknown = avp.build(65000, 9999, 0x80, b"ours")
    answer = rig.octets(318, [SESSION, *ENDS, USER, asked, _tgpp(1407, HOME, flags), unknown, VSAI])
    assert answer.result == (0, 2001)
    assert answer["Session-Id"] == "mme.visited.example;1;2;app_s6a"
    accept(usim(), *_of(answer["Authentication-Info"]["E-UTRAN-Vector"]))
    assert answer["Auth-Session-State"] == 1


def test_octets_of_an_air_in_any_order(rig: Rig) -> None:
    asked = _tgpp(1408, _tgpp(1412, _word(0)) + _tgpp(1410, _word(2)))
    rest = [VSAI, _tgpp(1407, HOME), asked, USER, *ENDS]
    for order in itertools.islice(itertools.permutations(rest), 0, 40320, 4001):
        answer = rig.octets(318, [SESSION, *order])
        assert len(answer["Authentication-Info"].all("E-UTRAN-Vector")) == 2


def test_octets_of_a_ulr(rig: Rig) -> None:
    """Terminal-Information of 14 and 2 digits, flags 1 and 5, no wish for SMS, VSAI last."""
    terminal = _tgpp(1401, _tgpp(1402, b"35299708123456") + _tgpp(1403, b"78"))
    features = avp.build(
        628,
        TGPP,
        0x80,
        avp.build(266, 0, 0x40, _word(TGPP)) + _tgpp(629, _word(1), 0x80) + _tgpp(630, _word(0x1C000607), 0x80),
    )
    avps = [SESSION, *ENDS, USER, terminal, _tgpp(1032, _word(1004), 0x80), _tgpp(1405, _word(0x22))]
    avps += [_tgpp(1615, _word(0), 0x80), _tgpp(1407, HOME), _tgpp(1648, _word(1), 0x80), features, VSAI]
    answer = rig.octets(316, avps)
    assert answer.result == (0, 2001)
    assert "ULA-Flags" in answer
    apn = answer["Subscription-Data"]["APN-Configuration-Profile"].all("APN-Configuration")[0]
    for name in ("Context-Identifier", "PDN-Type", "Service-Selection", "EPS-Subscribed-QoS-Profile", "AMBR"):
        assert name in apn
    assert "AMBR" in answer["Subscription-Data"]
    assert answer.faults == ()
    purge = rig.octets(321, [SESSION, *ENDS, USER, _tgpp(1635, _word(1), 0x80), VSAI])
    assert (purge.result, purge["PUA-Flags"]) == ((0, 2001), 1)


def test_octets_of_a_notification(rig: Rig) -> None:
    rig.ulr()
    answer = rig.octets(323, [SESSION, VSAI, *ENDS, USER, _tgpp(1443, _word(1 << 8 | 1 << 3))])
    assert answer.result == (0, 2001)
