"""The HSS behind what is known of it: no question is asked twice for nothing, and none over the budget.

An SCS that the device's owner blocks is refused as if the HSS had.
"""

from __future__ import annotations

from collections.abc import Callable

from nfs.mtc_iwf.ports import Blocked, Device, Found, Hss, HssRefused, OverBudget
from nfs.mtc_sgw.known import Known, Pair
from nfs.mtc_sgw.logic import device_name
from nfs.mtc_sgw.unwanted import Unwanted


class GuardedHss:
    """`nfs.mtc_iwf.ports.Hss` in front of another one.  clock: seconds since 1970."""

    def __init__(
        self, hss: Hss, known: Known[Found], clock: Callable[[], float], unwanted: Unwanted | None = None
    ) -> None:
        self._hss = hss
        self._unwanted = unwanted or Unwanted()
        self._known = known
        self._clock = clock

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises Blocked, HssRefused, OverBudget, Unavailable."""
        name = device_name(device.external_id, device.msisdn)
        if self._unwanted.blocks(name, scs):
            raise Blocked
        found = await self._asked(device, scs=scs, priority=priority)
        if found.msisdn is not None and self._unwanted.blocks(found.msisdn, scs):
            raise Blocked
        return found

    async def _asked(self, device: Device, *, scs: str, priority: bool) -> Found:
        known, pair = self._known, pair_of(device, scs)
        now = self._clock()
        code = known.refusal(pair, now)
        if code is not None:
            raise HssRefused(code, remembered=True)
        found = known.grant(pair, now, priority=priority)
        if found is not None:
            return found
        if not known.may_ask(pair, now):
            raise OverBudget("too many questions about devices that are not of this SCS")
        try:
            found = await self._hss.ask(device, scs=scs, priority=priority)
        except HssRefused as error:
            known.refused(pair, self._clock(), error.code)
            raise
        known.granted(pair, self._clock(), found, priority=priority)
        return found

    def forget(self, device: Device, *, scs: str) -> None:
        """What was said of this device may be old."""
        self._known.forget(pair_of(device, scs))


def pair_of(device: Device, scs: str) -> Pair:
    """Under which name the pair is known."""
    return scs, device_name(device.external_id, device.msisdn)
