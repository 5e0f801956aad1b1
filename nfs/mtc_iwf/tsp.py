"""Tsp, MTC-IWF side (TS 29.368): what an SCS asks, and the reports that go back to it."""

from __future__ import annotations

from typing import Any, Final

from diameter import ApplicationFault, Message, RequestError, ResultCode
from diameter.app import Application, answers
from diameter.message import Grouped
from diameter.routing.redirect import redirect_answer
from nfs.common import features
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.groups import TYPE, names_group
from nfs.common.identities import decode_number, encode_number
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.common.turns import ask_in_turn, in_turn
from nfs.mtc_iwf.asked import Decision, DeviceAction
from nfs.mtc_iwf.busy import Busy, Relief
from nfs.mtc_iwf.groups.logic import Groups
from nfs.mtc_iwf.holding import Holding
from nfs.mtc_iwf.logic import MtcIwf
from nfs.mtc_iwf.ports import Device, Notice, Sender, Unavailable
from nfs.mtc_iwf.statuses import Result
from nfs.mtc_sgw.gateway import Gateway
from nfs.mtc_sgw.logic import ScsProfile, plain

OFFERED: Final = features.Feature.RECALL_REPLACE
"""What SCSs are told that this MTC-IWF supports."""
TOO_MANY_HELD: Final = Decision(
    status=RequestStatus.RATEEXCEEDED, check="held-answers", reason="too many answers to this SCS are held back"
)


class Tsp(Application):
    """Serves SCSs that the gateway let through.  `iwf` and `groups` are set before the node starts."""

    dictionary = "ts29368_tsp"
    iwf: MtcIwf
    groups: Groups

    def __init__(self, gateway: Gateway, audit: AuditLog, holding: Holding, relief: Relief | None = None) -> None:
        self._gateway = gateway
        self._audit = audit
        self._holding = holding
        self.busy = Busy(relief)

    @answers("Device-Action-Request")
    async def device_action(self, request: Message) -> Message:
        """Answer a Device-Action-Request (clauses 5.5 and 6.6.3), or say who will (5.4)."""
        elsewhere = self.busy.elsewhere()
        if elsewhere is not None:
            return redirect_answer(request, elsewhere)
        with self.busy:
            return await self._device_action(request)

    async def _device_action(self, request: Message) -> Message:
        action: Grouped = request["Device-Action"]
        profile = self._gateway.profiles.named(request.text("Origin-Host"))
        if profile is None:  # nobody gets past the gateway like this, but no gateway, no service
            raise ApplicationFault(ResultCode.AUTHORIZATION_REJECTED)
        since = self._holding.now
        if profile.hides and self._holding.full(profile.name):
            decision = TOO_MANY_HELD
        else:
            procedures = self.groups if names_group(action) else self.iwf
            decision = await procedures.act(_action(action), profile, _sender(request))
        if decision.check:
            self._refused(request, action, profile, decision)
        if decision.hidden:
            await self._holding.until_due(profile.name, since)
        return _answer(request, action, decision)

    async def notify(self, notice: Notice, outcome: DeliveryOutcome) -> Result | None:
        """Send a Device-Notification-Request (clause 5.6); the result of its answer.  Raises Unavailable."""
        said = {"Action-Type": int(ActionType.REPORT), "Delivery-Outcome": int(outcome)}
        return await self._notify(notice, said)

    async def recalled(self, notice: Notice, status: RequestStatus) -> Result | None:
        """Say what became of a recall for one member of a group (docs/groups.md); as `notify` otherwise."""
        return await self._notify(notice, {"Action-Type": int(ActionType.RECALL), "Request-Status": int(status)})

    async def _notify(self, notice: Notice, said: dict[str, Any]) -> Result | None:
        device = notice.device
        notification: dict[str, Any] = {}
        if device.external_id is not None:
            notification["External-Identifier"] = device.external_id
        if device.msisdn is not None:
            notification["MSISDN"] = encode_number(device.msisdn)
        notification |= {"SCS-Identity": encode_number(notice.scs), "Reference-Number": notice.reference} | said
        avps = {"Device-Notification": notification}
        try:
            answer = await ask_in_turn(
                self, "Device-Notification", avps, hosts=self._hosts(notice), realm=notice.sender.realm
            )
        except RequestError as error:
            raise Unavailable(f"SCS: {error}") from None
        return answer.result

    def _hosts(self, notice: Notice) -> tuple[str, ...]:
        """Where the report may go: to who asked, then to the other `report_to` hosts of that SCS."""
        profile, asked = self._gateway.profiles.by_isdn.get(notice.scs), notice.sender.host
        return (asked,) if profile is None else in_turn(asked, (*profile.report_to, asked))

    def _refused(self, request: Message, action: Grouped, profile: ScsProfile, decision: Decision) -> None:
        status = decision.status
        self._audit.refuse(
            Refusal(
                check=decision.check,
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=request.text("Origin-Host"),
                origin=request.text("Origin-Host"),
                address=self._gateway.addresses.get(plain(request.text("Origin-Host")), ""),
                command=request.command,
                target=action.get("External-Identifier") or _digits(action) or "",
                profile=profile.name,
                reference=action["Reference-Number"],
                result=str(decision.result) if status is None else status.name,
                reason=decision.reason,
            )
        )


def _action(action: Grouped) -> DeviceAction:
    data = action.get("Trigger-Data")
    return DeviceAction(
        device=Device(external_id=action.get("External-Identifier"), msisdn=_digits(action)),
        reference=action["Reference-Number"],
        action=action["Action-Type"],
        payload=None if data is None else data["Payload"],
        port=None if data is None else data.get("Application-Port-Identifier"),
        priority=data is not None and data.get("Priority-Indication", 0) == 1,
        validity_s=action.get("Validity-Time"),
        old_reference=action.get("Old-Reference-Number"),
    )


def _digits(action: Grouped) -> str | None:
    return decode_number(action["MSISDN"]) if "MSISDN" in action else None


def _sender(request: Message) -> Sender:
    return Sender(
        host=request.text("Origin-Host"),
        realm=request.text("Origin-Realm"),
        session_id=str(request.get("Session-Id", "")),
        end_to_end=request.end_to_end,
    )


def _answer(request: Message, action: Grouped, decision: Decision) -> Message:
    """The Device-Action-Answer: Device-Notification repeats who and what was asked, with how it ended."""
    names = ("External-Identifier", TYPE, "MSISDN", "SCS-Identity", "Reference-Number", "Action-Type")
    notification: dict[str, Any] = {name: action[name] for name in names if name in action}
    if decision.status is not None:
        notification["Request-Status"] = int(decision.status)
    if decision.diagnostic is not None:
        notification["MTC-Error-Diagnostic"] = decision.diagnostic
    avps: dict[str, Any] = {"Device-Notification": notification}
    if features.heard(request) is not None:
        avps["Supported-Features"] = features.offer(OFFERED)
    if decision.target is not None and features.Feature.RECALL_REPLACE in decision.target:
        avps["Feature-Supported-In-Final-Target"] = int(features.Feature.RECALL_REPLACE)
    if decision.told:
        avps["Error-Message"] = decision.told
    if decision.failed:
        avps["Failed-AVP"] = request.quote("Device-Action", decision.failed)
    return request.answer(decision.result, avps)
