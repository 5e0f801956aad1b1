"""The HSS behind what is known of groups: no question is asked twice for nothing, and none over the budget.

Who belongs to a group is asked each time: it may be another one by now.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from nfs.mtc_iwf.groups.ports import GroupHss, Member
from nfs.mtc_iwf.ports import Blocked, HssRefused, NotListed, OverBudget
from nfs.mtc_sgw.known import Known, KnownLimits
from nfs.mtc_sgw.logic import device_name

BLOCKED, UNLISTED = "the owner of the device blocks this SCS", "the owner of the device does not list this SCS"


class GuardedGroups:
    """`GroupHss` in front of another one.

    limits: what is remembered of the HSS, as for devices.  clock: seconds since 1970.  blocks: see `Groups`; an owner
    may say of a group what he says of a device.
    """

    def __init__(
        self,
        hss: GroupHss,
        *,
        limits: Callable[[], KnownLimits],
        remembered: int,
        clock: Callable[[], float],
        blocks: Callable[[str, str], str],
    ) -> None:
        self._hss = hss
        self._limits = limits
        self._known: Known[None] = Known(limits(), remembered=remembered)
        self._clock = clock
        self._blocks = blocks

    async def members(self, group: str, *, scs: str) -> tuple[Member, ...]:
        """Who belongs to a group that this SCS may message."""
        known, pair = self._known, (scs, device_name(group, None))
        known.limits = replace(self._limits(), granted_s=0.0)
        why = self._blocks(pair[1], scs)
        if why:
            raise Blocked if why == BLOCKED else NotListed
        code = known.refusal(pair, self._clock())
        if code is not None:
            raise HssRefused(code, remembered=True)
        if not known.may_ask(pair, self._clock()):
            raise OverBudget("too many questions about groups that are not of this SCS")
        answered = False
        try:
            members = await self._hss.members(group, scs=scs)
            answered = True
        except HssRefused as error:
            answered = True
            known.refused(pair, self._clock(), error.code)
            raise
        finally:
            if not answered:
                known.unanswered(pair)
        known.granted(pair, self._clock(), None, priority=False)
        return members
