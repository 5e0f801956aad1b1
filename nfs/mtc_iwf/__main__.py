"""`mtc run mtc-iwf`: the MTC-IWF as a process, with the MTC Security GW in front of it."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor
from twisted.internet.defer import ensureDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from diameter.node import Node, as_deferred
from diameter.standing import Standing
from nfs.common.audit import Area, AuditLog
from nfs.common.audited import open_audit
from nfs.common.charging.service import LIVE as CHARGING_LIVE
from nfs.common.database import is_shared
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.store import Store
from nfs.mtc_iwf.asked import Limits
from nfs.mtc_iwf.busy import Relief
from nfs.mtc_iwf.capabilities import Capabilities
from nfs.mtc_iwf.charged import Charged
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_iwf.counts import Counts
from nfs.mtc_iwf.groups.parts import GroupParts
from nfs.mtc_iwf.guards import Guards, ways_out
from nfs.mtc_iwf.lapsed import Lapsed
from nfs.mtc_iwf.logic import MtcIwf
from nfs.mtc_iwf.owners.lists import OwnedHss
from nfs.mtc_iwf.owners.provisioning import Desk
from nfs.mtc_iwf.ports import Hss, SmsSc, Unavailable
from nfs.mtc_iwf.rounds import LAPSED, Rounds
from nfs.mtc_iwf.s6m import S6m
from nfs.mtc_iwf.sgd import Sgd
from nfs.mtc_iwf.t4 import T4
from nfs.mtc_iwf.triggers import Triggers
from nfs.mtc_iwf.tsp import Tsp
from nfs.mtc_sgw.owners.lists import OwnerCheck

_log = Logger(namespace="nfs")
LIVE = (
    "scs",
    "sgw",
    "firewall",
    "mtc_iwf.max_",
    "mtc_iwf.default_",
    "mtc_iwf.redirect",
    "mtc_iwf.groups.",
    "mo_sms.scs",
    "mo_sms.at_once",
    *CHARGING_LIVE,
)
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


def procedures(
    config: IwfConfig, hss: Hss, guards: Guards, t4: SmsSc, tsp: Tsp, triggers: Triggers, capabilities: Capabilities
) -> MtcIwf:
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
        capabilities=capabilities,
    )


def relief(config: IwfConfig) -> Relief | None:
    """Who takes over under load."""
    table = config.mtc_iwf.redirect
    return None if table is None else table.relief()


def open_store(config: IwfConfig, around: Surroundings) -> Store:
    """The store; whoever writes to it locks rows, so transactions need not see one state.  Raises ConfigError."""
    database = config.mtc_iwf.database
    return around.open_store(database, migrations="nfs.mtc_iwf:migrations", name="mtc-iwf", isolation="READ COMMITTED")


def alone(config: IwfConfig) -> str:
    """Why this MTC-IWF cannot be several processes; "" when it can."""
    if not is_shared(config.mtc_iwf.database):
        return "its database is a file of SQLite, which has one writer; several share one PostgreSQL"
    if config.charging is not None:
        return "charging records have one writer"
    return "" if config.owners is None else "the port of the owners is one"


def say(line: str) -> None:
    """Write a line about charging to the log."""
    _log.error("{line}", line=line)


async def forget(triggers: Triggers, counts: Counts, lapsed: Lapsed, rounds: Rounds) -> None:
    """Report on triggers that lapsed, and forget what is over; what the database has against it is logged."""
    try:
        if await rounds.mine(LAPSED, 1.5 * PURGE_S):
            await lapsed.round()
            await triggers.purge()
        await counts.purge()
    except Unavailable as error:
        _log.warn("old triggers are still there: {error}", error=str(error))


def stands(audit: AuditLog, guards: Guards, charged: Charged, grouped: GroupParts) -> Standing:
    """What the operator's port shows beside the node."""
    return charged.shown.beside(audit, queues=lambda: (guards.holding.queue(),), counts=grouped.counts.shown)


def build(config: IwfConfig, around: Surroundings) -> Parts[IwfConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config, Area.B1)
    guards = Guards.of(config, audit, around)
    store, quotas, now = open_store(config, around), guards.bounds.quotas, around.reactor.seconds
    counts = Counts(store, quotas, lambda: guards.gateway.profiles, now, on=lambda: guards.checks("quota"))
    triggers = Triggers(store, now, counts, alone=not is_shared(config.mtc_iwf.database))
    tsp = Tsp(guards.gateway, audit, guards.holding, relief(config))
    s6m = S6m(realm=config.hss.realm, host=config.hss.host, groups=config.hss.groups)
    t4 = T4(realm=config.sms_sc.realm, host=config.sms_sc.host, hosts=config.sms_sc.hosts)
    owners, capabilities, charged = OwnerCheck(), Capabilities(store), Charged(config, store, around.reactor, t4, say)
    rounds = Rounds(store, now, around.own_name(config.node.origin_host))
    hss = OwnedHss(guards.in_front_of(s6m), owners)
    parties = (guards, owners, audit, store, counts, capabilities, rounds)
    tsp.iwf = iwf = procedures(config, hss, guards, charged.t4, tsp, triggers, capabilities)
    grouped = GroupParts(config, (tsp, s6m, t4), iwf, *parties, clock=around.reactor, wall=now, sms_sc=charged.members)
    sgd, lapsed = Sgd.of(config, s6m, tsp, audit), Lapsed(triggers, t4, tsp, capabilities, now)
    desk = None if config.owners is None else Desk(config.owners, around, owners, audit, tsp.spawn)
    purging = LoopingCall(lambda: as_deferred(tsp.spawn(forget(triggers, counts, lapsed, rounds))))
    purging.clock = around.reactor

    def started(_node: Node) -> Any:
        _ = purging.start(PURGE_S)
        charged.start(tsp.spawn)
        grouped.start()
        if desk is not None:
            parts.endpoints.append(desk.start())
        return tsp.spawn(counts.load())

    def stopped() -> Any:
        if purging.running:
            purging.stop()
        guards.stop()
        grouped.stop()
        closed = ensureDeferred(charged.stop(store))
        if desk is not None:
            closed = closed.addCallback(lambda _: desk.close())
        return closed.addCallback(lambda _: audit.close())

    def reload(new: IwfConfig) -> None:
        guards.reload(new)
        grouped.reload(new, limits(new))
        charged.reload(new)
        tsp.busy.relief = relief(new)
        for each in sgd:
            each.reload(new)

    parts = Parts(
        applications=(tsp, s6m, t4, *sgd, *charged.applications),
        screens=guards.screens,
        routes=ways_out(config, around.dictionary),
        audit=audit.node_refused,
        standing=stands(audit, guards, charged, grouped),
        started=started,
        stopping=None if desk is None else desk.stop,
        stopped=stopped,
        reload=reload,
        live=LIVE,
    )
    return parts


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mtc-iwf", IwfConfig, build, config_path, reactor, processes, alone=alone)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
