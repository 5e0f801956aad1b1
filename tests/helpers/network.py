"""SCSs, an MTC-IWF with its gateway, an HSS and a stub of an SMS-SC as nodes in memory, on one clock.

The gateway is embedded in the MTC-IWF or a node of its own in front of it: what an SCS sees is the same, and the same
tests pass on both.  FORMS names them.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from diameter import Dictionary, Message, decode
from diameter._node.memory import Wire
from diameter.app import Application, answers
from diameter.config import FunctionConfig, NodeConfig, parse
from diameter.config.load import validate
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
from nfs.mtc_sgw.__main__ import build as build_sgw
from nfs.mtc_sgw.config import EdgeTable, SgwConfig

REALM: Final = "core.example"
IWF, HSS, SMS_SC = f"iwf.{REALM}", f"hss.{REALM}", f"smssc.{REALM}"
SGW = f"sgw.{REALM}"
SCS1, SCS2 = "scs1.customer.example", "scs2.other.example"
Form = Literal["embedded", "separate"]
FORMS: Final[tuple[Form, ...]] = ("embedded", "separate")
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


ADDRESSES: Final = {SGW: "127.0.0.5", IWF: "127.0.0.2"}


def two(
    text: str, *, iwf: str = IWF, sgw: str = SGW, realm: str = REALM, at: Mapping[str, str] = ADDRESSES
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The tables of a gateway, and of the MTC-IWF behind it, from those of an MTC-IWF with its gateway embedded.

    iwf, sgw, realm: what both are called.  at: their addresses.
    """
    whole = tomllib.loads(text)
    outside = [each for each in whole["peer"] if each["placement"] == "outside"]
    clear = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "in memory"}
    near = {"realm": realm, "placement": "inside", **clear}
    edge = {key: value for key, value in whole["sgw"].items() if key in EdgeTable.model_fields}
    counted = {"replay_window_s", "rate", "device_rate", "checks"}
    gateway = {
        "audit": "sgw-audit.jsonl",
        "node": {"origin_host": sgw, "origin_realm": realm, "listen": [{"host": at[sgw], **clear}]},
        "peer": [{"host": iwf, "connect": True, "addresses": [at[iwf]], **near}, *outside],
        "mtc_iwf": {"realm": realm, "hosts": [iwf]},
        "sgw": edge,
        "scs": whole["scs"],
    }
    if "overload" in whole["node"]:
        gateway["node"]["overload"] = {"reports": True}
    if "owners" in whole:
        gateway["owners"] = {"database": "owners.db"}
    agent = {"host": sgw, "agent": True, "agent_realms": [each["realm"] for each in outside], **near}
    inner = [each for each in whole["peer"] if each["placement"] != "outside"]
    behind = {key: value for key, value in whole["sgw"].items() if key not in counted} | {"gateways": [sgw]}
    return gateway, whole | {"peer": [*inner, agent], "sgw": behind}


