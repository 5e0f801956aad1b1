"""Reference numbers, and reports that reach the application once (TS 29.368 clause 5.5)."""

from __future__ import annotations

import pytest

from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.logic import Answer, Ledger, ReferenceInUse, Report, Stage, TriggerRequest

REQUEST = TriggerRequest(payload=b"wake", external_identifier="a@example.com")
TAKEN = Answer(status=RequestStatus.SUCCESS, result=(0, 2001))
REFUSED = Answer(status=RequestStatus.INVEXTID, result=(0, 2001))


def test_references_count_up_and_wrap() -> None:
    ledger = Ledger(first_reference=0xFFFF_FFFF)
    assert [ledger.begin(REQUEST, 0.0) for _ in range(3)] == [0xFFFF_FFFF, 0, 1]


def test_a_reference_in_use_is_passed_over() -> None:
    ledger = Ledger(first_reference=5)
    own = TriggerRequest(payload=b"", msisdn="15551234567", reference=5)
    assert ledger.begin(own, 0.0) == 5
    assert ledger.begin(REQUEST, 0.0) == 6
    with pytest.raises(ReferenceInUse):
        ledger.begin(own, 0.0)


def test_a_finished_reference_may_be_used_on_purpose_only() -> None:
    ledger = Ledger(first_reference=7)
    ledger.begin(REQUEST, 0.0)
    ledger.answered(7, REFUSED, 1.0)
    assert ledger.begin(TriggerRequest(payload=b"", msisdn="15551234567", reference=7), 2.0) == 7
    assert 7 not in ledger.finished


@pytest.mark.parametrize(
    "request_",
    [
        TriggerRequest(payload=b""),
        TriggerRequest(payload=b"", external_identifier="a@b.example", msisdn="15551234567"),
        TriggerRequest(payload=b"", msisdn="15551234567", reference=2**32),
        TriggerRequest(payload=b"", msisdn="15551234567", reference=-1),
    ],
)
def test_requests_that_cannot_be(request_: TriggerRequest) -> None:
    with pytest.raises(ValueError, match="a trigger names|does not fit"):
        Ledger().begin(request_, 0.0)


def test_accepted_then_reported() -> None:
    ledger = Ledger()
    reference = ledger.begin(REQUEST, 10.0)
    assert ledger.progress(reference, 10.5) == Report(reference=reference, stage=Stage.SENT, took_s=0.5)
    assert ledger.answered(reference, TAKEN, 11.0) is None
    assert ledger.progress(reference, 11.0) == Report(
        reference=reference, stage=Stage.ACCEPTED, status=0, result=(0, 2001), took_s=1.0
    )
    report = ledger.reported(reference, DeliveryOutcome.SUCCESS, 12.5)
    assert report == Report(
        reference=reference, stage=Stage.REPORTED, status=0, result=(0, 2001), outcome=0, took_s=2.5
    )
    assert report.delivered
    assert ledger.progress(reference, 99.0) is report


def test_a_report_may_come_before_the_answer() -> None:
    ledger = Ledger()
    reference = ledger.begin(REQUEST, 0.0)
    assert ledger.reported(reference, DeliveryOutcome.UNDELIVERABLE, 1.0) is None
    report = ledger.answered(reference, TAKEN, 2.0)
    assert report is not None
    assert (report.stage, report.outcome, report.delivered) == (Stage.REPORTED, 3, False)


def test_a_report_comes_through_once() -> None:
    ledger = Ledger()
    reference = ledger.begin(REQUEST, 0.0)
    ledger.reported(reference, 0, 1.0)
    assert ledger.reported(reference, 0, 1.0) is None  # before the answer
    ledger.answered(reference, TAKEN, 2.0)
    assert ledger.reported(reference, 0, 3.0) is None  # after the end
    assert ledger.reported(reference + 1, 0, 3.0) is None  # never asked for
    assert (ledger.duplicates, ledger.unknown) == (2, 1)


@pytest.mark.parametrize(
    "answer",
    [
        REFUSED,
        Answer(status=None, result=(0, 5012)),
        Answer(status=RequestStatus.SUCCESS, result=(0, 5012)),
        Answer(status=None, result=(0, 2001)),
    ],
)
def test_a_refusal_is_final(answer: Answer) -> None:
    ledger = Ledger()
    reference = ledger.begin(REQUEST, 0.0)
    report = ledger.answered(reference, answer, 1.0)
    assert report is not None
    assert (report.stage, report.status, report.result) == (Stage.REFUSED, answer.status, answer.result)
    assert not ledger.open


def test_no_answer_is_a_failure() -> None:
    ledger = Ledger()
    reference = ledger.begin(REQUEST, 0.0)
    report = ledger.failed(reference, "no peer", 3.0)
    assert (report.stage, report.error, report.took_s) == (Stage.FAILED, "no peer", 3.0)


def test_old_reports_are_forgotten_and_strangers_have_no_progress() -> None:
    ledger = Ledger(remembered=1)
    first, second = ledger.begin(REQUEST, 0.0), ledger.begin(REQUEST, 0.0)
    for reference in (first, second):
        ledger.answered(reference, REFUSED, 1.0)
    assert list(ledger.finished) == [second]
    assert ledger.progress(first, 2.0) is None
