"""S6c at the SMS-SC: serving nodes from the HSS, reports to it, alerts, and several nodes for one message."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode, to_avps
from nfs.sms_sc.logic import Acceptance, Attempt, Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Diagnostic, Failure, Outcome
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sgd import Sgd
from nfs.sms_sc.ways import Ways

DICTIONARY = Dictionary.load()
IMSI, MSISDN = "001010000000001", "15550100001"
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
NEW_MME = ServingNode(kind=NodeKind.MME, number="15550000302", name="mme2.example.org", realm="example.org")
SGSN = ServingNode(kind=NodeKind.SGSN, number="15550000301", name="sgsn.example.org", realm="example.org")
NOW = 1_767_323_045.0
OK = Delivered()
Answer = Callable[[Message], Message] | Exception


def trigger(**changes: Any) -> Trigger:
    given: dict[str, Any] = {
        "scs": "15550000100", "reference": 7, "imsi": IMSI, "external_identifier": None, "msisdn": None,
        "payload": b"wake", "port": 16000, "priority": False, "validity_s": 3600, "serving": MME,
        "iwf_host": "iwf.example.org", "iwf_realm": "example.org", "submission": "s",
    }  # fmt: skip
    return Trigger(**(given | changes))


class Rig:
    """Ways with an SGd and an S6c whose peers answer from scripts, with success once those are used up."""

    def __init__(self, *, sgd: tuple[Answer, ...] = (), srr: tuple[Answer, ...] = (), rdr: tuple[Answer, ...] = ()):
        self.clock = Clock()
        self.clock.rightNow = NOW
        self.alerts: list[tuple[str | None, str | None]] = []
        self.sgd = Sgd("15550000200", alerted=True)
        self.s6c = S6c("15550000200", lambda *who: self.alerts.append(who), realm="example.org", host="hss.example.org")
        ok: Answer = lambda r: r.answer(2001)  # noqa: E731
        self.mme = FakeRequester(self.sgd, DICTIONARY, {"MT-Forward-Short-Message-Request": [*sgd, *[ok] * 9]})
        self.hss = FakeRequester(
            self.s6c,
            DICTIONARY,
            {
                "Send-Routing-Info-for-SM-Request": [*srr, *[way(MME)] * 9],
                "Report-SM-Delivery-Status-Request": [*rdr, *[ok] * 9],
            },
        )
        self.centre = ServiceCentre(Policy(routed=True))
        self.ways = Ways(self.sgd, self.s6c)

    def attempt(self, tried: int = 0, **changes: Any) -> Attempt:
        acceptance, _ = self.centre.accept(trigger(**changes), NOW)
        assert acceptance is Acceptance.NEW
        found = self.centre.next(IMSI, NOW)
        assert found is not None
        return Attempt(
            trigger=found.trigger, segment=0, deliver=found.deliver, serving=found.serving, tried=tried
        )  # as after so many failures

    def deliver(self, tried: int = 0, **changes: Any) -> Delivered:
        result = run(self.ways.deliver(self.attempt(tried, **changes)), self.clock)
        self.hss.settle()
        assert all(not request.faults for request in (*self.mme.requests, *self.hss.requests))
        return result

    @property
    def asked(self) -> list[str]:
        """Commands to the HSS."""
        return [request.command.removesuffix("-Request") for request in self.hss.requests]


def way(*nodes: ServingNode, **avps: Any) -> Answer:
    groups = dict(zip(("Serving-Node", "Additional-Serving-Node"), map(to_avps, nodes), strict=False))
    return lambda r: r.answer(2001, {"User-Name": IMSI, **groups, **avps})


def absent(diagnostic: int, **avps: Any) -> Answer:
    return lambda r: r.answer(5550, {"Absent-User-Diagnostic-SM": diagnostic, **avps}, vendor=10415)


FULL: Answer = lambda r: r.answer(  # noqa: E731
    5555, {"SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 0}}, vendor=10415
)


def test_where_the_trigger_said_nobody_is_asked() -> None:
    rig = Rig()
    assert rig.deliver() == OK
    assert rig.asked == []
    (request,) = rig.mme.requests
    assert request["Maximum-Retransmission-Time"] == datetime.fromtimestamp(NOW + 3600, UTC)
    assert request.raw("SMS-GMSC-Address") == encode_number("15550000200")


def test_a_single_attempt_asks_for_no_repetition() -> None:
    rig = Rig()
    rig.deliver(validity_s=0)
    assert "Maximum-Retransmission-Time" not in rig.mme.requests[0]


def test_without_a_serving_node_the_hss_is_asked() -> None:
    rig = Rig(srr=(way(SGSN, NEW_MME),))
    assert rig.deliver(serving=None, priority=True, msisdn=MSISDN) == OK
    (question,) = rig.hss.requests
    assert question.raw("MSISDN") == encode_number(MSISDN)
    assert question.raw("SC-Address") == encode_number("15550000200")
    assert (question["SRR-Flags"], question["Destination-Host"]) == (3, "hss.example.org")
    assert "User-Name" not in question
    assert [request["Destination-Host"] for request in rig.mme.requests] == ["sgsn.example.org"]


def test_a_repetition_asks_anew_and_tells_of_its_success() -> None:
    rig = Rig(srr=(way(NEW_MME),))
    assert rig.deliver(tried=1) == OK
    assert rig.asked == ["Send-Routing-Info-for-SM", "Report-SM-Delivery-Status"]
    assert rig.mme.requests[0]["Destination-Host"] == "mme2.example.org"
    outcome = rig.hss.requests[1]["SM-Delivery-Outcome"]
    assert outcome["MME-SM-Delivery-Outcome"]["SM-Delivery-Cause"] == 2
    assert rig.hss.requests[1]["User-Identifier"]["User-Name"] == IMSI


def test_a_success_against_flags_is_told() -> None:
    rig = Rig(srr=(way(MME, **{"MWD-Status": 4}),))
    assert rig.deliver(serving=None) == OK
    assert rig.asked == ["Send-Routing-Info-for-SM", "Report-SM-Delivery-Status"]


def test_the_next_node_is_tried() -> None:
    rig = Rig(sgd=(absent(0),))
    assert rig.deliver(others=(SGSN,)) == OK
    assert [request["Destination-Host"] for request in rig.mme.requests] == ["mme.example.org", "sgsn.example.org"]
    assert rig.mme.requests[0].raw("SM-RP-UI") == rig.mme.requests[1].raw("SM-RP-UI")
    outcome = rig.hss.requests[0]["SM-Delivery-Outcome"]
    assert outcome["MME-SM-Delivery-Outcome"]["SM-Delivery-Cause"] == 1
    assert outcome["SGSN-SM-Delivery-Outcome"]["SM-Delivery-Cause"] == 2


@pytest.mark.parametrize(
    ("answer", "expected", "cause"),
    [
        (absent(1), Delivered(failure=Failure.ABSENT, diagnostic=Diagnostic.UE_DETACHED), 1),
        (FULL, Delivered(failure=Failure.MEMORY_FULL), 0),
        (RequestTimeout("no answer"), Delivered(failure=Failure.TEMPORARY), None),
        (lambda r: r.answer(5554, vendor=10415), Delivered(failure=Failure.PERMANENT), None),
    ],
)
def test_what_the_hss_hears_of_a_failure(answer: Answer, expected: Delivered, cause: int | None) -> None:
    rig = Rig(sgd=(answer,))
    assert rig.deliver() == expected
    told = [r["SM-Delivery-Outcome"]["MME-SM-Delivery-Outcome"]["SM-Delivery-Cause"] for r in rig.hss.requests]
    assert told == ([] if cause is None else [cause])


def test_a_full_memory_is_full_whichever_node_asks() -> None:
    rig = Rig(sgd=(FULL,))
    assert rig.deliver(others=(SGSN,)) == Delivered(failure=Failure.MEMORY_FULL)
    assert len(rig.mme.requests) == 1


def test_absence_at_one_node_and_silence_at_the_next() -> None:
    rig = Rig(sgd=(absent(1), RequestTimeout("no answer")))
    assert rig.deliver(others=(SGSN,)).failure is Failure.ABSENT


def test_a_single_attempt_is_reported_as_one() -> None:
    rig = Rig(sgd=(absent(1),), srr=(way(MME),))
    rig.deliver(serving=None, validity_s=0)
    question, report = rig.hss.requests
    assert (question["SRR-Flags"], report["RDR-Flags"]) == (5, 1)


def test_a_node_that_names_a_time_is_asked_then_and_alerts_by_itself() -> None:
    at = datetime.fromtimestamp(NOW + 99, UTC)
    rig = Rig(sgd=(absent(13, **{"Requested-Retransmission-Time": at}),))
    assert rig.deliver() == Delivered(failure=Failure.ABSENT, retry_at=NOW + 99)
    assert rig.asked == []


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            lambda r: r.answer(5550, {"MME-Absent-User-Diagnostic-SM": 8, "MWD-Status": 2}, vendor=10415),
            Delivered(failure=Failure.ABSENT, diagnostic=Diagnostic.UE_PURGED),
        ),
        (lambda r: r.answer(5550, vendor=10415), Delivered(failure=Failure.ABSENT)),
        (
            lambda r: r.answer(5001, vendor=10415),
            Delivered(failure=Failure.PERMANENT, diagnostic=Diagnostic.UNIDENTIFIED_SUBSCRIBER),
        ),
        (lambda r: r.answer(5556, vendor=10415), Delivered(failure=Failure.PERMANENT)),
        (lambda r: r.answer(5557, vendor=10415), Delivered(failure=Failure.PERMANENT)),
        (lambda r: r.answer(5552, vendor=10415), Delivered(failure=Failure.PERMANENT)),
        (lambda r: r.answer(3004), Delivered(failure=Failure.TEMPORARY)),
        (lambda r: r.answer(5012), Delivered(failure=Failure.TEMPORARY)),  # its database is away
        (RequestTimeout("no answer"), Delivered(failure=Failure.TEMPORARY)),
        (lambda r: r.answer(2001, {"Serving-Node": {"MME-Name": "x.example"}}), Delivered(failure=Failure.TEMPORARY)),
        (way(), Delivered(failure=Failure.TEMPORARY)),
    ],
)
def test_no_way(answer: Answer, expected: Delivered) -> None:
    rig = Rig(srr=(answer,))
    assert rig.deliver(serving=None) == expected
    assert rig.mme.requests == []


@pytest.mark.parametrize("answer", [RequestTimeout("no answer"), lambda r: r.answer(5558, vendor=10415)])
def test_a_report_that_the_hss_does_not_take_changes_nothing(answer: Answer) -> None:
    assert Rig(sgd=(absent(1),), rdr=(answer,)).deliver().failure is Failure.ABSENT


def test_who_a_number_belongs_to() -> None:
    rig = Rig(srr=(way(),))
    found = run(rig.s6c.identify(MSISDN), rig.clock)
    assert found.imsi == IMSI
    assert rig.hss.requests[0]["SM-Delivery-Not-Intended"] == 0


@pytest.mark.parametrize(
    ("avps", "result", "alerts"),
    [
        ({"User-Identifier": {"User-Name": IMSI}}, (0, 2001), [(IMSI, None)]),
        ({"User-Identifier": {"MSISDN": encode_number(MSISDN)}}, (0, 2001), [(None, MSISDN)]),
        ({"User-Identifier": {"User-Name": "x"}}, (10415, 5001), []),
        ({"User-Identifier": {"MSISDN": b"\xfe"}}, (10415, 5001), []),
        ({"User-Identifier": {"External-Identifier": "a@b.example"}}, (0, 5005), []),
        ({"User-Identifier": {"User-Name": IMSI}, "SC-Address": b"\x11\x22"}, (0, 5004), []),
    ],
)
def test_alerts(avps: dict[str, Any], result: tuple[int, int], alerts: list[Any]) -> None:
    rig = Rig()
    answer = rig.hss.deliver("Alert-Service-Centre", {"SC-Address": encode_number("15550000200"), **avps})
    assert (answer.result, answer.faults, rig.alerts) == (result, (), alerts)


def test_an_alert_makes_everything_for_a_device_due() -> None:
    centre = ServiceCentre(Policy(retry_s=(1000,), routed=True))
    centre.accept(trigger(msisdn=MSISDN), NOW)
    first = centre.next(IMSI, NOW)
    assert first is not None
    centre.ended(first, Delivered(failure=Failure.ABSENT), NOW)
    assert centre.next(IMSI, NOW + 1) is None
    assert centre.alerted(None, MSISDN, NOW + 1) == IMSI
    again = centre.next(IMSI, NOW + 1)
    assert again is not None
    assert (again.tried, again.deliver) == (1, first.deliver)  # the same octets
    assert centre.alerted(IMSI, None, NOW + 2) == IMSI  # while it is on its way: it fails and is due at once
    centre.ended(again, Delivered(failure=Failure.ABSENT), NOW + 3)
    assert centre.deadline() == NOW + 3
    last = centre.next(IMSI, NOW + 3)
    assert last is not None
    assert centre.ended(last, OK, NOW + 3) is not None
    assert centre.alerted(IMSI, None, NOW + 4) is centre.alerted(None, MSISDN, NOW + 4) is None


def test_waits_by_cause_and_by_the_word_of_the_node() -> None:
    centre = ServiceCentre(Policy(retry_s=(10,), absent_retry_s=(100,), memory_full_retry_s=(200,), routed=True))
    centre.accept(trigger(), NOW)
    for result, due in (
        (Delivered(failure=Failure.TEMPORARY), 10),
        (Delivered(failure=Failure.ABSENT), 100),
        (Delivered(failure=Failure.MEMORY_FULL), 200),
        (Delivered(failure=Failure.ABSENT, retry_at=NOW + 555), 555),
        (Delivered(failure=Failure.ABSENT, retry_at=NOW), 100),  # a time that is over is no invitation to storm
    ):
        attempt = centre.next(IMSI, NOW + 3000)
        assert attempt is not None
        centre.ended(attempt, result, NOW)
        assert centre.next(IMSI, NOW + due - 1) is None
        assert centre.next(IMSI, NOW + due) is not None
        centre._busy.clear()


def test_a_single_attempt_without_a_node_is_made_where_the_hss_can_be_asked() -> None:
    centre = ServiceCentre(Policy(routed=True))
    centre.accept(trigger(serving=None, validity_s=0), NOW)
    attempt = centre.next(IMSI, NOW)
    assert attempt is not None
    assert centre.expire(NOW) == ((), ())
    settled = centre.ended(attempt, Delivered(failure=Failure.ABSENT), NOW)
    assert settled is not None
    assert settled.outcome is Outcome.ABSENT_SUBSCRIBER


def test_without_s6c_messages_go_where_the_trigger_said() -> None:
    rig = Rig(sgd=(absent(1),))
    rig.ways = Ways(rig.sgd)
    assert rig.deliver(tried=3).failure is Failure.ABSENT
    assert rig.asked == []
