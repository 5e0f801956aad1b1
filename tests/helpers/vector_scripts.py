"""The scripted nodes of interop/vectors: T6a, which no network function speaks yet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from diameter import Dictionary, Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, answers
from diameter.capture import Captured
from diameter.config import NodeConfig
from diameter.node import Node
from diameter.testing import Clock, MemoryLinks, run
from helpers.vector_lab import MME, REALM, START

Ask = tuple[str, Mapping[str, Any], tuple[int, int], Mapping[str, Any]]
"""Command, AVPs of the request, result as (vendor, code), AVPs of the answer."""


class Script(NamedTuple):
    """What two nodes say; the first of `hosts` asks."""

    name: str
    title: str
    shows: str
    stem: str
    hosts: tuple[str, str]
    asks: Sequence[Ask]


SCEF: Final = f"scef.{REALM}"
OK: Final = (0, 2001)
UNKNOWN: Final = (10415, 5001)
USER: Final = {"User-Identifier": {"User-Name": "001010000000001"}}
BEARER: Final = {**USER, "Bearer-Identifier": b"\x05"}
CONNECT: Final = {**BEARER, "Connection-Action": 0, "Service-Selection": "iot"}
EVENT: Final = {"SCEF-Reference-ID": 9, "SCEF-ID": SCEF, "Monitoring-Type": 0}
WATCH: Final = {"Monitoring-Event-Configuration": EVENT}
SEEN: Final = {"Monitoring-Event-Report": EVENT}
UPWARDS: Final = {**BEARER, "Non-IP-Data": b"21.5 C"}
DOWNWARDS: Final = {**BEARER, "Non-IP-Data": b"valve shut"}
T6A: Final = "ts29128_t6a"
SCRIPTS: Final = (
    Script("t6a-from-mme", "T6a: connection, data of the device, a report",
           "Connection-Management, MO-Data and Reporting-Information from an MME to a SCEF.", T6A, (MME, SCEF),
           (("Connection-Management", CONNECT, OK, {}), ("MO-Data", UPWARDS, OK, {}),
            ("Reporting-Information", {**USER, **SEEN}, OK, {}))),
    Script("t6a-from-scef", "T6a: a monitoring event, data to the device",
           "Configuration-Information and MT-Data from a SCEF to an MME.", T6A, (SCEF, MME),
           (("Configuration-Information", {**USER, **WATCH}, OK, {}), ("MT-Data", DOWNWARDS, OK, {}))),
    Script("t6a-unknown", "T6a: the user is not known", "DIAMETER_ERROR_USER_UNKNOWN (5001) on T6a.", T6A, (MME, SCEF),
           (("Connection-Management", CONNECT, UNKNOWN, {}), ("MO-Data", UPWARDS, UNKNOWN, {}))),
)  # fmt: skip


def _applications(script: Script) -> tuple[Application, Application]:
    """The one that asks, and the one that answers."""
    replies = {command: (result, avps) for command, _, result, avps in script.asks}

    def reply(self: Application, request: Message) -> Message:
        (vendor, code), avps = replies[request.command.removesuffix("-Request")]
        return request.answer(code, {"Auth-Session-State": 1, **avps}, vendor=vendor)

    handlers = {
        f"on_{number}": answers(command)(lambda self, request: reply(self, request))
        for number, command in enumerate(replies)
    }
    made = (type("Played", (Application,), {"dictionary": script.stem, **more}) for more in ({}, handlers))
    asking, answering = (each() for each in made)
    return asking, answering


class _Tap:
    """Writes down what a node of the script sends."""

    def __init__(self, script: Script, said: list[Captured]) -> None:
        self._hosts = script.hosts
        self._said = said

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        """One message."""
        if outgoing and int.from_bytes(octets[8:12]):
            ends = ("192.0.2.60", 40_060), ("192.0.2.70", 3868)
            if not link.dialled:
                ends = ends[1], ends[0]
            comment = f"sctp, peer {self._hosts[bool(link.dialled)]}, sent, PPID 46"
            self._said.append(Captured(round(time * 1e6) * 1000, *ends, octets, "sctp", True, 0, comment, 0, 46))

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        """Nothing is kept of events."""


def scripted(script: Script, dictionary: Dictionary) -> list[Captured]:
    """What the two say."""
    said: list[Captured] = []
    clock = Clock()
    clock.rightNow = START
    wire = Wire(clock)

    def made(config: NodeConfig, application: Application, seed: int) -> Node:
        return Node(
            config, [application], dictionary, reactor=clock, seed=seed, tap=_Tap(script, said),
            observe=lambda point, fields: None,
            links=lambda reactor, config, owner: MemoryLinks(wire, config, owner),
        )  # fmt: skip

    def wait(awaitable: Any) -> Any:
        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), clock)

    (asks, answering), at, why = script.hosts, "tcp:192.0.2.70:3868", "in memory"
    client, server = _applications(script)
    there = made(quick_config(answering, REALM, listen=at, peers=[asks], physical_protection=why), server, 2)
    here = made(quick_config(asks, REALM, connect={answering: at}, physical_protection=why), client, 1)
    for step in (there.start(), here.start(), here.when_open(answering)):
        wait(step)
    for command, avps, _, _ in script.asks:
        wait(client.request(command, avps, to=answering, realm=REALM))
    for stopped in (here.stop(), there.stop()):
        wait(stopped)
    return said
