"""An HSS and MMEs as nodes in memory, on one clock: what `helpers.mobility` has, with simulated MMEs that dial it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from diameter import Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application
from diameter.node import Node
from diameter.testing import MemoryLinks, run
from helpers.messages import dictionary
from helpers.mobility import CARD, IMSI, MME, OLD, PROFILES, TUAK_CARD, TUAK_IMSI, Rig
from nfs.hss.s6a import S6a as HssS6a
from nfs.mme.mobility import Attachments, Outcome
from nfs.mme.s6a import S6a, Site
from nfs.ue.usim import Usim

HSS: Final = "hss.core.example"
NUMBER: Final = "15550000300"


def mme(number: str = "", plmn: str = "00101", rat: int = 1004) -> tuple[S6a, list[Outcome]]:
    """An MME whose two UEs have the cards of the HSS, and the list of what it tells."""
    told: list[Outcome] = []
    usims = {IMSI: Usim(CARD.functions()), TUAK_IMSI: Usim(TUAK_CARD.functions())}
    site = Site(plmn=plmn, realm="core.example", host=HSS, number=number, rat=rat)
    return S6a(site, Attachments(usims=usims, told=told.append)), told


class Core:
    """The HSS with two MMEs, both open."""

    def __init__(self, folder: Path, first: S6a, second: S6a) -> None:
        self.rig = Rig(folder)
        self.wire = Wire(self.rig.clock)
        self.hss = HssS6a(self.rig.store, self.rig.centre, PROFILES, self.rig.audit, lambda _: None)
        self.nodes = [
            self._node(HSS, self.hss, {"listen": "tcp:127.0.0.1:3868", "peers": [MME, OLD]}),
            self._node(MME, first, {"connect": {HSS: "tcp:127.0.0.1:3868"}}),
            self._node(OLD, second, {"connect": {HSS: "tcp:127.0.0.1:3868"}}),
        ]
        for node in self.nodes:
            self.wait(node.start())
        for node in self.nodes[1:]:
            self.wait(node.when_open(HSS))

    def _node(self, host: str, application: Application, ends: dict[str, Any]) -> Node:
        config = quick_config(host, host.partition(".")[2], physical_protection="in memory", **ends)
        clock = self.rig.clock
        return Node(config, [application], dictionary(), reactor=clock, links=self._links, seed=1)

    def _links(self, _reactor: Any, config: Any, owner: Any) -> MemoryLinks:
        return MemoryLinks(self.wire, config, owner)

    def wait(self, awaitable: Any) -> Any:
        """The result of a Deferred, Later or coroutine, advancing the clock."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.rig.clock)

    def close(self) -> None:
        """Stop everything."""
        for node in self.nodes:
            self.wait(node.stop())
        self.rig.close()


def answered(outcomes: Any) -> Message:
    """The answer of the one node that was asked, a success."""
    (outcome,) = outcomes
    assert outcome.good
    answer = outcome.answer
    assert isinstance(answer, Message)
    return answer
