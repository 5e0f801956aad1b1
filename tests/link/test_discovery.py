# mypy: disable-error-code="no-untyped-call"
"""Discovery against a name server on loopback: what the resolver makes of its answers; nodes that find each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from twisted.internet.task import deferLater
from twisted.names import dns

from diameter.config import NodeConfig
from diameter.node import Node, as_deferred
from diameter.routing.discovery import HostAddress, LookupFailed, Naptr, Query, Srv
from diameter.trace import Point
from diameter.transport.resolver import DnsResolver
from helpers.certificates import Ca
from helpers.links import CLEAR, tls_table
from helpers.loop import drive, reactor, settle
from helpers.names import NameServer
from helpers.nodes import ACTION, TSP, Answering, Asking, Said, dictionary
from nfs.scs.api import Scs, TriggerRequest

pytestmark = pytest.mark.link
REALM, IWF, SCS = "operator.example", "iwf1.operator.example", "scs.customer.example"
NAPTR_NAME = f"_diameters._tcp.{REALM}"


def naptr(replacement: str = NAPTR_NAME, flags: bytes = b"s", service: str = "", ttl: int = 300) -> Any:
    return dns.Record_NAPTR(
        10, 20, flags, (service or f"aaa+ap{TSP}:diameter.tls.tcp").encode(), b"", replacement.encode(), ttl
    )


def with_names(scenario: Any) -> None:
    """Run a scenario with a name server of its own."""

    async def run() -> None:
        server = NameServer()
        try:
            await scenario(server)
        finally:
            await server.stop()
            settle()

    drive(run())


def test_records_of_each_kind() -> None:
    async def scenario(server: NameServer) -> None:
        server.zone.put(REALM, naptr(ttl=77))
        server.zone.put(NAPTR_NAME, dns.Record_SRV(1, 2, 5868, IWF.encode(), 88))
        server.zone.put(IWF, dns.Record_A("192.0.2.1", 99))
        server.zone.put(IWF, dns.Record_AAAA("2001:db8::1", 11))
        resolver = DnsResolver(reactor, [server.address])
        assert await resolver.lookup(Query("NAPTR", REALM)) == (
            Naptr(
                order=10,
                preference=20,
                flags="s",
                service=f"aaa+ap{TSP}:diameter.tls.tcp",
                replacement=NAPTR_NAME,
                ttl_s=77,
            ),
        )
        assert await resolver.lookup(Query("SRV", NAPTR_NAME)) == (
            Srv(priority=1, weight=2, port=5868, target=IWF, ttl_s=88),
        )
        assert await resolver.lookup(Query("A", IWF)) == (HostAddress(address="192.0.2.1", ttl_s=99),)
        assert await resolver.lookup(Query("AAAA", IWF)) == (HostAddress(address="2001:db8::1", ttl_s=11),)

    with_names(scenario)


def test_no_such_name_and_no_such_record_are_empty_answers() -> None:
    async def scenario(server: NameServer) -> None:
        server.zone.put(IWF, dns.Record_A("192.0.2.1", 99))
        resolver = DnsResolver(reactor, [server.address])
        assert await resolver.lookup(Query("A", "nobody.example")) == ()
        assert await resolver.lookup(Query("AAAA", IWF)) == ()

    with_names(scenario)


def test_a_server_that_fails_or_says_nothing() -> None:
    async def scenario(server: NameServer) -> None:
        server.zone.refused.add(REALM)
        server.zone.silent.add(IWF)
        resolver = DnsResolver(reactor, [server.address], timeout_s=1)
        with pytest.raises(LookupFailed, match="DNSQueryRefusedError"):
            await resolver.lookup(Query("NAPTR", REALM))
        with pytest.raises(LookupFailed, match="no answer of a name server"):
            await resolver.lookup(Query("A", IWF))
        assert server.zone.asked.count((IWF, dns.A)) == 3

    with_names(scenario)


def test_an_answer_too_long_for_a_datagram_comes_by_tcp() -> None:
    async def scenario(server: NameServer) -> None:
        server.zone.put(NAPTR_NAME, *(dns.Record_SRV(1, 1, at, f"h{at}.{REALM}".encode(), 9) for at in range(100)))
        found = await DnsResolver(reactor, [server.address]).lookup(Query("SRV", NAPTR_NAME))
        assert len(found) == 100

    with_names(scenario)


class Pairing:
    """An MTC-IWF that listens on TLS, and an SCS that knows its realm only."""

    def __init__(self, folder: Path, server: NameServer, names: list[str], **row: Any) -> None:
        ca = Ca()
        iwf = tls_table(folder, "iwf", ca.issue(IWF, names=[x509.DNSName(each) for each in names]))
        scs = tls_table(folder, "scs", ca.issue(SCS))
        self.said = Said()
        self.client, self.zone = Asking(), server.zone
        listen = [{"host": "127.0.0.1", "port": 0, "transport": "tls"}]
        peers = [{"host": SCS, "realm": "customer.example"}]
        self.iwf = self.node({"origin_host": IWF, "origin_realm": REALM, "tls": iwf, "listen": listen, "peer": peers},
                             Answering(), Said())  # fmt: skip
        rows = [{"realm": REALM, "discover": True, **row}]
        dns_table = {"dns": [server.address], "dns_timeout_s": 0.5, "tc_s": 1.0}
        self.scs = self.node({"origin_host": SCS, "origin_realm": "customer.example", "tls": scs, "peer": rows,
                              **dns_table}, self.client, self.said)  # fmt: skip

    def node(self, table: dict[str, Any], application: Any, said: Said) -> Node:
        config = NodeConfig.model_validate({"drain_s": 2.0, **table})
        return Node(config, [application], dictionary(), reactor=reactor, observe=said.observe)

    async def start(self, ttl: int = 300) -> None:
        await self.iwf.start()
        port = self.iwf.listening[0][1].port
        self.zone.put(REALM, naptr())
        self.zone.put(NAPTR_NAME, dns.Record_SRV(0, 0, port, IWF.encode(), ttl))
        self.zone.put(IWF, dns.Record_A("127.0.0.1", 300))
        await self.scs.start()

    async def stop(self) -> None:
        await self.scs.stop()
        await self.iwf.stop()


def pairing(folder: Path, names: list[str], check: Any, ttl: int = 300) -> None:
    """Run `check` with both nodes up."""

    async def scenario(server: NameServer) -> None:
        both = Pairing(folder, server, names)
        await both.start(ttl)
        try:
            await check(both)
        finally:
            await both.stop()

    with_names(scenario)


def test_an_scs_finds_its_mtc_iwf_by_naptr_and_srv(tmp_path: Path) -> None:
    async def check(both: Pairing) -> None:
        neighbour = await both.scs.when_open(IWF)
        assert (neighbour.host, neighbour.transport) == (IWF, "tls")
        answer = await as_deferred(both.client.request("Device-Action", ACTION, realm=REALM))
        assert answer.result == (0, 2001)
        assert [name for name, _ in both.zone.asked] == [REALM, NAPTR_NAME, IWF, IWF]

    pairing(tmp_path, [IWF, REALM], check)


@pytest.mark.parametrize("names", [[IWF], ["other.operator.example", REALM]])
def test_a_certificate_must_carry_the_query_domain_and_the_target(tmp_path: Path, names: list[str]) -> None:
    async def check(both: Pairing) -> None:
        while not (refused := both.said.of(Point.PEER_REFUSED)):
            await deferLater(reactor, 0.02)
        assert "the certificate does not carry" in refused[0]["reason"]
        assert both.iwf.stats.peers_opened == 0

    pairing(tmp_path, names, check)


def test_a_peer_is_forgotten_when_its_record_has_gone(tmp_path: Path) -> None:
    async def check(both: Pairing) -> None:
        await both.scs.when_open(IWF)
        del both.zone.records[NAPTR_NAME, dns.SRV]
        while both.scs.peers:
            await deferLater(reactor, 0.05)
        failed = both.said.of(Point.DISCOVERY_FAILED)
        assert failed[0]["realm"] == REALM

    pairing(tmp_path, [IWF, REALM], check, ttl=1)


def test_a_name_server_that_is_away_is_asked_again(tmp_path: Path) -> None:
    async def scenario(server: NameServer) -> None:
        both = Pairing(tmp_path, server, [IWF, REALM])
        server.zone.silent.update((REALM, NAPTR_NAME))
        await both.start()
        try:
            while not both.said.of(Point.DISCOVERY_FAILED):
                await deferLater(reactor, 0.05)
            assert both.said.of(Point.DISCOVERY_FAILED)[0]["reason"] == "no answer of a name server"
            server.zone.silent.clear()
            await both.scs.when_open(IWF)
        finally:
            await both.stop()

    with_names(scenario)


def test_clear_links_are_found_by_their_own_records(tmp_path: Path) -> None:
    async def scenario(server: NameServer) -> None:
        listen = [{"host": "127.0.0.1", "port": 0, "transport": "tcp", **CLEAR}]
        peer = {"host": SCS, "realm": "customer.example", "transport": "tcp", **CLEAR}
        iwf = _clear({"origin_host": IWF, "origin_realm": REALM, "listen": listen, "peer": [peer]}, Answering())
        await iwf.start()
        server.zone.put(f"_diameter._tcp.{REALM}", dns.Record_SRV(0, 0, iwf.listening[0][1].port, IWF.encode(), 9))
        server.zone.put(IWF, dns.Record_A("127.0.0.1", 9))
        row = {"realm": REALM, "discover": True, "transport": "tcp", **CLEAR}
        scs = _clear({"origin_host": SCS, "origin_realm": "customer.example", "peer": [row], "dns": [server.address]},
                     Asking())  # fmt: skip
        await scs.start()
        try:
            assert (await scs.when_open(IWF)).transport == "tcp"
        finally:
            await scs.stop()
            await iwf.stop()

    with_names(scenario)


def _clear(table: dict[str, Any], application: Any) -> Node:
    config = NodeConfig.model_validate({"drain_s": 2.0, **table})
    return Node(config, [application], dictionary(), reactor=reactor, observe=Said().observe)


def test_a_trigger_finds_its_mtc_iwf_by_the_domain_of_the_external_identifier(tmp_path: Path) -> None:
    async def scenario(server: NameServer) -> None:
        both = Pairing(tmp_path, server, [IWF, REALM])
        scs = Scs(number="15550000100", realm=None, clock=reactor.seconds)
        table = both.scs.config
        both.scs = Node(table, [scs.tsp], dictionary(), reactor=reactor, observe=both.said.observe)
        await both.start()
        try:
            await both.scs.when_open(IWF)
            request = TriggerRequest(payload=b"wake", external_identifier=f"meter-7@{REALM}")
            elsewhere = TriggerRequest(payload=b"wake", external_identifier="meter-7@nowhere.example")
            sent = await both.scs.run(scs.submit(request))
            lost = await both.scs.run(scs.submit(elsewhere))
            assert sent.result == (0, 2001)
            assert "no way to nowhere.example" in lost.error
        finally:
            await both.stop()

    with_names(scenario)
