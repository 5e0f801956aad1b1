"""The device trigger procedure of the MTC-IWF, without a word of Diameter (TS 29.368 5.5; TS 23.682 5.2.1, 5.2.2).

`MtcIwf` walks the steps; whom it asks stands behind the protocols of `nfs.mtc_iwf.ports`.  What it may answer is in
the mapping tables of `nfs.mtc_iwf.statuses`; recall and replace are in `nfs.mtc_iwf.recall`.  Whoever comes here has
passed the security gateway.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from nfs.common.features import Feature
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import ActionType, DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.asked import AT_ONCE, Decision, DeviceAction, Limits, Report, refusal
from nfs.mtc_iwf.capabilities import Remembered
from nfs.mtc_iwf.ports import (
    Blocked,
    Capabilities,
    Device,
    Found,
    Hss,
    HssRefused,
    Ledger,
    NotAssociated,
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
    Unnamed,
)
from nfs.mtc_iwf.recall import Originals, other_device
from nfs.mtc_iwf.statuses import USER_UNKNOWN, unmet
from nfs.mtc_sgw import association
from nfs.mtc_sgw.logic import Refuse, ScsProfile, device_name

__all__ = ["Decision", "DeviceAction", "Limits", "MtcIwf", "Report"]

Paced = Callable[[Device, Found, bool], Awaitable[Refuse | None]]
"""paced(device, found, with priority): waits for the turn of a trigger; what is against waiting."""
Unwished = Callable[[Iterable[str], str, bool], Refuse | None]
"""unwished(names known of a device, its IMSI, whether its External Identifiers are not among them)."""


async def at_once(device: Device, found: Found, priority: bool) -> Refuse | None:
    """No trigger waits for another."""
    return None


class MtcIwf:
    """The procedures of one MTC-IWF.  sms_sc_host: the SMS-SC that takes triggers, "" when routing picks one.

    paced: returns when a trigger may go on.
    unwanted: what the owner of a device has against a trigger now; counts it otherwise.  capabilities: what SMS-SCs
    said they support, remembered for this process only when not given.
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
        unwanted: Unwished = lambda names, imsi, unnamed: None,
        paced: Paced = at_once,
        capabilities: Capabilities | None = None,
    ) -> None:
        self._hss = hss
        self._sms_sc = sms_sc
        self._scs = scs
        self._ledger = ledger
        self._sms_sc_host = sms_sc_host
        self.limits = limits
        self._unwanted = unwanted
        self._paced = paced
        self._capabilities = capabilities or Remembered()
        self._originals = Originals(ledger, sms_sc, self._capabilities)

    async def act(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> Decision:
        """Carry out what an SCS asks; the Decision is what it is told (TS 29.368 7.4 steps 2 to 6)."""
        refused = refusal(action, self.limits)
        if refused is not None:
            return refused
        original: Trigger | None = None
        if action.action != ActionType.TRIGGER:
            named = await self._originals.named(action, profile.isdn)
            if isinstance(named, Decision):
                return named
            original = named
        found = await self._authorised(action, profile)
        if isinstance(found, Decision):
            return found
        refused = _contradiction(action, found, hides=profile.hides)
        if refused is None and original is not None:
            refused = other_device(action, original, found)
            if refused is None and action.action == ActionType.RECALL:  # where the device is does not matter
                return await self._originals.recall(action, original)
        refused = refused or _undeliverable(action, found) or self._unwanted_now(action.device, found)
        if refused is None and (late := await self._paced(action.device, found, action.priority)) is not None:
            return Decision(status=late.status, check="spread", reason=late.reason)
        return refused or await self._submit(action, found, profile, sender, original)

    async def _authorised(self, action: DeviceAction, profile: ScsProfile) -> Found | Decision:
        """What the HSS says of the device, or what its refusal means for the SCS (step 3)."""
        try:
            return await self._hss.ask(action.device, scs=profile.isdn, priority=action.priority)
        except HssRefused as error:
            return refused_by_hss(error, profile)
        except OverBudget as error:
            return Decision(status=RequestStatus.RATEEXCEEDED, check="hss-budget", reason=str(error))
        except Unavailable as error:
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))

    def _unwanted_now(self, device: Device, found: Found) -> Decision | None:
        names = {device_name(device.external_id, device.msisdn), *found.names}
        refuse = self._unwanted(names, found.imsi, found.unnamed(device))
        return None if refuse is None else Decision(status=refuse.status, check="unwanted", reason=refuse.reason)

    async def _submit(
        self, action: DeviceAction, found: Found, profile: ScsProfile, sender: Sender, original: Trigger | None
    ) -> Decision:
        """Remember the trigger, then hand it over: what an SCS is told was accepted is on disk before."""
        trigger = Trigger(
            scs=profile.isdn,
            reference=action.reference,
            device=action.device,
            imsi=found.imsi,
            sender=sender,
            fingerprint=action.fingerprint(),
            validity_s=action.validity_s if action.validity_s is not None else self.limits.default_validity_s,
            sms_sc=self._sms_sc_host if original is None else original.sms_sc,
        )
        try:
            standing = await self._ledger.begin(trigger)
            if standing in AT_ONCE:
                return AT_ONCE[standing]
            submission = _submission(action, found, profile, original)
            before = await self._ledger.find(trigger.scs, trigger.reference) if standing is Standing.REPEAT else None
            if before is not None:  # another SMS-SC would deliver it once more
                trigger, submission = replace(trigger, sms_sc=before.sms_sc), replace(submission, to=before.sms_sc)
            decision, sms_sc = await self._hand_over(submission)
            if not _stands(decision, original):
                self._hss.forget(action.device, scs=profile.isdn)
                if standing is Standing.NEW:  # a repeat that fails takes nothing back that was accepted before
                    await self._ledger.refuse(trigger)
                return decision
            if sms_sc != trigger.sms_sc:  # a recall will have to go there
                await self._ledger.accept(trigger.scs, trigger.reference, sms_sc)
            if original is not None and decision.status is RequestStatus.SUCCESS:
                await self._ledger.withdraw(original.scs, original.reference, State.REPLACED)
        except Unavailable as error:  # the store: nothing may be called accepted
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        return decision

    async def _hand_over(self, submission: Submission) -> tuple[Decision, str]:
        """What the SMS-SC's answer means for the SCS, and which SMS-SC it was."""
        try:
            taken = await self._sms_sc.submit(submission)
        except Unavailable as error:
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error)), ""
        await self._learn(taken)
        status = statuses.of_submission(taken.result)
        reason = "" if status is RequestStatus.SUCCESS else f"the SMS-SC refused with {taken.result}"
        return Decision(status=status, reason=reason, diagnostic=taken.diagnostic, target=taken.features), taken.sms_sc

    async def _learn(self, taken: Taken) -> None:
        """Who takes a trigger and is silent about features has none."""
        features = taken.features
        if features is None and statuses.of_submission(taken.result) is RequestStatus.SUCCESS:
            features = Feature(0)
        if features is not None:
            await self._capabilities.learn(taken.sms_sc, features)

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


