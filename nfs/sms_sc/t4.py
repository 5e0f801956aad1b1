"""T4, MTC-IWF to SMS-SC (TS 29.337): takes Device-Trigger-Request, sends Delivery-Report-Request."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from diameter import Message
from diameter.app import Application, answers
from diameter.errors import ApplicationFault, ResultCode
from nfs.common import features
from nfs.common.groups import names_group
from nfs.common.identities import Address, IdentityError, decode_number, encode_number, imsi
from nfs.common.nodes import ServingNode, from_group
from nfs.common.t4 import T4Result, TriggerAction
from nfs.common.turns import ask_in_turn, in_turn
from nfs.sms_sc.answers import Acceptance, Refused
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.outcomes import TGPP, Outcome
from nfs.sms_sc.recall import Recalls
from nfs.sms_sc.sgd import REACHED
from nfs.sms_sc.taking import take

if TYPE_CHECKING:
    from nfs.sms_sc.delivery import Delivery
    from nfs.sms_sc.keep import Keep


class T4(Application):
    """The SMS-SC's side of T4.  `clock`: seconds since 1970.  `delivery` is set before the node starts."""

    dictionary = "ts29337_t4"
    delivery: Delivery
    loading = False
    """True until what a restart left is read: what is new could be known."""
    iwf_hosts: tuple[str, ...] = ()
    """MTC-IWFs that share a store, so that each takes the report of a trigger that another brought."""

    def __init__(self, centre: ServiceCentre, keep: Keep, clock: Callable[[], float]) -> None:
        self._centre = centre
        self._keep = keep
        self._clock = clock
        self._recalls = Recalls(centre, keep, clock)

    @answers("Device-Trigger-Request")
    async def device_trigger(self, request: Message) -> Message:
        """Store what is asked, then say so; delivery starts beside the answer (5.2, TS 23.682 5.2.2 and 5.2.3)."""
        try:
            return await self._asked(request)
        except Refused as refusal:
            avps = _said(request)
            if refusal.diagnostic is not None:
                avps["MTC-Error-Diagnostic"] = int(refusal.diagnostic)
            raise ApplicationFault(refusal.code, str(refusal), vendor=TGPP, avps=avps) from None

    async def _asked(self, request: Message) -> Message:
        action = request.get("Trigger-Action", TriggerAction.TRIGGER)
        if action not in list(TriggerAction):
            raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, "Trigger-Action: 0, 1 or 2 expected")
        if self.loading:
            raise ApplicationFault(ResultCode.TOO_BUSY, "what was kept before the restart is still being read")
        trigger = read(request)
        if action == TriggerAction.TRIGGER:
            await self._take(trigger)
            return request.answer(ResultCode.SUCCESS, _said(request))
        if "Old-Reference-Number" not in request:
            raise ApplicationFault(ResultCode.MISSING_AVP, "which trigger: Old-Reference-Number is missing")
        old = replace(trigger, reference=request.number("Old-Reference-Number"))
        if action == TriggerAction.RECALL:
            await self._recalls.recall(trigger.scs, old.key)
            return request.answer(ResultCode.SUCCESS, _said(request))
        if old.key == trigger.key:
            raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, "a trigger cannot replace itself")
        acceptance, kept, replaced = await self._recalls.replace(old.key, trigger)
        self._deliver(acceptance, kept)
        if not replaced:
            raise Refused(T4Result.ORIGINAL_MESSAGE_NOT_PENDING, "the old trigger is not pending; the new one is taken")
        return request.answer(ResultCode.SUCCESS, _said(request))

    async def _take(self, trigger: Trigger) -> None:
        self._deliver(*await take(self._centre, self._keep, trigger, self._clock))

    def _deliver(self, acceptance: Acceptance, kept: Trigger) -> None:
        if acceptance is Acceptance.REPORT_AGAIN:
            self.delivery.report(kept)
        else:
            self.delivery.attempt(kept.imsi)

    async def report(self, trigger: Trigger, outcome: Outcome) -> tuple[int, int] | None:
        """Send the delivery report to the MTC-IWF that brought the trigger; (vendor, code) of its answer.

        When that does not take it, the next of its set is asked.  Raises RequestError when no answer came.
        """
        user: dict[str, Any] = {"User-Name": trigger.imsi}
        if trigger.msisdn is not None:
            user["MSISDN"] = encode_number(trigger.msisdn)
        if trigger.external_identifier is not None:
            user["External-Identifier"] = trigger.external_identifier
        avps: dict[str, Any] = {
            "User-Identifier": user,
            "SM-RP-SMEA": Address(trigger.scs).encode(),
            "SM-Delivery-Outcome-T4": int(outcome),
        }
        if outcome is Outcome.ABSENT_SUBSCRIBER and trigger.diagnostic is not None:
            avps["Absent-Subscriber-Diagnostic-T4"] = int(trigger.diagnostic)
        if trigger.reference is not None:
            avps["Reference-Number"] = trigger.reference
        hosts = in_turn(trigger.iwf_host, self.iwf_hosts)
        answer = await ask_in_turn(self, "Delivery-Report", avps, hosts=hosts, realm=trigger.iwf_realm)
        return answer.result


def _said(request: Message) -> dict[str, Any]:
    """What every answer repeats of its request, and the features where that names its own."""
    avps: dict[str, Any] = {
        name: request[name] for name in ("Old-Reference-Number", "Trigger-Action") if name in request
    }
    if features.heard(request) is not None:
        avps["Supported-Features"] = features.offer(features.Feature.RECALL_REPLACE)
    return avps


def read(request: Message) -> Trigger:
    """The trigger of a DTR; raises ApplicationFault for what is no identity or no address."""
    user = request.group("User-Identifier")
    if "User-Name" not in user:
        raise ApplicationFault(ResultCode.MISSING_AVP, "User-Identifier without User-Name")
    try:
        scs = Address.decode(request.raw("SM-RP-SMEA")).international()
    except IdentityError as wrong:
        raise ApplicationFault(5530, str(wrong), vendor=TGPP) from None
    try:
        nodes = _serving(request)
        return Trigger(
            scs=scs,
            reference=request.get("Reference-Number"),
            imsi=imsi(user.text("User-Name")),
            external_identifier=user.get("External-Identifier"),
            msisdn=decode_number(user.raw("MSISDN")) if "MSISDN" in user else None,
            payload=request.raw("Payload"),
            port=request.get("Application-Port-Identifier"),
            priority=request.get("Priority-Indication") == 1,
            validity_s=request.get("Validity-Time"),
            serving=next(iter(nodes), None),
            others=nodes[1:],
            iwf_host=request.text("Origin-Host"),
            iwf_realm=request.text("Origin-Realm"),
            submission=request.text("Session-Id"),
            group=str(request.get("External-Identifier", "")) if names_group(request) else "",
        )
    except IdentityError as wrong:
        raise ApplicationFault(ResultCode.INVALID_AVP_VALUE, str(wrong)) from None


def _serving(request: Message) -> tuple[ServingNode, ...]:
    """The serving nodes that SGd or Gdd reaches, in order (6.3.3, 6.3.4).  Raises IdentityError."""
    found = []
    for name in ("Serving-Node", "Additional-Serving-Node"):
        for group in request.all(name):
            node = from_group(group)
            if node.kind in REACHED and node.name:
                found.append(node)
    return tuple(found)
