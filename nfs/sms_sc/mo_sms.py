"""Short messages from devices without an MSISDN, at the SMS-SC (TS 23.682 clause 5.15; TS 29.338 6.2.1, 6.3.1.1).

The address that the device sends to selects an MTC-IWF from a table; the HSS is not asked.  The message goes there once
and is not stored: there is no store and forward on this way, so what a crash interrupts is lost, its report too.

How the device hears of a refusal: TS 23.682 has the submission confirmed at once and the outcome in an
SMS-STATUS-REPORT, TS 29.338 has the refusal of the MTC-IWF passed on in the answer.  Both, then: a device that asks for
a report gets its confirmation at once and the report behind it, one that does not waits for the MTC-IWF's answer.

Plain values in, plain values out; `now` is seconds since 1970.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from nfs.common.sm_failure import FACILITY_NOT_SUPPORTED, TGPP, FailureCause, Verdict, failure
from nfs.common.sms import MAX_TPDU, TRIGGER_PID, Submit, decode_submit
from nfs.common.sms_layout import TpduError
from nfs.common.sms_reports import Failed, Status, StatusReport, SubmitReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An MTC-IWF.  `number`: its E.164 digits.  `plmns`: MCC+MNC whose devices may use it, every one when empty."""

    host: str
    realm: str
    number: str
    plmns: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Submission:
    """A short message that was taken: from whom, through which serving node, whereto, when (whole seconds)."""

    imsi: str
    tpdu: bytes
    submit: Submit
    route: Route
    serving_host: str
    serving_realm: str
    taken: datetime

    def status_report(self, verdict: Verdict, now: float) -> bytes | None:
        """The SMS-STATUS-REPORT for the device; None when it wants none."""
        if not self.submit.status_report:
            return None
        return StatusReport(
            reference=self.submit.reference,
            recipient=self.submit.destination,
            scts=self.taken,
            discharged=_second(now),
            status=status_of(verdict),
        ).encode()


class NotTaken(Exception):
    """The message is refused; `verdict` is for the serving node, `report` the SMS-SUBMIT-REPORT for the device."""

    def __init__(self, verdict: Verdict, report: bytes) -> None:
        super().__init__(verdict.reason)
        self.verdict = verdict
        self.report = report


