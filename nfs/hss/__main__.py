"""`mtc run hss`: the HSS as a process."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor

from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.nodes import NodeKind
from nfs.common.standing import standing
from nfs.common.store import Cache
from nfs.hss.authentication import AuthenticationCentre, Known
from nfs.hss.config import HssConfig
from nfs.hss.directory import Directory
from nfs.hss.groups.s6m import Groups
from nfs.hss.keyfile import read_seal
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.profiles import by_name
from nfs.hss.registrations import Kind
from nfs.hss.s6a import S6a
from nfs.hss.s6c import S6c
from nfs.hss.s6m import S6m


def build(config: HssConfig, around: Surroundings) -> Parts[HssConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config)
    store = around.open_store(config.hss.database, migrations="nfs.hss:migrations", name="hss")
    cache: Cache[UserId, Subscriber | None] = Cache(
        config.hss.cache_entries, config.hss.cache_s, around.reactor.seconds
    )
    known: Cache[str, Known | None] = Cache(config.hss.cache_entries, config.hss.cache_s, around.reactor.seconds)
    seal = None if config.hss.key_file is None else read_seal(config.hss.key_file)
    reads = around.beside(store)
    directory = Directory(reads, cache, around.reactor.callLater)
    centre = AuthenticationCentre(store, seal, known, around.reactor.seconds, around.reactor.callLater, reads=reads)

    groups = Groups(store, audit, config.hss.group_members) if config.hss.groups else None
    s6c = S6c(store, cache, audit, limit=config.hss.mwd_list, call_later=around.reactor.callLater)

    def back(imsi: str, kind: Kind | None) -> None:
        _ = s6c.spawn(s6c.back(imsi, None if kind is None else NodeKind(kind)))

    s6a = S6a(store, centre, by_name(config.profile), audit, directory.forget, back)

    def stopping() -> None:
        s6c.stopped = True

    def stopped() -> Any:
        return reads.close().addCallback(lambda _: store.close()).addCallback(lambda _: audit.close())

    def reload(new: HssConfig) -> None:
        directory.clear()
        known.clear()
        s6a.profiles = by_name(new.profile)

    return Parts(
        applications=(S6m(directory, audit, groups, every_name=config.hss.every_name), s6c, s6a),
        audit=audit.node_refused,
        standing=standing(audit, queues=s6c.queues),
        started=lambda _node: s6c.spawn(s6c.resume()),
        stopping=stopping,
        stopped=stopped,
        reload=reload,
        live=("profile",),
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("hss", HssConfig, build, config_path, reactor, processes)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
