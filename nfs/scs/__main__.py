"""`mtc run scs`: the SCS as a process, with HTTP on loopback for the applications behind it (`nfs.scs.http`)."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Any

from twisted.internet import reactor

from diameter.errors import ConfigError
from diameter.node import as_deferred
from diameter.transport.web import QuietSite
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import standing
from nfs.scs.api import Scs
from nfs.scs.config import HttpTable, ScsConfig
from nfs.scs.group_memory import GroupMemory
from nfs.scs.groups import GroupTriggers
from nfs.scs.http import Http
from nfs.scs.logic import REFERENCES, Ledger
from nfs.scs.memory import MIGRATIONS, Memory
from nfs.scs.message_memory import MessageMemory
from nfs.scs.protection import protector, renewed


def read_token(path: Path) -> bytes:
    """The first line of the token's file; raises ConfigError when it is too short to be one."""
    token = path.read_bytes().partition(b"\n")[0].strip()
    if len(token) < 16:
        raise ConfigError(f"{path}: a token of 16 characters or more expected in the first line")
    return token


def build(config: ScsConfig, around: Surroundings) -> Parts[ScsConfig]:
    """The parts of the node."""
    table = config.scs
    store = memory = groups_memory = None
    if table.database is not None:
        store = around.open_store(table.database, migrations=MIGRATIONS, name="scs")
        memory, groups_memory = Memory(store), GroupMemory(store)
    scs = Scs(
        number=table.number,
        realm=table.realm,
        mtc_iwf=table.mtc_iwf,
        clock=around.reactor.seconds,
        ledger=Ledger(first_reference=secrets.randbelow(REFERENCES)),
        memory=memory,
    )

    guard = None if config.protection is None else protector(config.protection, around.reactor.seconds)
    if guard is not None:
        scs.protect = guard
    groups = GroupTriggers(scs, memory, groups_memory)
    if store is not None:
        scs.keep_messages(MessageMemory(store, around.reactor.seconds))

    def started(_node: object) -> object:
        return scs.tsp.spawn(scs.remember())

    parts: Parts[ScsConfig] = Parts(
        applications=(scs.tsp,),
        standing=standing(queues=scs.queues, counts=tuple if guard is None else guard.counts),
        started=started,
        stopped=None if memory is None else memory.close,
        reload=lambda config: renewed(guard, config.protection),
        live=() if guard is None else ("protection",),
    )
    if config.http is not None:
        scs.tsp.messages.limit = config.http.messages
        _add_http(parts, scs, groups, config.http, around)
    return parts


def _add_http(parts: Parts[ScsConfig], scs: Scs, groups: GroupTriggers, table: HttpTable, around: Surroundings) -> None:
    """Open the HTTP port when the node listens, close it when the node stops."""
    http = Http(scs, read_token(table.token), table.wait_s, around.reactor, groups)
    ports: list[Any] = []

    def listen(remembered: object) -> object:
        port = around.reactor.listenTCP(table.port, QuietSite(http.app.resource()), interface="127.0.0.1")
        ports.append(port)
        parts.endpoints.append(f"http 127.0.0.1:{port.getHost().port}")
        return remembered

    def started(_node: object) -> object:
        return as_deferred(scs.tsp.spawn(scs.remember())).addCallback(listen)

    def stopping() -> object:
        return ports.pop().stopListening() if ports else None

    parts.started, parts.stopping = started, stopping


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("scs", ScsConfig, build, config_path, reactor, processes, alone="callers wait in it")
