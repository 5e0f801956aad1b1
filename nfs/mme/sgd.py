"""SGd, the MME's side (TS 29.338): takes MT-Forward-Short-Message-Request for its UEs.

`sender`, set when UEs send short messages of their own, gets the SMS-STATUS-REPORTs about them.
"""

from __future__ import annotations

import math
from collections import deque
from datetime import UTC, datetime
from typing import Any, Final

from diameter import Message
from diameter.app import Application, Later, answers
from diameter.errors import ResultCode
from nfs.common.sms_reports import STATUS_REPORT_MTI
from nfs.mme.logic import ABSENT_USER, INVALID_AVP_VALUE, SUCCESS, AbsentDiagnostic, Mme, Result, Waiter
from nfs.mme.mo_sms import Sender

TGPP: Final = 10415
KEPT_WAITING: Final = (
    1000  # requests that a silent UE leaves unanswered at once; the oldest then gets an answer after all
)


class Sgd(Application):
    """Translates between SGd and `Mme`."""

    dictionary = "ts29338_sgd"

    def __init__(self, mme: Mme) -> None:
        self._mme = mme
        self.sender: Sender | None = None
        self._unanswered: deque[Later[None]] = deque()

    @answers("MT-Forward-Short-Message-Request")
    async def mt_forward(self, request: Message) -> Message:
        """Hand one TPDU to the UE and answer with what became of it (6.2.2)."""
        imsi, tpdu = request.text("User-Name"), request.raw("SM-RP-UI")
        if self.sender is not None and imsi in self.sender.outboxes and tpdu and tpdu[0] & 3 == STATUS_REPORT_MTI:
            told = tpdu if self.sender.link is None else self.sender.link.told(imsi, tpdu)
            if told is None:
                return _answer(request, Result(code=ABSENT_USER, absent=AbsentDiagnostic.NO_PAGING_RESPONSE))
            taken = self.sender.status(imsi, told)
            return request.answer(ResultCode.SUCCESS if taken else ResultCode.INVALID_AVP_VALUE)
        result = self._mme.forward(imsi, tpdu, _waiter(request))
        if result is not None:
            return _answer(request, result)
        waiting: Later[None] = Later()
        self._unanswered.append(waiting)
        if len(self._unanswered) > KEPT_WAITING:
            self._unanswered.popleft().resolve(None)
        await waiting
        return request.answer(ResultCode.UNABLE_TO_COMPLY)

    def release(self) -> None:
        """Answer what silent UEs left open, so that the node can drain."""
        while self._unanswered:
            self._unanswered.popleft().resolve(None)


def _waiter(request: Message) -> Waiter | None:
    """Who may be told to come again: with Maximum-Retransmission-Time there is SMS-GMSC-Address (6.2.2)."""
    latest, number = request.get("Maximum-Retransmission-Time"), request.get("SMS-GMSC-Address")
    if latest is None or number is None:
        return None
    return Waiter(
        latest=latest.timestamp(), number=number, host=request.text("Origin-Host"), realm=request.text("Origin-Realm")
    )


def _answer(request: Message, result: Result) -> Message:
    avps: dict[str, Any] = {}
    if result.retry_at is not None:
        avps["Requested-Retransmission-Time"] = datetime.fromtimestamp(math.ceil(result.retry_at), UTC)
    if result.absent is not None:
        avps["Absent-User-Diagnostic-SM"] = int(result.absent)
    if result.cause is not None:
        avps["SM-Delivery-Failure-Cause"] = {"SM-Enumerated-Delivery-Failure-Cause": int(result.cause)}
        if result.report is not None:
            avps["SM-Delivery-Failure-Cause"]["SM-Diagnostic-Info"] = result.report
    elif result.report is not None:
        avps["SM-RP-UI"] = result.report
    vendor = 0 if result.code in (SUCCESS, INVALID_AVP_VALUE) else TGPP
    return request.answer(result.code, avps, vendor=vendor)
