"""The HSS behind what is known of it: no question is asked twice for nothing, and none over the budget."""

from __future__ import annotations

from collections.abc import Callable

from nfs.mtc_iwf.ports import Device, Found, Hss, HssRefused, OverBudget
from nfs.mtc_sgw.known import Known, Pair
from nfs.mtc_sgw.logic import device_name


class GuardedHss:
    """`nfs.mtc_iwf.ports.Hss` in front of another one.  clock: seconds since 1970."""

    def __init__(self, hss: Hss, known: Known[Found], clock: Callable[[], float]) -> None:
        self._hss = hss
        self._known = known
        self._clock = clock

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises HssRefused, OverBudget, Unavailable."""
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
