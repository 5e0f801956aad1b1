"""`mtc run mtc-iwf`: the MTC-IWF as a process, with the MTC Security GW in front of it."""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from diameter.node import Node, as_deferred
from nfs.common.audit import Area
from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.mtc_iwf.asked import Limits
from nfs.mtc_iwf.capabilities import Capabilities
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.counts import KEEP_S, Counts
from nfs.mtc_iwf.guards import Guards, ways_out
from nfs.mtc_iwf.logic import MtcIwf
from nfs.mtc_iwf.owners.lists import OwnedHss, OwnerCheck
from nfs.mtc_iwf.owners.provisioning import Desk
from nfs.mtc_iwf.ports import Hss, Unavailable
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.triggers import Triggers
from nfs.mtc_iwf.tsp import Tsp

_log = Logger(namespace="nfs")
LIVE = ("scs", "sgw", "firewall", "mtc_iwf.max_", "mtc_iwf.default_")
"""What a reload takes over."""
PURGE_S = 600.0
"""Time between two rounds of forgetting what is over."""


def limits(config: IwfConfig) -> Limits:
    """The numbers of the configuration as the logic takes them."""
    table = config.mtc_iwf
    return Limits(
        max_payload_octets=table.max_payload_octets,
        max_validity_s=table.max_validity_s,
        default_validity_s=table.default_validity_s,
    )


def procedures(config: IwfConfig, hss: Hss, guards: Guards, t4: T4, tsp: Tsp, triggers: Triggers) -> MtcIwf:
    """The procedures between the reference points, behind the guards."""
    return MtcIwf(
        hss=hss,
        sms_sc=t4,
        scs=tsp,
        ledger=triggers,
        limits=limits(config),
        sms_sc_host=config.sms_sc.host or "",
        unwanted=guards.unwanted_now,
        paced=guards.spreader.paced,
        capabilities=Capabilities(triggers.store),
    )


async def forget(triggers: Triggers) -> None:
    """Forget triggers that are over; what the database has against it is logged."""
    try:
        await triggers.purge()
    except Unavailable as error:
        _log.warn("old triggers are still there: {error}", error=str(error))


def build(config: IwfConfig, around: Surroundings) -> Parts[IwfConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config, Area.B1)
    guards = Guards.of(config, audit, around)
    store = around.open_store(config.mtc_iwf.database, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    triggers = Triggers(store, time.time)
    counts = Counts(store, guards.bounds.quotas, around.reactor.seconds)
    tsp = Tsp(guards.gateway, audit, guards.holding)
    s6m = S6m(realm=config.hss.realm, host=config.hss.host)
    t4 = T4(realm=config.sms_sc.realm, host=config.sms_sc.host)
    owners = OwnerCheck()
    iwf = procedures(config, OwnedHss(guards.in_front_of(s6m), owners), guards, t4, tsp, triggers)
    tsp.iwf = t4.reports = iwf
    desk = None if config.owners is None else Desk(config.owners, around, owners, audit, tsp.spawn)

    def keep() -> Any:
        saving = counts.save()
        return saving and saving.addErrback(lambda failure: _log.warn("quotas: {error}", error=str(failure.value)))

    purging = LoopingCall(lambda: as_deferred(tsp.spawn(forget(triggers))))
    keeping = LoopingCall(keep)
    purging.clock = keeping.clock = around.reactor

    def started(_node: Node) -> Any:
        _ = purging.start(PURGE_S)
        _ = keeping.start(KEEP_S, now=False)
        if desk is not None:
            parts.endpoints.append(desk.start())
        return tsp.spawn(counts.load())

    def stopping() -> Any:
        return None if desk is None else desk.stop()

    def stopped() -> Any:
        for each in (purging, keeping):
            if each.running:
                each.stop()
        guards.stop()
        keep()  # closing the store waits for it
        closed = store.close()
        if desk is not None:
            closed = closed.addCallback(lambda _: desk.close())
        return closed.addCallback(lambda _: audit.close())

    def reload(new: IwfConfig) -> None:
        guards.reload(new)
        iwf.limits = limits(new)

    parts = Parts(
        applications=(tsp, s6m, t4),
        screens=guards.screens,
        routes=ways_out(config, around.dictionary),
        audit=audit.node_refused,
        started=started,
        stopping=stopping,
        stopped=stopped,
        reload=reload,
        live=LIVE,
    )
    return parts


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mtc-iwf", IwfConfig, build, config_path, reactor, processes, alone="its store has one writer")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
