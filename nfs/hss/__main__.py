"""`mtc run hss`: the HSS as a process."""

from __future__ import annotations

import sys
from typing import Any

from twisted.internet import reactor

from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.store import Cache
from nfs.hss.config import HssConfig
from nfs.hss.groups.s6m import Groups
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.s6m import S6m


def build(config: HssConfig, around: Surroundings) -> Parts[HssConfig]:
    """The parts of the node; opens database and audit log (ConfigError when that fails)."""
    audit = open_audit(config)
    store = around.open_store(config.hss.database, migrations="nfs.hss:migrations", name="hss")
    cache: Cache[UserId, Subscriber | None] = Cache(
        config.hss.cache_entries, config.hss.cache_s, around.reactor.seconds
    )

    groups = Groups(store, audit, config.hss.group_members) if config.hss.groups else None

    def stopped() -> Any:
        return store.close().addCallback(lambda _: audit.close())

    def reload(_new: HssConfig) -> None:
        cache.clear()

    applications = (S6m(store, cache, audit, groups),)
    return Parts(applications=applications, audit=audit.node_refused, stopped=stopped, reload=reload)


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("hss", HssConfig, build, config_path, reactor, processes)


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