def refused_by_hss(error: HssRefused, profile: ScsProfile) -> Decision:
    """What a refusal of the HSS means for the SCS."""
    check, reason = "association", f"the HSS refused with {error.code}"
    if isinstance(error, NotAssociated):
        check, reason = "local-association", "the local store of associations has not this pair"
    elif isinstance(error, Blocked):
        check, reason = "block-list", "the owner of the device blocks this SCS"
    elif isinstance(error, Unnamed):
        check, reason = (
            "unnamed",
            "an owner refuses this SCS by External Identifier, and the HSS says none of this MSISDN",
        )
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


def _stands(decision: Decision, original: Trigger | None) -> bool:
    """True when the SMS-SC has the trigger: also one that came too late to replace another (TS 29.368 5.8)."""
    late = original is not None and decision.status is RequestStatus.ORIGINALMESSAGESENT
    return late or decision.status is RequestStatus.SUCCESS


def _submission(action: DeviceAction, found: Found, profile: ScsProfile, original: Trigger | None) -> Submission:
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
        action=TriggerAction.TRIGGER if original is None else TriggerAction.REPLACE,
        old_reference=None if original is None else original.reference,
        to="" if original is None else original.sms_sc,
    )


def _contradiction(action: DeviceAction, found: Found, *, hides: bool) -> Decision | None:
    """Two identities of two devices; told when a foreign device would be, whoever owns the second one."""
    if action.device.external_id and action.device.msisdn and action.device.msisdn != found.msisdn:
        reason = "External-Identifier and MSISDN name different devices"
        return Decision(status=RequestStatus.INVEXTID, check="association", reason=reason, hidden=hides)
    return None


def _undeliverable(action: DeviceAction, found: Found) -> Decision | None:
    """What the HSS's answer rules out (TS 29.368 7.4 step 4, TS 29.336 5.2.1.3)."""
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
