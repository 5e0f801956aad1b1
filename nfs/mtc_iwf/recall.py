"""Recall and replace: which trigger is meant, whose it is, and how it is taken back (TS 29.368 5.7 and 5.8).

A trigger is found by the SCS's own number and Old-Reference-Number, in the store: so it is found after a restart too,
and whoever guesses the Reference-Number of somebody else finds nothing.  The SMS-SC that took it is the one asked; one
that never said that it supports the feature is not, since it would take a recall for a trigger without payload.
"""

from __future__ import annotations

from nfs.common.features import Feature
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.asked import Decision, DeviceAction
from nfs.mtc_iwf.ports import Capabilities, Found, Ledger, SmsSc, State, Submission, Trigger, Unavailable


def _failed(action: int) -> RequestStatus:
    return RequestStatus.RECALLFAIL if action == ActionType.RECALL else RequestStatus.REPLACEFAIL


class Originals:
    """The triggers that an SCS wants back, or changed."""

    def __init__(self, ledger: Ledger, sms_sc: SmsSc, capabilities: Capabilities) -> None:
        self._ledger = ledger
        self._sms_sc = sms_sc
        self._capabilities = capabilities

    async def named(self, action: DeviceAction, scs: str) -> Trigger | Decision:
        """The trigger that Old-Reference-Number names, or what the SCS is told without asking anybody."""
        status, old = _failed(action.action), action.old_reference
        assert old is not None  # `nfs.mtc_iwf.asked.refusal` saw to it
        try:
            trigger = await self._ledger.find(scs, old)
            if trigger is None or trigger.state is State.REFUSED:
                reason = "no trigger of this SCS has the Old-Reference-Number"
                return Decision(status=status, check="creator", reason=reason)
            if action.action == ActionType.RECALL and trigger.state is not State.OPEN:
                if trigger.state is State.RECALLED:  # the answer was lost, and it is asked again
                    return Decision(status=RequestStatus.SUCCESS)
                return Decision(status=RequestStatus.ORIGINALMESSAGESENT, reason="its report has come")
            if Feature.RECALL_REPLACE not in await self._capabilities.of(trigger.sms_sc):
                return Decision(status=status, reason="its SMS-SC does not support Device-Trigger-Recall-Replace")
        except Unavailable as error:
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        return trigger

    async def recall(self, action: DeviceAction, original: Trigger) -> Decision:
        """Have the SMS-SC delete a trigger (TS 23.682 5.2.3.3); success ends it, and no report follows."""
        try:
            taken = await self._sms_sc.submit(withdrawal(original, action.reference))
            status = statuses.of_submission(taken.result)
            if status is not RequestStatus.SUCCESS:
                reason = f"the SMS-SC refused with {taken.result}"
                return Decision(status=status, reason=reason, diagnostic=taken.diagnostic, target=taken.features)
            await self._ledger.withdraw(original.scs, original.reference, State.RECALLED)
        except Unavailable as error:
            return Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        return Decision(status=RequestStatus.SUCCESS, target=taken.features)


def withdrawal(original: Trigger, reference: int) -> Submission:
    """The recall of a trigger, for the SMS-SC that has it; `reference` is that of the recall."""
    return Submission(
        scs=original.scs,
        reference=reference,
        imsi=original.imsi,
        device=original.device,
        payload=b"",
        port=None,
        priority=False,
        validity_s=None,
        nodes=(),
        action=TriggerAction.RECALL,
        old_reference=original.reference,
        to=original.sms_sc,
    )


def other_device(action: DeviceAction, original: Trigger, found: Found) -> Decision | None:
    """A recall or replace names the device that the trigger was for; a new one goes where the old one went."""
    same = action.action == ActionType.RECALL and action.device == original.device
    if same or found.imsi == original.imsi:
        return None
    return Decision(status=_failed(action.action), check="creator", reason="the trigger was for another device")
