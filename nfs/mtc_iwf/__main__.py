"""`mtc run mtc-iwf`: the MTC-IWF as a process, with the MTC Security GW in front of it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from diameter.node import Node, as_deferred
from nfs.common.audit import Area, AuditLog
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.counts import KEEP_S, Counts
from nfs.mtc_iwf.guarded import GuardedHss
from nfs.mtc_iwf.holding import Holding
from nfs.mtc_iwf.logic import Limits, MtcIwf
from nfs.mtc_iwf.ports import Found, Unavailable
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.triggers import Triggers
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.bounds import Bounds
from nfs.mtc_sgw.config import profiles
from nfs.mtc_sgw.gateway import CHECKS, Gateway
from nfs.mtc_sgw.known import Known

_log = Logger(namespace="nfs")
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


def core_hosts(config: IwfConfig) -> frozenset[str]:
    """Peers that speak S6m and T4 with us: those inside the operator's domain that are no SCS."""
    outside = {host.lower() for table in config.scs for host in (*table.hosts, *table.agents)}
    return frozenset(peer.host.lower() for peer in config.peer if peer.placement == "inside") - outside


def security_gateway(config: IwfConfig, audit: AuditLog, bounds: Bounds, clock: Callable[[], float]) -> Gateway:
    """The MTC Security GW as it is embedded here: a screen in front of the applications."""
    return Gateway(
        profiles(config.scs),
        audit,
        core=core_hosts(config),
        home_plmns=frozenset(config.sgw.home_plmns),
        fifteen_digits=config.sgw.fifteen_digit_local_ids,
        checks=(*CHECKS, *bounds.checks),
        clock=clock,
        identity=(config.node.origin_host, config.node.origin_realm),
        never_outside=config.sgw.never_outside,
    )


def build(config: IwfConfig, around: Surroundings) -> Parts[IwfConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = AuditLog(config.audit, config.node.origin_host, area=Area.B1)
    bounds = Bounds.of(config.sgw)
    gateway = security_gateway(config, audit, bounds, around.reactor.seconds)
    store = around.open_store(config.mtc_iwf.database, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    triggers = Triggers(store, time.time)
    counts = Counts(store, bounds.quotas, around.reactor.seconds)
    holding = Holding(around.reactor, delay_s=config.sgw.hide_delay_s, at_most=config.sgw.held_answers)
    known: Known[Found] = Known(config.sgw.known(), remembered=config.sgw.remembered)
    tsp = Tsp(gateway, audit, holding)
    s6m = S6m(realm=config.hss.realm, host=config.hss.host)
    t4 = T4(realm=config.sms_sc.realm, host=config.sms_sc.host)
    iwf = MtcIwf(
        hss=GuardedHss(s6m, known, around.reactor.seconds),
        sms_sc=t4,
        scs=tsp,
        ledger=triggers,
        limits=limits(config),
        sms_sc_host=config.sms_sc.host or "",
    )
    tsp.iwf = t4.reports = iwf

    async def forget() -> None:
        try:
            await triggers.purge()
        except Unavailable as error:
            _log.warn("old triggers are still there: {error}", error=str(error))

    def keep() -> Any:
        saving = counts.save()
        return saving and saving.addErrback(lambda failure: _log.warn("quotas: {error}", error=str(failure.value)))

    purging = LoopingCall(lambda: as_deferred(tsp.spawn(forget())))
    keeping = LoopingCall(keep)
    purging.clock = keeping.clock = around.reactor

    def started(_node: Node) -> Any:
        _ = purging.start(PURGE_S)
        _ = keeping.start(KEEP_S, now=False)
        return tsp.spawn(counts.load())

    def stopped() -> Any:
        for each in (purging, keeping):
            if each.running:
                each.stop()
        holding.stop()
        keep()  # closing the store waits for it
        return store.close().addCallback(lambda _: audit.close())

    def reload(new: IwfConfig) -> None:
        gateway.profiles = profiles(new.scs)
        gateway.home_plmns = frozenset(new.sgw.home_plmns)
        gateway.fifteen_digits = new.sgw.fifteen_digit_local_ids
        gateway.keep_inside(new.sgw.never_outside)
        bounds.reload(new.sgw)
        known.limits = new.sgw.known()
        known.clear()
        holding.delay_s, holding.at_most = new.sgw.hide_delay_s, new.sgw.held_answers
        iwf.limits = limits(new)

    return Parts(
        applications=(tsp, s6m, t4),
        screens=(gateway,),
        audit=audit.node_refused,
        started=started,
        stopped=stopped,
        reload=reload,
        live=("scs", "sgw", "mtc_iwf.max_", "mtc_iwf.default_"),
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mtc-iwf", IwfConfig, build, config_path, reactor, processes, alone="its store has one writer")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
