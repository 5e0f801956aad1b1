"""Somebody who says that he is somebody else: in CER, in Origin-Host, in SCS-Identity, through an agent of others.

What his certificate has to do with it is in tests/link/test_certificates.py, where there are certificates.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter import Message
from helpers.attack import IMSIS, Field
from helpers.network import FORMS, HSS, IWF, REALM, SCS1, SCS2, SGW, SMS_SC
from helpers.nodes import dictionary
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus


@pytest.fixture(params=FORMS)
def field(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Field]:
    field = Field(tmp_path, dictionary(), form=request.param).open()
    yield field
    assert (field.leaked(), field.bugs(), field.deliveries()) == ([], 0, [])
    field.close()


def trigger(at: int = 1, **changes: Any) -> Message:
    """A Device-Action-Request as the first SCS would send it, with changes; None takes an AVP out."""
    action = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550001"),
        "Reference-Number": at,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"false"},
    }
    avps = {
        "Session-Id": f"{SCS1};7;{at}",
        "Auth-Application-Id": 16777309,
        "Auth-Session-State": 1,
        "Origin-Host": SCS1,
        "Origin-Realm": "customer.example",
        "Destination-Realm": REALM,
        "Device-Action": action,
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    kept = {name: value for name, value in avps.items() if value is not None}
    return dictionary().request("Device-Action", kept, application="Tsp", hop_by_hop=at, end_to_end=at)


def own(**changes: Any) -> dict[str, Any]:
    """What the second SCS may say of itself, with changes to the Device-Action."""
    action = {
        "External-Identifier": "meter-1@customer.example",
        "SCS-Identity": encode_number("15550002"),
        "Reference-Number": 1,
        "Action-Type": 1,
        "Trigger-Data": {"Payload": b"false"},
    } | {name.replace("_", "-"): value for name, value in changes.items()}
    return {"Origin_Host": SCS2, "Origin_Realm": "other.example", "Session_Id": f"{SCS2};7;1", "Device_Action": action}


@pytest.mark.requirement("T-TSP-02", "R-TSP-35")
@pytest.mark.parametrize(
    ("changes", "check", "answered"),
    [
        ({}, "destination", (0, 5003)),  # another's Origin-Host in the request
        ({"Origin_Host": IWF, "Origin_Realm": REALM}, "destination", (0, 5003)),  # that of the gateway itself
        ({"Origin_Host": SMS_SC, "Origin_Realm": REALM}, "destination", (0, 5003)),  # that of the core
        ({"Route_Record": [SCS1]}, "destination", (0, 5003)),  # as if he had passed it on
        ({"Origin_Host": SCS2, "Origin_Realm": "customer.example"}, "destination", (0, 5003)),  # another's realm
        (own(SCS_Identity=encode_number("15550001")), "scs-identity", RequestStatus.INVSCSID),
        (own(), "association", RequestStatus.INVEXTID),  # himself, about a device of another
    ],
)
def test_a_request_in_the_name_of_another_is_refused_counted_and_audited(
    field: Field, changes: dict[str, Any], check: str, answered: Any
) -> None:
    (answer,) = field.say(trigger(**changes))
    if isinstance(answered, tuple):
        assert answer.result == answered
    else:
        assert answer["Device-Notification"]["Request-Status"] == answered
    (line,) = field.refusals()
    assert (line["check"], line["stage"], line["area"], line["peer"]) == (check, "authorisation", "B1", SCS2)
    assert len(field.heard("S6m", "Subscriber-Information-Request")) == (check == "association")


@pytest.mark.requirement("T-TSP-02", "R-TSP-25")
def test_a_name_in_cer_that_no_peer_has_ends_the_link(field: Field) -> None:
    """Behind a gateway of its own the HSS and the SMS-SC are no peers of whoever is dialled; nobody is his own peer."""
    others = (IWF,) if field.form == "embedded" else (SGW, HSS, SMS_SC)
    names = ("scs9.customer.example", "scs9.core.example", *others)
    for name in names:
        (answer,) = field.stranger(name, trigger())
        assert (answer.command, answer.result) == ("Capabilities-Exchange-Answer", (0, 3010))
    lines = [(line["check"], line["stage"]) for line in field.refusals()]
    assert lines == [("capabilities", "authentication")] * len(names)


@pytest.mark.requirement("T-TSP-02", "R-TSP-28")
def test_the_name_of_somebody_who_is_there_loses_against_him(field: Field) -> None:
    """In clear text, where nothing proves a name, as long as its owner is connected; over TLS the certificate does."""
    names = (HSS, SMS_SC, SCS1) if field.form == "embedded" else (IWF, SCS1)
    for name in names:
        answers = [each for each in field.stranger(name, trigger()) if not each.request]
        assert [each.command for each in answers if each.result == (0, 2001)] == []
        assert "Device-Action-Answer" not in [each.command for each in answers]
    assert [line["check"] for line in field.refusals()] == ["capabilities"] * len(names)
    assert field.heard("S6m", "Subscriber-Information-Request") == []


@pytest.mark.requirement("T-TSP-02", "R-TSP-27")
def test_before_the_capabilities_exchange_nothing_is_heard(field: Field) -> None:
    assert field.stranger("", trigger()) == []
    assert field.heard("S6m", "Subscriber-Information-Request") == []


@pytest.mark.requirement("T-TSP-02")
@pytest.mark.parametrize("guess", range(3))
def test_a_report_that_an_scs_makes_up_reaches_no_other(field: Field, guess: int) -> None:
    """A Device-Notification-Request to the gateway, naming another SCS as its destination or not."""
    avps = {
        "Session-Id": f"{SCS2};8;1",
        "Auth-Application-Id": 16777309,
        "Auth-Session-State": 1,
        "Origin-Host": SCS2,
        "Origin-Realm": "other.example",
        "Destination-Host": (SCS1, IWF, "hss.core.example")[guess],
        "Destination-Realm": ("customer.example", REALM, REALM)[guess],
        "Device-Notification": {"Reference-Number": 1000, "Action-Type": 2, "Delivery-Outcome": 0},
    }
    made = dictionary().request("Device-Notification", avps, application="Tsp", hop_by_hop=1, end_to_end=1)
    (answer,) = field.say(made)
    assert answer.result in {(0, 3001), (0, 3002)}
    assert IMSIS[0].encode() not in answer.octets
    assert field.scs.ledger.unknown == 0
    assert [line["stage"] for line in field.refusals()] == ["authorisation"]
