"""Tsp, the SCS's side (TS 29.368): sends Device-Action-Request, takes Device-Notification-Request."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from diameter import Message
from diameter.app import Application, answers
from diameter.errors import ApplicationFault, ResultCode
from nfs.common import features
from nfs.common.groups import GROUP, TYPE
from nfs.common.identities import encode_number
from nfs.common.store import StoreError
from nfs.common.tsp import ActionType
from nfs.scs.logic import Answer, TriggerRequest
from nfs.scs.mo_sms import Messages
from nfs.scs.mo_tsp import short_message

Members = Callable[[int, str, int], Awaitable[bool]]


async def nobody(reference: int, member: str, outcome: int) -> bool:
    """This SCS triggers no groups."""
    return False


class Tsp(Application):
    """Translates between Tsp and the SCS.

    scs: ISDN number of this SCS, digits.  mtc_iwf: where requests go (None: any node of the realm).
    reported: awaited with Reference-Number and Delivery-Outcome of each DNR, before it is answered; `members`, with the
    External-Identifier between them, before it, takes those of groups.
    """

    dictionary = "ts29368_tsp"

    def __init__(self, scs: str, mtc_iwf: str | None, reported: Callable[[int, int], Awaitable[None]]) -> None:
        self._scs_identity = encode_number(scs)
        self._mtc_iwf = mtc_iwf
        self._reported = reported
        self.members: Members = nobody
        self.messages = Messages()

    async def device_trigger(self, reference: int, request: TriggerRequest, realm: str) -> Answer:
        """Ask the MTC-IWF of `realm` for one trigger, recall or replace (5.5, 5.7, 5.8).

        Raises RequestError when no answer came, EncodeError for what no DAR carries.
        """
        avps = {
            "Device-Action": _device_action(reference, request, self._scs_identity),
            "Supported-Features": features.offer(features.Feature.RECALL_REPLACE),
        }
        answer = await self.request("Device-Action", avps, to=self._mtc_iwf, realm=realm)
        notification = answer.get("Device-Notification")
        status = None if notification is None else notification.get("Request-Status")
        recallable = bool(answer.get("Feature-Supported-In-Final-Target", 0) & features.Feature.RECALL_REPLACE)
        told = str(answer.get("Error-Message", ""))
        return Answer(status=status, result=answer.result or (0, 0), recallable=recallable, told=told)

    @answers("Device-Notification-Request")
    async def device_notification(self, request: Message) -> Message:
        """Hand a delivery report on and acknowledge it, also one that came before or is unknown here (5.6)."""
        notification = request.get("Device-Notification")
        if notification is not None and notification["Action-Type"] == ActionType.MO_SMS:
            try:
                return await short_message(request, notification, self.messages)
            except StoreError:  # the device hears of it, or another host of this SCS takes it
                raise ApplicationFault(ResultCode.TOO_BUSY, "a message that cannot be kept now") from None
        recall = notification is not None and notification["Action-Type"] == ActionType.RECALL
        what = "Request-Status" if recall else "Delivery-Outcome"
        if notification is None or what not in notification:
            raise ApplicationFault(ResultCode.MISSING_AVP, "a report without its outcome")
        if notification["Action-Type"] not in (ActionType.REPORT, ActionType.RECALL):
            raise ApplicationFault(ResultCode.UNABLE_TO_COMPLY, "only delivery reports are taken")
        reference, outcome = notification.number("Reference-Number"), notification.number(what)
        try:
            taken = await self.members(reference, str(notification.get("External-Identifier", "")), outcome)
            if recall and not taken:  # what becomes of a recall is reported for groups only (docs/groups.md)
                raise ApplicationFault(ResultCode.UNABLE_TO_COMPLY, "only delivery reports are taken")
            if not taken:
                await self._reported(reference, outcome)
        except StoreError:  # whoever brought it shall come again, or go to another host of this SCS
            raise ApplicationFault(ResultCode.TOO_BUSY, "a report that cannot be kept now") from None
        return request.answer(ResultCode.SUCCESS)


def _device_action(reference: int, request: TriggerRequest, scs_identity: bytes) -> dict[str, Any]:
    action: dict[str, Any] = {}
    if request.external_identifier is not None:
        action["External-Identifier"] = request.external_identifier
        if request.group:
            action[TYPE] = GROUP
    if request.msisdn is not None:
        action["MSISDN"] = encode_number(request.msisdn)
    action |= {"SCS-Identity": scs_identity, "Reference-Number": reference}
    if request.old_reference is not None:
        action["Old-Reference-Number"] = request.old_reference
    action["Action-Type"] = int(request.action)
    if request.action is ActionType.RECALL:
        return action
    action["Trigger-Data"] = {"Payload": request.payload, "Priority-Indication": int(request.priority)}
    if request.port is not None:
        action["Trigger-Data"]["Application-Port-Identifier"] = request.port
    if request.validity_s is not None:
        action["Validity-Time"] = request.validity_s
    return action
