"""`mtc run hss`: the HSS as a process."""

from __future__ import annotations

import sys
from collections.abc import Callable, Coroutine
from typing import Any

from twisted.internet import reactor

from diameter.node import Node
from nfs.common.aka import Seal
from nfs.common.audit import AuditLog
from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.nodes import NodeKind
from nfs.common.store import Cache, Store
from nfs.hss.authentication import AuthenticationCentre, Known
from nfs.hss.config import HssConfig
from nfs.hss.directory import Directory
from nfs.hss.groups.s6m import Groups
from nfs.hss.http.changes import Changed
from nfs.hss.http.desk import Desk as Http
from nfs.hss.keyfile import read_seal
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.monitoring.follow import Follow
from nfs.hss.monitoring.s6t import S6t, exposing
from nfs.hss.monitoring.standing import beside
from nfs.hss.ordered import AGAIN_S, desk_of
from nfs.hss.ordered import Desk as Orders
from nfs.hss.profiles import by_name
from nfs.hss.registrations import Kind
from nfs.hss.s6a import S6a
from nfs.hss.s6c import S6c
from nfs.hss.s6m import S6m


def build(config: HssConfig, around: Surroundings) -> Parts[HssConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config)
    store = around.open_store(config.hss.database, migrations="nfs.hss:migrations", name="hss")
    kept = (config.hss.cache_entries, config.hss.cache_s, around.reactor.seconds)
    cache: Cache[UserId, Subscriber | None] = Cache(*kept, old_s=config.hss.away_s)
    known: Cache[str, Known | None] = Cache(*kept, old_s=config.hss.away_s)
    seal = None if config.hss.key_file is None else read_seal(config.hss.key_file)
    reads, later = around.beside(store), around.reactor.callLater
    directory = Directory(reads, cache, later)
    centre = AuthenticationCentre(store, seal, known, around.reactor.seconds, later, reads=reads)
    groups = Groups(store, audit, config.hss.group_members) if config.hss.groups else None
    s6c = S6c(store, cache, audit, limit=config.hss.mwd_list, call_later=later)

    def back(imsi: str, kind: Kind | None) -> None:
        _ = s6c.spawn(s6c.back(imsi, None if kind is None else NodeKind(kind)))

    follow = Follow(config.monitoring, around.reactor.seconds, lambda: None) if config.scef else None
    s6a = S6a(store, centre, by_name(config.profile), audit, directory.forget, back, follow, config.hss.initial_attach)
    s6t = None if follow is None else exposing(s6a, follow, config, store, audit, around.reactor)
    often_s = config.hss.orders_s or (AGAIN_S if config.provisioning is not None else 0)
    desk = desk_of(s6a, follow, often_s, store, around.reactor)

    def stopping() -> None:
        s6c.stopped = True
        if desk is not None:
            desk.stop()
        if s6t is not None:
            s6t.outbox.stop()

    def stopped() -> Any:
        return reads.close().addCallback(lambda _: store.close()).addCallback(lambda _: audit.close())

    def reload(new: HssConfig) -> None:
        directory.clear()
        known.clear()
        s6a.profiles = by_name(new.profile)
        if s6t is not None:
            s6t.reload(new.scef)

    def started(_node: Node) -> object:
        if s6t is not None:
            s6t.outbox.start()
        if desk is not None:
            desk.start()
        return s6c.spawn(s6c.resume())

    s6m = S6m(directory, audit, groups, every_name=config.hss.every_name)
    parts: Parts[HssConfig] = Parts(
        applications=(s6m, s6c, s6a, *(() if s6t is None else (s6t,))),
        audit=audit.node_refused,
        standing=beside(audit, s6c.queues, None if s6t is None else s6t.outbox),
        started=started,
        stopping=stopping,
        stopped=stopped,
        reload=reload,
        live=("profile", "scef"),
    )
    _add_http(parts, config, around, (store, reads), seal, (directory, centre), desk, s6t, s6c.spawn, audit)
    return parts


def _add_http(
    parts: Parts[HssConfig],
    config: HssConfig,
    around: Surroundings,
    stores: tuple[Store, Store],
    seal: Seal | None,
    caches: tuple[Directory, AuthenticationCentre],
    orders: Orders | None,
    s6t: S6t | None,
    spawn: Callable[[Coroutine[Any, Any, Any]], Any],
    audit: AuditLog,
) -> None:
    """Provisioning by HTTP, where there is some; who is changed there is read anew, who is removed let go of."""
    directory, centre = caches
    if config.provisioning is None:
        return

    def provisioned(changed: Changed) -> None:
        for each in (changed.before, changed.after):
            if each is not None:
                directory.forget(each)
                centre.forget(each.imsi)
        if changed.after is None and orders is not None:
            orders.wake()

    def imported() -> None:
        directory.clear()
        centre.clear()

    def wake() -> None:
        if orders is not None:
            orders.wake()
        if s6t is not None:
            s6t.outbox.wake()

    table, reactor = config.provisioning, around.reactor
    http = Http(table, reactor, stores, seal, provisioned, spawn, audit, imported=imported, wake=wake)
    before, after = parts.started, parts.stopping

    def started(node: Node) -> object:
        parts.endpoints.append(http.start())
        return None if before is None else before(node)

    def stopping() -> object:
        if after is not None:
            after()
        return http.stop()

    parts.started, parts.stopping = started, stopping


def alone(config: HssConfig) -> str:
    """Why this HSS cannot be several processes; "" when it can."""
    return "" if config.provisioning is None else "the port of its provisioning is one"


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("hss", HssConfig, build, config_path, reactor, processes, alone=alone)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
