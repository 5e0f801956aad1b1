"""Each rule is provoked by octets, with its severity and the place it names, and a good capture provokes none."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.capture import check
from diameter.capture.check import Finding
from diameter.capture.checks.rules import RULES
from diameter.capture.records import GAP_BEFORE
from diameter.errors import LocalError
from helpers.captures import Traffic
from helpers.messages import dictionary
from helpers.provoke_more import PROVOKE, trigger
from helpers.talk import CLIENT, IMSI, ONE, OTHER, Talk, own, patched, without


def found(talk: Talk, **options: Any) -> list[Finding]:
    checker = check.Checker(dictionary(), **options)
    out = [one for record in talk.records for one in checker.feed(record)]
    return out + checker.finish()


def names(talk: Talk, **options: Any) -> list[str]:
    return [one.rule.name for one in found(talk, **options)]


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
