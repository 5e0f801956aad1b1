"""Triggers whose time is over and of which the SMS-SC has said nothing: the SCS gets a report all the same.

The MTC-IWF takes such a trigger back from the SMS-SC, so that it cannot be delivered after the SCS has been told that
it was not, and the answer says what the report is (TS 29.368 6.4.10):

    the SMS-SC still had it           EXPIRED: it waited in vain
    the SMS-SC does not have it       UNCONFIRMED: delivered or not, its report was lost
    the SMS-SC takes no recalls       UNCONFIRMED
    the SMS-SC cannot be reached      TEMPORARYERROR: the network is at fault, and the SCS may send it again
    it is being delivered             nothing yet: asked again in the next round, and UNCONFIRMED after half a day

An SCS that cannot be reached has the rest of its triggers left alone until the next round, and is in nobody's way.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from nfs.common.features import Feature
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf import statuses
from nfs.mtc_iwf.ports import Capabilities, Ledger, Notice, Scs, SmsSc, Trigger, Unavailable
from nfs.mtc_iwf.recall import withdrawal

AT_ONCE: Final = 200
"""Triggers read in one step of a round."""
STUCK_S: Final = 43_200.0
"""How long an SMS-SC may say that it is delivering a trigger whose time is over; a day later it would be forgotten."""


class LapsedLedger(Ledger, Protocol):
    """A ledger that knows what lapsed."""

    async def lapsed(self, at_most: int, past: int = 0) -> tuple[Trigger, ...]:
        """Open triggers whose time is over, the oldest first, behind the first `past`.  Raises Unavailable."""
        ...


class Lapsed:
    """Ends triggers that nobody ended.  clock: seconds since 1970."""

    def __init__(
        self,
        ledger: LapsedLedger,
        sms_sc: SmsSc,
        scs: Scs,
        capabilities: Capabilities,
        clock: Callable[[], float],
    ) -> None:
        self._clock = clock
        self._ledger = ledger
        self._sms_sc = sms_sc
        self._scs = scs
        self._capabilities = capabilities

    async def round(self) -> int:
        """End what has lapsed; how many SCSs have their report now.  Raises Unavailable when the store fails."""
        ended = left = 0
        away: set[str] = set()
        while triggers := await self._ledger.lapsed(AT_ONCE, left):
            for trigger in triggers:
                done = trigger.scs not in away and await self._end(trigger, away)
                ended, left = ended + done, left + (not done)
            if len(triggers) < AT_ONCE:
                break
        return ended

    async def _end(self, trigger: Trigger, away: set[str]) -> bool:
        """Whether its SCS has a report now; one that cannot be reached is `away` for the rest of the round."""
        outcome = await self._outcome(trigger)
        if outcome is None:
            return False
        notice = Notice(sender=trigger.sender, scs=trigger.scs, reference=trigger.reference, device=trigger.device)
        try:
            met = not statuses.unmet(await self._scs.notify(notice, outcome))
        except Unavailable:
            met = False
        if met:
            await self._ledger.close(trigger.scs, trigger.reference, outcome)
        else:
            away.add(trigger.scs)
        return met

    async def _outcome(self, trigger: Trigger) -> DeliveryOutcome | None:
        if Feature.RECALL_REPLACE not in await self._capabilities.of(trigger.sms_sc):
            return DeliveryOutcome.UNCONFIRMED
        try:
            taken = await self._sms_sc.submit(withdrawal(trigger, trigger.reference))
        except Unavailable:
            return DeliveryOutcome.TEMPORARYERROR
        status = statuses.of_submission(taken.result)
        if status is RequestStatus.RECALLFAIL:
            return DeliveryOutcome.UNCONFIRMED if self._clock() - trigger.expires_at > STUCK_S else None
        return DeliveryOutcome.EXPIRED if status is RequestStatus.SUCCESS else DeliveryOutcome.UNCONFIRMED
