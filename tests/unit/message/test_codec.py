"""Octets to messages and back, without loss for any octets (RFC 6733 sections 3 and 4)."""

import json

import pytest
from hypothesis import given

from diameter import EncodeError, LocalError, Message, decode, encode
from diameter.message.codec import rebuild
from diameter.message.json import as_dict
from helpers.messages import device_action, dictionary, raw_messages, request


@given(raw_messages())
def test_any_octets_give_a_message_that_encodes_to_them(octets: bytes) -> None:
    message = decode(octets, dictionary())
    assert encode(message) == octets
    assert rebuild(message) == octets
    _ = message.faults, message.framed, message.command, message.application, message.result
    assert rebuild(message) == octets


@given(raw_messages())
def test_any_octets_survive_json(octets: bytes) -> None:
    message = decode(octets, dictionary())
    text = message.to_json()
    assert encode(Message.from_json(text, dictionary())) == octets
    assert json.loads(text) == as_dict(Message.from_json(text, dictionary()))


@given(raw_messages())
def test_an_edit_leaves_every_other_avp_as_it_was(octets: bytes) -> None:
    message = decode(octets, dictionary())
    before = [(one.code, one.vendor, one.octets) for one in message.avps if (one.vendor, one.code) != (0, 282)]
    if len(octets) < 20:
        return
    edited = message.edit(add={"Route-Record": "added.example.net"}, remove="Route-Record")
    after = [(one.code, one.vendor, one.octets) for one in edited.avps]
    last = before.pop() if before else None
    assert after[: len(before)] == before
    if last is not None:  # the last AVP of a message may lack its padding; what follows it needs the padding
        assert after[len(before)][2].startswith(last[2])
    assert any(one.value == "added.example.net" for one in edited.avps)
    assert edited.tail == message.tail


def test_what_is_read_is_what_was_written() -> None:
    message = decode(encode(request()), dictionary())
    assert message.faults == ()
    assert (message.command, message.command_code) == ("Device-Action-Request", 8388639)
    assert (message.application, message.application_id) == ("Tsp", 16777309)
    assert (message.request, message.proxiable, message.error, message.retransmitted) == (True, True, False, False)
    assert (message.hop_by_hop, message.end_to_end, message.framed) == (1, 2, True)
    action = message["Device-Action"]
    assert action["External-Identifier"] == "meter-1@example.org"
    assert action["Action-Type"] == 1
    assert action["Trigger-Data"]["Payload"] == b"wake up"
    assert message["Route-Record"] == "a.example.org"
    assert message.all("Route-Record") == ("a.example.org", "b.example.org")
    assert message.all("Proxy-Info") == ()
    assert message.get("Destination-Host") is None
    assert message.get("Destination-Host", "nobody") == "nobody"
    assert "Destination-Realm" in message
    assert "Destination-Host" not in message
    assert message.text("Origin-Host") == "scs.example.org"
    assert message.number("Auth-Session-State") == 1
    assert message.raw("Auth-Session-State") == b"\0\0\0\1"
    assert message.group("Device-Action").number("Reference-Number") == 7
    assert len(message) == 9


def test_absent_and_unknown_names_differ() -> None:
    message = request()
    with pytest.raises(KeyError, match="Destination-Host"):
        message["Destination-Host"]
    with pytest.raises(LocalError, match="Destination-Hots"):
        message["Destination-Hots"]
    with pytest.raises(KeyError, match="Destination-Host"):
        message.raw("Destination-Host")


def test_typed_reads_refuse_the_wrong_kind() -> None:
    message = request()
    for read, name in (
        (message.text, "Auth-Session-State"),
        (message.number, "Origin-Host"),
        (message.group, "Session-Id"),
    ):
        with pytest.raises(TypeError, match=name):
            read(name)


