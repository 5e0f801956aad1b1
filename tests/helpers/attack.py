"""A whole network in memory under attack: real SCS, MTC-IWF with its gateway, HSS, SMS-SC and MME with UEs.

Somebody sits in the middle of every link and sees, changes, drops and repeats messages at will (`Tapped`); everything
that went over a link to the outside is kept, and `leaks` looks through it for what must never be there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message, decode
from diameter._node.core import Clock
from diameter._node.memory import MemoryLink, Wire
from diameter.config import NodeConfig
from diameter.node import Node
from diameter.testing import MemoryLinks
from diameter.transport.link import Address, Link, LinkOwner
from helpers.network import HSS, IWF, IWF_TOML, REALM, SCS1, SCS2, SMS_SC, Network, node, peer
from helpers.strangers import cer
from nfs.common.audit import AuditLog
from nfs.common.function import Parts
from nfs.common.identities import encode_number, encode_tbcd
from nfs.common.nodes import NodeKind, ServingNode
from nfs.hss.logic import ExternalId, Service, Subscriber
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Mme, Population
from nfs.mme.sgd import Sgd
from nfs.scs.api import Report, Scs, TriggerRequest
from nfs.scs.logic import Ledger
from nfs.sms_sc.__main__ import build as build_sms_sc
from nfs.sms_sc.config import SmsScConfig

MME_HOST: Final = f"mme1.{REALM}"
NUMBER, NUMBER2 = "15550001", "15550002"
SC_NUMBER, MME_NUMBER = "15557001234", "15559001234"
TSP, S6M, T4, SGD = "Tsp", "S6m", "T4", "SGd"
LINKS: Final = {"127.0.0.2": TSP, "127.0.0.3": S6M, "127.0.0.4": T4, "127.0.0.5": SGD}
"""The reference point of a link by the address that was dialled."""
IMSIS: Final = tuple(f"00101{at}123456789" for at in range(1, 6))
"""Of the devices of the first customer (1 to 3) and of the second (4, 5)."""
NAMES: Final = ("meter-1", "meter-2", "meter-3", "theirs-1", "theirs-2")
SMS_SC_TOML: Final = f"""
{node(SMS_SC, "127.0.0.4")}
{peer(IWF)}
{peer(MME_HOST, dial="127.0.0.5")}
[sms_sc]
number = "{SC_NUMBER}"
scs = ["{NUMBER}", "{NUMBER2}"]
"""
MME_TOML: Final = f"""
{node(MME_HOST, "127.0.0.5")}
{peer(SMS_SC)}
[[ues]]
first_imsi = "{IMSIS[0]}"
[[ues]]
first_imsi = "{IMSIS[1]}"
[[ues]]
first_imsi = "{IMSIS[2]}"
"""

Change = Callable[[bytes], Iterable[bytes]]


class Middle:
    """Somebody in the middle of a reference point.

    `change`: what goes on of each message; `seen`: (towards the end that was dialled, octets) of all that came by.
    """

    def __init__(self) -> None:
        self.change: Change = lambda octets: (octets,)
        self.seen: list[tuple[bool, bytes]] = []
        self.ends: dict[str, MemoryLink] = {}
        """By the Origin-Host of who dialled, its end of the link."""

    def inject(self, *octets: bytes, by: str) -> None:
        """Put octets on the wire as if the dialling end had sent them."""
        for one in octets:
            self.ends[by].write(one)

    def answered(self, *octets: bytes, to: str) -> None:
        """Put octets on the wire as if the dialled end had sent them."""
        for one in octets:
            self.ends[to].other.write(one)


class _Ear:
    """Stands where the owner of a link stood; hands on what somebody in the middle lets by."""

    def __init__(self, owner: LinkOwner, middle: Middle, at_dialled: bool) -> None:
        self._owner, self._middle, self._at_dialled = owner, middle, at_dialled

    def __getattr__(self, name: str) -> Any:
        return getattr(self._owner, name)

    def link_received(self, link: MemoryLink, data: bytes) -> None:
        """One message at a time, as far as they can be told apart."""
        for message in _cut(data):
            self._middle.seen.append((self._at_dialled, message))
            for octets in self._middle.change(message):
                if link._ending is None:
                    self._owner.link_received(link, octets)


def _cut(data: bytes) -> Iterator[bytes]:
    while data:
        size = int.from_bytes(data[1:4]) if len(data) >= 20 else len(data)
        size = size if 20 <= size <= len(data) else len(data)
        yield data[:size]
        data = data[size:]


class Tapped(Wire):
    """All links of the network, with somebody in the middle of each: `middles` by the reference point."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.middles = {point: Middle() for point in LINKS.values()}
        self.owners: dict[int, str] = {}
        """Origin-Host of the node behind each owner of links."""

    def join(self, dialler: LinkOwner, host: str, port: int, name: str, limit: int) -> MemoryLink | None:
        near = super().join(dialler, host, port, name, limit)
        if near is not None:
            middle = self.middles[LINKS[host]]
            middle.ends[self.owners[id(dialler)]] = near
            for end in (near, near.other):
                end._owner = _Ear(end._owner, middle, end is near.other)  # type: ignore[assignment]  # as good as one
        return near


