"""SMS-SUBMIT-REPORT and SMS-STATUS-REPORT (TS 23.040 9.2.2.2a, 9.2.2.3), octet for octet and back."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nfs.common.sm_failure import FailureCause, Verdict, cause_of, failure
from nfs.common.sms_layout import SmsAddress, TpduError
from nfs.common.sms_reports import (
    Failed,
    Status,
    StatusReport,
    SubmitReport,
    decode_status_report,
    decode_submit_report,
)

THEN = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LATER = datetime(2026, 1, 2, 3, 4, 7, tzinfo=UTC)


def test_a_confirmation() -> None:
    octets = bytes.fromhex("01" + "00" + "62102030405000")
    assert SubmitReport(scts=THEN).encode() == octets
    assert decode_submit_report(octets, error=False) == SubmitReport(scts=THEN)


def test_a_refusal() -> None:
    octets = bytes.fromhex("01" + "c3" + "00" + "62102030405000")
    report = SubmitReport(scts=THEN, failure_cause=Failed.INVALID_SME_ADDRESS)
    assert report.encode() == octets
    assert decode_submit_report(octets, error=True) == report


def test_a_status_report() -> None:
    octets = bytes.fromhex("06" + "03" + "0b915155000001f0" + "62102030405000" + "62102030407000" + "45")
    report = StatusReport(
        reference=3,
        recipient=SmsAddress(digits="15550000100"),
        scts=THEN,
        discharged=LATER,
        status=Status.NO_INTERWORKING,
    )
    assert report.encode() == octets
    assert decode_status_report(octets) == report


def test_more_to_come_and_what_follows_are_kept() -> None:
    octets = bytes.fromhex("02" + "03" + "0491" + "7411" + "62102030405000" + "62102030407000" + "00" + "0148")
    report = decode_status_report(octets)
    assert (report.more_messages, report.parameters) == (True, b"\x01\x48")
    assert report.encode() == octets


@pytest.mark.parametrize("octets", ["", "06", "04030b91", "0003", "0603ff91"])
def test_what_is_none(octets: str) -> None:
    with pytest.raises(TpduError):
        decode_status_report(bytes.fromhex(octets))
    with pytest.raises(TpduError):
        decode_submit_report(bytes.fromhex(octets), error=True)


@given(st.binary(max_size=40), st.sampled_from([1, 2]))
def test_any_octets_are_a_report_or_a_clear_refusal(octets: bytes, kind: int) -> None:
    octets = bytes((kind | (octets[:1] or b"\0")[0] & 0x2C,)) + octets[1:]
    for decode in (decode_status_report, lambda some: decode_submit_report(some, error=False)):
        try:
            report = decode(octets)
        except TpduError:
            continue
        assert decode(report.encode()) == report


def test_a_failure_has_its_cause_and_a_success_none() -> None:
    verdict = failure(FailureCause.SC_CONGESTION, "full")
    assert (verdict.result, verdict.good) == ((10415, 5555), False)
    assert verdict.avps(b"\x01") == {
        "SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 4, "SM-Diagnostic-Info": b"\x01"}
    }
    assert (Verdict().good, Verdict().avps(b"\x01")) == (True, {})
    assert (cause_of(6), cause_of(7), cause_of(None)) == (FailureCause.USER_NOT_SC_USER, None, None)