@dataclass(slots=True)
class MoSms:
    """The short messages of devices that are on their way through one SMS-SC.

    number: E.164 digits of the SMS-SC.  routes: by the digits that devices send to.  at_once: messages on their way at
    most.  `counts`: "taken", "delivered", and how many were refused or failed, by cause.
    """

    number: str
    routes: Mapping[str, Route]
    at_once: int = 1000
    open: int = 0
    counts: Counter[str] = field(default_factory=Counter)
    full: Callable[[], bool] = lambda: False
    """Whether no more is taken for another reason."""
    charge: Callable[[Submission, Verdict | None], Awaitable[bool]] | None = None
    """Enters a message into the book of what is charged; False when it must not go on."""

    def take(
        self, sc_address: str, imsi: str, tpdu: bytes, serving: tuple[str, str], now: float
    ) -> tuple[Submission, bytes]:
        """Take one SMS-SUBMIT; it and the SMS-SUBMIT-REPORT.  Call `done` afterwards.  Raises NotTaken."""
        if sc_address != self.number:
            raise self._no(FailureCause.UNKNOWN_SERVICE_CENTRE, "SC-Address is not ours", Failed.NO_SUBSCRIPTION, now)
        try:
            if len(tpdu) > MAX_TPDU:
                raise TpduError(f"{len(tpdu)} octets, at most {MAX_TPDU}")
            submit = decode_submit(tpdu)
        except TpduError:
            reason = "no SMS-SUBMIT"
            raise self._no(FailureCause.EQUIPMENT_PROTOCOL_ERROR, reason, Failed.TPDU_UNSUPPORTED, now) from None
        if submit.pid == TRIGGER_PID:  # a device asks for no device trigger
            reason = "marked as a device trigger"
            raise self._no(FailureCause.EQUIPMENT_PROTOCOL_ERROR, reason, Failed.PID_UNSUPPORTED, now)
        route = self.routes.get(submit.destination.digits)
        if route is None:
            reason = "no MTC-IWF serves this address"
            raise self._no(FailureCause.INVALID_SME_ADDRESS, reason, Failed.INVALID_SME_ADDRESS, now)
        if route.plmns and not any(imsi.startswith(each) for each in route.plmns):
            reason = "not a subscriber of this service"
            raise self._no(FailureCause.USER_NOT_SC_USER, reason, Failed.NO_SUBSCRIPTION, now)
        if self.open >= self.at_once or self.full():
            raise self._no(FailureCause.SC_CONGESTION, "too many messages on their way", Failed.SC_BUSY, now)
        self.open += 1
        self.counts["taken"] += 1
        host, realm = serving
        submission = Submission(
            imsi=imsi,
            tpdu=tpdu,
            submit=submit,
            route=route,
            serving_host=host,
            serving_realm=realm,
            taken=_second(now),
        )
        return submission, SubmitReport(scts=submission.taken).encode()

    def done(self, verdict: Verdict) -> None:
        """One that was taken has ended."""
        self.open -= 1
        self.counts["delivered" if verdict.good else status_of(verdict).name.lower()] += 1

    def passed_on(self, submission: Submission, verdict: Verdict) -> NotTaken:
        """The MTC-IWF's refusal as the answer to the serving node; what may pass is congestion there."""
        temporary = verdict.result[0] == 0 and verdict.result[1] < 5000
        told = failure(FailureCause.SC_CONGESTION, verdict.reason) if temporary else verdict
        failed = _FAILED.get(told.cause, Failed.SC_FAILURE)
        return NotTaken(told, SubmitReport(scts=submission.taken, failure_cause=failed).encode())

    def _no(self, cause: FailureCause, reason: str, failed: Failed, now: float) -> NotTaken:
        self.counts[cause.name.lower()] += 1
        return NotTaken(failure(cause, reason), SubmitReport(scts=_second(now), failure_cause=failed).encode())


_STATUS: Final[Mapping[FailureCause, Status]] = {
    FailureCause.UNKNOWN_SERVICE_CENTRE: Status.NOT_OBTAINABLE,
    FailureCause.INVALID_SME_ADDRESS: Status.NOT_OBTAINABLE,
    FailureCause.SC_CONGESTION: Status.CONGESTION,
    FailureCause.USER_NOT_SC_USER: Status.CONNECTION_REJECTED,
}

_FAILED: Final[Mapping[FailureCause | None, Failed]] = {
    FailureCause.INVALID_SME_ADDRESS: Failed.INVALID_SME_ADDRESS,
    FailureCause.SC_CONGESTION: Failed.SC_BUSY,
    FailureCause.USER_NOT_SC_USER: Failed.NO_SUBSCRIPTION,
}


def status_of(verdict: Verdict) -> Status:
    """TP-ST for what the MTC-IWF said: temporary ones are those that another try might mend (9.2.3.15)."""
    if verdict.good:
        return Status.RECEIVED
    vendor, code = verdict.result
    if (vendor, code) == (TGPP, FACILITY_NOT_SUPPORTED):
        return Status.NO_INTERWORKING
    if verdict.cause is not None:
        return _STATUS.get(verdict.cause, Status.REMOTE_PROCEDURE_ERROR)
    if vendor == 0 and code < 5000:  # no answer, nobody there, too busy
        return Status.CONGESTION if code == 3004 else Status.NO_RESPONSE
    return Status.REMOTE_PROCEDURE_ERROR


def _second(now: float) -> datetime:
    return datetime.fromtimestamp(int(now), UTC)
