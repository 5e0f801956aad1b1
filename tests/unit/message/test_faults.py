"""Each Result-Code a decoder can give, its verdict, and what Failed-AVP then holds (RFC 6733 sections 7.1 and 7.5)."""

from __future__ import annotations

import pytest
from hypothesis import given

from diameter import Message, RemoteFault, decode, encode
from diameter.message.faults import MOST
from diameter.wire import avp, header
from helpers.messages import S6A, TSP, device_action, dictionary, raw_messages, request, with_avps


def faults(octets: bytes) -> tuple[RemoteFault, ...]:
    return decode(octets, dictionary()).faults


def only(octets: bytes) -> RemoteFault:
    found = faults(octets)
    assert len(found) == 1, found
    return found[0]


def watchdog(*avps: bytes, flags: int = 0x80, application: int = 0, code: int = 280) -> bytes:
    host = avp.build(264, 0, 0x40, b"h.example.net")
    realm = avp.build(296, 0, 0x40, b"example.net")
    return header.build(flags, code, application, 1, 2, b"".join((host, realm, *avps)))


def inside(octets: bytes) -> list[tuple[int, int, int, bytes]]:
    """(code, vendor, flags, data) of the AVPs side by side in `octets`."""
    message = Message(header.build(0x80, 280, 0, 1, 2, octets), dictionary())
    return [(one.code, one.vendor, one.flags, one.data) for one in message.avps]


def test_a_message_in_order_has_no_faults() -> None:
    assert faults(encode(request())) == ()
    assert faults(watchdog()) == ()


@pytest.mark.parametrize(
    ("octets", "code", "verdict", "fatal"),
    [
        (watchdog(code=99), 3001, "refuse", False),
        (watchdog(application=4242), 3007, "refuse", False),
        (watchdog(flags=0xA0), 3008, "refuse", False),
        (watchdog(flags=0xC0), 3008, "refuse", False),
        (watchdog(avp.build(278, 0, 0x41, bytes(4))), 3009, "report", False),
        (watchdog(b"\0\0\0\1\x80\0\0\x0c\0\0\0\0"), 3009, "refuse", False),
        (watchdog(avp.build(9999, 0, 0x40, b"")), 5001, "refuse", False),
        (watchdog(avp.build(9999, 7, 0xC0, b"")), 5001, "refuse", False),
        (watchdog(avp.build(1, 0, 0x40, b"\xff")), 5004, "refuse", False),
        (watchdog(avp.build(293, 0, 0x40, b"two words")), 5004, "refuse", False),
        (watchdog(avp.build(293, 0, 0x40, b"two\nlines")), 5004, "refuse", False),
        (watchdog(avp.build(257, 0, 0x40, b"\0\1\1\2")), 5004, "refuse", False),
        (watchdog(avp.build(292, 0, 0x40, b"http://x")), 5004, "refuse", False),
        (watchdog(avp.build(277, 0, 0x40, b"\0\0\0\x63")), 5004, "report", False),
        (watchdog(avp.build(1, 0, 0x40, b"abc")[:-1] + b"x"), 5004, "report", False),
        (watchdog(avp.build(278, 0, 0x40, bytes(8))), 5014, "refuse", False),
        (watchdog(avp.build(278, 0, 0x40, bytes(4)), avp.build(278, 0, 0x40, bytes(4))), 5009, "refuse", False),
        (b"\2" + watchdog()[1:], 5011, "refuse", True),
        (watchdog(flags=0x81), 5013, "report", False),
        (watchdog(b"\0\0\0\1\0\0\0\7"), 5014, "refuse", False),
        (watchdog(b"\0\0\0\1\0\0\0\x40"), 5014, "refuse", False),
        (watchdog(b"\0\0\0\1\x80\0\0\x08"), 5014, "refuse", False),
        (watchdog(b"\0\0\0\1"), 5014, "refuse", False),
        (watchdog()[:-4], 5015, "refuse", True),
        (watchdog()[:10], 5015, "refuse", True),
        (b"", 5015, "refuse", True),
        (watchdog(avp.build(278, 0, 0x00, bytes(4))), 5016, "report", False),
        (watchdog(avp.build(278, 0, 0x60, bytes(4))), 5016, "report", False),
        (watchdog(avp.build(9999, 0, 0x20, b"")), 5016, "report", False),
        (header.build(0x80, 280, 0, 1, 2, avp.build(296, 0, 0x40, b"r")), 5005, "refuse", False),
    ],
)
def test_result_code_and_verdict(octets: bytes, code: int, verdict: str, fatal: bool) -> None:
    found = faults(octets)
    first = next(one for one in found if one.result_code == code)
    assert (first.verdict, first.fatal) == (verdict, fatal)
    assert [one for one in found if one.verdict == "refuse" and one.result_code != code and code < 5011] == []
    assert first.clause.startswith("RFC 6733")
    assert first.protocol_error == (3000 <= code < 4000)
    assert str(code) in repr(first)


