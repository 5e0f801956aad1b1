"""Does an SCS ask too fast?  Token buckets for the whole gateway, for each SCS and for each device.

Groups have a bucket of their own for each SCS, beside the others: one request for a group wakes many devices.

They bound what a mass of triggers can do to core and radio, whoever sends them: a request takes a token from every
bucket that it falls under, or, when one of them is empty, from none, and is RATEEXCEEDED: it may be tried again later.
A device has a bucket for each SCS: these checks stand before the HSS, and an SCS that names devices of another one must
neither use up what the other may do nor see from RATEEXCEEDED that he does it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw import bucket
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Offer, Rate, Refuse

DEVICE: Final = "device"
GROUPS: Final = "SCS for groups"


@dataclass(frozen=True, slots=True, kw_only=True)
class RateLimits:
    """Rates of the whole gateway and of any one device; None: without limit."""

    gateway: Rate | None = None
    device: Rate | None = None


class Rates:
    """The buckets.  `limits` may be replaced while running; those of an SCS stand in its profile.

    remembered: so many buckets of devices at most, in a place of their own: masses of devices cannot push out an SCS.
    """

    def __init__(self, limits: RateLimits, *, remembered: int) -> None:
        self.limits = limits
        self.devices: Bounded[str, float] = Bounded(remembered)
        self._others: dict[tuple[str, str], float] = {}

    def check(self, offer: Offer) -> Refuse | None:
        """RATEEXCEEDED while a bucket of the request is empty."""
        now = offer.now
        taken: list[tuple[tuple[str, str], float]] = []
        for key, rate in self._buckets(offer):
            full_at = self.devices.get(key[1]) if key[0] == DEVICE else self._others.get(key)
            may, then = bucket.take(full_at, now, rate)
            if not may:
                self._keep(key, then)  # another time than before if the clock was set back
                return Refuse(
                    stage=Stage.AUTHORISATION,
                    reason=f"the rate of this {key[0]} is used up",
                    status=RequestStatus.RATEEXCEEDED,
                )
            taken.append((key, then))
        for key, then in taken:
            self._keep(key, then)
        return None

    def _keep(self, key: tuple[str, str], full_at: float) -> None:
        if key[0] == DEVICE:
            self.devices.put(key[1], full_at)
        else:
            self._others[key] = full_at

    def _buckets(self, offer: Offer) -> Iterator[tuple[tuple[str, str], Rate]]:
        if self.limits.device is not None:
            yield (DEVICE, offer.pair), self.limits.device
        if offer.profile is not None and offer.group and offer.profile.group_rate is not None:
            yield (GROUPS, offer.profile.name), offer.profile.group_rate
        if offer.profile is not None and offer.profile.rate is not None:
            yield ("SCS", offer.profile.name), offer.profile.rate
        if self.limits.gateway is not None:
            yield ("gateway", ""), self.limits.gateway
