"""`mtc run mtc-iwf`: the MTC-IWF as a process, with the MTC Security GW in front of it."""

from __future__ import annotations

import sys
import time
from typing import Any

from twisted.internet import reactor
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from diameter.node import Node, as_deferred
from nfs.common.audit import Area, AuditLog
from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.logic import Limits, MtcIwf
from nfs.mtc_iwf.owners.provisioning import Desk
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.triggers import Triggers
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.config import profiles
from nfs.mtc_sgw.gateway import CHECKS, Gateway
from nfs.mtc_sgw.owner_list import NAME, OwnerCheck

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


def security_gateway(config: IwfConfig, audit: AuditLog, owners: OwnerCheck) -> Gateway:
    """The MTC Security GW as it is embedded here: a screen in front of the applications."""
    return Gateway(
        profiles(config.scs),
        audit,
        core=core_hosts(config),
        home_plmns=frozenset(config.sgw.home_plmns),
        fifteen_digits=config.sgw.fifteen_digit_local_ids,
        checks=(*CHECKS, (NAME, owners.check)),
    )


def build(config: IwfConfig, around: Surroundings) -> Parts[IwfConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config, Area.B1)
    owners = OwnerCheck()
    gateway = security_gateway(config, audit, owners)
    store = around.open_store(config.mtc_iwf.database, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf")
    triggers = Triggers(store, time.time)
    tsp = Tsp(gateway, audit)
    s6m = S6m(realm=config.hss.realm, host=config.hss.host)
    t4 = T4(realm=config.sms_sc.realm, host=config.sms_sc.host)
    iwf = MtcIwf(
        hss=s6m, sms_sc=t4, scs=tsp, ledger=triggers, limits=limits(config), sms_sc_host=config.sms_sc.host or ""
    )
    tsp.iwf = t4.reports = iwf
    desk = None if config.owners is None else Desk(config.owners, around, owners, audit, tsp.spawn)

    async def forget() -> None:
        try:
            await triggers.purge()
        except Unavailable as error:
            _log.warn("old triggers are still there: {error}", error=str(error))

    purging = LoopingCall(lambda: as_deferred(tsp.spawn(forget())))
    purging.clock = around.reactor

    def started(_node: Node) -> None:
        _ = purging.start(PURGE_S)
        if desk is not None:
            parts.endpoints.append(desk.start())

    def stopping() -> Any:
        return None if desk is None else desk.stop()

    def stopped() -> Any:
        if purging.running:
            purging.stop()
        closed = store.close()
        if desk is not None:
            closed = closed.addCallback(lambda _: desk.close())
        return closed.addCallback(lambda _: audit.close())

    def reload(new: IwfConfig) -> None:
        gateway.profiles = profiles(new.scs)
        gateway.home_plmns = frozenset(new.sgw.home_plmns)
        gateway.fifteen_digits = new.sgw.fifteen_digit_local_ids
        iwf.limits = limits(new)

    parts = Parts(
        applications=(tsp, s6m, t4),
        screens=(gateway,),
        audit=audit.node_refused,
        started=started,
        stopping=stopping,
        stopped=stopped,
        reload=reload,
        live=("scs", "sgw", "mtc_iwf.max_", "mtc_iwf.default_"),
    )
    return parts


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mtc-iwf", IwfConfig, build, config_path, reactor, processes, alone="its store has one writer")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
