"""The decision on a group trigger, without a word of Diameter (TR 33.868 4.1.4.6; TS 23.682 5.2.1 for one device).

Two must say yes, in this order: the MTC-IWF, whose profile of the SCS gives the right to message groups and may name
which, and then the HSS, which knows the group, who may message it with which service, and who belongs to it.  Nothing
is handed over before both have, and before every member is on disk.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.cose import is_envelope
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.asked import AT_ONCE, Decision, DeviceAction, Limits, Report, refusal
from nfs.mtc_iwf.groups.counts import GroupCounts
from nfs.mtc_iwf.groups.ports import GroupHss, GroupTrigger, Keep, Key, Member, NoGroups, Progress
from nfs.mtc_iwf.logic import refused_by_hss
from nfs.mtc_iwf.ports import Device, HssRefused, Notice, OverBudget, Scs, Sender, Standing, Unavailable
from nfs.mtc_iwf.statuses import USER_UNKNOWN, Result, unmet
from nfs.mtc_sgw import association
from nfs.mtc_sgw.logic import ScsProfile, device_name

LACKING: Final = "the HSS does not know groups"
BARE: Final = "the payload is in no envelope of the application layer"


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How many members a group must and may reach."""

    at_least: int = 1
    at_most: int = 1000


class Groups:
    """Decides on triggers for groups, and brings members' reports to the SCS.

    blocks: why a device must not be reached by an SCS (name, ISDN number), "" for nothing: owners have a say in each
    member.  go: starts handing over what was remembered under a key.  clock: seconds since 1970.  counts: what is
    answered, and what members come to.  enveloped: nothing but envelopes of the application layer goes to groups.
    """

    def __init__(
        self,
        *,
        hss: GroupHss,
        keep: Keep,
        scs: Scs,
        audit: AuditLog,
        limits: Limits,
        size: Size,
        blocks: Callable[[str, str], str],
        go: Callable[[Key], None],
        clock: Callable[[], float],
        counts: GroupCounts | None = None,
        enveloped: bool = False,
    ) -> None:
        self.enveloped = enveloped
        self._counts = GroupCounts() if counts is None else counts
        self._hss = hss
        self._keep = keep
        self._scs = scs
        self._audit = audit
        self.limits = limits
        self.size = size
        self._blocks = blocks
        self._go = go
        self._clock = clock

    async def act(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> Decision:
        """Decide on a trigger for the group that `action` names; what becomes of its members is reported one by one."""
        decision = self._own_word(action, profile)
        if decision is None:
            asked = self._recall if action.action == ActionType.RECALL else self._trigger
            try:
                decision = await asked(action, profile, sender)
            except Unavailable as error:  # the store, or the HSS: nothing may be called accepted
                decision = Decision(status=RequestStatus.TEMPORARYERROR, reason=str(error))
        self._counts.requests[str(decision.result) if decision.status is None else decision.status.name] += 1
        return decision

    async def _trigger(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> Decision:
        found = await self._word_of_hss(action, profile)
        if isinstance(found, Decision):
            return found
        members = self._reachable(found, action, profile)
        refused = self._of_wrong_size(len(members))
        if refused is not None:
            return refused
        group = self._group(action, profile, sender)
        standing = await self._keep.begin(group, members)
        if standing is Standing.TAKEN:
            return AT_ONCE[standing]
        if standing is Standing.OVER_QUOTA:
            reason = "a quota has no room for all members"
            return Decision(status=RequestStatus.QUOTAEXCEEDED, check="quota", reason=reason)
        self._go(group.key)
        return Decision(status=RequestStatus.SUCCESS)

    async def _recall(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> Decision:
        """Nobody is handed over any more; what the SMS-SC has, it is asked to delete, and each member is told of."""
        recall = self._group(action, profile, sender)
        begun = await self._keep.begin_recall(recall)
        if begun is None:
            reason = "no group of this name and SCS has the Old-Reference-Number"
            return Decision(status=RequestStatus.RECALLFAIL, check="creator", reason=reason)
        standing, members = begun
        if standing is Standing.TAKEN:
            return AT_ONCE[standing]
        if not members:
            reason = "every member was reported, or recalled before"
            return Decision(status=RequestStatus.ORIGINALMESSAGESENT, reason=reason)
        self._go(recall.key)
        return Decision(status=RequestStatus.SUCCESS)

    def _group(self, action: DeviceAction, profile: ScsProfile, sender: Sender) -> GroupTrigger:
        """What is remembered of the request."""
        recall = action.action == ActionType.RECALL
        return GroupTrigger(
            scs=profile.isdn,
            reference=action.reference,
            group=action.device.external_id or "",
            sender=sender,
            fingerprint=action.fingerprint(),
            payload=b"" if recall else action.payload or b"",
            port=action.port,
            priority=action.priority,
            validity_s=action.validity_s,
            lasts_s=self.limits.default_validity_s if action.validity_s is None else action.validity_s,
            accepted_at=self._clock(),
            recalls=action.old_reference if recall else None,
        )

    def _own_word(self, action: DeviceAction, profile: ScsProfile) -> Decision | None:
        """The first authorisation, and the limits; costs no question."""
        if not profile.may_groups:
            reason = "the profile of the SCS does not list groups"
            return Decision(status=RequestStatus.NOTAUTHORIZED, check="command-rights", reason=reason)
        if action.action != ActionType.TRIGGER and action.action not in profile.commands:
            reason = "the profile of the SCS does not list the action"
            return Decision(status=RequestStatus.NOTAUTHORIZED, check="command-rights", reason=reason)
        name = device_name(action.device.external_id, None)
        if profile.groups is not None and not any(fnmatchcase(name, pattern) for pattern in profile.groups):
            return Decision(
                status=association.status(association.UNAUTHORIZED_REQUESTING_ENTITY, hides=profile.hides),
                check="group",
                reason="the profile of the SCS does not list this group",
                hidden=profile.hides,
            )
        if action.action == ActionType.REPLACE:
            reason = "the trigger of a group is not replaced: recall it, and ask for another one"
            return Decision(status=RequestStatus.REPLACEFAIL, check="group-replace", reason=reason, told=reason)
        refused = refusal(action, self.limits)  # before an envelope is looked for: what is too long is not parsed
        if refused is not None or action.action == ActionType.RECALL:
            return refused
        if self.enveloped and not is_envelope(action.payload or b""):
            return Decision(status=RequestStatus.PERMANENTERROR, check="app-protection", reason=BARE, told=BARE)
        return None

    async def _word_of_hss(self, action: DeviceAction, profile: ScsProfile) -> tuple[Member, ...] | Decision:
        """The second authorisation, with the members."""
        try:
            return await self._hss.members(action.device.external_id or "", scs=profile.isdn)
        except NoGroups as error:
            return Decision(status=RequestStatus.SERVICEUNAVAILABLE, reason=str(error), told=LACKING)
        except HssRefused as error:
            return refused_by_hss(error, profile)
        except OverBudget as error:
            return Decision(status=RequestStatus.RATEEXCEEDED, check="hss-budget", reason=str(error))

    def _reachable(self, found: tuple[Member, ...], action: DeviceAction, profile: ScsProfile) -> tuple[Member, ...]:
        """Each device once, without those of whom this SCS must not even learn the name."""
        members: dict[str, Member] = {}
        for each in found:
            name = device_name(each.external_id, None)
            why = self._blocks(name, profile.isdn)
            if not why and name.rpartition("@")[2] not in profile.domains:
                why = "the profile of the SCS does not list the domain of the member"
            if why:
                self._leave_out(each, why, action, profile)
            elif each.imsi not in members:
                members[each.imsi] = each
        return tuple(members.values())

    def _leave_out(self, member: Member, why: str, action: DeviceAction, profile: ScsProfile) -> None:
        self._counts.members["left out"] += 1
        self._audit.refuse(
            Refusal(
                check="group-member",
                stage=Stage.AUTHORISATION,
                area=Area.B1,
                peer=min(profile.hosts, default=""),
                command="Device-Action-Request",
                target=member.external_id,
                profile=profile.name,
                reference=action.reference,
                result="left out",
                reason=why,
            )
        )

    def _of_wrong_size(self, members: int) -> Decision | None:
        size = self.size
        if size.at_least <= members <= size.at_most:
            return None
        reason = f"the group reaches {members} devices, {size.at_least} to {size.at_most} may be triggered at once"
        told = "too many members" if members > size.at_most else "too few members"
        return Decision(status=RequestStatus.PERMANENTERROR, check="group-size", reason=reason, told=told)

    async def report(self, report: Report) -> Result:
        """Bring the report of one member to the SCS; the (vendor, code) that answers the SMS-SC."""
        if report.reference is None:
            return USER_UNKNOWN
        try:
            entry = await self._keep.find(report.scs, report.reference, report.imsi, report.device.external_id)
            if entry is None:
                return USER_UNKNOWN
            if entry.progress in (Progress.REPORTED, Progress.RECALLED):
                return statuses.DONE
            outcome = statuses.of_outcome(report.outcome)
            notice = Notice(
                sender=entry.sender,
                scs=entry.scs,
                reference=entry.reference,
                device=Device(external_id=entry.member.external_id),
            )
            if unmet(await self._scs.notify(notice, outcome)):
                return statuses.LATER
            if await self._keep.end(entry, Progress.REPORTED, int(outcome)):
                self._counts.ended(outcome, recall=False)
        except Unavailable:
            return statuses.LATER
        return statuses.DONE
