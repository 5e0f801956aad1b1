"""A whole network in memory under attack: real SCS, MTC-IWF with its gateway, HSS, SMS-SC and MME with UEs.

The gateway is embedded in the MTC-IWF or a node of its own in front of it.  Somebody sits in the middle of every link
and sees, changes, drops and repeats messages at will (`Tapped`); everything that went over a link to the outside is
kept, and `Field.leaks` looks through it for what must never be there.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path
from typing import Any, Final

from diameter import Dictionary, Message, decode
from diameter.config import NodeConfig
from diameter.node import Node
from diameter.testing import MemoryLinks
from helpers.attack_wire import LINKS, TSP, Middle, Nobody, Tapped
from helpers.network import HSS, IWF, IWF_TOML, REALM, SCS1, SCS2, SMS_SC, Form, Network, node, peer
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
IMSIS: Final = tuple(f"00101{at}123456789" for at in range(1, 6))
"""Of the devices of the first customer (1 to 3) and of the second (4, 5)."""
NAMES: Final = ("meter-1", "meter-2", "meter-3", "theirs-1", "theirs-2")
SMS_SC_TOML: Final = f"""
{node(SMS_SC, "127.0.0.4")}
{peer(IWF)}
{peer(MME_HOST, dial="127.0.0.6")}
[sms_sc]
number = "{SC_NUMBER}"
scs = ["{NUMBER}", "{NUMBER2}"]
"""
MME_TOML: Final = f"""
{node(MME_HOST, "127.0.0.6")}
{peer(SMS_SC)}
[[ues]]
first_imsi = "{IMSIS[0]}"
[[ues]]
first_imsi = "{IMSIS[1]}"
[[ues]]
first_imsi = "{IMSIS[2]}"
"""
BEHIND: Final = frozenset({"limits", "association", "negative-cache", "hss-budget", "block-list"})
"""What the MTC-IWF alone refuses, whatever stands in front of it: for that it asks the HSS, or its own store."""


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
    """The network, its first SCS the real library; the second is what an attacker has in his hands (`scs2`).

    `nodes`: MME, HSS, SMS-SC, MTC-IWF, both SCSs, and the gateway where it is a node.
    """

    wire_class = Tapped
    wire: Tapped

    def __init__(
        self, folder: Path, dictionary: Dictionary, sgw: str = "", scs: str = "", form: Form = "embedded"
    ) -> None:
        text = IWF_TOML.replace('home_plmns = ["00101"]', f'home_plmns = ["00101"]\n{sgw}')
        text = text.replace('commands = ["trigger"]', f'commands = ["trigger"]\n{scs}')
        text = text.replace("commands = []", 'commands = ["trigger"]')
        super().__init__(folder, dictionary, tuple(subscribers()), text, form)
        self.wire.points = LINKS[form]
        sms_sc = self._parse(SMS_SC_TOML, SmsScConfig)
        self.sms_sc_parts: Parts[SmsScConfig] = build_sms_sc(sms_sc, self.around)
        mme = self._parse(MME_TOML, MmeConfig)
        self.mme = Mme.of(_populations(mme))
        self.nodes[1] = self._function(sms_sc, self.sms_sc_parts)
        parts: Parts[MmeConfig] = Parts(applications=(Sgd(self.mme),))
        self.nodes.insert(0, self._function(mme, parts))
        self.scs = Scs(
            number=NUMBER,
            realm=REALM,
            mtc_iwf=self.front,
            clock=self.clock.seconds,
            ledger=Ledger(first_reference=1000),
        )
        self.nodes[4] = self._node(f"{node(SCS1)}\n{peer(self.front, dial=self.front_address)}", self.scs.tsp)
        self._patterns = never_outside(form)

    def _links(self, reactor: Any, config: NodeConfig, owner: Any) -> MemoryLinks:
        self.wire.owners[id(owner)] = config.origin_host
        return super()._links(reactor, config, owner)

    def open(self) -> Field:
        """Start everything and wait until all are connected."""
        for each in (*self.nodes[:4], *self.nodes[6:], *self.nodes[4:6]):
            self.wait(each.start())
        for at, host in ((2, MME_HOST), (3, HSS), (3, SMS_SC), (4, self.front), (5, self.front)):
            self.wait(self.nodes[at].when_open(host))
        for each in self.nodes[6:]:
            self.wait(each.when_open(IWF))
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
        """The MTC-IWF."""
        return self.nodes[3]

    @property
    def points(self) -> list[str]:
        """The reference points of this form."""
        return list(self.wire.points.values())

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

    def stranger(self, name: str, *messages: Message, at: str = TSP) -> list[Message]:
        """What comes back to somebody who dials from nowhere who listens at a reference point, says CER as `name` (""
        for none), and then these.
        """
        middle, nobody = self.middle(at), Nobody()
        self.wire.owners[id(nobody)] = "nobody"
        before = len(middle.seen)
        near = self.wire.join(nobody, self.wire.address_of(at), 3868, "nobody", 1 << 20)
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
        return self.answers(before, at)

    def answers(self, since: int, point: str = TSP) -> list[Message]:
        """What the dialled end has sent after so many messages on a reference point."""
        return [
            decode(octets, self.dictionary) for to_dialled, octets in self.middle(point).seen[since:] if not to_dialled
        ]

    def leaks(self, octets: bytes) -> list[str]:
        """What of `never_outside` is in these octets."""
        lower = octets.lower()
        return [what for what, pattern in self._patterns.items() if pattern.lower() in lower]

    def leaked(self) -> list[str]:
        """What the gateway let out of `never_outside`; of names what it did not only repeat to who had said them."""
        said = self.leaks(b"".join(octets for to_iwf, octets in self.middle(TSP).seen if to_iwf))
        return [what for what in self.leaks(self.outside) if what.startswith("IMSI") or what not in said]

    def deliveries(self) -> list[tuple[str, bytes]]:
        """(IMSI, payload) of every trigger that reached an application on a device."""
        return [(each.imsi, each.payload) for each in self.mme.inbox.triggers]

    def refusals(self) -> list[dict[str, Any]]:
        """What was refused, each line by the process whose check it was, and as many as its counters have."""
        if self.form == "embedded":
            return self.refused_by("iwf")
        front, behind = self.refused_by("sgw"), self.refused_by("iwf")
        assert BEHIND.isdisjoint(line["check"] for line in front)
        assert {line["check"] for line in behind} <= BEHIND
        return sorted(front + behind, key=lambda line: str(line["time"]))

    def refused_by(self, process: str) -> list[dict[str, Any]]:
        """The audit of "iwf" or "sgw", none when it has refused nothing; as many lines as its counters have."""
        path = self.folder / f"{process}-audit.jsonl"
        lines = [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []
        parts = self.iwf_parts if process == "iwf" else self.parts[-1]
        log: AuditLog = parts.audit.__self__  # type: ignore[union-attr]  # a method of it
        assert Counter((line["check"], line["stage"]) for line in lines) == log.refusals
        return lines

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


def never_outside(form: Form) -> dict[str, bytes]:
    """What must not be in any octet that goes outside, by what it is."""
    found: dict[str, bytes] = {}
    for imsi in IMSIS:
        found[f"IMSI {imsi} as text"] = imsi.encode()
        found[f"IMSI {imsi} as TBCD"] = encode_tbcd(imsi)
        found[f"IMSI {imsi} as the digits of TBCD"] = encode_tbcd(imsi)[:7]
    for host in (HSS, SMS_SC, MME_HOST) + ((IWF,) if form == "separate" else ()):
        found[f"name {host}"] = host.encode()
    for number in (SC_NUMBER, MME_NUMBER):
        found[f"number {number}"] = encode_number(number)
        found[f"number {number} as text"] = number.encode()
    for address, point in LINKS[form].items():
        if point != TSP:
            found[f"address {address}"] = address.encode()
            found[f"address {address} in an AVP"] = b"\0\1" + IPv4Address(address).packed
    return found
