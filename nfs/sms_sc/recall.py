"""Recall and replace at the SMS-SC: by (SCS, Old-Reference-Number, UE), in memory and store together.

TS 23.682 clauses 5.2.3.2 and 5.2.3.3, TS 29.337 clauses 7.3.5 to 7.3.7.  A trigger that waits is taken out of its queue
before the store is asked, so that no delivery starts meanwhile, and comes back when the store fails.  While one of its
SMS is on its way to the UE nobody can tell how that will end: the trigger is pending, and cannot be deleted now.  Of
one with several segments those not yet sent are stopped.  What was withdrawn is remembered as finished without an
outcome, over a restart too, so that a request whose answer was lost gets the same one again.
"""

from __future__ import annotations

from collections.abc import Callable

from diameter.errors import LocalError
from nfs.common.t4 import ErrorDiagnostic, T4Result
from nfs.sms_sc.answers import Acceptance, Refused, Standing
from nfs.sms_sc.keep import Keep
from nfs.sms_sc.logic import ServiceCentre, Trigger


class Recalls:
    """Withdraws triggers of a ServiceCentre and its Keep.  clock: seconds since 1970."""

    def __init__(self, centre: ServiceCentre, keep: Keep, clock: Callable[[], float]) -> None:
        self._centre = centre
        self._keep = keep
        self._clock = clock

    async def recall(self, scs: str, key: str) -> None:
        """Delete a pending trigger of an SCS.  Raises Refused: 5530, 5534, 5535."""
        self._centre.admit(scs)
        standing = await self._standing(key)
        if standing is Standing.SENDING:
            raise Refused(T4Result.TRIGGER_RECALL_FAILURE, "it is being delivered")
        if standing is Standing.OVER:
            raise Refused(T4Result.ORIGINAL_MESSAGE_NOT_PENDING, "no such trigger is pending")
        if key not in self._centre.pending and key not in self._centre.finished:
            return  # another SMS-SC on this store has withdrawn it
        kept = self._centre.take_out(key, self._clock()) if standing is Standing.WAITING else None
        try:
            await self._keep.settle(self._centre.finished[key])
        except LocalError:
            if kept is not None:
                self._centre.put_back(kept)
            raise Refused(T4Result.TRIGGER_RECALL_FAILURE, "cannot store") from None

    async def replace(self, old: str, trigger: Trigger) -> tuple[Acceptance, Trigger, bool]:
        """Put a trigger in the place of a pending one, all or nothing.

        What `ServiceCentre.accept` said, the trigger, and whether the old one was withdrawn; when that was no longer
        pending, the new one is a trigger of its own.  Raises Refused: 5530, and 5533 with its diagnostic.
        """
        self._centre.admit(trigger.scs)
        standing, now = await self._standing(old), self._clock()
        if standing is Standing.SENDING:
            raise _failed("the old one is being delivered", ErrorDiagnostic.ORIGINAL_MESSAGE_NOT_DELETED)
        kept = self._centre.take_out(old, now) if standing is Standing.WAITING else None
        try:
            acceptance, new = self._centre.accept(trigger, now)
        except Refused as refusal:
            if kept is not None:
                self._centre.put_back(kept)
            raise _failed(str(refusal), ErrorDiagnostic.NEW_MESSAGE_NOT_STORED) from None
        withdrawn = self._centre.finished.get(old) if standing is not Standing.OVER else None
        if acceptance in (Acceptance.NEW, Acceptance.RENEWED):
            self._centre.hold(new.key)
        try:
            written = await self._keep.swap(withdrawn, new)
        except (LocalError, Refused):
            if acceptance in (Acceptance.NEW, Acceptance.RENEWED):
                self._centre.withdraw(new)
            if kept is not None and new.key not in self._centre.pending:
                self._centre.put_back(kept)
            raise _failed("cannot store", ErrorDiagnostic.NEW_MESSAGE_NOT_STORED) from None
        self._centre.written(new, written.trigger, written.acceptance)
        return written.acceptance or acceptance, written.trigger, standing is not Standing.OVER

    async def _standing(self, key: str) -> Standing:
        """How far it has come here, and where it is not here, with another SMS-SC on the store."""
        standing = self._centre.standing(key)
        if standing is not Standing.OVER or not self._keep.shared:
            return standing
        try:
            found = await self._keep.elsewhere(key)
        except LocalError:
            return Standing.SENDING
        if key in self._centre.pending:  # it has come here meanwhile
            return self._centre.standing(key)
        if found is None or (found.finished_at is not None and not found.withdrawn) or found.outcome is not None:
            return Standing.OVER
        return Standing.WITHDRAWN if found.withdrawn else Standing.SENDING


def _failed(why: str, diagnostic: ErrorDiagnostic) -> Refused:
    return Refused(T4Result.TRIGGER_REPLACE_FAILURE, why, diagnostic)
