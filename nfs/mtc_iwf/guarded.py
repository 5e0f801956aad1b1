"""The HSS behind what is known of it: no question is asked twice for nothing, and none over the budget.

An SCS that the device's owner blocks is refused as if the HSS had, and so is one that may not reach devices by their
External Identifiers when nobody says those of an MSISDN, and one that the local store of associations does not have;
where that has it and the HSS refuses, somebody is told of it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from nfs.mtc_iwf.ports import Blocked, Device, Found, Hss, HssRefused, NotAssociated, OverBudget, Unnamed
from nfs.mtc_sgw.association import UNAUTHORIZED_REQUESTING_ENTITY, USER_UNKNOWN
from nfs.mtc_sgw.associations import Associations
from nfs.mtc_sgw.known import Known, Pair
from nfs.mtc_sgw.logic import device_name
from nfs.mtc_sgw.unwanted import Unwanted

DIFFERENT: Final = (USER_UNKNOWN, UNAUTHORIZED_REQUESTING_ENTITY)
"""What the HSS says of a pair that it does not have."""


class GuardedHss:
    """`nfs.mtc_iwf.ports.Hss` in front of another one.  clock: seconds since 1970.

    local: the local store as it is now, None where there is none.  differs: hears of device, ISDN number of the SCS and
    Experimental-Result-Code when the HSS does not know a pair that the local store has.
    """

    def __init__(
        self,
        hss: Hss,
        known: Known[Found],
        clock: Callable[[], float],
        unwanted: Unwanted | None = None,
        *,
        local: Callable[[], Associations | None] = lambda: None,
        differs: Callable[[str, str, int], None] = lambda device, scs, code: None,
    ) -> None:
        self._local = local
        self._differs = differs
        self._hss = hss
        self._unwanted = unwanted or Unwanted()
        self._known = known
        self._clock = clock

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        """Who is this device, and may this SCS trigger it?  Raises HssRefused, OverBudget, Unavailable."""
        name = device_name(device.external_id, device.msisdn)
        if self._unwanted.blocks(name, scs):
            raise Blocked
        local = self._local()
        if local is not None and not local.hold(scs, name, self._clock()):
            raise NotAssociated
        found = await self._asked(device, scs=scs, priority=priority)
        if any(self._unwanted.blocks(each, scs) for each in found.names):
            raise Blocked
        if found.unnamed(device) and self._unwanted.blocks_names(name, scs):
            raise Unnamed
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
        answered = False
        try:
            found = await self._hss.ask(device, scs=scs, priority=priority)
            answered = True
        except HssRefused as error:
            answered = True
            known.refused(pair, self._clock(), error.code)
            if self._local() is not None and error.code in DIFFERENT:
                self._differs(pair[1], scs, error.code)
            raise
        finally:
            if not answered:
                known.unanswered(pair)
        known.granted(pair, self._clock(), found, priority=priority)
        return found

    def forget(self, device: Device, *, scs: str) -> None:
        """What was said of this device may be old."""
        self._known.forget(pair_of(device, scs))


def pair_of(device: Device, scs: str) -> Pair:
    """Under which name the pair is known."""
    return scs, device_name(device.external_id, device.msisdn)