def test_bad_encoding_names_the_avp_and_the_clause() -> None:
    with pytest.raises(EncodeError, match=r"Reference-Number.*TS 29\.368"):
        dictionary().request("Device-Action", {"Device-Action": {"Reference-Number": -1}}, application="Tsp")


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"Origin_Host": None}, r"Device-Action-Request: required AVP Origin-Host is missing \(TS 29\.368"),
        ({"Origin_Host": ["a", "b"]}, r"Device-Action-Request: Origin-Host occurs more than 1 times \(TS 29\.368"),
        (
            {"Device_Action": {"Action-Type": 1}},
            r"Device-Action: required AVP Reference-Number is missing \(TS 29\.368",
        ),
        ({"Failed_AVP": b""}, None),
        (
            {"Vendor_Specific_Application_Id": {"Vendor-Id": 1, "User-Name": "x"}},
            r"Vendor-Specific-Application-Id: User-Name has no place",
        ),
    ],
)
def test_arity_is_checked_when_a_built_message_is_encoded(changes: dict[str, object], complaint: str | None) -> None:
    message = request(**changes)
    if complaint is None:
        assert encode(message) == message.octets
        return
    for _ in range(2):
        with pytest.raises(EncodeError, match=complaint):
            encode(message)


def test_requests_by_any_spelling_of_the_command() -> None:
    octets = encode(request())
    for name in ("Device-Action", "Device-Action-Request", "DAR"):
        message = dictionary().request(name, device_action(), application="Tsp", hop_by_hop=1, end_to_end=2)
        assert encode(message) == octets
    assert (
        encode(dictionary().request("DAR", device_action(), application=16777309, hop_by_hop=1, end_to_end=2)) == octets
    )


def test_session_id_goes_first_and_the_t_bit_is_set_on_demand() -> None:
    avps = device_action()
    last = {**{name: value for name, value in avps.items() if name != "Session-Id"}, "Session-Id": avps["Session-Id"]}
    message = dictionary().request("Device-Action", last, application="Tsp", retransmitted=True)
    assert message.avps[0].name == "Session-Id"
    assert message.retransmitted


def test_a_name_in_two_applications_wants_the_application() -> None:
    with pytest.raises(LocalError, match=r"S6t.*T6a|T6a.*S6t"):
        dictionary().request("Configuration-Information", {})
    with pytest.raises(LocalError, match="no dictionary has a request named 'Device-Acton'"):
        dictionary().request("Device-Acton", {})
    with pytest.raises(LocalError, match="has no command"):
        dictionary().request("Device-Action", {}, application="S6a")
    with pytest.raises(LocalError, match="Tps"):
        dictionary().request("Device-Action", {}, application="Tps")


def test_decode_only_dictionaries_build_nothing() -> None:
    with pytest.raises(EncodeError, match="decode-only"):
        dictionary().request("User-Data", {}, application="Sh")
    with pytest.raises(EncodeError, match="decode-only"):
        dictionary().request("Update-Location", {"Charging-Rule-Name": b"x"}, application="S6a")


def test_unknown_avps_by_number() -> None:
    message = decode(request(**{"10415:65000": b"abc", "65001": b""}).octets, dictionary())
    assert message.faults == ()
    assert message["10415:65000"] == b"abc"
    assert message["65001"] == b""
    assert message.avps[-2].name == "10415:65000"
    assert message.avps[-2].flags == 0x80
    with pytest.raises(LocalError, match="range"):
        message["4294967296:1"]


def test_values_by_name() -> None:
    action = {"Reference-Number": 1, "Action-Type": "DEVICE_TRIGGER_RECALL"}
    message = request(Device_Action=action)
    assert message["Device-Action"]["Action-Type"] == 3
    with pytest.raises(EncodeError, match="'DEVICE_TRIGGER_ROCALL' is no value of Action-Type"):
        request(Device_Action={**action, "Action-Type": "DEVICE_TRIGGER_ROCALL"})


def test_groups_from_octets_and_groups() -> None:
    first = request()
    again = request(Device_Action=first["Device-Action"])
    assert again.octets == first.octets
    assert request(Device_Action=first["Device-Action"].octets).octets == first.octets
    with pytest.raises(EncodeError, match="Device-Action: a mapping, Grouped or octets wanted, not int"):
        request(Device_Action=5)


def test_an_answer_repeats_what_it_must() -> None:
    ask = request(Proxy_Info=[{"Proxy-Host": "p1", "Proxy-State": b"1"}, {"Proxy-Host": "p2", "Proxy-State": b"2"}])
    answer = ask.answer(
        2001,
        {"Origin-Host": "iwf", "Origin-Realm": "r", "Device-Notification": {"Reference-Number": 7, "Action-Type": 1}},
    )
    got = decode(encode(answer), dictionary())
    assert got.faults == ()
    assert (got.request, got.error, got.proxiable) == (False, False, True)
    assert (got.hop_by_hop, got.end_to_end, got.command_code) == (1, 2, 8388639)
    assert got["Session-Id"] == ask["Session-Id"]
    assert got["Auth-Application-Id"] == 16777309
    assert got["Auth-Session-State"] == 1
    assert [one["Proxy-Host"] for one in got.all("Proxy-Info")] == ["p1", "p2"]
    assert got.result == (0, 2001)


