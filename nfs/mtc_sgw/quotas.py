"""Has an SCS asked for as much as it may?  So many triggers in a period, for gateway, SCS and device.

Periods follow each other from 1970 on: 86,400 s are days in UTC.  A trigger or replace counts once it has passed every
check of the gateway, whatever becomes of it then; a recall counts nothing.  Over it is QUOTAEXCEEDED.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nfs.common.audit import Stage
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Offer, Quota, Refuse

Key = tuple[str, str]
DEVICE: Final = "device"


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaLimits:
    """Quotas of the whole gateway and of any one device; None: without limit."""

    gateway: Quota | None = None
    device: Quota | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Used:
    """What one quota has come to: `count` in the period that ends at `until` (seconds since 1970)."""

    scope: str
    name: str
    until: float
    count: int


class Quotas:
    """The counts.  `limits` may be replaced while running; those of an SCS stand in its profile.

    remembered: so many counts of devices at most, in a place of their own: masses of devices cannot push out an SCS.
    """

    def __init__(self, limits: QuotaLimits, *, remembered: int) -> None:
        self.limits = limits
        self.devices: Bounded[str, tuple[float, int]] = Bounded(remembered)
        self._others: dict[Key, tuple[float, int]] = {}
        self._changed: dict[Key, None] = {}
        self._remembered = remembered

    def check(self, offer: Offer) -> Refuse | None:
        """QUOTAEXCEEDED once a quota of the request is used up in its present period."""
        if offer.action == ActionType.RECALL:
            return None
        found: list[tuple[Key, float, int]] = []
        for key, quota in self._quotas(offer):
            until = offer.now - offer.now % quota.period_s + quota.period_s
            counted = self._of(key)
            count = counted[1] if counted is not None and counted[0] == until else 0
            if count >= quota.triggers:
                return Refuse(
                    stage=Stage.AUTHORISATION,
                    reason=f"the quota of this {key[0]} is used up",
                    status=RequestStatus.QUOTAEXCEEDED,
                )
            found.append((key, until, count + 1))
        for key, until, count in found:
            self._keep(key, until, count)
            if len(self._changed) < self._remembered:
                self._changed[key] = None
        return None

    def changed(self) -> list[Used]:
        """The counts that have changed since this was last asked, for somebody to keep over a restart."""
        keys, self._changed = self._changed, {}
        found = ((key, self._of(key)) for key in keys)
        return [Used(scope=key[0], name=key[1], until=at[0], count=at[1]) for key, at in found if at is not None]

    def restore(self, used: Iterable[Used]) -> None:
        """Add these counts to what has been counted since."""
        for each in used:
            key = (each.scope, each.name)
            since = self._of(key)
            more = since[1] if since is not None and since[0] == each.until else 0
            self._keep(key, each.until, each.count + more)

    def _of(self, key: Key) -> tuple[float, int] | None:
        return self.devices.get(key[1]) if key[0] == DEVICE else self._others.get(key)

    def _keep(self, key: Key, until: float, count: int) -> None:
        if key[0] == DEVICE:
            self.devices.put(key[1], (until, count))
        else:
            self._others[key] = (until, count)

    def _quotas(self, offer: Offer) -> Iterator[tuple[Key, Quota]]:
        if self.limits.device is not None:
            yield (DEVICE, offer.pair), self.limits.device
        if offer.profile is not None and offer.profile.quota is not None:
            yield ("SCS", offer.profile.name), offer.profile.quota
        if self.limits.gateway is not None:
            yield ("gateway", ""), self.limits.gateway
