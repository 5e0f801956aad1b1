"""The node that plays a scenario, and what is said of how it went."""

from __future__ import annotations

import xml.etree.ElementTree as ElementTree
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from diameter import Dictionary
from diameter._node.setup import endpoint, quick_config
from diameter.app import Neighbour
from diameter.capture import CaptureWriter
from diameter.capture.scenario import Party, Scenario
from diameter.capture.stepping import command_of
from diameter.config import CERTIFIED, ListenConfig, NodeConfig
from diameter.config.load import validate
from diameter.errors import ConfigError, RequestError
from diameter.node import Node
from diameter.trace import Point
from nfs.cli._dialling import NoPeer, changed, dialling
from nfs.cli._pcap._play import Outcome, Player
from nfs.cli._target import advertised, from_file, tls_of

OTHER: Mapping[Party, Party] = {"client": "server", "server": "client"}
REASON = "asked for at the command line"


class Stage:
    """Connects, or listens; finds out who is there; plays.  `given`: the options of `mtc pcap replay`."""

    def __init__(
        self,
        scenario: Scenario,
        party: Party,
        dictionary: Dictionary,
        names: Mapping[str, str],
        given: dict[str, Any],
        tap: CaptureWriter | None,
        tell: Callable[[str], None],
    ) -> None:
        self._scenario = scenario
        self._party = party
        self._dictionary = dictionary
        self._names = dict(names)
        self._given = given
        self._tap = tap
        self._tell = tell
        self.peer = ""
        """Origin-Host of the peer, once it is known."""

    async def play(self, reactor: Any) -> list[Outcome]:
        """An outcome for each message.  Raises LocalError, and NoPeer when nobody is there."""
        own = {**self._scenario.names, **self._names}
        given = self._given
        given["origin_host"] = given["origin_host"] or (None if given["config"] else own.get(self._party))
        if given["origin_realm"] is None and given["origin_host"] == own.get(self._party):
            given["origin_realm"] = own.get(f"{self._party}_realm")
        config = await self._dialling(reactor) if given["connect"] else self._listening()
        self._take_names(config.origin_host, config.origin_realm, self._party)
        player = Player(
            self._scenario, self._party, self._dictionary, self._names, given["ignore"], given["timeout"], reactor
        )
        node = Node(
            config, player.applications(), self._dictionary, reactor=reactor, tap=self._tap, observe=self._heard
        )
        try:
            await node.start()
            for transport, address in node.listening:
                self._tell(f"listening on {transport} {address}")
            neighbour = await self._somebody(node)
            self.peer = neighbour.host
            self._take_names(neighbour.host, neighbour.realm, OTHER[self._party])
            player.names.update(self._names)
            return await node.run(player.play(node, neighbour.host))
        finally:
            await node.stop()

    async def _somebody(self, node: Node) -> Neighbour:
        given = self._given
        wait_s = given["wait_s"] if given["listen"] else given["timeout"]
        try:
            return await node.when_open(None, wait_s)
        except RequestError as error:
            raise NoPeer(f"nobody came within {wait_s:g} s" if given["listen"] else str(error)) from None

    def _take_names(self, host: str, realm: str, party: Party) -> None:
        """The live identities instead of those of the scenario, unless --set gave others."""
        for name, value in ((party, host), (f"{party}_realm", realm)):
            if name in self._scenario.names:
                self._names.setdefault(name, value)

    def _heard(self, point: Point, fields: Mapping[str, Any]) -> None:
        if point in (Point.REFUSED, Point.DROPPED, Point.PEER_REFUSED, Point.CONNECTING_FAILED, Point.BUG):
            self._tell(point.text.format(**fields))

    async def _dialling(self, reactor: Any) -> NodeConfig:
        """A node with one peer, whose identity is asked for first: with a CER, because a node insists on it."""
        given = self._given
        given["peer"], given["transport"] = given["connect"], None
        wanted = advertised({command_of(step, self._dictionary)[0] for step in self._scenario.steps}, self._dictionary)
        return await dialling(reactor, given, "replay", self._dictionary, wanted)

    def _listening(self) -> NodeConfig:
        """A node that takes anybody."""
        given = self._given
        transport, host, port = endpoint(given["listen"])
        if given["config"] is not None:
            return self._of_file(transport, host, port)
        if not given["origin_host"]:
            raise ConfigError(f"the scenario does not say who its {self._party} is: --origin-host is wanted")
        tls = tls_of(given) if transport in CERTIFIED else None
        if transport in CERTIFIED and tls is None:
            raise ConfigError(f"{transport} needs --certificate, --key and --trust, or -c")
        realm = given["origin_realm"] or given["origin_host"].partition(".")[2]
        return quick_config(
            given["origin_host"], realm, listen=given["listen"], peers="any", tls=tls, physical_protection=REASON,
            drain_s=1.0,
        )  # fmt: skip

    def _of_file(self, transport: str, host: str, port: int | None) -> NodeConfig:
        """The node of a file, with the options that it has for such a listener, at this address; it takes anybody."""
        given = self._given
        known = from_file(given["config"])
        lenders = [one for one in known.listen if one.transport == transport]
        if not lenders:
            raise ConfigError(f"{given['config']}: node.listen: none has transport {transport}, as --listen has")
        exact = (one for one in lenders if (one.host, one.port_number) == (host, port))
        lender = next(exact, lenders[0])
        listener = validate(
            {**dict(lender), "host": host, "port": port}, ListenConfig, source=given["listen"], base=Path()
        )
        own = {name: given[name] for name in ("origin_host", "origin_realm") if given[name]}
        tls = tls_of(given) or known.tls
        return changed(known, listen=(listener,), peer=(), accept_unknown=("*",), tls=tls, **own)


def junit(name: str, outcomes: Sequence[Outcome]) -> str:
    """The report for continuous integration: a test case for each message."""
    failures, skipped = sum(bool(one.wrong) for one in outcomes), sum(not one.reached for one in outcomes)
    suite = ElementTree.Element(
        "testsuite", name=f"mtc pcap replay {name}", tests=str(len(outcomes)), failures=str(failures),
        errors="0", skipped=str(skipped),
    )  # fmt: skip
    for one in outcomes:
        case = ElementTree.SubElement(suite, "testcase", classname=name, name=f"{one.number} {one.title}")
        case.set("time", f"{(one.took_ms or 0) / 1000:.6f}")
        if one.wrong:
            ElementTree.SubElement(case, "failure", message=one.wrong[0]).text = "\n".join(one.wrong)
        elif not one.reached:
            ElementTree.SubElement(case, "skipped", message="not reached")
    ElementTree.indent(suite)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{ElementTree.tostring(suite, encoding="unicode")}\n'
