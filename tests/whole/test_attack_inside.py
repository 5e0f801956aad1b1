"""Behind a gateway of its own: what its link to the MTC-IWF shows, and what somebody on that link can do."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter import Message, decode
from helpers.attack import IMSIS, Field
from helpers.attack_wire import INNER, S6M, T4, TSP
from helpers.network import IWF, REALM, SCS1, SCS2, SGW
from helpers.nodes import dictionary
from nfs.common.identities import encode_number
from nfs.scs.api import Stage

ACTION, REPORT = "Device-Action-Request", "Device-Notification-Request"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, dictionary(), form="separate").open()
    yield field
    assert (field.leaked(), field.bugs()) == ([], 0)
    field.close()


def both(field: Field, command: str) -> tuple[Message, Message]:
    """The one message of this command as the outside has it, and as the inside has it."""
    (outside,), (inside,) = field.heard(TSP, command), field.heard(INNER, command)
    return outside, inside


@pytest.mark.requirement("R-IP-04", "T-IP-02", "T-ID-01")
def test_each_side_of_the_gateway_sees_its_own_names_and_neither_an_imsi(field: Field) -> None:
    assert field.ask().delivered
    inner = b"".join(octets for _, octets in field.middle(INNER).seen)
    shown = field.leaks(inner)
    assert all(what in (f"name {IWF}", "address 127.0.0.2", "address 127.0.0.2 in an AVP") for what in shown), shown
    assert f"name {IWF}" in shown

    asked, brought = both(field, ACTION)
    assert (asked["Origin-Host"], brought["Origin-Host"]) == (SCS1, SCS1)
    assert ("Route-Record" in asked, brought.all("Route-Record")) == (False, (SCS1,))
    assert "Destination-Host" not in brought
    assert asked.end_to_end == brought.end_to_end  # the MTC-IWF knows a copy that comes over another gateway
    told, answered = both(field, "Device-Action-Answer")
    assert (told["Origin-Host"], answered["Origin-Host"]) == (SGW, IWF)
    assert told["Device-Notification"].octets == answered["Device-Notification"].octets

    report, sent = both(field, REPORT)
    assert (report["Origin-Host"], sent["Origin-Host"]) == (SGW, IWF)
    assert sent.text("Session-Id").startswith(IWF)
    assert report.text("Session-Id").startswith(SGW)
    taken, passed = both(field, "Device-Notification-Answer")
    assert (taken["Session-Id"], passed["Session-Id"]) == (report["Session-Id"], sent["Session-Id"])
    assert "Route-Record" not in report


CHANGES = [
    (b"meter-1@customer.example", b"meter-1@else-one.example", "external-identifier"),
    (b"meter-1@customer.example", b"theirs1@customer.example", "association"),
    (b"meter-1@customer.example", IMSIS[0].encode() + b"@core.exa", "inbound-imsi"),
    (encode_number("15550001"), encode_number("15550002"), "scs-identity"),
]


@pytest.mark.requirement("T-TSP-01", "R-TSP-35")
@pytest.mark.parametrize(("old", "new", "check"), CHANGES)
def test_what_is_changed_behind_the_gateway_is_refused_by_the_mtc_iwf(
    field: Field, old: bytes, new: bytes, check: str
) -> None:
    """The gateway has let it pass; the checks that cost nothing are asked once more."""
    assert len(old) == len(new)

    def change(octets: bytes) -> tuple[bytes, ...]:
        if decode(octets, field.dictionary).command != ACTION:
            return (octets,)
        at = octets.rindex(old)
        return (octets[:at] + new + octets[at + len(old) :],)

    field.middle(INNER).change = change
    assert field.ask().stage is Stage.REFUSED
    (line,) = field.refused_by("iwf")
    assert (line["check"], line["stage"], line["area"], line["origin"]) == (check, "authorisation", "B1", SCS1)
    assert field.refused_by("sgw") == []
    assert field.deliveries() == []


@pytest.mark.requirement("T-TSP-01", "R-TSP-10")
def test_what_was_recorded_behind_the_gateway_triggers_nothing_a_second_time(field: Field) -> None:
    """Under new identifiers, so that no duplicate cache knows it; and a recorded report reaches the SCS once."""
    assert field.ask().delivered
    (asked,), (told,) = field.heard(INNER, ACTION), field.heard(INNER, REPORT)
    for number in (b"\1\2\3\4", b"\1\2\3\5"):
        field.middle(INNER).inject(asked.octets[:12] + number * 2 + asked.octets[20:], by=SGW)
        field.middle(INNER).answered(told.octets[:12] + number * 2 + told.octets[20:], to=SGW)
        field.pass_time(60)
    assert field.deliveries() == [(IMSIS[0], b"wake")]
    assert (len(field.scs.ledger.finished), field.scs.ledger.unknown) == (1, 0)
    assert field.ask(payload=b"next").delivered


@pytest.mark.requirement("T-TSP-02", "R-TSP-18", "R-TSP-28")
@pytest.mark.parametrize("name", [SCS1, SCS2, "scs9.customer.example", SGW])
def test_past_the_gateway_nobody_gets_in(field: Field, name: str) -> None:
    """SCSs are no peers of the MTC-IWF; the name of the gateway loses against it."""
    assert field.ask().delivered
    (asked,) = field.heard(TSP, ACTION)
    request = asked.octets[:12] + b"\1\2\3\4" * 2 + asked.octets[20:]
    answers = [each for each in field.stranger(name, decode(request, field.dictionary), at=INNER) if not each.request]
    assert [each.command for each in answers] == ["Capabilities-Exchange-Answer"]
    assert answers[0].result == ((0, 4003) if name == SGW else (0, 3010))
    (line,) = field.refused_by("iwf")
    assert (line["check"], line["stage"]) == ("capabilities", "authentication")
    assert len(field.deliveries()) == 1


@pytest.mark.requirement("T-TSP-02", "R-TSP-28")
def test_from_behind_the_gateway_only_reports_go_out(field: Field) -> None:
    """Whoever writes on the link inside sends an SCS no message of S6m or T4, and no request for a trigger."""
    assert field.ask().delivered
    before = len(field.middle(TSP).seen)
    heard = (field.heard(S6M, "Subscriber-Information-Request"), field.heard(T4, "Device-Trigger-Request"))
    for (message,) in (*heard, field.heard(INNER, ACTION)):
        made = message.edit(replace={"Destination-Realm": REALM}, hop_by_hop=5)
        field.middle(INNER).answered(made.octets, to=SGW)
        field.pass_time(1)
    assert [each.command for each in field.answers(before)] == []
    lines = field.refused_by("sgw")
    assert {(line["check"], line["peer"]) for line in lines} <= {("command", IWF), ("destination", IWF), ("fault", IWF)}
    assert len(lines) == 3
