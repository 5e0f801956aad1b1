"""What a device's owner does not want, although the SCS may name it: blocked SCSs, quiet hours, too many an hour.

This is what "unwanted" means here (TR 33.868 leaves it open).  A blocked SCS is told what it would be told of somebody
else's device.  Quiet hours and numbers are looked at only once the HSS has granted the device, so that nobody else can
learn from them that there is such a device; they are answered TEMPORARYERROR and QUOTAEXCEEDED.

An MSISDN that no wish names, and of which nobody knows the External Identifiers, may be the number of any device that a
wish names by those: every such wish holds for it.  A device is counted by its IMSI, by whatever name it was asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Final

from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Refuse

DAY_S: Final = 86_400
HOUR_S: Final = 3600
ANY: Final = "*"
NAMELESS: Final = ", which may be one that is named: the HSS says no External Identifier of this MSISDN"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What the owner of some devices wants.

    devices: names, with * and ? as in file names.  blocked: ISDN numbers of SCSs that must not reach them, "*" for all.
    granted: the only ones that may, None for all that the HSS lets.  quiet: (from, to) in seconds of the day in UTC,
    over midnight where `to` is the smaller.  per_hour: triggers for one device in any hour, None for no limit.
    """

    devices: tuple[str, ...]
    blocked: frozenset[str] = frozenset()
    granted: frozenset[str] | None = None
    quiet: tuple[tuple[int, int], ...] = ()
    per_hour: int | None = None


class Unwanted:
    """The wishes; all that match a device hold.  `wishes` may be replaced while running.

    remembered: so many devices with a limit by the hour at most.
    """

    def __init__(self, wishes: Sequence[Wish] = (), *, remembered: int = 100_000) -> None:
        self.wishes = tuple(wishes)
        self.passed: Bounded[str, tuple[float, ...]] = Bounded(remembered)

    def blocks(self, device: str, scs: str) -> bool:
        """Whether the SCS with this ISDN number must not reach the device."""
        return any(_against(wish, scs) for wish in self._of(device))

    def blocks_names(self, msisdn: str, scs: str) -> bool:
        """Whether the SCS must not reach devices by their External Identifiers, and no wish names this MSISDN."""
        return not any(self._of(msisdn)) and any(_against(wish, scs) for wish in self._by_name())

    def check(self, names: Iterable[str], imsi: str, now: float, *, unnamed: bool = False) -> Refuse | None:
        """TEMPORARYERROR in quiet hours, QUOTAEXCEEDED after as many triggers as the last hour may have; counts.

        names: all that are known of the device, which is counted by its IMSI.  unnamed: its External Identifiers are
        not among them.
        """
        wishes, said = tuple(wish for name in names for wish in self._of(name)), ""
        if unnamed and not wishes:
            wishes, said = tuple(self._by_name()), NAMELESS
        if any(_within(now % DAY_S, since, until) for wish in wishes for since, until in wish.quiet):
            return _refuse(f"quiet hours of the device{said}", RequestStatus.TEMPORARYERROR)
        limits = [wish.per_hour for wish in wishes if wish.per_hour is not None]
        if not limits:
            return None
        lately = tuple(at for at in self.passed.get(imsi) or () if now - HOUR_S < at <= now)
        if len(lately) >= min(limits):
            return _refuse(f"the device has had its triggers of this hour{said}", RequestStatus.QUOTAEXCEEDED)
        self.passed.put(imsi, (*lately, now))
        return None

    def _by_name(self) -> Iterator[Wish]:
        """What is wanted of devices named by their External Identifiers."""
        return (wish for wish in self.wishes if any("@" in pattern for pattern in wish.devices))

    def _of(self, device: str) -> Iterator[Wish]:
        for wish in self.wishes:
            if any(fnmatchcase(device, pattern) for pattern in wish.devices):
                yield wish


def _against(wish: Wish, scs: str) -> bool:
    return scs in wish.blocked or ANY in wish.blocked or (wish.granted is not None and scs not in wish.granted)


def _within(second: float, since: int, until: int) -> bool:
    return since <= second < until if since < until else second >= since or second < until


def _refuse(reason: str, status: RequestStatus) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason=reason, status=status)
