"""`mtc run mme`: the MME simulator and its UEs as a process."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from twisted.internet import reactor

from diameter.node import Node
from diameter.standing import Count, Queue
from nfs.common.audited import open_audit
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import counted, standing
from nfs.mme.cards import read_usims
from nfs.mme.config import MmeConfig
from nfs.mme.guarding import Guard, guarded
from nfs.mme.logic import Mme, Population
from nfs.mme.membership import CLAIMS, Desk, read_credentials
from nfs.mme.mo_sms import Plan, Sender
from nfs.mme.mobility import Attachments, Outcome
from nfs.mme.nas import MESSAGES, Hop
from nfs.mme.playing import Playing, populations_of, scenario_of
from nfs.mme.radio import PAGINGS, Radio
from nfs.mme.s6a import S6a, Site
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Trigger

RATS: Final = {"eutran": 1004, "nb-iot": 1005, "lte-m": 1007}
SHORT_MESSAGES: Final = ("mtc_ue_short_messages", "Short messages for simulated UEs, by what became of them", "outcome")
"""Family of counters."""


def build(config: MmeConfig, around: Surroundings) -> Parts[MmeConfig]:
    """The parts of the node.  Raises OSError when a file cannot be written, ConfigError for bad cards or keys."""
    populations = _populations(config)
    scenario = scenario_of(config)
    guard = guarded(config.protection, around.reactor.seconds)
    mme = Mme.of([*populations, *populations_of(scenario)], guard)
    sgd = Sgd(mme)
    files = received, attached, heard = [_lines(getattr(config.mme, each)) for each in Lines.files]
    if received is not None:
        mme.inbox.listener = lambda trigger: received(_trigger(trigger))
    wanted = [imsi for ues, group in zip(config.ues, populations, strict=True) if ues.attach for imsi in group.imsis()]
    usims = {} if config.mme.cards is None else read_usims(config.mme.cards)
    s6a = S6a(_site(config), Attachments(usims=usims))
    radio = mme.hop = s6a.radio
    radio.hop = Hop(secured=config.mme.nas_security, attached=lambda imsi: imsi in s6a.ues.contexts)
    if attached is not None:
        s6a.ues.told = lambda outcome: attached(_outcome(outcome))
    plan = _plan(config, sgd, heard, around)
    if sgd.sender is not None:
        sgd.sender.link = radio
    credentials = read_credentials(config.group)
    audit = open_audit(config)
    desk = Desk(s6a.ues, credentials, audit, config.node.origin_host)
    playing = None if scenario is None else Playing(scenario, config, (mme, s6a, sgd), around.reactor, desk)

    def started(node: Node) -> None:
        if plan is not None:
            plan.start(node)
        if wanted or playing is not None:
            _ = s6a.spawn(_attach(s6a, node, config, wanted, playing))

    async def stopping() -> None:
        sgd.release()
        if playing is not None:
            playing.engine.stop()
        if plan is not None:
            plan.stop()
        await s6a.all(S6a.detach, [imsi for imsi in wanted if imsi in s6a.ues.contexts], config.mme.window)

    def stopped() -> None:
        for file in (*files, guard, audit):
            if file is not None:
                file.close()

    return Parts(
        applications=(sgd, s6a) if playing is None else (sgd, s6a, playing.alerts),
        audit=audit.node_refused,
        standing=standing(
            audit,
            counts=lambda: _counts(mme, desk, guard, radio),
            queues=lambda: (Queue("UEs attached", len(s6a.ues.contexts)),),
        ),
        started=started,
        stopping=lambda: s6a.spawn(stopping()),
        stopped=stopped,
        steer=None if playing is None else playing.steer,
        reload=guard.reload,
        live=guard.live,
    )


def _counts(mme: Mme, desk: Desk, guard: Guard, radio: Radio) -> Iterator[Count]:
    """What became of short messages on their way to UEs and their applications, and of claims."""
    yield from counted(*SHORT_MESSAGES, mme.counters)
    yield from counted(*MESSAGES, radio.counters)
    yield from counted(*PAGINGS, radio.pagings)
    yield from guard.counts()
    yield from counted(*CLAIMS, desk.counters)


def _populations(config: MmeConfig) -> list[Population]:
    """The UEs of its own file."""
    return [
        Population(
            first_imsi=ues.first_imsi,
            count=ues.count,
            behaviour=ues.behaviour,
            failures=ues.failures,
            report=ues.report,
        )
        for ues in config.ues
    ]


def _plan(config: MmeConfig, sgd: Sgd, heard: Lines | None, around: Surroundings) -> Plan | None:
    """What UEs send; None without an SMS-SC to send it to."""
    if config.sms_sc is None:
        return None
    table = config.sms_sc
    sgd.sender = Sender(sgd, (table.host, table.realm, table.number))
    if heard is not None:
        sgd.sender.heard = lambda each: heard(each.form())
    return Plan(sgd.sender, [each.order() for each in config.sends], around.reactor.callLater)


async def _attach(s6a: S6a, node: Node, config: MmeConfig, wanted: Sequence[str], playing: Playing | None) -> None:
    """Attach UEs, and begin a scenario, once there is somebody: the HSS, or else the first peer that is dialled."""
    hss = None if config.hss is None else config.hss.host
    dialled = [each.host for each in config.peer if each.connect]
    if dialled:
        await node.when_open(hss if hss in dialled else dialled[0])
    if playing is not None:
        playing.engine.start()
    await s6a.all(S6a.attach, wanted, config.mme.window)


def _site(config: MmeConfig) -> Site:
    mme, hss = config.mme, config.hss
    return Site(
        plmn=mme.plmn,
        realm=config.node.origin_realm if hss is None else hss.realm,
        host=None if hss is None else hss.host,
        rat=RATS[mme.rat],
        tac=mme.tac,
        cell=mme.cell,
        number=mme.number or "",
        group=mme.group_id,
        code=mme.code,
    )


class Lines:
    """A file that gets a JSON line for each thing it is called with."""

    files: Final = ("received", "attached", "heard")
    """Those of the `[mme]` table."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8", buffering=1)
        self.close = self._file.close

    def __call__(self, line: Mapping[str, Any]) -> None:
        """Write one."""
        self._file.write(json.dumps({"schema": 1, **line}) + "\n")


def _lines(path: Path | None) -> Lines | None:
    return None if path is None else Lines(path)


def _trigger(trigger: Trigger) -> dict[str, Any]:
    return {
        "imsi": trigger.imsi,
        "port": trigger.port,
        "payload": trigger.payload.hex(),
        "originator": trigger.originator.digits,
        "sent": trigger.sent.isoformat(),
        **({"group": trigger.group} if trigger.group else {}),
    }


def _outcome(outcome: Outcome) -> dict[str, Any]:
    """What has nothing to say is left out."""
    every = {name: getattr(outcome, name) for name in Outcome.__slots__}
    return {name: value for name, value in every.items() if name == "good" or value not in ("", None, (), 0, False)}


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("mme", MmeConfig, build, config_path, reactor, processes, alone="its UEs live in it")
