"""The parts of the group trigger, put together for an MTC-IWF."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nfs.common.audit import AuditLog
from nfs.common.store import Store
from nfs.mtc_iwf.asked import Limits, Report
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.groups.counts import GroupCounts
from nfs.mtc_iwf.groups.fanout import FanOut
from nfs.mtc_iwf.groups.guarded import BLOCKED, UNLISTED, GuardedGroups
from nfs.mtc_iwf.groups.keep import GroupKeep
from nfs.mtc_iwf.groups.logic import Groups
from nfs.mtc_iwf.guards import Guards
from nfs.mtc_iwf.logic import MtcIwf
from nfs.mtc_iwf.ports import Capabilities, SmsSc, Unavailable
from nfs.mtc_iwf.rounds import GROUPS, Rounds
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.statuses import USER_UNKNOWN, Result
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.triggers import Counting
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.owners.lists import OwnerCheck


@dataclass(frozen=True, slots=True)
class Reports:
    """Where delivery reports go: to the trigger of a device, or of a member of a group."""

    devices: MtcIwf
    groups: Groups

    async def report(self, report: Report) -> Result:
        """Bring a report to the SCS; the result that answers the SMS-SC."""
        result = await self.devices.report(report)
        return result if result != USER_UNKNOWN else await self.groups.report(report)


class GroupParts:
    """Everything that triggers groups, hung in between the reference points of an MTC-IWF.

    clock: Twisted's IReactorTime; wall: seconds since 1970.
    """

    def __init__(
        self,
        config: IwfConfig,
        points: tuple[Tsp, S6m, T4],
        iwf: MtcIwf,
        guards: Guards,
        owners: OwnerCheck,
        audit: AuditLog,
        store: Store,
        counts: Counting,
        capabilities: Capabilities,
        rounds: Rounds,
        *,
        clock: Any,
        wall: Callable[[], float],
        sms_sc: SmsSc | None = None,
    ) -> None:
        """`sms_sc`: what members' triggers are handed over to, instead of T4 itself."""
        tsp, s6m, t4 = points
        table = config.mtc_iwf.groups
        self.keep, self.counts = GroupKeep(store, wall, rounds.me, counts), GroupCounts()
        self.fanout = FanOut(
            keep=self.keep,
            sms_sc=sms_sc or t4,
            scs=tsp,
            pace=table.pace(),
            clock=clock,
            wall=wall,
            spawn=tsp.spawn,
            unwanted=guards.unwanted_now,
            capabilities=capabilities,
            counts=self.counts,
        )
        blocks = _blocks(guards, owners)
        known, remembered = guards.known, config.sgw.remembered
        hss = GuardedGroups(s6m, limits=lambda: known.limits, remembered=remembered, clock=wall, blocks=blocks)
        self.groups = Groups(
            hss=hss,
            keep=self.keep,
            scs=tsp,
            audit=audit,
            limits=iwf.limits,
            size=table.size(),
            blocks=blocks,
            go=self.fanout.go,
            clock=wall,
            counts=self.counts,
            enveloped=table.require_app_protection,
        )
        tsp.groups, t4.reports = self.groups, Reports(iwf, self.groups)
        self._iwf, self._spawn, self._clock = iwf, tsp.spawn, clock
        self._retry_s = table.retry_s
        self._rounds = rounds
        self._timer: Any = None

    def start(self) -> None:
        """Look for what an earlier process has left, and now and then again."""
        self._timer = self._clock.callLater(self._retry_s, self.start)
        _ = self._spawn(self._look())

    def stop(self) -> None:
        """Hand nothing more over."""
        if self._timer is not None and self._timer.active():
            self._timer.cancel()
        self.fanout.stop()

    def reload(self, config: IwfConfig, limits: Limits) -> None:
        """Go by another configuration from now on, for devices and for groups."""
        table = config.mtc_iwf.groups
        self._iwf.limits = self.groups.limits = limits
        self.groups.enveloped = table.require_app_protection
        self.groups.size, self.fanout.pace, self._retry_s = table.size(), table.pace(), table.retry_s

    async def _look(self) -> None:
        with contextlib.suppress(Unavailable):  # the store; whoever forgets old triggers says so
            if await self._rounds.mine(GROUPS, 3 * self._retry_s):
                await self.keep.lapse()
                await self.keep.purge()
            await self.fanout.resume()


def _blocks(guards: Guards, owners: OwnerCheck) -> Callable[[str, str], str]:
    """What owners have against an SCS: see `Groups`."""

    def blocks(name: str, scs: str) -> str:
        if guards.unwanted.blocks(name, scs):
            return BLOCKED
        return UNLISTED if owners.refuses(name, scs) else ""

    return blocks