def test_an_answer_takes_its_origin_from_the_node() -> None:
    ask = request()
    ask.origin = decode(request().octets, dictionary()).octets[0:0] + b"".join(
        one.octets for one in request(Origin_Host="iwf", Origin_Realm="net").avps if one.name.startswith("Origin-")
    )
    answer = ask.answer(2001, {"Device-Notification": {"Reference-Number": 7, "Action-Type": 1}})
    assert decode(encode(answer), dictionary())["Origin-Host"] == "iwf"


def test_protocol_errors_have_the_e_bit_and_experimental_results_their_vendor() -> None:
    ask = request()
    error = ask.answer(3002, {"Origin-Host": "h", "Origin-Realm": "r"})
    assert error.error
    assert decode(encode(error), dictionary()).faults == ()
    refused = ask.answer(5001, {"Origin-Host": "h", "Origin-Realm": "r"}, vendor=10415)
    assert not refused.error
    assert refused.result == (10415, 5001)
    with pytest.raises(EncodeError, match=r"Origin-Host is missing \(RFC 6733 section 7\.2\)"):
        encode(ask.answer(3002))


def test_an_incomplete_success_answer_is_refused() -> None:
    with pytest.raises(EncodeError, match="Device-Action-Answer: required AVP Device-Notification is missing"):
        encode(request().answer(2001, {"Origin-Host": "h", "Origin-Realm": "r"}))


def test_edit_replaces_in_place() -> None:
    message = request()
    edited = message.edit(replace={"Route-Record": ["x"]}, hop_by_hop=9, end_to_end=10, flags=0x90)
    assert edited.all("Route-Record") == ("x",)
    assert (edited.hop_by_hop, edited.end_to_end, edited.flags) == (9, 10, 0x90)
    assert edited.framed
    assert [one.name for one in edited.avps] == [one.name for one in message.avps][:-1]
    with pytest.raises(KeyError, match="Destination-Host"):
        message.edit(replace={"Destination-Host": "x"})
    inner = message["Device-Action"].edit(replace={"Reference-Number": 8}, remove=["Validity-Time"])
    assert message.edit(replace={"Device-Action": inner})["Device-Action"]["Reference-Number"] == 8
    assert message.with_identifiers(5, 6).hop_by_hop == 5
    assert message.edit(remove=("Route-Record",)).all("Route-Record") == ()


def test_messages_compare_by_octets() -> None:
    assert request() == request()
    assert len({request(), request()}) == 1
    assert request()["Device-Action"] == request()["Device-Action"]
    assert hash(request()["Device-Action"]) == hash(request()["Device-Action"])
    assert repr(request()).startswith("Message(Device-Action-Request, Tsp, request")
    assert repr(request()["Device-Action"]).startswith("Grouped(External-Identifier")
    assert "Session-Id" in repr(request().avps[0])


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("{", "not JSON"),
        ("[]", "an object wanted"),
        ('{"schema": 2}', "schema 2"),
        ('{"command_code": -1}', "command_code"),
        ('{"command_code": 1, "avps": 3}', "avps"),
        ('{"command_code": 1, "avps": [{"name": "Nobody"}]}', "Nobody"),
        ('{"command_code": 1, "avps": [{}]}', "a name or a code"),
        ('{"command_code": 1, "avps": [{"name": "Origin-Host", "value": 3}]}', "Origin-Host"),
        ('{"command_code": 1, "avps": [{"code": 264, "data": "zz"}]}', "hex"),
        ('{"octets": "0"}', "hex"),
        ('{"command_code": true}', "command_code"),
    ],
)
def test_json_that_is_no_message(text: str, complaint: str) -> None:
    with pytest.raises(LocalError, match=complaint):
        Message.from_json(text, dictionary())


def test_json_by_names_alone() -> None:
    text = json.dumps(
        {
            "command_code": 280,
            "request": True,
            "avps": [{"name": "Origin-Host", "value": "h"}, {"name": "Origin-Realm", "value": "r"}],
        }
    )
    message = Message.from_json(text, dictionary())
    assert message.command == "Device-Watchdog-Request"
    assert message.faults == ()
