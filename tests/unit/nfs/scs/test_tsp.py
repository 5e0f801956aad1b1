"""Tsp as the SCS speaks it, and the SCS as a library (TS 29.368 clauses 5.5, 5.6, 6.6)."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.api import Scs, Stage, TriggerRequest
from nfs.scs.form import report_to, request_from, request_to
from nfs.scs.logic import Ledger, Report

DICTIONARY = Dictionary.load()
REQUEST = TriggerRequest(payload=b"\x00wake", external_identifier="meter-1@customer.example", port=16000)


class Clock:
    """Seconds that pass when asked for."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        self.now += 0.5
        return self.now


def taken(request: Message) -> Message:
    return answer(request, RequestStatus.SUCCESS)


def answer(request: Message, status: RequestStatus | None) -> Message:
    notification: dict[str, Any] = {
        "Reference-Number": request["Device-Action"]["Reference-Number"],
        "Action-Type": 1,
    }
    if status is not None:
        notification["Request-Status"] = int(status)
    return request.answer(2001, {"Device-Notification": notification})


def scs(*answers: Any) -> tuple[Scs, FakeRequester]:
    made = Scs(
        number="15550000100",
        realm="operator.example",
        mtc_iwf="iwf.operator.example",
        clock=Clock(),
        ledger=Ledger(first_reference=7),
    )
    return made, FakeRequester(made.tsp, DICTIONARY, {"Device-Action-Request": list(answers)})


def notify(fake: FakeRequester, reference: int = 7, **more: Any) -> Message:
    notification = {
        "Reference-Number": reference,
        "Action-Type": 2,
        "Delivery-Outcome": int(DeliveryOutcome.SUCCESS),
        **more,
    }
    given = {name: value for name, value in notification.items() if value is not None}
    avps = {"Destination-Host": "scs.customer.example", "Device-Notification": given}
    return fake.deliver("Device-Notification", avps)


def test_the_request_carries_what_the_clause_asks_for() -> None:
    made, fake = scs(taken)
    run(made.submit(REQUEST))
    (sent,) = fake.requests
    assert sent.faults == ()
    assert (sent["Destination-Host"], sent["Destination-Realm"]) == ("iwf.operator.example", "operator.example")
    action = sent["Device-Action"]
    assert action["External-Identifier"] == "meter-1@customer.example"
    assert action.raw("SCS-Identity").hex() == "5155000001f0"
    assert (action["Reference-Number"], action["Action-Type"]) == (7, 1)
    data = action["Trigger-Data"]
    assert (data["Payload"], data["Application-Port-Identifier"], data["Priority-Indication"]) == (
        b"\x00wake",
        16000,
        0,
    )
    assert "Validity-Time" not in action
    assert "MSISDN" not in action


def test_an_msisdn_priority_and_validity() -> None:
    made, fake = scs(taken)
    run(made.submit(TriggerRequest(payload=b"", msisdn="15551234567", priority=True, validity_s=0)))
    action = fake.requests[0]["Device-Action"]
    assert action.raw("MSISDN").hex() == "5155214365f7"
    assert (action["Validity-Time"], action["Trigger-Data"]["Priority-Indication"]) == (0, 1)
    assert "External-Identifier" not in action


def test_the_report_ends_the_trigger() -> None:
    made, fake = scs(taken)
    accepted = run(made.submit(REQUEST))
    assert accepted.stage is Stage.ACCEPTED
    later = made.wait(7)
    assert not later.done
    assert notify(fake).result == (0, 2001)
    assert later.result().delivered
    assert made.wait(7).result() is later.result()


def test_the_same_report_again_is_acknowledged_and_goes_no_further() -> None:
    made, fake = scs(taken)
    run(made.submit(REQUEST))
    reports: list[Report] = []
    made.wait(7).then(lambda: reports.append(made.progress(7)))
    for _ in range(3):
        assert notify(fake).result == (0, 2001)
    assert len(reports) == 1
    assert made.ledger.duplicates == 2


def test_a_report_for_nobody_is_acknowledged() -> None:
    made, fake = scs()
    assert notify(fake, reference=99).result == (0, 2001)
    assert made.ledger.unknown == 1


def test_a_report_before_the_answer() -> None:
    made, fake = scs()

    def reported_first(request: Message) -> Message:
        run(made._reported(7, int(DeliveryOutcome.EXPIRED)))
        return taken(request)

    fake._answers["Device-Action-Request"] = [reported_first]
    report = run(made.trigger(REQUEST))
    assert (report.stage, report.outcome, report.delivered) == (Stage.REPORTED, 1, False)


def test_a_refusal_needs_no_report() -> None:
    made, _ = scs(lambda request: answer(request, RequestStatus.INVEXTID))
    report = run(made.trigger(REQUEST))
    assert (report.stage, report.status, report.result) == (Stage.REFUSED, 102, (0, 2001))


def test_a_result_without_a_status() -> None:
    made, _ = scs(lambda request: answer(request, None))
    assert run(made.trigger(REQUEST)).stage is Stage.REFUSED


