"""T4, MTC-IWF side (TS 29.337): triggers, recalls and replaces to the SMS-SC, and delivery reports from it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from diameter import Message, RequestError
from diameter.app import Application, answers
from diameter.message import Grouped
from nfs.common import features
from nfs.common.groups import GROUP, TYPE
from nfs.common.identities import Address, IdentityError, decode_number, encode_number
from nfs.common.nodes import to_avps
from nfs.common.turns import ask_in_turn, in_turn
from nfs.mtc_iwf.asked import Report
from nfs.mtc_iwf.ports import Device, Submission, Taken, Unavailable
from nfs.mtc_iwf.statuses import TGPP, USER_UNKNOWN, Result

INVALID_SME_ADDRESS: Result = (TGPP, 5530)


class Reports(Protocol):
    """Where delivery reports go: `nfs.mtc_iwf.logic.MtcIwf`."""

    async def report(self, report: Report) -> Result: ...


class T4(Application):
    """Hands triggers over and takes reports.  host: of the SMS-SC, or None to go by `realm` alone.

    hosts: SMS-SCs on one store, each of which knows what another one has taken.  `reports` is set before the node
    starts.
    """

    dictionary = "ts29337_t4"
    reports: Reports

    def __init__(self, *, realm: str, host: str | None = None, hosts: Sequence[str] = ()) -> None:
        self._realm = realm
        self._host = host
        self._hosts = tuple(hosts)

    async def submit(self, submission: Submission) -> Taken:
        """Send a Device-Trigger-Request (clause 5.2).  Raises Unavailable when no answer came."""
        try:
            answer = await self._ask(submission.to or self._host, _avps(submission))
        except RequestError as error:
            raise Unavailable(f"SMS-SC: {error}") from None
        return Taken(
            result=answer.result,
            sms_sc=str(answer.get("Origin-Host", "")),
            features=features.heard(answer),
            diagnostic=answer.get("MTC-Error-Diagnostic"),
        )

    async def _ask(self, host: str | None, avps: dict[str, Any]) -> Message:
        """The answer of the SMS-SC named, or of the next one on its store; by realm where none is named."""
        if host is None:
            return await self.request("Device-Trigger", avps, realm=self._realm)
        return await ask_in_turn(self, "Device-Trigger", avps, hosts=in_turn(host, self._hosts), realm=self._realm)

    @answers("Delivery-Report-Request")
    async def delivery_report(self, request: Message) -> Message:
        """Bring a report to its SCS and answer once that has it (clause 5.3)."""
        try:
            scs = Address.decode(request["SM-RP-SMEA"]).international()
        except IdentityError:
            return _answer(request, INVALID_SME_ADDRESS)
        try:
            report = _report(request, scs)
        except IdentityError:  # what is no identity belongs to nobody
            return _answer(request, USER_UNKNOWN)
        return _answer(request, await self.reports.report(report))


def _avps(submission: Submission) -> dict[str, Any]:
    user: dict[str, Any] = {"User-Name": submission.imsi}
    if submission.device.external_id is not None:
        user["External-Identifier"] = submission.device.external_id
    if submission.device.msisdn is not None:
        user["MSISDN"] = encode_number(submission.device.msisdn)
    avps: dict[str, Any] = {
        "User-Identifier": user,
        "SM-RP-SMEA": Address(submission.scs).encode(),
        "Payload": submission.payload,
        "Reference-Number": submission.reference,
        "Priority-Indication": int(submission.priority),
        "Trigger-Action": int(submission.action),
        "Supported-Features": features.offer(features.Feature.RECALL_REPLACE),
    }
    if submission.old_reference is not None:
        avps["Old-Reference-Number"] = submission.old_reference
    if submission.nodes:
        first, *more = (to_avps(node) for node in submission.nodes)
        avps["Serving-Node"] = first
        avps["Additional-Serving-Node"] = more
    if submission.validity_s is not None:
        avps["Validity-Time"] = submission.validity_s
    if submission.group:
        avps |= {"External-Identifier": submission.group, TYPE: GROUP}
    if submission.port is not None:
        avps["Application-Port-Identifier"] = submission.port
    return avps


def _report(request: Message, scs: str) -> Report:
    user: Grouped = request["User-Identifier"]
    msisdn = user.get("MSISDN")
    return Report(
        scs=scs,
        reference=request.get("Reference-Number"),
        outcome=request["SM-Delivery-Outcome-T4"],
        imsi=user.get("User-Name"),
        device=Device(
            external_id=user.get("External-Identifier"), msisdn=None if msisdn is None else decode_number(msisdn)
        ),
    )


def _answer(request: Message, result: Result) -> Message:
    vendor, code = result
    return request.answer(code, vendor=vendor)