class Nobody:
    """Owns a link and does nothing with it."""

    def link_up(self, link: Link) -> None: ...

    def link_received(self, link: Link, data: bytes) -> None: ...

    def link_lost(self, link: Link, reason: str) -> None: ...

    def link_congested(self, link: Link) -> None: ...

    def link_drained(self, link: Link) -> None: ...

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_note(self, link: Link, text: str) -> None: ...

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None: ...

    def link_worn(self, link: Link) -> None: ...

    def link_refused(self, transport: str, remote: Address, reason: str) -> None: ...


def subscribers() -> Iterator[Subscriber]:
    """Three devices of the first SCS, two of the second; all are served by the MME."""
    mme = ServingNode(kind=NodeKind.MME, number=MME_NUMBER, name=MME_HOST, realm=REALM)
    for at, (imsi, name) in enumerate(zip(IMSIS, NAMES, strict=True), 1):
        yield Subscriber(
            imsi=imsi,
            msisdn=f"1555010000{at}",
            external_ids=(ExternalId(identifier=f"{name}@customer.example"),),
            services=frozenset(Service),
            rights=frozenset({(NUMBER if at < 4 else NUMBER2, Service.DEVICE_TRIGGER)}),
            nodes=(mme,),
        )


class Field(Network):
    """The network, its first SCS the real library; the second is what an attacker has in his hands (`scs2`)."""

    wire_class = Tapped
    wire: Tapped

    def __init__(self, folder: Path, dictionary: Dictionary, sgw: str = "", scs: str = "") -> None:
        text = IWF_TOML.replace('home_plmns = ["00101"]', f'home_plmns = ["00101"]\n{sgw}')
        text = text.replace('commands = ["trigger"]', f'commands = ["trigger"]\n{scs}')
        text = text.replace("commands = []", 'commands = ["trigger"]')
        super().__init__(folder, dictionary, tuple(subscribers()), text)
        sms_sc = self._parse(SMS_SC_TOML, SmsScConfig)
        self.sms_sc_parts: Parts[SmsScConfig] = build_sms_sc(sms_sc, self.around)
        mme = self._parse(MME_TOML, MmeConfig)
        self.mme = Mme.of(_populations(mme))
        self.nodes[1] = self._function(sms_sc, self.sms_sc_parts)
        parts: Parts[MmeConfig] = Parts(applications=(Sgd(self.mme),))
        self.nodes.insert(0, self._function(mme, parts))
        self.scs = Scs(
            number=NUMBER, realm=REALM, mtc_iwf=IWF, clock=self.clock.seconds, ledger=Ledger(first_reference=1000)
        )
        self.nodes[4] = self._node(f"{node(SCS1)}\n{peer(IWF, dial='127.0.0.2')}", self.scs.tsp)

    def _links(self, reactor: Any, config: NodeConfig, owner: Any) -> MemoryLinks:
        self.wire.owners[id(owner)] = config.origin_host
        return super()._links(reactor, config, owner)

    def open(self) -> Field:
        """Start everything and wait until all are connected."""
        for each in self.nodes:
            self.wait(each.start())
        for at, host in ((2, MME_HOST), (3, HSS), (3, SMS_SC), (4, IWF), (5, IWF)):
            self.wait(self.nodes[at].when_open(host))
        assert self.sms_sc_parts.started is not None
        self.wait(self.sms_sc_parts.started(self.nodes[2]))  # it takes nothing before it has read what it keeps
        return self

    def close(self) -> None:
        """Stop everything."""
        super().close()
        assert self.sms_sc_parts.stopped is not None
        self.wait(self.sms_sc_parts.stopped())

    @property
    def iwf(self) -> Node:
        """The node under attack."""
        return self.nodes[3]

    def middle(self, point: str) -> Middle:
        """Who is in the middle of this reference point."""
        return self.wire.middles[point]

    def ask(self, name: str = "meter-1", payload: bytes = b"wake", **how: Any) -> Report:
        """A trigger of the first SCS to its end, or to where it stays."""
        request = TriggerRequest(payload=payload, external_identifier=f"{name}@customer.example", **how)
        report: Report = self.wait(self.scs.submit(request))
        self.pass_time(0.5)
        return self.scs.progress(report.reference)

    def pass_time(self, seconds: float) -> None:
        """Go from timer to timer for so long."""
        until = self.clock.seconds() + seconds
        while calls := [call for call in self.clock.getDelayedCalls() if call.getTime() <= until]:
            self.clock.advance(max(0.0, min(call.getTime() for call in calls) - self.clock.seconds()))
        self.clock.advance(max(0.0, until - self.clock.seconds()))

    def heard(self, point: str, command: str) -> list[Message]:
        """The messages of one command ("Device-Action-Request") that went over a reference point."""
        return [message for message in self.messages(point) if message.command == command]

    def messages(self, point: str) -> list[Message]:
        """All that went over a reference point."""
        return [decode(octets, self.dictionary) for _, octets in self.middle(point).seen]

    def say(self, *messages: Message | bytes, by: str = SCS2) -> list[Message]:
        """What an SCS with its own octets sends, past its node; what the gateway sent to anybody outside meanwhile."""
        middle = self.middle(TSP)
        before = len(middle.seen)
        middle.inject(*(one if isinstance(one, bytes) else one.octets for one in messages), by=by)
        self.pass_time(1.0)
        return self.answers(before)

    def stranger(self, name: str, *messages: Message) -> list[Message]:
        """What comes back to somebody who dials the gateway from nowhere, says CER as `name` ("" for none), and then
        these.
        """
        middle, nobody = self.middle(TSP), Nobody()
        self.wire.owners[id(nobody)] = "nobody"
        before = len(middle.seen)
        near = self.wire.join(nobody, "127.0.0.2", 3868, "nobody", 1 << 20)
        assert near is not None
        said = [cer(Origin_Host=name, Origin_Realm=name.partition(".")[2])] if name else []
        for message in (*said, *messages):
            if near._ending is None:
                near.write(message.octets)
            self.pass_time(0.1)
        self.pass_time(1.0)
        if near._ending is None:
            near.close()
            self.pass_time(0.1)
        return self.answers(before)

    def answers(self, since: int) -> list[Message]:
        """What the gateway has sent outside after so many messages on Tsp."""
        return [decode(octets, self.dictionary) for to_iwf, octets in self.middle(TSP).seen[since:] if not to_iwf]

    def leaked(self) -> list[str]:
        """What the gateway let out of `never_outside`; of names what it did not only repeat to who had said them."""
        said = leaks(b"".join(octets for to_iwf, octets in self.middle(TSP).seen if to_iwf))
        return [what for what in leaks(self.outside) if what.startswith("IMSI") or what not in said]

    def deliveries(self) -> list[tuple[str, bytes]]:
        """(IMSI, payload) of every trigger that reached an application on a device."""
        return [(each.imsi, each.payload) for each in self.mme.inbox.triggers]

    def refusals(self) -> list[dict[str, Any]]:
        """The audit of the gateway, none when nothing was refused; as many as its counters have."""
        path = self.folder / "iwf-audit.jsonl"
        found = self.audit() if path.exists() else []
        counted = Counter((line["check"], line["stage"]) for line in found)
        assert counted == self.log.refusals
        return found

    @property
    def log(self) -> AuditLog:
        """The audit log of the MTC-IWF."""
        log: AuditLog = self.iwf_parts.audit.__self__  # type: ignore[union-attr]  # a method of it
        return log

    def bugs(self) -> int:
        """Faults of our own that some node met."""
        return sum(each.stats.bugs for each in self.nodes)

    @property
    def outside(self) -> bytes:
        """Everything that the gateway sent over the links of the SCSs, as whoever listens outside has it."""
        return b"".join(octets for to_iwf, octets in self.middle(TSP).seen if not to_iwf)