def test_no_answer_is_a_failure_and_says_why() -> None:
    made, _ = scs(RequestTimeout("no answer within 10 s"))
    report = run(made.trigger(REQUEST))
    assert (report.stage, report.error) == (Stage.FAILED, "no answer within 10 s")


def test_giving_up_tells_how_far_it_came_and_a_late_report_still_counts() -> None:
    made, fake = scs(taken)
    run(made.submit(REQUEST))
    later = made.wait(7)
    made.give_up(7, "no report within 5 s")
    assert (later.result().stage, later.result().error) == (Stage.ACCEPTED, "no report within 5 s")
    made.give_up(99, "never asked for")
    notify(fake)
    assert made.progress(7).delivered


def test_unknown_references() -> None:
    made, _ = scs()
    with pytest.raises(KeyError):
        _ = made.wait(1)
    with pytest.raises(KeyError):
        made.progress(1)


@pytest.mark.parametrize(
    ("more", "code"),
    [({"Delivery-Outcome": None}, 5005), ({"Action-Type": 5}, 5012)],
)
def test_notifications_that_are_no_delivery_reports(more: dict[str, Any], code: int) -> None:
    _, fake = scs()
    assert notify(fake, **more).result == (0, code)


def test_a_notification_without_its_group() -> None:
    _, fake = scs()
    assert fake.deliver("Device-Notification", {"Destination-Host": "scs.customer.example"}).result == (0, 5005)


def test_requests_as_json_and_back() -> None:
    form = request_to(REQUEST)
    assert form == {
        "payload": "0077616b65",
        "priority": False,
        "external_identifier": "meter-1@customer.example",
        "port": 16000,
    }
    assert request_from(form) == REQUEST
    full = TriggerRequest(payload=b"", msisdn="15551234567", priority=True, validity_s=0, reference=3, port=1)
    assert request_from(request_to(full)) == full


@pytest.mark.parametrize(
    ("form", "complaint"),
    [
        ([], "a JSON object"),
        ({}, "one of the two"),
        ({"msisdn": "15551234567", "external_identifier": "a@b.example"}, "one of the two"),
        ({"msisdn": "12"}, "MSISDN"),
        ({"external_identifier": "no-domain"}, "External-Identifier"),
        ({"msisdn": "15551234567", "payload": "xyz"}, "payload: must be hexadecimal"),
        ({"msisdn": "15551234567", "payload": 7}, "payload: must be a string"),
        ({"msisdn": "15551234567", "port": True}, "port: must be an integer"),
        ({"msisdn": "15551234567", "port": 65536}, "port: 0 to 65535"),
        ({"msisdn": "15551234567", "priority": 1}, "priority: must be true or false"),
        ({"msisdn": "15551234567", "imsi": "001010000000001"}, "imsi: unknown key"),
    ],
)
def test_forms_that_are_no_request(form: object, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        request_from(form)


def test_every_complaint_at_once() -> None:
    with pytest.raises(ValueError, match="x: unknown key") as wrong:
        request_from({"x": 1, "port": "1", "payload": "0"})
    assert len(str(wrong.value).splitlines()) == 4


def test_reports_as_json() -> None:
    report = Report(reference=7, stage=Stage.REPORTED, status=0, result=(0, 2001), outcome=9, took_s=0.25)
    assert report_to(report) == {
        "schema": 1,
        "reference": 7,
        "stage": "reported",
        "delivered": False,
        "request_status": "SUCCESS",
        "result": {"vendor": 0, "code": 2001},
        "delivery_outcome": "9",
        "took_s": 0.25,
        "error": None,
    }
    assert report_to(Report(reference=1, stage=Stage.SENT))["result"] is None


def test_without_a_realm_the_domain_of_the_external_identifier_is_the_realm() -> None:
    made = Scs(number="15550000100", realm=None, clock=Clock())
    fake = FakeRequester(made.tsp, DICTIONARY, {"Device-Action-Request": [taken]})
    run(made.submit(replace(REQUEST, external_identifier="meter-1@Customer.Example")))
    (sent,) = fake.requests
    assert sent["Destination-Realm"] == "customer.example"
    assert "Destination-Host" not in sent


@pytest.mark.parametrize(
    ("device", "text"),
    [
        ({"external_identifier": None, "msisdn": "491701234567"}, "nothing says whose the device is"),
        ({"external_identifier": "meter-1"}, "local-id@domain-id"),
        ({"external_identifier": None}, "nothing says whose the device is"),
    ],
)
def test_a_device_of_no_known_realm_is_asked_for_nowhere(device: dict[str, Any], text: str) -> None:
    made = Scs(number="15550000100", realm=None, clock=Clock())
    fake = FakeRequester(made.tsp, DICTIONARY, {"Device-Action-Request": [taken]})
    with pytest.raises(ValueError, match=text):
        run(made.submit(replace(REQUEST, **device)))
    assert fake.requests == []
    assert made.ledger.open == {}
