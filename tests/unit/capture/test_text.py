"""Messages as text: names, values, faults; and nothing raised for any octets."""

from datetime import UTC, datetime

from hypothesis import given

from diameter import Dictionary, Message, decode
from diameter.capture import text
from diameter.capture.masking import masked
from helpers.messages import device_action, dictionary, raw_messages, request, with_avps

ISDN = bytes.fromhex("0b919471103254f6")


def rows(message: Message) -> dict[str, str]:
    return {line.name: line.value for line in text.lines(message)}


def test_a_tree_names_every_avp() -> None:
    out = text.tree(request())
    assert out.splitlines()[0].startswith(
        "Device-Action-Request (DAR)  Tsp 16777309  request, proxiable  hop-by-hop 0x00000001  end-to-end 0x00000002"
    )
    assert "\n  Session-Id                       263        M   scs.example.org;1;2\n" in out
    assert "\n    Action-Type                    3005/10415 VM  DEVICE_TRIGGER_REQUEST (1)\n" in out
    assert '\n      Payload                      3004/10415 VM  77616b65207570 "wake up"\n' in out


def test_offsets_lead_the_lines() -> None:
    assert text.tree(request(), offsets=True).splitlines()[1].startswith("    20   Session-Id ")


def test_values_by_type() -> None:
    d = dictionary()
    message = d.request(
        "SIR",
        {
            "Session-Id": "a;1",
            "Host-IP-Address": "2001:db8::1",
            "Event-Timestamp": datetime(2019, 2, 5, 22, 11, 28, tzinfo=UTC),
            "SIR-Flags": 5,
            "MSISDN": b"\x94\x71\xf0",
            "SM-RP-SMEA": [ISDN, b"\x03\x81\x21\xf3"],
            "SC-Address": b"\xff\xff",
            "Payload": b"",
            "Error-Message": "two\nlines",
        },
        application="S6m",
    )
    values = [(line.name, line.value) for line in text.lines(message, faults=False)]
    assert values == [
        ("Session-Id", "a;1"),
        ("Host-IP-Address", "2001:db8::1"),
        ("Event-Timestamp", "2019-02-05T22:11:28Z"),
        ("SIR-Flags", "S6m-S6n-Indicator | bit 2 (0x5)"),
        ("MSISDN", "49170"),
        ("SM-RP-SMEA", "+49170123456"),
        ("SM-RP-SMEA", "123"),
        ("SC-Address", "ffff"),
        ("Payload", "(empty)"),
        ("Error-Message", r"'two\nlines'"),
    ]


def test_unknown_names_and_numbers() -> None:
    vendor, plain = "00fffff1 9f000010 00003039 61626364", "00fffff2 0000000c 00000001"
    octets = with_avps(request(), bytes.fromhex(vendor), bytes.fromhex(plain))
    message = decode(octets, dictionary())
    found = {line.name: line for line in text.lines(message)}
    one = found["12345:16777201"]
    assert (one.number, one.flag_letters, one.value, one.kind) == ("16777201/12345", "V+1f", '61626364 "abcd"', "")
    assert found["16777202"].value == "00000001"
    other = decode(bytes.fromhex("01000014 d0999999 00abcdef 00000001 00000002"), dictionary())
    assert text.header_text(other).startswith("Command 10066329  11259375  request, proxiable, retransmitted  ")
    assert text.short_name(other) == "10066329R"
    answer = decode(bytes.fromhex("01000014 20999999 00000000 00000001 00000002"), dictionary())
    assert text.header_text(answer).startswith("Command 10066329  ")
    assert ", error" in text.header_text(answer)


def test_results_by_name() -> None:
    asked = request()
    assert text.result_text(asked) == ""
    assert text.result_text(asked.answer(2001)) == "2001 DIAMETER_SUCCESS"
    assert text.result_text(asked.answer(5001, vendor=10415)) == "10415:5001 DIAMETER_ERROR_USER_UNKNOWN"
    assert text.result_text(asked.answer(2999)) == "2999"
    assert text.result_text(asked.answer(9, vendor=99)) == "99:9"
    bare = Dictionary.load("rfc6733_base")
    assert text.result_text(decode(asked.answer(3004).octets, bare)).startswith("3004 DIAMETER_")


def test_a_summary_is_one_line() -> None:
    assert text.summary(request()) == "DAR Tsp scs.example.org;1;2"
    assert text.summary(request(Session_Id=None)) == "DAR Tsp [1 fault]"
    assert text.summary(request().answer(3004)) == "DAA Tsp 3004 DIAMETER_TOO_BUSY scs.example.org;1;2 [2 faults]"


def test_faults_stand_where_they_belong() -> None:
    octets = bytearray(request().octets)
    at = octets.index(b"\0\0\1\x15")
    octets[at + 7] = 11
    lines = text.tree(decode(bytes(octets), dictionary()), offsets=True).splitlines()
    (wrong,) = [number for number, line in enumerate(lines) if "Auth-Session-State " in line and "^" not in line]
    assert lines[wrong + 1].lstrip().startswith("^ 5014 Auth-Session-State: ")
    assert f"at octet {at} (RFC 6733 section 7.1.5), refused" in lines[wrong + 1]
    assert text.tree(request(Session_Id=None)).splitlines()[-1].startswith("! 5005 ")


def test_octets_behind_the_last_avp_are_shown() -> None:
    octets = with_avps(request(), b"\0\0\1\x07\x40\0\0\x40")
    assert "  8 octets that are no AVP: 0000010740000040" in text.tree(decode(octets, dictionary()))
    inner = with_avps(request(Device_Action=b"\0\0\0\0\0\0\0\1"))
    assert rows(decode(inner, dictionary()))["Device-Action"] == "and 8 octets that are no AVP: 0000000000000001"


def test_the_value_of_one_avp() -> None:
    (group,) = [avp for avp in request().avps if avp.name == "Device-Action"]
    assert text.value_text(group).startswith("External-Identifier, SCS-Identity, Reference-Number")
    assert text.value_text(group.members[2]) == "7"


def test_digits() -> None:
    assert text.tbcd(b"\x21\x43\xf5") == "12345"
    assert text.tbcd(b"\xa2\xcb") == "2*#a"
    assert text.tbcd(b"\xff\x21") == ""
    assert text.tbcd(b"") == ""


def test_masking_hides_who_and_keeps_every_length() -> None:
    message = request(User_Name="001010123456789")
    octets = masked(message)
    assert len(octets) == len(message.octets)
    assert b"001010123456789" not in octets
    assert b"meter-1@example.org" not in octets
    assert b"wake up" not in octets
    values = rows(decode(octets, dictionary()))
    assert values["External-Identifier"] == values["User-Name"] == values["Payload"] == "(masked)"
    assert values["Session-Id"] == device_action()["Session-Id"]


@given(raw_messages())
def test_any_octets_make_a_tree(octets: bytes) -> None:
    message = decode(octets, dictionary())
    assert text.tree(message)
    assert text.summary(message)
    assert len(masked(message)) == len(octets)
