"""SCSs, an MTC-IWF with its gateway, an HSS and a stub of an SMS-SC as nodes in memory, on one clock."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message, decode
from diameter._node.memory import Wire
from diameter.app import Application, answers
from diameter.config import FunctionConfig, NodeConfig, parse
from diameter.node import Node
from diameter.testing import MemoryLinks, run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.features import Feature, offer
from nfs.common.function import Parts, Surroundings
from nfs.hss import tables
from nfs.hss.__main__ import build as build_hss
from nfs.hss.config import HssConfig
from nfs.hss.logic import Subscriber
from nfs.mtc_iwf.__main__ import build as build_iwf
from nfs.mtc_iwf.config import IwfConfig

REALM: Final = "core.example"
IWF, HSS, SMS_SC = f"iwf.{REALM}", f"hss.{REALM}", f"smssc.{REALM}"
SCS1, SCS2 = "scs1.customer.example", "scs2.other.example"
CLEAR: Final = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "in memory"\n'


def peer(host: str, *, dial: str = "", placement: str = "inside") -> str:
    """A `[[peer]]` table."""
    realm = host.partition(".")[2]
    connect = f'connect = true\naddresses = ["{dial}"]\n' if dial else ""
    return f'[[peer]]\nhost = "{host}"\nrealm = "{realm}"\nplacement = "{placement}"\n{connect}{CLEAR}'


def node(host: str, address: str = "") -> str:
    """A `[node]` table."""
    listen = f'[[node.listen]]\nhost = "{address}"\n{CLEAR}' if address else ""
    return f'[node]\norigin_host = "{host}"\norigin_realm = "{host.partition(".")[2]}"\n{listen}'


IWF_TOML: Final = f"""
audit = "iwf-audit.jsonl"
{node(IWF, "127.0.0.2")}
{peer(HSS, dial="127.0.0.3")}
{peer(SMS_SC, dial="127.0.0.4")}
{peer(SCS1, placement="outside")}
{peer(SCS2, placement="outside")}
[hss]
realm = "{REALM}"
host = "{HSS}"
[sms_sc]
realm = "{REALM}"
[sgw]
home_plmns = ["00101"]
[[scs]]
name = "customer"
hosts = ["{SCS1}"]
isdn = "15550001"
domains = ["customer.example"]
commands = ["trigger"]
[[scs]]
name = "other"
hosts = ["{SCS2}"]
isdn = "15550002"
domains = ["other.example", "customer.example"]
commands = []
"""
HSS_TOML: Final = f"""
audit = "hss-audit.jsonl"
{node(HSS, "127.0.0.3")}
{peer(IWF)}
"""


class ScsStub(Application):
    """An SCS: sends what a test says, keeps the reports."""

    dictionary = "ts29368_tsp"

    def __init__(self) -> None:
        self.reports: list[Message] = []
        self.answer_with = 2001

    @answers("Device-Notification-Request")
    def notification(self, request: Message) -> Message:
        """Take a report."""
        self.reports.append(request)
        return request.answer(self.answer_with)


class SmsScStub(Application):
    """An SMS-SC: keeps the triggers, answers as told."""

    dictionary = "ts29337_t4"

    def __init__(self) -> None:
        self.triggers: list[Message] = []
        self.answer_with: tuple[int, int] = (0, 2001)
        self.features: Feature | None = Feature.RECALL_REPLACE
        self.diagnostic: int | None = None

    @answers("Device-Trigger-Request")
    def trigger(self, request: Message) -> Message:
        """Take a trigger."""
        self.triggers.append(request)
        vendor, code = self.answer_with
        avps: dict[str, Any] = {}
        if self.features is not None:
            avps["Supported-Features"] = offer(self.features)
        if self.diagnostic is not None:
            avps["MTC-Error-Diagnostic"] = self.diagnostic
        return request.answer(code, avps, vendor=vendor)

    async def report(self, trigger: Message, outcome: int, **changed: Any) -> Message:
        """Report on a trigger; the answer."""
        avps = {
            "User-Identifier": trigger["User-Identifier"],
            "SM-RP-SMEA": trigger["SM-RP-SMEA"],
            "SM-Delivery-Outcome-T4": outcome,
            "Reference-Number": trigger["Reference-Number"],
        }
        return await self.request("Delivery-Report", avps | changed, to=IWF, realm=REALM)


class Network:
    """All of them, connected.  `folder` holds the databases and audit logs."""

    def __init__(
        self, folder: Path, dictionary: Dictionary, subscribers: tuple[Subscriber, ...] = (), iwf: str = IWF_TOML
    ) -> None:
        self.folder = folder
        self.dictionary = dictionary
        self.clock = InlineReactor()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        self.scs1, self.scs2, self.sms_sc = ScsStub(), ScsStub(), SmsScStub()
        around = Surroundings(reactor=self.clock, dictionary=dictionary, folder=folder, threads=InlineThreads())
        hss_config, iwf_config = self._parse(HSS_TOML, HssConfig), self._parse(iwf, IwfConfig)
        self.hss_config: HssConfig = hss_config
        self.hss_parts: Parts[HssConfig] = build_hss(hss_config, around)
        self.iwf_config: IwfConfig = iwf_config
        self.iwf_parts: Parts[IwfConfig] = build_iwf(iwf_config, around)
        self.around = around
        self.nodes = [
            self._function(hss_config, self.hss_parts),
            self._node(f"{node(SMS_SC, '127.0.0.4')}\n{peer(IWF)}", self.sms_sc),
            self._function(iwf_config, self.iwf_parts),
            self._node(f"{node(SCS1)}\n{peer(IWF, dial='127.0.0.2')}", self.scs1),
            self._node(f"{node(SCS2)}\n{peer(IWF, dial='127.0.0.2')}", self.scs2),
        ]
        self.provision(*subscribers)

    def provision(self, *subscribers: Subscriber) -> None:
        """Put subscribers into the database of the HSS, in place of those with the same IMSI."""
        store = self.around.open_store("hss.db", migrations="nfs.hss:migrations", name="hss")

        def save(connection: Any) -> None:
            for subscriber in subscribers:
                tables.save(connection, subscriber)

        self.wait(store.do(save))
        self.wait(store.close())
        assert self.hss_parts.reload is not None
        self.hss_parts.reload(self.hss_config)

    def _parse(self, text: str, model: Any) -> Any:
        return parse(text, model, source="test.toml", base=self.folder)

    def _links(self, _reactor: Any, config: NodeConfig, owner: Any) -> MemoryLinks:
        return MemoryLinks(self.wire, config, owner)

    def _node(self, text: str, application: Application) -> Node:
        config: FunctionConfig = self._parse(text, FunctionConfig)
        return Node(config.node_config, [application], self.dictionary, reactor=self.clock, links=self._links)

    def _function(self, config: FunctionConfig, parts: Parts[Any]) -> Node:
        return Node(
            config.node_config,
            parts.applications,
            self.dictionary,
            reactor=self.clock,
            links=self._links,
            screens=parts.screens,
            audit=parts.audit,
        )

    def open(self) -> Network:
        """Start everything and wait until all are connected."""
        for each in self.nodes:
            self.wait(each.start())
        for at, host in ((2, HSS), (2, SMS_SC), (3, IWF), (4, IWF)):
            self.wait(self.nodes[at].when_open(host))
        return self

    def close(self) -> None:
        """Stop everything."""
        for stopped in [each.stop() for each in self.nodes]:
            self.wait(stopped)
        for parts in (self.hss_parts, self.iwf_parts):
            assert parts.stopped is not None
            self.wait(parts.stopped())

    def wait(self, awaitable: Any) -> Any:
        """The result of a Deferred, Later or coroutine, advancing the clock."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.clock)

    def settle(self, until: Callable[[], bool], seconds: float = 5.0) -> None:
        """Advance the clock until something is so."""
        end = self.clock.seconds() + seconds
        while not until() and self.clock.seconds() < end:
            self.clock.advance(0.01)
        assert until()

    def trigger(self, avps: dict[str, Any], *, scs: ScsStub | None = None, **top: Any) -> Message:
        """Send a Device-Action-Request; the answer."""
        asking = (scs or self.scs1).request("Device-Action", {"Device-Action": avps, **top}, realm=REALM)
        answer: Message = self.wait(asking)
        return answer

    def audit(self, name: str = "iwf") -> list[dict[str, Any]]:
        """The lines of an audit log."""
        return [json.loads(line) for line in (self.folder / f"{name}-audit.jsonl").read_text().splitlines()]

    @property
    def seen_outside(self) -> bytes:
        """Everything that went over the links of the SCSs, both ways."""
        found = b""
        for _, octets in self.wire.passed:
            message = decode(octets, self.dictionary)
            if SCS1.encode() in octets or SCS2.encode() in octets or message.application == "Tsp":
                found += octets
        return found