def _populations(config: MmeConfig) -> Iterator[Population]:
    for ues in config.ues:
        yield Population(first_imsi=ues.first_imsi, count=ues.count, behaviour=ues.behaviour)


def never_outside() -> dict[str, bytes]:
    """What must not be in any octet that goes outside, by what it is."""
    found: dict[str, bytes] = {}
    for imsi in IMSIS:
        found[f"IMSI {imsi} as text"] = imsi.encode()
        found[f"IMSI {imsi} as TBCD"] = encode_tbcd(imsi)
        found[f"IMSI {imsi} as the digits of TBCD"] = encode_tbcd(imsi)[:7]
    for host in (HSS, SMS_SC, MME_HOST):
        found[f"name {host}"] = host.encode()
    for number in (SC_NUMBER, MME_NUMBER):
        found[f"number {number}"] = encode_number(number)
        found[f"number {number} as text"] = number.encode()
    for last in (3, 4, 5):
        found[f"address 127.0.0.{last}"] = f"127.0.0.{last}".encode()
        found[f"address 127.0.0.{last} in an AVP"] = b"\0\x01\x7f\0\0" + bytes([last])
    return found


def leaks(octets: bytes) -> list[str]:
    """What of `never_outside` is in these octets."""
    lower = octets.lower()
    return [what for what, pattern in never_outside().items() if pattern.lower() in lower]
