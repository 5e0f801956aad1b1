"""Capabilities exchange, RFC 6733 sections 5.3 and 6.11: what is read, what is refused and with which Result-Code."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.message import Message
from diameter.peer.base import BaseMessages
from diameter.peer.capabilities import RELAY, Advertised, Refusal, check_cea, check_cer, common, read
from diameter.peer.connection import Connection
from helpers.pair import ADDRESS, base, dictionary, local
from helpers.pair import read as parse

TSP = 16777309
WHOLE: dict[str, Any] = {
    "Origin-Host": "scs.example.org",
    "Origin-Realm": "example.org",
    "Host-IP-Address": ADDRESS,
    "Vendor-Id": 10415,
    "Product-Name": "product",
    "Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": TSP},
}


def cer(**changes: Any) -> Message:
    """A CER from scs.example.org; None takes an AVP away."""
    avps = WHOLE | {name.replace("_", "-"): value for name, value in changes.items()}
    return dictionary().request("CER", {name: value for name, value in avps.items() if value is not None})


def check(message: Message, *, secure: bool = False, **identity: object) -> Refusal | None:
    """What mtc-iwf.example.org says to it."""
    return check_cer(message, local("mtc-iwf.example.org", **identity), "scs.example.org", secure=secure)


def code(refusal: Refusal | None) -> int | None:
    """Result-Code, None for none."""
    return None if refusal is None else refusal.code


def builder(**identity: object) -> BaseMessages:
    return base(local("mtc-iwf.example.org", **identity))


def connection(**changes: Any) -> Connection:
    return Connection(7, initiator=True, addresses=(ADDRESS,), **changes)


def test_a_cer_says_all_of_the_identity() -> None:
    messages = builder(
        product_name="mtc-iwf",
        firmware_revision=12,
        origin_state_id=99,
        supported_vendors=(10415, 13019),
        applications=(Advertised(TSP, 10415), Advertised(4), Advertised(3, 0, True), Advertised(5, 10415, True)),
    )
    octets, hop_by_hop = messages.cer(connection())
    message = parse(octets)
    assert (message.faults, message.hop_by_hop) == ((), hop_by_hop)
    said = read(message)
    assert (said.origin_host, said.origin_realm) == ("mtc-iwf.example.org", "example.org")
    assert (said.product_name, said.vendor_id, said.firmware_revision) == ("mtc-iwf", 10415, 12)
    assert said.addresses == (ADDRESS,)
    assert said.supported_vendors == {10415, 13019}
    assert said.applications == {
        Advertised(TSP, 10415),
        Advertised(4),
        Advertised(3, 0, True),
        Advertised(5, 10415, True),
    }
    assert (said.origin_state_id, said.inband_security) == (99, frozenset())


def test_optional_avps_stay_away_when_there_is_nothing_to_say() -> None:
    message = parse(builder(applications=(), supported_vendors=()).cer(connection())[0])
    assert {avp.name for avp in message.avps} == {
        "Origin-Host",
        "Origin-Realm",
        "Host-IP-Address",
        "Vendor-Id",
        "Product-Name",
    }


def test_every_address_of_the_link_is_advertised() -> None:
    several = (ADDRESS, type(ADDRESS)("127.0.0.2"))
    message = parse(builder().cer(Connection(7, initiator=True, addresses=several))[0])
    assert message.all("Host-IP-Address") == several


def test_a_link_without_addresses_borrows_those_of_the_node() -> None:
    message = parse(builder().cer(Connection(7, initiator=True))[0])
    assert message.all("Host-IP-Address") == (ADDRESS,)


def test_a_good_cer_is_accepted() -> None:
    assert check(cer()) is None


def test_the_identity_is_compared_without_case() -> None:
    assert check(cer(Origin_Host="SCS.example.ORG")) is None


@pytest.mark.parametrize(
    ("ours", "theirs", "expected"),
    [
        ((Advertised(TSP, 10415),), {"Auth-Application-Id": TSP}, None),
        ((Advertised(TSP),), {"Acct-Application-Id": TSP}, None),
        ((Advertised(TSP, 10415),), {"Auth-Application-Id": 1}, 5010),
        ((Advertised(TSP, 10415),), {}, 5010),
        ((Advertised(TSP, 10415),), {"Auth-Application-Id": RELAY}, None),
        ((Advertised(RELAY),), {"Auth-Application-Id": 1}, None),
        ((Advertised(RELAY),), {}, None),
        ((), {"Auth-Application-Id": TSP}, 5010),
    ],
)
def test_common_application(ours: tuple[Advertised, ...], theirs: dict[str, int], expected: int | None) -> None:
    message = cer(
        Vendor_Specific_Application_Id=None, **{name.replace("-", "_"): value for name, value in theirs.items()}
    )
    assert code(check(message, applications=ours)) == expected


def test_the_vendor_beside_an_application_does_not_count() -> None:
    message = cer(Vendor_Specific_Application_Id={"Vendor-Id": 1, "Auth-Application-Id": TSP})
    assert check(message) is None


@pytest.mark.parametrize(
    ("inband", "secure", "expected"),
    [(None, False, None), (0, False, None), (1, False, 5017), ([0, 1], False, None), (1, True, None)],
)
def test_inband_security(inband: object, secure: bool, expected: int | None) -> None:
    assert code(check(cer(Inband_Security_Id=inband), secure=secure)) == expected


@pytest.mark.parametrize("host", ["other.example.org", "mtc-iwf.example.org", "MTC-IWF.example.org"])
def test_a_wrong_origin_host_is_an_unknown_peer(host: str) -> None:
    assert code(check(cer(Origin_Host=host))) == 3010


def test_a_vendor_application_with_both_ids_is_answered_5009_with_both() -> None:
    both = {"Vendor-Id": 10415, "Auth-Application-Id": TSP, "Acct-Application-Id": 3}
    message = cer(Vendor_Specific_Application_Id=both)
    refusal = check(message)
    assert code(refusal) == 5009
    failed = parse(builder().cea(connection(), message, refusal)).group("Failed-AVP")
    assert (failed["Auth-Application-Id"], failed["Acct-Application-Id"]) == (TSP, 3)


def test_a_vendor_application_with_neither_id_is_answered_5005_with_examples_of_both() -> None:
    message = cer(Vendor_Specific_Application_Id={"Vendor-Id": 10415})
    refusal = check(message)
    assert code(refusal) == 5005
    failed = parse(builder().cea(connection(), message, refusal)).group("Failed-AVP")
    assert (failed["Auth-Application-Id"], failed["Acct-Application-Id"]) == (0, 0)


@pytest.mark.parametrize("name", ["Origin-Host", "Origin-Realm", "Host-IP-Address", "Vendor-Id", "Product-Name"])
def test_a_required_avp_missing_is_answered_5005_with_an_example(name: str) -> None:
    message = cer(**{name.replace("-", "_"): None})
    refusal = check(message)
    assert code(refusal) == 5005
    answer = parse(builder().cea(connection(), message, refusal))
    assert not answer.error
    assert [avp.name for avp in answer.group("Failed-AVP").avps] == [name]
    assert [fault for fault in answer.faults if fault.verdict == "refuse"] == []


def test_a_refusal_of_class_3xxx_has_the_e_bit_and_no_capabilities() -> None:
    message = cer(Origin_Host="other.example.org")
    answer = parse(builder().cea(connection(), message, check(message)))
    assert (answer.error, answer.result, answer.request) == (True, (0, 3010), False)
    assert "Host-IP-Address" not in answer
    assert answer.faults == ()


def test_a_refusal_of_class_5xxx_still_tells_our_capabilities() -> None:
    message = cer(Vendor_Specific_Application_Id=None)
    answer = parse(builder().cea(connection(), message, check(message)))
    assert (answer.error, answer.result) == (False, (0, 5010))
    assert read(answer).application_ids == {TSP}
    assert "application" in answer.text("Error-Message")


def test_supported_vendor_zero_is_not_believed() -> None:
    assert read(cer(Supported_Vendor_Id=[0, 10415])).supported_vendors == {10415}


def test_capabilities_answer_which_requests_may_be_sent() -> None:
    plain, relay = read(cer()), read(cer(Auth_Application_Id=RELAY))
    assert (plain.supports(TSP), plain.supports(4), plain.relay) == (True, False, False)
    assert (relay.supports(TSP), relay.supports(4), relay.relay) == (True, True, True)
    assert common(local("a"), plain)


def cea(result: int = 2001, **changes: Any) -> Message:
    """A CEA from scs.example.org."""
    avps = WHOLE | {name.replace("_", "-"): value for name, value in changes.items()}
    return cer().answer(result, {name: value for name, value in avps.items() if value is not None})


def judge(message: Message) -> Refusal | None:
    return check_cea(parse(message.octets), local("mtc-iwf.example.org"), "scs.example.org")


def test_a_good_cea_opens() -> None:
    assert judge(cea()) is None
    assert judge(cea(2002)) is None


@pytest.mark.parametrize("result", [3010, 5010, 5017, 4003, 1001])
def test_a_failing_result_is_the_peers_refusal(result: int) -> None:
    refusal = judge(cea(result, Error_Message="because"))
    assert refusal is not None
    assert (refusal.code, refusal.by_peer) == (result, True)
    assert str(result) in refusal.reason
    assert refusal.reason.endswith("because")


def test_a_failing_result_counts_even_when_the_rest_is_wrong() -> None:
    refusal = judge(cea(5012, Origin_Host=None))
    assert refusal is not None
    assert (refusal.code, refusal.by_peer) == (5012, True)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("Origin_Host", "other.example.org", "Origin-Host other.example.org"),
        ("Vendor_Specific_Application_Id", None, "no application"),
        ("Origin_Realm", None, "fault"),
    ],
    ids=["wrong host", "no common application", "missing AVP"],
)
def test_a_cea_that_does_not_open(name: str, value: Any, reason: str) -> None:
    refusal = judge(cea(**{name: value}))
    assert refusal is not None
    assert (refusal.code, refusal.by_peer) == (None, False)
    assert reason in refusal.reason


def test_built_messages_keep_to_their_grammar() -> None:
    messages = builder(origin_state_id=3)
    request = parse(messages.cer(connection())[0])
    assert parse(messages.cea(connection(), request)).faults == ()
