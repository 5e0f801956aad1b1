# mypy: disable-error-code="no-untyped-call"
"""`mtc trigger` and `mtc run scs` find the MTC-IWF by DNS, by the domain of the device (TS 23.682 5.2.1 step 1)."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from twisted.names import dns

from diameter import Message
from diameter.app import Application, answers
from diameter.config import NodeConfig
from diameter.node import Node
from helpers.links import CLEAR
from helpers.loop import drive, reactor, settle
from helpers.names import NameServer
from helpers.nodes import TSP, dictionary
from helpers.programs import Program, until

pytestmark = pytest.mark.link
SCS, TOKEN = "scs.operator.example", "0123456789abcdef"
REALMS = ("operator.example", "other.example")
CONFIG = """
function = "scs"
[node]
origin_host = "{scs}"
origin_realm = "operator.example"
dns = ["{dns}"]
{rows}
[scs]
number = "15550000100"
"""
ROW = """
[[peer]]
realm = "{realm}"
discover = true
placement = "inside"
transport = "tcp"
physical_protection = true
physical_protection_reason = "test"
"""
HTTP = """
[http]
port = 0
token = "scs.token"
"""


class Iwf(Application):
    """The Tsp side of an MTC-IWF whose devices all acknowledge."""

    dictionary = "ts29368_tsp"

    def __init__(self, realm: str) -> None:
        self.seen: list[Message] = []
        node = {"origin_host": f"iwf.{realm}", "origin_realm": realm, "listen": [LISTEN], "peer": [PEER]}
        self.node = Node(NodeConfig.model_validate({"drain_s": 2.0, **node}), [self], dictionary(), reactor=reactor)

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Message:
        self.seen.append(request)
        names = ("External-Identifier", "SCS-Identity", "Reference-Number")
        what: dict[str, Any] = {name: request["Device-Action"][name] for name in names}
        _ = self.spawn(self._report({**what, "Action-Type": 2, "Delivery-Outcome": 0}))
        return request.answer(2001, {"Device-Notification": {**what, "Action-Type": 1, "Request-Status": 0}})

    async def _report(self, what: dict[str, Any]) -> None:
        await self.request("Device-Notification", {"Device-Notification": what}, to=SCS, realm="operator.example")


LISTEN = {"host": "127.0.0.1", "port": 0, "transport": "tcp", **CLEAR}
PEER = {"host": SCS, "realm": "operator.example", "placement": "inside", "transport": "tcp", **CLEAR}


class Field:
    """Two operators, each with an MTC-IWF, and a name server that knows both."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names = NameServer()
        self.iwfs = {realm: Iwf(realm) for realm in REALMS}

    async def start(self) -> None:
        """Open the nodes, publish where they are."""
        for realm, iwf in self.iwfs.items():
            await iwf.node.start()
            ((_, address),) = iwf.node.listening
            zone, service = self.names.zone, f"_diameter._tcp.{realm}"
            services = dns.Record_NAPTR(10, 10, b"s", f"aaa+ap{TSP}:diameter.tcp".encode(), b"", service.encode(), 300)
            zone.put(realm, services)
            zone.put(service, dns.Record_SRV(0, 0, address.port, f"iwf.{realm}".encode(), 300))
            zone.put(f"iwf.{realm}", dns.Record_A("127.0.0.1", 300))

    def config(self, *realms: str, more: str = "") -> Path:
        """The file of an SCS that knows these domains and no host."""
        rows = "".join(ROW.format(realm=realm) for realm in realms)
        path = self.folder / "scs.toml"
        path.write_text(CONFIG.format(scs=SCS, dns=self.names.address, rows=rows) + more)
        (self.folder / "scs.token").write_text(TOKEN)
        return path

    def mtc(self, name: str, *words: object) -> Program:
        """`mtc` as a child."""
        return Program([sys.executable, "-m", "nfs.cli", *map(str, words)], self.folder / name)

    async def stop(self) -> None:
        for iwf in self.iwfs.values():
            await iwf.node.stop()
        await self.names.stop()
        settle()


def on_the_field(folder: Path, scenario: Any) -> None:
    async def run() -> None:
        field = Field(folder)
        try:
            await field.start()
            await scenario(field)
        finally:
            await field.stop()

    drive(run(), timeout_s=600)


async def ended(program: Program) -> int:
    """The exit status of a verb that ends by itself."""
    await until(lambda: program.process.poll() is not None, "the verb ends", 300)
    assert program.process.stdin is not None
    program.process.stdin.close()
    return program.process.returncode or 0


def test_the_domain_of_each_device_leads_the_verb_to_its_mtc_iwf(tmp_path: Path) -> None:
    async def scenario(field: Field) -> None:
        path = field.config(*REALMS)
        devices = [word for realm in REALMS for word in ("--external-id", f"meter-7@{realm}")]
        verb = field.mtc("both", "trigger", "-c", path, *devices, "--payload", "wake", "--json")
        assert await ended(verb) == 0, verb.text
        for realm, iwf in field.iwfs.items():
            (request,) = iwf.seen
            assert request["Device-Action"]["External-Identifier"] == f"meter-7@{realm}"
            assert (request["Destination-Realm"], "Destination-Host" in request) == (realm, False)
        asked = {name for name, _ in field.names.zone.asked}
        assert asked >= {*REALMS, *(f"_diameter._tcp.{realm}" for realm in REALMS)}

    on_the_field(tmp_path, scenario)


def test_a_domain_without_an_mtc_iwf_is_one_line(tmp_path: Path) -> None:
    async def scenario(field: Field) -> None:
        path = field.config("operator.example", "nowhere.example")
        verb = field.mtc("none", "trigger", "-c", path, "--external-id", "meter-7@nowhere.example", "--payload", "wake")
        assert await ended(verb) == 1
        (line,) = [line for line in verb.text.splitlines() if "mtc" in line]
        assert "no MTC-IWF of nowhere.example by DNS: " in line
        assert not any(iwf.seen for iwf in field.iwfs.values())

    on_the_field(tmp_path, scenario)


def test_an_scs_that_runs_goes_by_the_domain_as_well(tmp_path: Path) -> None:
    async def scenario(field: Field) -> None:
        scs = field.mtc("scs", "run", "scs", "-c", field.config(*REALMS, more=HTTP))
        port = (await scs.said(r"http 127\.0\.0\.1:(\d+)"))[1]
        for realm in REALMS:
            await scs.said(f"peer iwf.{realm} takes requests")
        via = ("--via", f"http://127.0.0.1:{port}", "--token", tmp_path / "scs.token", "--payload", "wake", "--json")
        verb = field.mtc("via", "trigger", *via, "--external-id", "meter-7@other.example")
        assert await ended(verb) == 0, verb.text
        assert json.loads(verb.text)["delivery_outcome"] == "SUCCESS"
        assert [len(iwf.seen) for iwf in field.iwfs.values()] == [0, 1]
        assert await scs.end() == 0, scs.text

    on_the_field(tmp_path, scenario)