def test_missing_avp_shows_an_example_of_least_length() -> None:
    message = header.build(0x80, 257, 0, 1, 2, b"")
    examples = {inside(one.failed_avp)[0][0]: inside(one.failed_avp)[0] for one in faults(message)}
    assert examples[264] == (264, 0, 0x40, b"")
    assert examples[257] == (257, 0, 0x40, bytes(6))
    assert examples[266] == (266, 0, 0x40, bytes(4))


def test_missing_avp_in_a_group_is_shown_inside_the_group() -> None:
    octets = request(
        Device_Action={"Reference-Number": 1, "Action-Type": 1, "Trigger-Data": {"Application-Port-Identifier": 1}}
    ).octets
    fault = only(octets)
    assert (fault.result_code, fault.path) == (5005, ("Device-Action", "Trigger-Data", "Payload"))
    ((code, vendor, _, data),) = inside(fault.failed_avp)
    assert (code, vendor) == (3001, 10415)
    ((code, vendor, _, data),) = inside(data)
    assert (code, vendor) == (3003, 10415)
    assert inside(data) == [(3004, 10415, 0xC0, b"")]


def test_the_first_instance_in_excess_is_the_failed_one() -> None:
    octets = with_avps(request(), avp.build(264, 0, 0x40, b"second"), avp.build(264, 0, 0x40, b"third"))
    fault = only(octets)
    assert fault.result_code == 5009
    assert inside(fault.failed_avp) == [(264, 0, 0x40, b"second")]
    assert fault.path == ("Origin-Host",)
    assert octets[fault.offset :].startswith(avp.build(264, 0, 0x40, b"second"))


def test_an_avp_without_a_place_is_refused_only_where_the_grammar_is_closed() -> None:
    closed = {"Vendor-Id": 10415, "Auth-Application-Id": S6A}
    message = dictionary().request("ULR", {"Vendor-Specific-Application-Id": closed}, application="S6a")
    group = message["Vendor-Specific-Application-Id"].octets + avp.build(1, 0, 0x40, b"x")
    octets = header.build(0xC0, 316, S6A, 1, 2, avp.build(260, 0, 0x40, group))
    fault = next(one for one in faults(octets) if one.result_code == 5008)
    assert fault.path == ("Vendor-Specific-Application-Id", "User-Name")
    assert faults(with_avps(request(), avp.build(1, 0, 0x40, b"x"))) == ()


@pytest.mark.parametrize(
    ("ids", "codes"),
    [
        ({"Vendor-Id": 10415, "Auth-Application-Id": S6A}, set()),
        ({"Vendor-Id": 0, "Auth-Application-Id": S6A}, set()),
        ({"Vendor-Id": 10415, "Acct-Application-Id": S6A}, set()),
        ({"Vendor-Id": 10415, "Auth-Application-Id": 4}, {5007}),
        ({"Vendor-Id": 10415}, {5005}),
        ({"Vendor-Id": 10415, "Auth-Application-Id": S6A, "Acct-Application-Id": S6A}, {5009}),
    ],
)
def test_application_ids_agree_with_the_header(ids: dict[str, int], codes: set[int]) -> None:
    avps = {
        "Session-Id": "s", "Vendor-Specific-Application-Id": ids, "Auth-Session-State": 1, "Origin-Host": "h",
        "Origin-Realm": "r", "Destination-Realm": "d", "User-Name": "001010123456789", "RAT-Type": 1004,
        "ULR-Flags": 34, "Visited-PLMN-Id": b"\0\xf1\x10",
    }  # fmt: skip
    octets = dictionary().request("Update-Location", avps, application="S6a").octets
    assert {int(one.result_code) for one in faults(octets) if one.verdict == "refuse"} == codes
    assert all(one.failed_avp for one in faults(octets))


def test_auth_application_id_agrees_with_the_header() -> None:
    fault = only(request(Auth_Application_Id=4).octets)
    assert (fault.result_code, inside(fault.failed_avp)[0][0]) == (5007, 258)


def test_broken_lengths_show_the_header_and_the_least_payload() -> None:
    long = next(one for one in faults(watchdog(b"\0\0\1\x16\x40\0\1\0")) if one.result_code == 5014)
    assert long.failed_avp == b"\0\0\1\x16\x40\0\1\0" + bytes(4)
    short = next(one for one in faults(watchdog(b"\0\0\1\x16")) if one.result_code == 5014)
    assert short.failed_avp == b"\0\0\1\x16\0\0\0\0" + bytes(4)
    vendor = next(one for one in faults(watchdog(b"\0\0\x0b\xb9\xc0\0\0\x09\0\0\x28\xaf")) if one.result_code == 5014)
    assert vendor.failed_avp == b"\0\0\x0b\xb9\xc0\0\0\x09\0\0\x28\xaf"


def test_a_wrong_length_inside_a_group_is_found_and_located() -> None:
    group = avp.build(3007, 10415, 0xC0, bytes(3)) + avp.build(3005, 10415, 0xC0, b"\0\0\0\1")
    fault = next(one for one in faults(request(Device_Action=group).octets) if one.result_code == 5014)
    assert fault.path == ("Device-Action", "Reference-Number")
    assert inside(inside(fault.failed_avp)[0][3]) == [(3007, 10415, 0xC0, bytes(3))]


