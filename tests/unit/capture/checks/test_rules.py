"""Each rule is provoked by octets, with its severity and the place it names, and a good capture provokes none."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from diameter import encode
from diameter.capture import check
from diameter.capture.check import Finding
from diameter.capture.checks.rules import RULES
from diameter.capture.records import CUT, GAP_BEFORE
from diameter.errors import LocalError
from helpers.captures import Traffic
from helpers.messages import dictionary, with_avps
from helpers.talk import (
    CLIENT,
    IMSI,
    ONE,
    OTHER,
    S6M,
    TSP,
    Talk,
    offset_of,
    own,
    patched,
    raw_avp,
    without,
)

Wrong = Callable[[Talk], Any]
PROVOKE: Final[dict[str, Wrong]] = {}
"""What makes each rule speak; what it does is the test."""


def provokes(name: str) -> Callable[[Wrong], Wrong]:
    def put(wrong: Wrong) -> Wrong:
        assert name not in PROVOKE
        PROVOKE[name] = wrong
        return wrong

    return put


def found(talk: Talk, **options: Any) -> list[Finding]:
    checker = check.Checker(dictionary(), **options)
    out = [one for record in talk.records for one in checker.feed(record)]
    return out + checker.finish()


def names(talk: Talk, **options: Any) -> list[str]:
    return [one.rule.name for one in found(talk, **options)]


# ---- one message by itself -------------------------------------------------------------------------------------------


@provokes("version")
def _(talk: Talk) -> None:
    talk.put(b"\2" + encode(talk.lookup())[1:])


@provokes("message-length")
def _(talk: Talk) -> None:
    talk.put(encode(talk.lookup())[:-4])


@provokes("cut-message")
def _(talk: Talk) -> None:
    talk.put(encode(talk.lookup())[:-4], notes=(CUT,))


@provokes("unknown-application")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 8, b"\x7f\0\0\1"))


@provokes("unknown-command")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 5, b"\x7f\0\1"))


@provokes("header-flags")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xe0"))


@provokes("reserved-header-bits")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xc1"))


@provokes("avp-length")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Auth-Session-State") + 5, b"\0\0\x0b"))


@provokes("avp-value")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Host") + 8, b"\xff\xfe"))


@provokes("padding")
def _(talk: Talk) -> None:
    request = talk.lookup(Origin_Host="iwf.x")
    talk.put(patched(request, offset_of(request, "Origin-Host") + 13, b"\1"))


@provokes("enumerated-value")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Auth-Session-State") + 11, b"\7"))


@provokes("avp-order")
def _(talk: Talk) -> None:
    request = talk.lookup()
    session = next(one for one in request.avps if one.name == "Session-Id").octets
    octets = without(request, "Session-Id")
    talk.put(octets[:1] + (len(octets) + len(session)).to_bytes(3) + octets[4:] + session)


@provokes("reserved-avp-bits")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Realm") + 4, b"\x41"))


@provokes("vendor-id-zero")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), b"\0\0\x7f\xff\x80\0\0\x10\0\0\0\0\0\0\0\1"))


@provokes("avp-flags")
def _(talk: Talk) -> None:
    request = talk.lookup()
    talk.put(patched(request, offset_of(request, "Origin-Realm") + 4, b"\x00"))


@provokes("unknown-mandatory-avp")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), raw_avp(65_000, b"\0\0\0\1", vendor=9999)))


@provokes("missing-avp")
def _(talk: Talk) -> None:
    talk.put(without(talk.lookup(), "Origin-Realm"))


@provokes("missing-avp-in-refusal")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(5012, own(OTHER)), "Auth-Session-State"), back=True)


@provokes("avp-not-allowed")
def _(talk: Talk) -> None:
    group = talk.lookup(**{"User-Identifier": {"User-Name": IMSI}})
    vsai = raw_avp(260, raw_avp(266, b"\0\0\x28\xaf") + raw_avp(258, S6M.to_bytes(4)) + raw_avp(1, b"nobody"))
    talk.put(with_avps(group, vsai))


@provokes("avp-too-many")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.lookup(), raw_avp(264, ONE.encode())))


@provokes("contradicting-avps")
def _(talk: Talk) -> None:
    both = raw_avp(297, raw_avp(266, b"\0\0\x28\xaf") + raw_avp(298, b"\0\0\x13\x89"))
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), both), back=True)


@provokes("nesting")
def _(talk: Talk) -> None:
    group = raw_avp(1, IMSI.encode())
    for _ in range(20):
        group = raw_avp(3102, group, vendor=10415)
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), group), back=True)


# ---- results ---------------------------------------------------------------------------------------------------------


@provokes("result-missing")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(2001, own(OTHER)), "Result-Code"), back=True)


@provokes("result-class")
def _(talk: Talk) -> None:
    talk.answered(7001)


@provokes("error-bit")
def _(talk: Talk) -> None:
    answer = talk.asked().answer(3004, own(OTHER))
    talk.put(patched(answer, 4, b"\x40"), back=True)


@provokes("failed-avp-missing")
def _(talk: Talk) -> None:
    talk.answered(5004)


@provokes("failed-avp-advised")
def _(talk: Talk) -> None:
    talk.answered(5005)


@provokes("redirect-host-missing")
def _(talk: Talk) -> None:
    talk.answered(3006)


@provokes("destination-in-answer")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.asked().answer(2001, own(OTHER)), raw_avp(283, b"x.example")), back=True)


@provokes("destination-in-link-request")
def _(talk: Talk) -> None:
    talk.put(with_avps(talk.request("DWR", own(ONE)), raw_avp(283, b"x.example")))


# ---- request and answer ----------------------------------------------------------------------------------------------


@provokes("request-unanswered")
def _(talk: Talk) -> None:
    talk.asked()
    talk.wait(6)
    talk.watchdog()


@provokes("answer-unmatched")
def _(talk: Talk) -> None:
    talk.wait(31)
    talk.put(talk.lookup().answer(2001, own(OTHER)), back=True)


@provokes("answer-repeated")
def _(talk: Talk) -> None:
    talk.put(talk.answered(), back=True)


@provokes("answer-late")
def _(talk: Talk) -> None:
    request = talk.asked()
    talk.wait(8)
    talk.put(request.answer(2001, own(OTHER)), back=True)


@provokes("answer-end-to-end")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(2001, own(OTHER)), 16, b"\1\2\3\4"), back=True)


@provokes("answer-command")
def _(talk: Talk) -> None:
    request = talk.asked()
    dwr = talk.request("DWR", own(ONE), hop_by_hop=request.hop_by_hop, end_to_end=request.end_to_end)
    talk.put(dwr.answer(2001, own(OTHER)), back=True)


@provokes("answer-application")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(2001, own(OTHER)), 8, b"\x01\0\0\x23"), back=True)


@provokes("answer-proxiable")
def _(talk: Talk) -> None:
    talk.put(patched(talk.asked().answer(3004, own(OTHER)), 4, b"\x20"), back=True)


@provokes("hop-by-hop-reused")
def _(talk: Talk) -> None:
    talk.put(talk.request("DWR", own(ONE), hop_by_hop=talk.asked().hop_by_hop))


@provokes("end-to-end-reused")
def _(talk: Talk) -> None:
    answer = talk.answered()
    talk.put(talk.request("DWR", own(ONE), end_to_end=answer.end_to_end))


@provokes("repeat-without-t-flag")
def _(talk: Talk) -> None:
    talk.put(talk.asked())


@provokes("t-flag-first")
def _(talk: Talk) -> None:
    talk.put(patched(talk.lookup(), 4, b"\xd0"))


# ---- peers and watchdog ----------------------------------------------------------------------------------------------


@provokes("cer-first")
def _(talk: Talk) -> None:
    ends = (("10.0.0.9", 1), talk.server)
    talk.event("LINK_UP", ends)
    talk.put(talk.request("DWR", own(ONE)), source=ends[0])


@provokes("cer-again")
def _(talk: Talk) -> None:
    talk.put(talk.request("CER", {**own(ONE), "Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}))


@provokes("after-refusal")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(code=5010).asked()


@provokes("application-not-advertised")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(applications=(TSP,)).asked()


@provokes("no-common-application")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.event("LINK_UP")
    body: dict[str, Any] = {"Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}
    cer = talk.request("CER", {**own(ONE), **body, "Auth-Application-Id": 5})
    talk.put(cer)
    talk.put(cer.answer(2001, {**own(OTHER), **body, "Auth-Application-Id": 6}), back=True)


@provokes("origin-host-changed")
def _(talk: Talk) -> None:
    talk.put(talk.request("DWR", own("other.operator.example")))


@provokes("same-identity")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.event("LINK_UP")
    body: dict[str, Any] = {"Host-IP-Address": "10.0.0.1", "Vendor-Id": 0, "Product-Name": "x"}
    cer = talk.request("CER", {**own(ONE), **body})
    talk.put(cer)
    talk.put(cer.answer(2001, {**own(ONE), **body}), back=True)


@provokes("after-disconnect")
def _(talk: Talk) -> None:
    talk.put(talk.request("DPR", {**own(ONE), "Disconnect-Cause": "REBOOTING"}))
    talk.asked()


@provokes("watchdog-silence")
def _(talk: Talk) -> None:
    talk.wait(33)
    talk.answered()


@provokes("watchdog-too-often")
def _(talk: Talk) -> None:
    talk.watchdog()
    talk.watchdog()


# ---- agents, sessions, security --------------------------------------------------------------------------------------


@provokes("route-record-loop")
def _(talk: Talk) -> None:
    talk.asked(Route_Record=["a.example", "b.example", "A.example"])


@provokes("route-record-missing")
def _(talk: Talk) -> None:
    talk.asked(Origin_Host="scef.operator.example")


@provokes("proxy-info-echo")
def _(talk: Talk) -> None:
    request = talk.asked(Proxy_Info={"Proxy-Host": "p.example", "Proxy-State": b"1"})
    talk.put(without(request.answer(2001, own(OTHER)), "Proxy-Info"), back=True)


@provokes("session-id-differs")
def _(talk: Talk) -> None:
    answer = talk.asked().answer(2001, own(OTHER))
    talk.put(patched(answer, offset_of(answer, "Session-Id") + 8, b"I"), back=True)


@provokes("session-id-missing")
def _(talk: Talk) -> None:
    talk.put(without(talk.asked().answer(2001, own(OTHER)), "Session-Id"), back=True)


@provokes("session-id-format")
def _(talk: Talk) -> None:
    talk.asked(Session_Id="1234567")


def terminate(talk: Talk, session: str) -> None:
    avps = {
        "Session-Id": session, **own(ONE), "Destination-Realm": "operator.example",
        "Auth-Application-Id": S6M, "Termination-Cause": "DIAMETER_LOGOUT",
    }  # fmt: skip
    request = talk.request("STR", avps, S6M)
    talk.put(request)
    talk.put(request.answer(2001, own(OTHER)), back=True)


@provokes("session-ended")
def _(talk: Talk) -> None:
    answer = talk.asked(Auth_Session_State=0).answer(2001, {**own(OTHER), "Auth-Session-State": 0})
    talk.put(answer, back=True)
    terminate(talk, answer.text("Session-Id"))
    talk.asked(Session_Id=answer.text("Session-Id"))


@provokes("str-without-session")
def _(talk: Talk) -> None:
    terminate(talk, f"{ONE};9;9")


@provokes("str-without-state")
def _(talk: Talk) -> None:
    terminate(talk, talk.answered().text("Session-Id"))


@provokes("ppid-wrong")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), transport="sctp", ppid=47)


@provokes("ppid-unspecified")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), transport="dtls", ppid=0)


@provokes("clear-on-secure-port")
def _(talk: Talk) -> None:
    talk.put(talk.lookup(), destination=("10.0.0.2", 5868))


@provokes("clear-after-tls-chosen")
def _(talk: Talk) -> None:
    talk.event("LINK_LOST")
    talk.opened(Inband_Security_Id=1).asked()


def trigger(talk: Talk, device: str, transport: str = "tls") -> None:
    notice = {"External-Identifier": device, "Reference-Number": 7, "Action-Type": "DELIVERY_REPORT"}
    avps = {
        "Session-Id": f"{ONE};7;7", "Auth-Application-Id": TSP, "Auth-Session-State": 1, **own(ONE),
        "Destination-Realm": "customer.example",
        "Destination-Host": "scs.customer.example", "Device-Notification": notice,
    }  # fmt: skip
    talk.put(talk.request("DNR", avps, TSP), transport=transport)


@provokes("clear-outside")
def _(talk: Talk) -> None:
    trigger(talk, "meter@customer.example", "tcp")


@provokes("imsi-outside")
def _(talk: Talk) -> None:
    talk.asked()
    trigger(talk, f"{IMSI}@customer.example")


# ---- the tests -------------------------------------------------------------------------------------------------------


def test_every_rule_is_provoked() -> None:
    assert set(PROVOKE) == set(RULES)


@pytest.mark.parametrize("name", sorted(RULES))
def test_a_rule_speaks(name: str) -> None:
    talk = Talk().opened()
    PROVOKE[name](talk)
    spoken = [one for one in found(talk) if one.rule.name == name]
    assert spoken, (name, names(talk))
    for one in spoken:
        assert one.text
        assert one.what
        assert one.clause.startswith(("RFC ", "TS ")), one.clause
        assert 0 <= one.place.number < talk.messages
        assert one.place.frame == one.place.number + 1
    assert name not in names(talk, ignore=[name])
    assert set(names(talk, only=[name])) == {name}


def test_what_is_in_order_is_silent() -> None:
    talk = Talk().opened()
    for _ in range(3):
        talk.answered()
        talk.wait(29)
        talk.watchdog()
    assert found(talk) == []


def test_device_triggers_show_only_what_was_put_into_them() -> None:
    """Traffic has one answer with a wrong length, and requests that the end of the capture cuts off."""
    messages = Traffic(dictionary()).run(30)
    kinds = {one.rule.name for one in found_in(messages)}
    assert kinds <= {"avp-length", "padding"}, kinds


def found_in(messages: list[Any]) -> list[Finding]:
    checker = check.Checker(dictionary())
    return [one for record in messages for one in checker.feed(record)] + checker.finish()


def test_offsets_lead_to_the_avp() -> None:
    talk = Talk().opened()
    request = talk.asked()
    answer = patched(request.answer(2001, own(OTHER)), 16, b"\0\0\0\1")
    talk.put(answer, back=True)
    assert [(one.rule.name, one.offset) for one in found(talk)] == [("answer-end-to-end", 16)]
    talk = Talk().opened()
    PROVOKE["session-id-differs"](talk)
    (one,) = found(talk)
    assert (one.offset, one.place.number) == (20, 3)


def test_the_clause_of_a_grammar_is_named() -> None:
    talk = Talk().opened()
    talk.put(without(talk.lookup(), "Origin-Realm"))
    assert {one.clause for one in found(talk, only=["missing-avp"])} == {"TS 29.336 section 6.2.3"}


def test_what_a_capture_cuts_off_is_not_missed() -> None:
    talk = Talk().opened()
    talk.asked()
    talk.wait(4)
    talk.watchdog()
    assert names(talk) == []
    talk = Talk()  # begins in the middle
    talk.put(talk.lookup().answer(2001, own(OTHER)), back=True)
    talk.answered()
    assert names(talk) == []
    talk = Talk().opened()
    talk.asked()
    talk.wait(6)
    request = talk.request("DWR", own(ONE))
    talk.put(request, notes=(GAP_BEFORE,))
    talk.put(request.answer(2001, own(OTHER)), back=True)
    assert names(talk) == []


def test_a_request_waits_as_long_as_it_is_told() -> None:
    talk = Talk().opened()
    PROVOKE["request-unanswered"](talk)
    (one,) = found(talk)
    assert one.text == "no answer in the 6.0 s that the capture goes on"
    assert one.place.short == "SIR"
    assert names(talk, wait_s=7) == []


def test_an_agent_may_forward_and_a_sender_may_repeat() -> None:
    """The same End-to-End Identifier on another connection, from an agent; and again with the T flag."""
    talk = Talk().opened()
    request = talk.asked()
    onward = request.edit(add={"Route-Record": ONE}, hop_by_hop=77)
    agent = (CLIENT[0], 41_000)
    talk.put(onward, source=agent, destination=("10.0.0.3", 3868))
    talk.put(patched(request, 4, b"\xd0"))
    assert names(talk) == []


def test_a_connection_that_comes_back_begins_anew() -> None:
    talk = Talk().opened()
    talk.event("LINK_LOST")
    talk.wait(40)
    talk.opened().answered()
    assert names(talk) == []


def test_an_imsi_is_found_late_and_in_tbcd_and_never_printed() -> None:
    talk = Talk("tls").opened()
    trigger(talk, f"{IMSI}@customer.example")
    talk.answered()
    late = [one for one in found(talk) if one.rule.name == "imsi-outside"]
    assert [(one.place.short, one.place.number) for one in late] == [("DNR", 2)]
    talk = Talk("tls").opened()
    talk.answered()
    octets = talk.lookup(User_Identifier={"MSISDN": bytes.fromhex("00010121436587f9")})
    talk.put(octets)
    leak = [one for one in found(talk, outside=["operator.example"]) if "MSISDN" in one.text]
    assert [one.text for one in leak] == []  # nothing inside was learned: all of it is outside now
    for one in late:
        assert IMSI not in one.text + one.what


def test_outside_is_a_host_or_a_realm() -> None:
    talk = Talk("tls").opened()
    talk.answered()
    talk.asked(Destination_Realm="visited.example", User_Identifier={"MSISDN": bytes.fromhex("00010121436587f9")})
    assert names(talk) == []
    (one,) = found(talk, outside=["Visited.example"])
    assert (one.rule.name, "TBCD" in one.text, one.place.number) == ("imsi-outside", True, 4)
    assert names(talk, outside=["sited.example"]) == []


def test_nothing_is_kept_without_bound() -> None:
    checker = check.Checker(dictionary())
    past = checker._past
    past.waiting.limit = past.sessions.limit = past.requests.limit = past.subscribers.limit = 8
    past.connections.limit = 4
    talk = Talk().opened()
    for number in range(50):
        talk.put(talk.lookup(User_Identifier={"User-Name": f"00101{number:010}"}), source=("10.1.0.1", 1000 + number))
    for record in talk.records:
        checker.feed(record)
    assert {len(one) for one in (past.waiting, past.sessions, past.requests, past.subscribers)} == {8}
    assert len(past.connections) == 4


def test_an_unknown_rule_is_an_error() -> None:
    with pytest.raises(LocalError, match="no-such-rule: no such rule"):
        check.Checker(dictionary(), only=["no-such-rule"])