class ScsStub(Application):
    """An SCS: sends what a test says, keeps the reports."""

    dictionary = "ts29368_tsp"

    def __init__(self) -> None:
        self.reports: list[Message] = []
        self.answer_with = 2001
        self.answer_more: dict[str, Any] = {}

    @answers("Device-Notification-Request")
    def notification(self, request: Message) -> Message:
        """Take a report."""
        self.reports.append(request)
        return request.answer(self.answer_with, self.answer_more)


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
    """All of them, connected.  `folder` holds the databases and audit logs.

    form: of the gateway.  `front`: the Origin-Host that SCSs speak with.  `nodes`: HSS, SMS-SC, MTC-IWF, both SCSs, and
    the gateway where it is a node.
    """

    wire_class: type[Wire] = Wire

    def __init__(
        self,
        folder: Path,
        dictionary: Dictionary,
        subscribers: tuple[Subscriber, ...] = (),
        iwf: str = IWF_TOML,
        form: Form = "embedded",
    ) -> None:
        self.form = form
        self.front, self.front_address = (IWF, "127.0.0.2") if form == "embedded" else (SGW, "127.0.0.5")
        self.folder = folder
        self.dictionary = dictionary
        self.clock = InlineReactor()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = self.wire_class(self.clock)
        self.scs1, self.scs2, self.sms_sc = ScsStub(), ScsStub(), SmsScStub()
        around = Surroundings(reactor=self.clock, dictionary=dictionary, folder=folder, threads=InlineThreads())
        hss_config = self._parse(HSS_TOML, HssConfig)
        before, tables_of_iwf = two(iwf) if form == "separate" else (None, tomllib.loads(iwf))
        iwf_config = self._validate(tables_of_iwf, IwfConfig)
        self.hss_config: HssConfig = hss_config
        self.hss_parts: Parts[HssConfig] = build_hss(hss_config, around)
        self.iwf_config: IwfConfig = iwf_config
        self.iwf_parts: Parts[IwfConfig] = build_iwf(iwf_config, around)
        self.around = around
        self.nodes = [
            self._function(hss_config, self.hss_parts),
            self._node(f"{node(SMS_SC, '127.0.0.4')}\n{peer(IWF)}", self.sms_sc),
            self._function(iwf_config, self.iwf_parts),
            self._node(f"{node(SCS1)}\n{peer(self.front, dial=self.front_address)}", self.scs1),
            self._node(f"{node(SCS2)}\n{peer(self.front, dial=self.front_address)}", self.scs2),
        ]
        self.parts: list[Parts[Any]] = [self.hss_parts, self.iwf_parts]
        if before is not None:
            sgw_config: SgwConfig = self._validate(self.fronting(before), SgwConfig)
            self.parts.append(build_sgw(sgw_config, around))
            self.nodes.append(self._function(sgw_config, self.parts[-1]))
        self.provision(*subscribers)

    def fronting(self, gateway: dict[str, Any]) -> dict[str, Any]:
        """The tables of a gateway in front, as a test wants them."""
        return gateway

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

    def _validate(self, given: dict[str, Any], model: Any) -> Any:
        return validate(given, model, source="test.toml", base=self.folder)

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
            agent=parts.agent,
            routes=parts.routes,
            audit=parts.audit,
        )

    def open(self) -> Network:
        """Start everything and wait until all are connected."""
        for each in (*self.nodes[:3], *self.nodes[5:], *self.nodes[3:5]):
            self.wait(each.start())
        for at, host in ((2, HSS), (2, SMS_SC), (3, self.front), (4, self.front)):
            self.wait(self.nodes[at].when_open(host))
        if self.form == "separate":
            self.wait(self.nodes[5].when_open(IWF))
        return self

    def begin_rounds(self) -> None:
        """Have the MTC-IWF do what it does from time to time."""
        assert self.iwf_parts.started is not None
        self.wait(self.iwf_parts.started(self.nodes[2]))

    def close(self) -> None:
        """Stop everything."""
        for stopped in [each.stop() for each in self.nodes]:
            self.wait(stopped)
        for parts in self.parts:
            assert parts.stopped is not None
            stopped = parts.stopped()
            if stopped is not None:
                self.wait(stopped)

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
        """The lines of an audit log; "iwf" has those of a gateway in front as well, by their times."""
        names = [name, "sgw"] if name == "iwf" and self.form == "separate" else [name]
        files = [self.folder / f"{each}-audit.jsonl" for each in names]
        lines = (json.loads(line) for file in files for line in file.read_text().splitlines())
        return sorted(lines, key=lambda line: str(line["time"]))

    @property
    def asked(self) -> int:
        """Messages that HSS and SMS-SC have had or sent, base messages left out."""
        found = (decode(octets, self.dictionary) for _, octets in self.wire.passed)
        return sum(each.application not in ("Base", "Tsp") for each in found)

    @property
    def gone_in(self) -> int:
        """The same, and what has passed between a gateway of its own and the MTC-IWF."""
        found = (decode(octets, self.dictionary) for place, octets in self.wire.placed if place != self.front_address)
        return sum(each.application != "Base" for each in found)

    @property
    def seen_outside(self) -> bytes:
        """Everything that went over the links of the SCSs, both ways."""
        return b"".join(octets for place, octets in self.wire.placed if place == self.front_address)
