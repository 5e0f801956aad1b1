"""The recall of a group's trigger, member by member (docs/groups.md; TS 29.368 5.7 for one device).

not handed over yet               it never will be: SUCCESS
the SMS-SC has it                 what that answers to a recall: SUCCESS, ORIGINALMESSAGESENT, RECALLFAIL
the SMS-SC takes no recalls       RECALLFAIL
the SMS-SC cannot be reached      asked again, and TEMPORARYERROR at last
reported, or over                 ORIGINALMESSAGESENT
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from nfs.common.features import Feature
from nfs.common.t4 import TriggerAction
from nfs.common.tsp import RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.groups.ports import Entry, GroupTrigger, Keep, Key, Progress
from nfs.mtc_iwf.ports import Capabilities, Device, SmsSc, Submission, Unavailable


class Recalls:
    """let_go: whether nobody is handing members of a group over (its key, the key of the recall)."""

    def __init__(
        self, keep: Keep, sms_sc: SmsSc, capabilities: Capabilities, let_go: Callable[[Key, Key], Awaitable[bool]]
    ) -> None:
        self._keep = keep
        self._sms_sc = sms_sc
        self._capabilities = capabilities
        self._let_go = let_go

    async def status(self, recall: GroupTrigger, entry: Entry) -> RequestStatus | None:
        """What becomes of the recall for one member; None when it is to be tried again.

        Raises Unavailable: the store, or somebody is still handing members over, which counts as no try.
        """
        assert recall.recalls is not None
        if not await self._let_go((recall.scs, recall.recalls), recall.key):
            raise Unavailable("members of the group are being handed over")
        original = await self._keep.find(recall.scs, recall.recalls, entry.member.imsi, None)
        if original is None or original.progress in (Progress.REPORTED, Progress.OWED):
            return RequestStatus.ORIGINALMESSAGESENT
        if original.progress is Progress.OPEN:
            status = await self._withdraw(recall, original)
            if status is not RequestStatus.SUCCESS:
                return status
        await self._keep.end(original, Progress.RECALLED, None)
        return RequestStatus.SUCCESS

    async def _withdraw(self, recall: GroupTrigger, original: Entry) -> RequestStatus | None:
        """Have the SMS-SC delete the trigger of a member (TS 23.682 5.2.3.3)."""
        if Feature.RECALL_REPLACE not in await self._capabilities.of(original.sms_sc):
            return RequestStatus.RECALLFAIL
        submission = Submission(
            scs=recall.scs,
            reference=recall.reference,
            imsi=original.member.imsi,
            device=Device(external_id=original.member.external_id),
            payload=b"",
            port=None,
            priority=False,
            validity_s=None,
            nodes=(),
            action=TriggerAction.RECALL,
            old_reference=original.reference,
            to=original.sms_sc,
            group=recall.group,
        )
        try:
            taken = await self._sms_sc.submit(submission)
        except Unavailable:
            return None
        status = statuses.of_submission(taken.result)
        return None if status is RequestStatus.TEMPORARYERROR else status
