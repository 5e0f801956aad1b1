"""`mtc run mtc-sgw`: the MTC Security GW as a process of its own, between SCSs and the MTC-IWFs of an operator."""

from __future__ import annotations

import secrets
import sys
from typing import Any, Final

from twisted.internet import reactor
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.internet.task import LoopingCall
from twisted.logger import Logger

from diameter.node import Node
from diameter.routing.balance import Balance
from diameter.routing.table import Route
from diameter.security.pseudonym import Pseudonyms
from nfs.common.audit import Area
from nfs.common.audited import open_audit, read_key
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import standing
from nfs.mtc_sgw.bounds import Bounds
from nfs.mtc_sgw.config import SgwConfig
from nfs.mtc_sgw.copies import Copies
from nfs.mtc_sgw.gateway import CHECKS, Gateway
from nfs.mtc_sgw.logic import plain
from nfs.mtc_sgw.order import pipeline
from nfs.mtc_sgw.owners.keeping import Keeping
from nfs.mtc_sgw.proxy import Proxy
from nfs.mtc_sgw.scs_tables import profiles

_log = Logger(namespace="nfs")
LOOK_S: Final = 1.0
"""How often is looked for owners that are new."""


def _complain(why: str) -> None:
    _log.warn("owners: {why}", why=why)


def core_hosts(config: SgwConfig) -> frozenset[str]:
    """Who is behind: the MTC-IWFs.  Everybody else is outside, wherever the table of peers places it."""
    return frozenset(plain(host) for host in config.mtc_iwf.hosts)


class Looking:
    """Has the gateway know of new owners; without `[owners]` it does nothing."""

    def __init__(self, keeping: Keeping | None, clock: Any) -> None:
        self._keeping = keeping
        self._call = LoopingCall(self._look)
        self._call.clock = clock

    def _look(self) -> Any:
        assert self._keeping is not None
        return Deferred.fromCoroutine(self._keeping.look())

    def start(self) -> None:
        """Look every second."""
        if self._keeping is not None:
            _ = self._call.start(LOOK_S, now=False)

    def stop(self) -> Any:
        """Look no more, and write down what waits."""
        if self._call.running:
            self._call.stop()
        return None if self._keeping is None else self._keeping.close()


def build(config: SgwConfig, around: Surroundings) -> Parts[SgwConfig]:
    """The parts of the node: no application, only the agent.  Raises ConfigError."""
    audit = open_audit(config, Area.B1)
    bounds, clock = Bounds.of(config.sgw), around.reactor.seconds
    gateway = Gateway(
        profiles(config.scs),
        audit,
        core=core_hosts(config),
        home_plmns=frozenset(config.sgw.home_plmns),
        fifteen_digits=config.sgw.fifteen_digit_local_ids,
        checks=pipeline(config.sgw.checks, (*CHECKS, *bounds.checks)),
        clock=clock,
        identity=(config.node.origin_host, config.node.origin_realm),
        never_outside=config.sgw.never_outside,
        hidden=() if plain(config.mtc_iwf.realm) in plain(config.node.origin_realm) else (config.mtc_iwf.realm,),
    )
    keeping = None if config.owners is None else Keeping(config.owners.database, around, audit, _complain)
    looking = Looking(keeping, around.reactor)
    key = secrets.token_bytes(32) if config.session_key is None else read_key(config.session_key)
    agent = Proxy(
        gateway,
        audit,
        Pseudonyms(key, config.node.origin_host),
        Copies(config.node.limits, clock),
        inner_realm=config.mtc_iwf.realm,
    )
    inner = Route(
        realm=config.mtc_iwf.realm,
        hosts=config.mtc_iwf.hosts,
        application=around.dictionary.application("Tsp").id,
        balance=Balance(config.mtc_iwf.balance),
    )

    def reload(new: SgwConfig) -> None:
        gateway.checks = pipeline(new.sgw.checks, (*CHECKS, *bounds.checks))
        gateway.profiles = profiles(new.scs)
        gateway.home_plmns = frozenset(new.sgw.home_plmns)
        gateway.fifteen_digits = new.sgw.fifteen_digit_local_ids
        gateway.keep_inside(new.sgw.never_outside)
        bounds.reload(new.sgw)

    def started(_node: Node) -> None:
        looking.start()

    def stopped() -> Any:
        return maybeDeferred(looking.stop).addCallback(lambda _: audit.close())

    return Parts(
        applications=(),
        agent=agent,
        routes=(inner,),
        audit=audit.node_refused,
        standing=standing(audit),
        started=started,
        stopped=stopped,
        reload=reload,
        live=("scs", "sgw"),
    )


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mtc-sgw", SgwConfig, build, config_path, reactor, processes, alone="its buckets are in one place")


if __name__ == "__main__":
    sys.exit(run(sys.argv[1]))
