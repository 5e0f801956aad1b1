"""`mtc run mme`: the MME simulator and its UEs as a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TextIO

from twisted.internet import reactor

from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Mme, Population
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Trigger


def build(config: MmeConfig, around: Surroundings) -> Parts[MmeConfig]:
    """The parts of the node.  Raises OSError when `received` cannot be written."""
    del around
    mme = Mme.of(
        Population(
            first_imsi=ues.first_imsi,
            count=ues.count,
            behaviour=ues.behaviour,
            failures=ues.failures,
            report=ues.report,
        )
        for ues in config.ues
    )
    sgd = Sgd(mme)
    path = config.mme.received
    file = None if path is None else path.open("a", encoding="utf-8", buffering=1)
    if file is not None:
        mme.inbox.listener = _writer(file)
    return Parts(applications=(sgd,), stopping=sgd.release, stopped=file.close if file is not None else None)


def _writer(file: TextIO) -> Callable[[Trigger], None]:
    def write(trigger: Trigger) -> None:
        line = {
            "schema": 1,
            "imsi": trigger.imsi,
            "port": trigger.port,
            "payload": trigger.payload.hex(),
            "originator": trigger.originator.digits,
            "sent": trigger.sent.isoformat(),
        }
        file.write(json.dumps(line) + "\n")

    return write


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mme", MmeConfig, build, config_path, reactor, processes, alone="its UEs live in it")
