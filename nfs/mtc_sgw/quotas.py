"""Has an SCS asked for as much as it may?  So many triggers in a period, for gateway, SCS and device.

Periods follow each other from 1970 on: 86,400 s are days in UTC.  A trigger or replace counts once it has passed every
check of the gateway, whatever becomes of it then; a recall counts nothing.  Over it is QUOTAEXCEEDED.

Where a store counts for several processes (`nfs.mtc_iwf.counts`) the check only looks at what that has said last, and
what counts is what was remembered there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from nfs.common.audit import Stage
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Offer, Quota, Refuse, ScsProfile, pair_name

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """One more of what a quota counts, for the period of `period_s` seconds that ends at `until`; `limit` at most."""

    scope: str
    name: str
    period_s: int
    until: float
    limit: int


class Quotas:
    """The counts.  `limits` may be replaced while running; those of an SCS stand in its profile.

    counting: False when somebody else counts, who says what by `learn`.  remembered: so many counts of devices at most,
    in a place of their own: masses of devices cannot push out an SCS.
    """

    def __init__(self, limits: QuotaLimits, *, remembered: int) -> None:
        self.limits = limits
        self.counting = True
        self.devices: Bounded[str, tuple[float, int]] = Bounded(remembered)
        self._others: dict[Key, tuple[float, int]] = {}

    def check(self, offer: Offer) -> Refuse | None:
        """QUOTAEXCEEDED once a quota of the request is used up in its present period."""
        if offer.action == ActionType.RECALL:
            return None
        found: list[tuple[Key, float, int]] = []
        for key, quota in self._quotas(offer.profile, offer.device):
            until = _until(quota, offer.now)
            counted = self._of(key)
            count = counted[1] if counted is not None and counted[0] == until else 0
            if count >= quota.triggers:
                return Refuse(
                    stage=Stage.AUTHORISATION,
                    reason=f"the quota of this {key[0]} is used up",
                    status=RequestStatus.QUOTAEXCEEDED,
                )
            found.append((key, until, count + 1))
        if not self.counting:
            return None
        for key, until, count in found:
            self._keep(key, until, count)
        return None

    def claims(self, profile: ScsProfile | None, device: str, now: float) -> tuple[Claim, ...]:
        """What a trigger or replace of this SCS for this device would count in, the widest quota first."""
        return tuple(
            Claim(scope=scope, name=name, period_s=quota.period_s, until=_until(quota, now), limit=quota.triggers)
            for (scope, name), quota in reversed(tuple(self._quotas(profile, device)))
        )

    def learn(self, used: Iterable[Used]) -> None:
        """Take over what has been counted elsewhere, unless more is known already."""
        for each in used:
            known = self._of((each.scope, each.name))
            if known is None or (each.until, each.count) > known:
                self._keep((each.scope, each.name), each.until, each.count)

    def _of(self, key: Key) -> tuple[float, int] | None:
        return self.devices.get(key[1]) if key[0] == DEVICE else self._others.get(key)

    def _keep(self, key: Key, until: float, count: int) -> None:
        if key[0] == DEVICE:
            self.devices.put(key[1], (until, count))
        else:
            self._others[key] = (until, count)

    def _quotas(self, profile: ScsProfile | None, device: str) -> Iterator[tuple[Key, Quota]]:
        if self.limits.device is not None:
            yield (DEVICE, pair_name(profile, device)), self.limits.device
        if profile is not None and profile.quota is not None:
            yield ("SCS", profile.name), profile.quota
        if self.limits.gateway is not None:
            yield ("gateway", ""), self.limits.gateway


def _until(quota: Quota, now: float) -> float:
    return now - now % quota.period_s + quota.period_s
