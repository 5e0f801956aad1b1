"""Open triggers as this process wrote them, so that a delivery report need not wait for the store to find its own."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import replace
from typing import Final

from nfs.mtc_iwf.ports import Trigger

LONGEST: Final = 512
"""Characters of a Session-Id that the store keeps: one that is longer is read there, as any other process reads it."""


class AtHand:
    """The `limit` written last, by their key; with 0 nothing is kept.

    A trigger is put here when it is on disk, and forgotten before it is changed: what is found is what is there.
    """

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._open: OrderedDict[tuple[str, int, str], Trigger] = OrderedDict()

    def put(self, trigger: Trigger, expires_at: float) -> None:
        """Keep one that was written, open until `expires_at`."""
        if not self._limit or len(trigger.sender.session_id) > LONGEST:
            return
        self._open[trigger.scs, trigger.reference, trigger.member] = replace(trigger, expires_at=expires_at)
        if len(self._open) > self._limit:
            self._open.popitem(last=False)

    def get(self, scs: str, reference: int, member: str, now: float) -> Trigger | None:
        """One that is open; None when the store has to be asked."""
        found = self._open.get((scs, reference, member))
        return found if found is not None and found.expires_at > now else None

    def forget(self, scs: str, reference: int, member: str) -> None:
        """It changes now, or somebody tries to make another one under its key."""
        self._open.pop((scs, reference, member), None)
