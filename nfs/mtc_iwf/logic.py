"""The device trigger procedure of the MTC-IWF, without a word of Diameter (TS 29.368 5.5; TS 23.682 5.2.1, 5.2.2).

`MtcIwf` walks the steps; whom it asks stands behind the protocols of `nfs.mtc_iwf.ports`.  What it may answer is in
the mapping tables of `nfs.mtc_iwf.statuses`.  Whoever comes here has passed the security gateway.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

from diameter.errors import ResultCode
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.ports import (
    Blocked,
    Device,
    Found,
    Hss,
    HssRefused,
    Ledger,
    Notice,
    NotListed,
    OverBudget,
    Scs,
    Sender,
    SmsSc,
    Standing,
    State,
    Submission,
    Taken,
    Trigger,
    Unavailable,
)
from nfs.mtc_iwf.statuses import USER_UNKNOWN, unmet
from nfs.mtc_sgw import association
from nfs.mtc_sgw.logic import Refuse, ScsProfile, device_name


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What an SCS may ask for at most.  `max_payload_octets` bounds what the SMS-SC has to cut into segments."""

    max_payload_octets: int = 1024
    max_validity_s: int = 7 * 86400
    default_validity_s: int = 86400
    """How long a trigger without Validity-Time is remembered."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceAction:
    """What an SCS asks (Device-Action).  `payload` None: without Trigger-Data.  `validity_s` 0: try once."""

    device: Device
    reference: int
    action: int
    payload: bytes | None = None
    port: int | None = None
    priority: bool = False
    validity_s: int | None = None

    def fingerprint(self) -> str:
        """The same for a repeat of the same request, and for nothing else; tells nothing of the content."""
        parts = (self.device.external_id, self.device.msisdn, self.port, self.priority, self.validity_s)
        seed = repr((self.action, *parts)).encode()
        return hashlib.blake2b(seed + b"\0" + (self.payload or b""), digest_size=16).hexdigest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the SMS-SC reports (T4).  `scs`: E.164 digits of the SME; `outcome` may be a number nobody knows."""

    scs: str
    reference: int | None
    outcome: int
    device: Device
    imsi: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """How a Device-Action ends: Request-Status with Result-Code 2001, or `result` where Tsp has no status.

    `check`: names the check that refused, for the audit; empty when nothing was refused on purpose.  `hidden`: the
    answer takes as long as every other of its kind.
    """

    status: RequestStatus | None = None
    result: int = ResultCode.SUCCESS
    failed: str = ""
    check: str = ""
    reason: str = ""
    hidden: bool = False


