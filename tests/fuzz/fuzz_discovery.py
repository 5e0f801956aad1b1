# mypy: disable-error-code="no-untyped-call"
"""Discovery, RFC 6733 section 5.2: whatever a name server answers, in octets, a node goes on looking into its realm,
asks and dials no more than it should, says little about it, and stops cleanly.
"""

from __future__ import annotations

import struct
from collections import Counter
from typing import Any, cast

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from twisted.internet.defer import fail, succeed
    from twisted.internet.task import Clock
    from twisted.names import dns
    from twisted.names.error import DNSNameError, DNSServerError

    from diameter._node.memory import Wire
    from diameter.config import NodeConfig
    from diameter.node import Node
    from diameter.routing.discovery import NOTES, QUERIES
    from diameter.testing import MemoryLinks
    from diameter.trace import Point
    from diameter.transport.resolver import DnsResolver
    from helpers.links import CLEAR
    from helpers.nodes import Asking, Said, dictionary

REALM, SCS = "operator.example", "scs.customer.example"
HOSTS = ("iwf1.operator.example", "iwf2.operator.example", "dra.hub.example", SCS)
NAMES = (*HOSTS, REALM, "_diameter._tcp.operator.example", "", "*", "192.0.2.1")
SERVICES = (b"aaa+ap16777309:diameter.tcp", b"aaa:diameter.tcp:diameter.tls.tcp", b"AAA+AP4294967295:diameter.tcp", b"")
KINDS = (dns.NAPTR, dns.SRV, dns.A, dns.AAAA, dns.CNAME)
TTLS = (60, 0, 1, 0xFFFFFFFF)
MOST_NOTES = NOTES + 64 + 2
"""Lines of the log for one look into a realm: notes of the search, and what cannot be a peer."""


class NameServer:
    """Stands where Twisted's client of DNS stands, and answers by choice."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.asked = 0

    def query(self, question: Any) -> Any:
        """The answer sections of a message that went over the wire as octets, or a failure."""
        self.asked += 1
        asked = dns.Message(id=1)
        asked.queries = [question]
        asked.toStr()  # what cannot be written cannot be asked
        choices = self.choices
        how = choices.below(8)
        if how == 0 or not choices.left:
            return fail(DNSNameError())
        if how == 1:
            return fail(DNSServerError())
        if how == 2:
            octets = bytes(choices.octet() for _ in range(choices.octet()))
        else:
            octets = b"".join(self.record(question) for _ in range(choices.below(4) + 1 + 60 * (how == 7)))
        count = octets.count(b"\xc0\x0c") if how == 2 else 256
        answer = dns.Message()
        try:
            answer.fromStr(struct.pack(">HHHHHH", 1, 0x8180, 0, count, 0, 0) + octets)
        except (ValueError, dns.DNSDecodeError) as error:
            return fail(error)
        return succeed((answer.answers, answer.authority, answer.additional))

    def record(self, question: Any) -> bytes:
        """One resource record, mostly of the kind asked for."""
        choices = self.choices
        kind = question.type if choices.below(8) else KINDS[choices.below(len(KINDS))]
        if kind == dns.NAPTR:
            flags = (b"s", b"a", b"", b"u")[choices.below(4)]
            texts = (flags, SERVICES[choices.below(len(SERVICES))], b"" if choices.below(8) else b"!.*!x!")
            data = bytes([0, choices.octet(), 0, 1]) + b"".join(bytes([len(text)]) + text for text in texts)
            data += self.name()
        elif kind == dns.SRV:
            data = bytes([0, choices.below(3), 0, choices.below(3)])
            data += (b"\x0f\x1c", b"\0\0", b"\xff\xff")[choices.below(3)] + self.name()
        elif kind == dns.A:
            data = bytes([127, 0, 0, choices.below(4)])
        elif kind == dns.AAAA:
            data = bytes(15) + bytes([choices.below(4)])
        else:
            data = self.name()
        ttl = TTLS[choices.below(len(TTLS))]
        return b"\0" + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data

    def name(self) -> bytes:
        """A domain name as octets, now and then one that nobody could have registered."""
        choices = self.choices
        at = choices.below(16)
        if at < len(NAMES):
            labels = [label.encode() for label in NAMES[at].split(".") if label]
        elif at < 12:
            labels = [b"x" * (1 + choices.below(190)) for _ in range(choices.below(8))]
        else:
            labels = [bytes(choices.octet() for _ in range(1 + choices.below(6))) for _ in range(choices.below(4))]
            labels += [b"x" * 190] * (2 * (at == 15))
        return b"".join(bytes([len(label)]) + label for label in labels if len(label) < 192) + b"\0"


class Links(MemoryLinks):
    """Links in memory, with names from `DnsResolver` itself."""

    resolver: Any = None

    def lookup(self, query: Any) -> Any:
        return self.resolver.lookup(query)


def oracle(data: bytes) -> None:
    """Octet 0: how many looks; the rest: what the name server answers."""
    choices = Choices(data)
    looks = 1 + choices.below(3)
    clock = Clock()
    clock.rightNow = 1_700_000_000.0
    wire, said, server = Wire(clock), Said(), NameServer(choices)
    resolver = DnsResolver(clock, ["127.0.0.1"])
    resolver._client = server

    def links(_reactor: Any, table: Any, owner: Any) -> Links:
        made = Links(wire, table, owner)
        made.resolver = resolver
        return made

    row = {"realm": REALM, "discover": True, **CLEAR, "transport": "tcp"}
    config = NodeConfig.model_validate({"origin_host": SCS, "origin_realm": "customer.example", "peer": [row]})
    node = Node(config, [Asking()], dictionary(), reactor=clock, links=links, observe=said.observe, seed=1)
    _ = node.start()
    for _ in range(looks):
        server.asked = 0
        del said.points[:]
        clock.advance(1)
        for _ in range(60):
            clock.advance(1)
        met = Counter(said.names())
        ended = met[Point.DISCOVERED.name] + met[Point.DISCOVERY_FAILED.name]
        assert server.asked <= QUERIES * max(1, ended)
        assert met[Point.DISCOVERY_NOTE.name] <= MOST_NOTES * max(1, ended)
        assert all(len(str(fields)) < 2500 for _, fields in said.points)
        assert node.stats.bugs == 0
        assert len(node.peers) <= config.peer[0].discover_limit
        assert any(cast(Any, call).func.__name__ == "_look" for call in clock.getDelayedCalls()), "it looks again"
    _ = node.stop()
    for _ in range(40):
        clock.advance(1)
    assert clock.getDelayedCalls() == []


if __name__ == "__main__":
    drive(oracle, "-max_len=512")
