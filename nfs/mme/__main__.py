"""`mtc run mme`: the MME simulator and its UEs as a process."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Final, TextIO

from twisted.internet import reactor
from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from diameter.errors import Undeliverable
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Mme, Population
from nfs.mme.mo_sms import Heard, Order, Sender
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Trigger

if TYPE_CHECKING:
    from diameter.node import Node

FOR_GOOD_S: Final = 1e9
"""How long the first short message waits for the SMS-SC."""


def build(config: MmeConfig, around: Surroundings) -> Parts[MmeConfig]:
    """The parts of the node.  Raises OSError when `received` cannot be written."""
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
    heard = None if config.mme.heard is None else config.mme.heard.open("a", encoding="utf-8", buffering=1)
    files = [each for each in (file, heard) if each is not None]
    sender = None
    if config.sms_sc is not None:
        table = config.sms_sc
        sgd.sender = sender = Sender(sgd, (table.host, table.realm, table.number))
        if heard is not None:
            sender.heard = _heard(heard)
    calls: list[Deferred[None]] = []

    def started(node: Node) -> None:
        for each in config.sends:
            assert sender is not None  # the configuration sees to it
            _ = sgd.spawn(_send(node, sender, each.order(), around, calls))

    def stopping() -> None:
        sgd.release()
        for call in calls:
            call.cancel()

    def stopped() -> None:
        for each in files:
            each.close()

    return Parts(applications=(sgd,), started=started, stopping=stopping, stopped=stopped)


async def _send(node: Node, sender: Sender, order: Order, around: Surroundings, calls: list[Deferred[None]]) -> None:
    """Send `order` when its time has come after the SMS-SC is there; what waits is in `calls`, to be cancelled."""
    try:
        await node.when_open(sender.sms_sc[0], timeout_s=FOR_GOOD_S)
        if order.after_s > 0:
            calls.append(deferLater(around.reactor, order.after_s))
            await calls[-1]
    except (CancelledError, Undeliverable):
        return
    await sender.send(order)


def _heard(file: TextIO) -> Callable[[Heard], None]:
    return lambda heard: (file.write(json.dumps(heard.form()) + "\n"), None)[1]


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