class MtcIwf:
    """The procedures of one MTC-IWF.  sms_sc_host: the SMS-SC that takes triggers, "" when routing picks one.

    unwanted: what the owner of a device has against a trigger now; counts it otherwise.
    """

    def __init__(
        self,
        *,
        hss: Hss,
        sms_sc: SmsSc,
        scs: Scs,
        ledger: Ledger,
        limits: Limits,
        sms_sc_host: str = "",
        unwanted: Callable[[str], Refuse | None] = lambda device: None,
    ) -> None:
        self._hss = hss
        self._sms_sc = sms_sc
        self._scs = scs
        self._ledger = ledger
        self._sms_sc_host = sms_sc_host
        self.limits = limits
        self._unwanted = unwanted

    async def act(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> Decision:
        """Carry out what an SCS asks; the Decision is what it is told (TS 29.368 7.4 steps 2 to 6)."""
        refused = self._within_limits(action)
        if refused is not None:
            return refused
        try:
            found = await self._hss.ask(action.device, scs=profile.isdn, priority=action.priority)
        except HssRefused as error:
            return _refused_by_hss(error, profile)
        except OverBudget as error:
            return Decision(status=RequestStatus.RATEEXCEEDED, check="hss-budget", reason=str(error))
        except Unavailable as error:
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        refused = _undeliverable(action, found) or self._unwanted_now(action.device, found)
        return refused or await self._submit(action, found, profile, sender)

    def _unwanted_now(self, device: Device, found: Found) -> Decision | None:
        names = {device_name(device.external_id, device.msisdn), found.msisdn}
        for name in sorted(name for name in names if name):
            refuse = self._unwanted(name)
            if refuse is not None:
                return Decision(status=refuse.status, check="unwanted", reason=refuse.reason)
        return None

    def _within_limits(self, action: DeviceAction) -> Decision | None:
        """Step 2 as far as the gateway has not done it; recall and replace need a feature that is not offered."""
        if action.action != ActionType.TRIGGER:
            status = RequestStatus.RECALLFAIL if action.action == ActionType.RECALL else RequestStatus.REPLACEFAIL
            return Decision(status=status, reason="Device-Trigger-Recall-Replace is not supported")
        if action.payload is None:
            return Decision(
                result=ResultCode.MISSING_AVP, failed="Trigger-Data", check="limits", reason="Trigger-Data is missing"
            )
        if len(action.payload) > self.limits.max_payload_octets:
            return _over("payload too long", RequestStatus.INVPAYLOAD)
        if action.port is not None and action.port > 0xFFFF:
            return _over("application port beyond 16 bits", RequestStatus.INVPAYLOAD)
        if action.validity_s is not None and action.validity_s > self.limits.max_validity_s:
            return _over("validity too long", RequestStatus.INVPERIOD)
        return None

    async def _submit(self, action: DeviceAction, found: Found, profile: ScsProfile, sender: Sender) -> Decision:
        """Remember the trigger, then hand it over: what an SCS is told was accepted is on disk before."""
        validity_s = action.validity_s if action.validity_s is not None else self.limits.default_validity_s
        trigger = Trigger(
            scs=profile.isdn,
            reference=action.reference,
            device=action.device,
            imsi=found.imsi,
            sender=sender,
            fingerprint=action.fingerprint(),
            validity_s=validity_s,
            sms_sc=self._sms_sc_host,
        )
        try:
            standing = await self._ledger.begin(trigger)
            if standing is Standing.TAKEN:
                reason = "Reference-Number belongs to another trigger of this SCS that is still open"
                return Decision(status=RequestStatus.PERMANENTERROR, check="reference", reason=reason)
            taken, refused = await self._hand_over(_submission(action, found, profile))
            if refused is not None:
                self._hss.forget(action.device, scs=profile.isdn)
                if standing is Standing.NEW:  # a repeat that fails takes nothing back that was accepted before
                    await self._ledger.refuse(trigger)
                return refused
            if taken.sms_sc != trigger.sms_sc:  # a recall will have to go there
                await self._ledger.accept(trigger.scs, trigger.reference, taken.sms_sc)
        except Unavailable as error:  # the store: nothing may be called accepted
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        return Decision(status=RequestStatus.SUCCESS)

    async def _hand_over(self, submission: Submission) -> tuple[Taken, Decision | None]:
        """What the SMS-SC says of a trigger, and what that means for the SCS unless it is success."""
        try:
            taken = await self._sms_sc.submit(submission)
        except Unavailable as error:
            return Taken(result=None, sms_sc=""), Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        status = statuses.of_submission(taken.result)
        if status is RequestStatus.SUCCESS:
            return taken, None
        return taken, Decision(status=status, reason=f"the SMS-SC refused with {taken.result}")

    async def report(self, report: Report) -> tuple[int, int]:
        """Bring a delivery report to the SCS; the (vendor, code) that answers the SMS-SC (step 7).

        The SMS-SC hears of success once the SCS has answered; a report that came before is not sent on twice.  When
        the SCS cannot be reached the SMS-SC keeps the report, and is told so with UNABLE_TO_DELIVER.
        """
        if report.reference is None:
            return USER_UNKNOWN
        try:
            trigger = await self._ledger.find(report.scs, report.reference)
            if trigger is None or not _same_user(trigger, report):
                return USER_UNKNOWN
            if trigger.state is not State.OPEN:
                return statuses.DONE
            outcome = statuses.of_outcome(report.outcome)
            if outcome is not DeliveryOutcome.SUCCESS:
                self._hss.forget(trigger.device, scs=trigger.scs)
            answer = await self._scs.notify(
                Notice(sender=trigger.sender, scs=trigger.scs, reference=trigger.reference, device=trigger.device),
                outcome,
            )
            if unmet(answer):
                return statuses.LATER
            await self._ledger.close(trigger.scs, trigger.reference, outcome)
        except Unavailable:
            return statuses.LATER
        return statuses.DONE


def _refused_by_hss(error: HssRefused, profile: ScsProfile) -> Decision:
    check, reason = "association", f"the HSS refused with {error.code}"
    if isinstance(error, Blocked):
        check, reason = "block-list", "the owner of the device blocks this SCS"
    elif isinstance(error, NotListed):
        check, reason = "owner", "the owner of the device does not list this SCS"
    elif error.remembered:
        check, reason = "negative-cache", f"{reason}, not long ago"
    return Decision(
        status=association.status(error.code, hides=profile.hides),
        check=check,
        reason=reason,
        hidden=association.hidden(error.code, hides=profile.hides),
    )


def _over(reason: str, status: RequestStatus) -> Decision:
    return Decision(status=status, check="limits", reason=reason)


def _submission(action: DeviceAction, found: Found, profile: ScsProfile) -> Submission:
    """The trigger for the SMS-SC: named as the SCS did, since its report will name the device so."""
    return Submission(
        scs=profile.isdn,
        reference=action.reference,
        imsi=found.imsi,
        device=action.device if action.device.external_id else Device(msisdn=found.msisdn or action.device.msisdn),
        payload=action.payload or b"",
        port=action.port,
        priority=action.priority,
        validity_s=action.validity_s,
        nodes=found.nodes,
    )


def _undeliverable(action: DeviceAction, found: Found) -> Decision | None:
    """What the HSS's answer rules out (TS 29.368 7.4 step 4, TS 29.336 5.2.1.3)."""
    if action.device.external_id and action.device.msisdn and action.device.msisdn != found.msisdn:
        reason = "External-Identifier and MSISDN name different devices"
        return Decision(status=RequestStatus.INVEXTID, check="association", reason=reason)
    if found.not_provisioned or found.barred:
        return Decision(status=RequestStatus.SERVICEUNAVAILABLE, reason="no SMS for this subscription")
    if found.absent and action.validity_s == 0:
        return Decision(status=RequestStatus.TEMPORARYERROR, reason="absent, and not to be stored")
    return None


def _same_user(trigger: Trigger, report: Report) -> bool:
    """True when the report is about the trigger's device, by the first identity that both have."""
    if report.imsi is not None:
        return report.imsi == trigger.imsi
    if report.device.external_id is not None:
        return report.device.external_id == trigger.device.external_id
    return report.device.msisdn is not None and report.device.msisdn == trigger.device.msisdn
