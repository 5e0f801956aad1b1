"""SGd with MO-Forward-Short-Message: from the MME to the SMS-SC (SMS-IWMSC), on to the MTC-IWF, and the report back.

TS 29.338 clauses 6.2.1 and 6.3.1.1; to the MTC-IWF the same application runs beside T4 (TS 29.337 clause 1).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from diameter import Message
from diameter.app import answers
from diameter.errors import ApplicationFault, ErrorAnswer, RequestError, ResultCode
from nfs.common.identities import IdentityError, decode_number, encode_number, imsi
from nfs.common.sm_failure import TGPP, USER_UNKNOWN, Verdict, cause_of
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.mo_sms import MoSms, NotTaken, Submission
from nfs.sms_sc.sgd import Sgd

_NO_ANSWER: Final = Verdict(result=(0, int(ResultCode.UNABLE_TO_DELIVER)), reason="no answer of the MTC-IWF")


class MoSgd(Sgd):
    """SGd both ways.  clock: seconds since 1970.  reports: an answer carries an SMS-SUBMIT-REPORT where it may.

    marking: writes down what a device sends as a trigger, and the SMS-SC refuses.
    """

    def __init__(
        self,
        mo_sms: MoSms,
        clock: Callable[[], float],
        *,
        reports: bool = True,
        alerted: bool = False,
        marking: Marking | None = None,
    ) -> None:
        super().__init__(mo_sms.number, alerted=alerted)
        self._reports = reports
        self.mo_sms = mo_sms
        self._clock = clock
        self._marking = marking

    @answers("MO-Forward-Short-Message-Request")
    async def mo_forward(self, request: Message) -> Message:
        """Take a short message of a device; with a report asked for it is confirmed before it goes on (6.2.1)."""
        try:
            submission, report = self.mo_sms.take(
                _number(request),
                _sender(request),
                request.raw("SM-RP-UI"),
                (request.text("Origin-Host"), request.text("Origin-Realm")),
                self._clock(),
            )
            if submission.submit.status_report:
                await self._charge(submission)
                _ = self.spawn(self._report(submission))
            else:
                verdict = await self._bring(submission)
                await self._charge(submission, verdict)
                if not verdict.good:
                    raise self.mo_sms.passed_on(submission, verdict)
        except NotTaken as refused:
            vendor, code = refused.verdict.result
            marked = "" if self._marking is None else self._marking.of_tpdu(request.raw("SM-RP-UI"), submit=True)
            if self._marking is not None and marked:
                self._marking.drop(
                    marked,
                    peer=self.peer_of(request).host,
                    origin=request.text("Origin-Host"),
                    command=request.command,
                    target=request.group("User-Identifier").get("User-Name", ""),
                    result=str(code),
                )
            return request.answer(
                code, refused.verdict.avps(refused.report) or self._told(refused.report), vendor=vendor
            )
        return request.answer(ResultCode.SUCCESS, self._told(report))

    async def _charge(self, submission: Submission, verdict: Verdict | None = None) -> None:
        """Have the message charged, if messages are; raises NotTaken for one that cannot be, and has not gone on."""
        charge = self.mo_sms.charge
        if charge is not None and not await charge(submission, verdict):
            self.mo_sms.done(_NO_ANSWER)
            raise self.mo_sms.passed_on(submission, _NO_ANSWER)

    def _told(self, report: bytes) -> dict[str, Any]:
        return {"SM-RP-UI": report} if self._reports else {}

    async def _report(self, submission: Submission) -> None:
        """Bring the message to its MTC-IWF, then tell the device what became of it: once, and it is not stored."""
        verdict = await self._bring(submission)
        tpdu = submission.status_report(verdict, self._clock())
        if tpdu is None:
            return
        avps = {"User-Name": submission.imsi, "SC-Address": self._sc_address, "SM-RP-UI": tpdu}
        try:
            await self.request(
                "MT-Forward-Short-Message", avps, to=submission.serving_host, realm=submission.serving_realm
            )
        except RequestError:
            self.mo_sms.counts["report_lost"] += 1

    async def _bring(self, submission: Submission) -> Verdict:
        """What the MTC-IWF says of the message; never raises RequestError."""
        route = submission.route
        avps: dict[str, Any] = {
            "SC-Address": encode_number(route.number),
            "User-Identifier": {"User-Name": submission.imsi},
            "SM-RP-UI": submission.tpdu,
        }
        try:
            answer = await self.request("MO-Forward-Short-Message", avps, to=route.host, realm=route.realm)
            verdict = _verdict(answer)
        except ErrorAnswer as error:
            verdict = _verdict(error.answer)
        except RequestError:
            verdict = _NO_ANSWER
        self.mo_sms.done(verdict)
        return verdict


def _verdict(answer: Message) -> Verdict:
    cause = answer.get("SM-Delivery-Failure-Cause")
    return Verdict(
        result=answer.result or _NO_ANSWER.result,
        cause=None if cause is None else cause_of(cause.get("SM-Enumerated-Delivery-Failure-Cause")),
        reason="the MTC-IWF has not delivered it",
    )


def _number(request: Message) -> str:
    """SC-Address as digits, "" when it makes none."""
    try:
        return decode_number(request.raw("SC-Address"), "SC-Address")
    except IdentityError:
        return ""


def _sender(request: Message) -> str:
    """The IMSI; the MSISDN beside it is a dummy.  Raises ApplicationFault: USER_UNKNOWN for what is no IMSI."""
    user = request.group("User-Identifier")
    if "User-Name" not in user:
        raise ApplicationFault(ResultCode.MISSING_AVP, "User-Identifier without User-Name")
    try:
        return imsi(user.text("User-Name"))
    except IdentityError as wrong:
        raise ApplicationFault(USER_UNKNOWN, str(wrong), vendor=TGPP) from None