def test_groups_nested_too_deep() -> None:
    octets = b""
    for _ in range(40):
        octets = avp.build(284, 0, 0x40, octets)
    found = faults(watchdog(octets))
    assert 5012 in {one.result_code for one in found}


def test_failed_avp_is_not_judged() -> None:
    broken = avp.build(9999, 0, 0x40, b"") + avp.build(278, 0, 0x40, bytes(7)) + b"\0\0"
    answer = header.build(0x20, 280, 0, 1, 2, b"".join((
        avp.build(264, 0, 0x40, b"h"), avp.build(296, 0, 0x40, b"r"), avp.build(268, 0, 0x40, (3001).to_bytes(4)),
        avp.build(279, 0, 0x40, broken),
    )))  # fmt: skip
    assert [one.result_code for one in faults(answer) if one.verdict == "refuse"] == []


def test_answers_with_the_e_bit_keep_their_own_grammar() -> None:
    refused = encode(request().answer(3002, {"Origin-Host": "h", "Origin-Realm": "r"}))
    assert faults(refused) == ()
    without = decode(refused, dictionary()).edit(remove=["Origin-Realm"]).octets
    assert [one.result_code for one in faults(without)] == [5005]


def test_a_failed_answer_may_lack_what_success_requires() -> None:
    failed = encode(request().answer(5012, {"Origin-Host": "h", "Origin-Realm": "r"}))
    assert [(int(one.result_code), one.verdict) for one in faults(failed)] == [(5005, "report")]
    success = failed.replace((5012).to_bytes(4), (2001).to_bytes(4))
    assert [(int(one.result_code), one.verdict) for one in faults(success)] == [(5005, "refuse")]


def test_both_results_in_one_answer_are_reported() -> None:
    notification = {"Reference-Number": 7, "Action-Type": 1}
    answer = request().answer(
        2001,
        {
            "Origin-Host": "h",
            "Origin-Realm": "r",
            "Device-Notification": notification,
            "Experimental-Result": {"Vendor-Id": 10415, "Experimental-Result-Code": 5001},
        },
    )
    octets = with_avps(answer, avp.build(268, 0, 0x40, (2001).to_bytes(4)))
    assert (5007, "report") in {(int(one.result_code), one.verdict) for one in faults(octets)}


def test_t_bit_on_an_answer_and_p_bit_of_an_answer_are_reported() -> None:
    answer = request().answer(5012, {"Origin-Host": "h", "Origin-Realm": "r"})
    for flags in (0x50, 0x00):
        found = faults(answer.edit(flags=flags).octets)
        assert (3008, "report") in {(int(one.result_code), one.verdict) for one in found}


def test_session_id_that_does_not_stand_first_is_reported() -> None:
    avps = device_action()
    octets = request().octets
    session = avp.build(263, 0, 0x40, avps["Session-Id"].encode())
    moved = header.build(0xC0, 8388639, TSP, 1, 2, octets[20 + len(session) :] + session)
    fault = only(moved)
    assert (fault.verdict, fault.path) == ("report", ("Session-Id",))


def test_what_is_remembered_does_not_hide_a_fault() -> None:
    good = request().octets
    bad = with_avps(request(), avp.build(9999, 0, 0x40, b""))
    value = good.replace(b"scs.example.org;1;2", b"scs.example.org;1;\xff")
    group = good.replace(
        b"\0\0\x0b\xbd\xc0\0\0\x10\0\0\x28\xaf\0\0\0\1", b"\0\0\x0b\xbd\xc0\0\0\x10\0\0\x28\xb0\0\0\0\1"
    )
    assert group != good
    for _ in range(3):
        assert faults(good) == ()
        assert [int(one.result_code) for one in faults(bad)] == [5001]
        assert [int(one.result_code) for one in faults(value)] == [5004]
        assert {int(one.result_code) for one in faults(group)} == {5001, 5005}


def test_the_words_are_bounded_and_the_first_to_refuse_is_among_them() -> None:
    padding = avp.build(1, 0, 0x40, b"abc")[:-1] + b"x"
    many = faults(watchdog(padding * 5000, avp.build(9999, 0, 0x40, b"") * 5000))
    assert len(many) == 2 * MOST
    assert many[MOST].result_code == 5001


@given(raw_messages())
def test_a_second_look_sees_the_same(octets: bytes) -> None:
    first = [(one.result_code, one.offset, one.path, one.failed_avp) for one in faults(octets)]
    again = [(one.result_code, one.offset, one.path, one.failed_avp) for one in faults(octets)]
    assert first == again


@given(raw_messages())
def test_every_fault_to_refuse_can_be_answered(octets: bytes) -> None:
    message = decode(octets, dictionary())
    for fault in message.faults:
        if fault.verdict == "refuse" and len(octets) >= 20:
            answer = message.refusal(fault)
            assert answer.framed
            assert answer.result == (0, fault.result_code)
            assert answer.error == (3000 <= fault.result_code < 4000)
            assert answer.hop_by_hop == message.hop_by_hop
            if fault.failed_avp:
                assert answer.raw("Failed-AVP") == fault.failed_avp
                assert len(fault.failed_avp) % 4 == 0
