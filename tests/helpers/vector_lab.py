"""All functions of a device trigger as nodes in memory, on one clock, with one book of what they say to each other."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final
from unittest import mock

from diameter import Dictionary, Message
from diameter._node.memory import Wire
from diameter.app import Application
from diameter.capture import Captured
from diameter.config import FunctionConfig, NodeConfig, parse
from diameter.config.load import validate
from diameter.node import Node
from diameter.testing import MemoryLinks, run
from helpers.inline import InlineReactor, InlineThreads
from helpers.network import two
from nfs.common.function import Parts, Surroundings
from nfs.hss import tables
from nfs.hss.__main__ import build as build_hss
from nfs.hss.config import HssConfig
from nfs.hss.logic import Subscriber
from nfs.mme.__main__ import build as build_mme
from nfs.mme.config import MmeConfig
from nfs.mme.mo_sms import Heard, Order, Sender
from nfs.mme.sgd import Sgd
from nfs.mtc_iwf.__main__ import build as build_iwf
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_sgw.__main__ import build as build_sgw
from nfs.mtc_sgw.config import SgwConfig
from nfs.scs.api import Report, Scs, TriggerRequest
from nfs.scs.logic import Ledger
from nfs.sms_sc.__main__ import build as build_sms_sc
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.logic import ServiceCentre
from nfs.sms_sc.t4 import T4

START: Final = 1_767_225_600.0
"""2026-01-01 00:00:00 UTC."""
REALM: Final = "operator.example"
IWF, HSS, SMS_SC, MME, AAA, SCEF = (
    f"{name}.{REALM}" for name in ("mtc-iwf", "hss", "sms-sc", "mme", "mtc-aaa", "scef")
)
SGW, IWF2 = f"mtc-sgw.{REALM}", f"mtc-iwf2.{REALM}"
SCS, SCS2, SCS3 = "scs.customer.example", "scs.other.example", "scs.third.example"
ADDRESSES: Final = {
    SCS: "192.0.2.10", SCS2: "192.0.2.11", SCS3: "192.0.2.12",
    IWF: "192.0.2.20", HSS: "192.0.2.30", SMS_SC: "192.0.2.40", MME: "192.0.2.50", AAA: "192.0.2.80",
    SCEF: "192.0.2.60", SGW: "192.0.2.21", IWF2: "192.0.2.22",
}  # fmt: skip
TLS: Final = frozenset({SCS, SCS2, SCS3})
SCTP: Final = frozenset({MME})
CLEAR: Final = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "in memory"\n'
MME_NUMBER, SMS_SC_NUMBER, IWF_NUMBER = "15550000300", "15550000200", "15550000400"
SHORT_CODE: Final = "4711"
"""Under which devices reach the first SCS."""
ISDN: Final = {SCS: "15550000100", SCS2: "15550000101", SCS3: "15550000102"}


def peer(host: str, *, dial: bool = False, placement: str = "inside") -> str:
    connect = f'connect = true\naddresses = ["{ADDRESSES[host]}"]\n' if dial else ""
    realm = host.partition(".")[2]
    return f'[[peer]]\nhost = "{host}"\nrealm = "{realm}"\nplacement = "{placement}"\n{connect}{CLEAR}'


def node(host: str, *, listens: bool = True) -> str:
    listen = f'[[node.listen]]\nhost = "{ADDRESSES[host]}"\n{CLEAR}' if listens else ""
    return f'[node]\norigin_host = "{host}"\norigin_realm = "{host.partition(".")[2]}"\nrequest_timeout_s = 5\n{listen}'


def scs_table(host: str, domains: Sequence[str], commands: Sequence[str]) -> str:
    return (
        f'[[scs]]\nname = "{host}"\nhosts = ["{host}"]\nisdn = "{ISDN[host]}"\n'
        f"domains = {list(domains)}\ncommands = {list(commands)}\n"
    ).replace("'", '"')


IWF_TOML: Final = "\n".join(
    [
        'audit = "iwf.audit"', node(IWF), peer(HSS, dial=True), peer(SMS_SC, dial=True),
        *(peer(host, placement="outside") for host in (SCS, SCS2, SCS3)),
        f'[hss]\nrealm = "{REALM}"\nhost = "{HSS}"\n[sms_sc]\nrealm = "{REALM}"\nhost = "{SMS_SC}"',
        '[sgw]\nhome_plmns = ["00101"]',
        scs_table(SCS, ["customer.example"], ["trigger", "recall", "replace"]),
        scs_table(SCS2, ["other.example"], []),
        scs_table(SCS3, ["third.example"], ["trigger"]),
        f'[mo_sms]\nnumber = "{IWF_NUMBER}"',
        *(f'[[mo_sms.scs]]\nname = "{host}"\nrealm = "{host.partition(".")[2]}"\ndestinations = ["{each}"]'
          for host, each in ((SCS, SHORT_CODE), (SCS2, ISDN[SCS2]))),
    ]
)  # fmt: skip
SMS_SC_TOML: Final = "\n".join(
    [
        node(SMS_SC), peer(IWF), peer(MME, dial=True),
        f'[sms_sc]\nnumber = "{SMS_SC_NUMBER}"\nscs = ["{ISDN[SCS]}", "{ISDN[SCS2]}"]',
        "retry_s = [20]\nsubmit_report = false  # tshark takes an SMS-SUBMIT-REPORT for an SMS-SUBMIT",
        f'[[mo_sms]]\ndestinations = ["{SHORT_CODE}", "{ISDN[SCS2]}", "{ISDN[SCS3]}"]\nhost = "{IWF}"',
        f'realm = "{REALM}"\nnumber = "{IWF_NUMBER}"\nplmns = ["00101"]',
    ]
)  # fmt: skip
SENDS: Final = f'[sms_sc]\nhost = "{SMS_SC}"\nrealm = "{REALM}"\nnumber = "{SMS_SC_NUMBER}"\n'
HSS_TOML: Final = "\n".join(['audit = "hss.audit"', node(HSS), peer(IWF), peer(AAA)])


class Aaa(Application):
    """What an MTC-AAA asks the HSS on S6n."""

    dictionary = "ts29336_s6m"

    async def names(self, imsi: str) -> Message:
        """Who is this outside?"""
        avps = {"User-Identifier": {"User-Name": imsi}, "SIR-Flags": 0}
        return await self.request("Subscriber-Information", avps, to=HSS, realm=REALM)


class Book:
    """A tap for every node: what it sends, with addresses that do not depend on the machine."""

    def __init__(self, lab: VectorLab, own: str) -> None:
        self._lab = lab
        self._own = own

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        """Keep what this node sends."""
        other = peer or link.dialled
        if outgoing and other:
            self._lab.note(time, self._own, other, bool(link.dialled), octets)

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        """Nothing is kept of events."""


class VectorLab:
    """`said` grows by every message, at the time when it was sent.  `folder`: for databases and audit logs.

    texts: configurations that are others than those above, by host, and of a second MTC-IWF.  more: what else is
    written to the HSS's database.  gateway: the MTC Security GW is a node of its own in front of the MTC-IWF.
    """

    def __init__(
        self,
        folder: Path,
        dictionary: Dictionary,
        subscribers: Sequence[Subscriber],
        ues: str,
        texts: Mapping[str, str] | None = None,
        more: Callable[[Any], object] = lambda connection: None,
        *,
        gateway: bool = False,
    ) -> None:
        self._front = SGW if gateway else IWF
        self._fronts = [self._front, *(host for host in texts or () if host == IWF2)]
        self._texts = texts or {}
        self.folder = folder
        self.dictionary = dictionary
        self.clock = InlineReactor()
        self.clock.rightNow = START
        self.wire = Wire(self.clock)
        self.said: list[Captured] = []
        self._stops: list[Any] = []
        self.nodes: dict[str, Node] = {}
        self.functions: dict[str, Parts[Any]] = {}
        self.around = Surroundings(reactor=self.clock, dictionary=dictionary, folder=folder, threads=InlineThreads())
        with (
            mock.patch("nfs.mtc_iwf.sgd.secrets", SimpleNamespace(randbelow=lambda below: below % 1000)),
        ):
            self._function(HSS, HSS_TOML, HssConfig, build_hss)
            self._provision(subscribers, more)
            self._function(MME, f"{node(MME)}\n{peer(SMS_SC)}\n{SENDS}{ues}", MmeConfig, build_mme)
            self._function(SMS_SC, SMS_SC_TOML, SmsScConfig, build_sms_sc)
            self._gated(gateway)
            if IWF2 in self._texts:
                self._function(IWF2, "", IwfConfig, build_iwf)
        self.heard: list[Heard] = []
        self.sender.heard = self.heard.append
        self.scs = {host: self._scs(host) for host in (SCS, SCS2, SCS3)}
        for host, other in (
            (IWF, HSS),
            (IWF, SMS_SC),
            (SMS_SC, MME),
            *((host, front) for host in self.scs for front in self._fronts),
        ):
            self.wait(self.nodes[host].when_open(other))
        self.aaa = self._aaa()

    def _provision(self, subscribers: Sequence[Subscriber], more: Callable[[Any], object]) -> None:
        store = self.around.open_store("hss.db", migrations="nfs.hss:migrations", name="hss")

        def save(connection: Any) -> None:
            for subscriber in subscribers:
                tables.save(connection, subscriber)
            more(connection)

        self.wait(store.do(save))
        self.wait(store.close())

    def _function(self, host: str, text: str, model: Any, build: Any) -> None:
        self._build(host, parse(self._texts.get(host, text), model, source=f"{host}.toml", base=self.folder), build)

    def _gated(self, gateway: bool) -> None:
        """The MTC-IWF, and where it is so the gateway in front of it as a node of its own."""
        if not gateway:
            self._function(IWF, IWF_TOML, IwfConfig, build_iwf)
            return
        before, behind = two(self._texts.get(IWF, IWF_TOML), iwf=IWF, sgw=SGW, realm=REALM, at=ADDRESSES)
        self._build(IWF, validate(behind, IwfConfig, source="iwf.toml", base=self.folder), build_iwf)
        self._build(SGW, validate(before, SgwConfig, source="sgw.toml", base=self.folder), build_sgw)
        self.wait(self.nodes[SGW].when_open(IWF))

    def _build(self, host: str, config: Any, build: Any) -> None:
        parts: Parts[Any] = build(config, self.around)
        made = self._node(
            host, config.node_config, parts.applications, screens=parts.screens, audit=parts.audit, agent=parts.agent,
            routes=parts.routes,
        )  # fmt: skip
        if parts.started is not None:
            parts.started(made)
        self._stops.append(parts)
        self.functions[host] = parts

    def _scs(self, host: str) -> Scs:
        scs = Scs(
            number=ISDN[host],
            realm=REALM,
            mtc_iwf=self._front,
            clock=self.clock.seconds,
            ledger=Ledger(first_reference=7),
        )
        config = parse(
            "\n".join([node(host, listens=False), *(peer(each, dial=True) for each in self._fronts)]),
            FunctionConfig,
            source=host,
            base=self.folder,
        )
        self._node(host, config.node_config, [scs.tsp])
        return scs

    def _aaa(self) -> Aaa:
        aaa = Aaa()
        text = f"{node(AAA, listens=False)}\n{peer(HSS, dial=True)}"
        config = parse(text, FunctionConfig, source=AAA, base=self.folder)
        self.wait(self._node(AAA, config.node_config, [aaa]).when_open(HSS))
        return aaa

    def names(self, imsi: str) -> Message:
        """The answer of the HSS on S6n."""
        answer: Message = self.wait(self.aaa.names(imsi))
        return answer

    def _node(self, host: str, config: NodeConfig, applications: Sequence[Application], **more: Any) -> Node:
        made = Node(
            config, applications, self.dictionary, reactor=self.clock, links=self._links, tap=Book(self, host),
            seed=len(self.nodes) + 1, observe=lambda point, fields: None, **more,
        )  # fmt: skip
        self.nodes[host] = made
        self.wait(made.start())
        return made

    def _links(self, _reactor: Any, config: NodeConfig, owner: Any) -> MemoryLinks:
        return MemoryLinks(self.wire, config, owner)

    def note(self, time: float, own: str, other: str, dialled: bool, octets: bytes) -> None:
        """A message that `own` sends to `other`; the one who dialled has the high port."""
        hosts = sorted((own, other))
        high = 40_000 + list(ADDRESSES).index(hosts[0]) * 10 + list(ADDRESSES).index(hosts[1])
        transport = "tls" if TLS & set(hosts) else "sctp" if SCTP & set(hosts) else "tcp"
        low = 5868 if transport == "tls" else 3868
        ends = (ADDRESSES[own], high if dialled else low), (ADDRESSES[other], low if dialled else high)
        ppid = 46 if transport == "sctp" else -1
        comment = f"{transport}, peer {other}, sent" + (f", PPID {ppid}" if ppid >= 0 else "")
        now = round(time * 1e6) * 1000
        if self.said and now <= self.said[-1].time_ns:
            now = self.said[-1].time_ns + 1000
        self.said.append(Captured(now, *ends, octets, transport, True, 0, comment, 0 if ppid >= 0 else -1, ppid))

    def wait(self, awaitable: Any) -> Any:
        """The result of a Deferred, Later or coroutine, advancing the clock."""

        async def wrapped() -> Any:
            return await awaitable

        return run(wrapped(), self.clock)

    def pass_time(self, seconds: float) -> None:
        """Advance the clock from timer to timer."""
        until = self.clock.seconds() + seconds
        while calls := [call.getTime() for call in self.clock.getDelayedCalls() if call.getTime() <= until]:
            self.clock.advance(max(0.0, min(calls) - self.clock.seconds()))
        self.clock.advance(max(0.0, until - self.clock.seconds()))

    def trigger(self, device: str, *, host: str = SCS, settle_s: float = 2.0, **more: Any) -> Report:
        """A trigger from its request to the answer, and what happens within `settle_s` behind it."""
        asked: Mapping[str, Any] = {"payload": b"wake up", "external_identifier": device, "port": 16000, **more}
        report: Report = self.wait(self.scs[host].submit(TriggerRequest(**asked)))
        self.pass_time(settle_s)
        return report

    @property
    def centre(self) -> ServiceCentre:
        """What the SMS-SC has in memory."""
        return next(each._centre for each in self.functions[SMS_SC].applications if isinstance(each, T4))

    @property
    def sender(self) -> Sender:
        """What sends for the UEs."""
        sgd = next(each for each in self.functions[MME].applications if isinstance(each, Sgd))
        assert sgd.sender is not None
        return sgd.sender

    def send(self, to: str, *, imsi: str = "001010000000001", settle_s: float = 2.0, **more: Any) -> list[Heard]:
        """A short message of a UE, and what it hears of it within `settle_s`."""
        self.heard.clear()
        self.wait(self.sender.send(Order(**{"imsi": imsi, "to": to, "payload": b"21.5 C", "port": 16000, **more})))
        self.pass_time(settle_s)
        return list(self.heard)

    def close(self) -> None:
        """Stop everything."""
        for parts in self._stops:
            if parts.stopping is not None:
                stopping = parts.stopping()
                if stopping is not None:
                    self.wait(stopping)
        for stopped in [each.stop() for each in self.nodes.values()]:
            self.wait(stopped)
        for parts in self._stops:
            ended = parts.stopped() if parts.stopped is not None else None
            if ended is not None:
                self.wait(ended)
