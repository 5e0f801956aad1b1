# mypy: disable-error-code="no-untyped-call"
"""An SCS finds its MTC-IWF by the domain of the External Identifier (TS 23.682 5.2.1 step 1), inside and outside."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from twisted.internet.task import deferLater
from twisted.names import dns

from diameter.config import NodeConfig
from diameter.node import Node
from diameter.trace import Point
from helpers.certificates import Ca
from helpers.links import CLEAR, tls_table
from helpers.loop import drive, reactor, settle
from helpers.names import NameServer
from helpers.nodes import TSP, Answering, Said, dictionary
from nfs.scs.api import Report, Scs, TriggerRequest

pytestmark = pytest.mark.link
REALM, IWF = "operator.example", "iwf1.operator.example"
INSIDE, OUTSIDE = "scs.operator.example", "scs.customer.example"
METER = TriggerRequest(payload=b"wake", external_identifier=f"meter-7@{REALM}")


class Search:
    """An MTC-IWF with a link in clear for the inside and TLS for the outside, and an SCS that knows no host."""

    def __init__(self, folder: Path, server: NameServer, scs: str) -> None:
        self.server = server
        self.said = Said()
        ca = Ca()
        tls = tls_table(folder, "iwf", ca.issue(IWF, names=[x509.DNSName(each) for each in (IWF, REALM)]))
        listen = [
            {"host": "127.0.0.1", "port": 0, "transport": "tls"},
            {"host": "127.0.0.1", "port": 0, "transport": "tcp", **CLEAR},
        ]
        peers = [
            {"host": OUTSIDE, "realm": "customer.example"},
            {"host": INSIDE, "realm": REALM, "placement": "inside", "transport": "tcp", **CLEAR},
        ]
        table = {"origin_host": IWF, "origin_realm": REALM, "tls": tls, "listen": listen, "peer": peers}
        self.iwf = Node(self._config(table), [Answering()], dictionary(), reactor=reactor, observe=Said().observe)
        self.scs = Scs(number="15550000100", realm=None, clock=reactor.seconds)
        row: dict[str, Any] = {"realm": REALM, "discover": True}
        mine: dict[str, Any] = {"origin_host": scs, "origin_realm": scs.partition(".")[2], "peer": [row]}
        if scs == INSIDE:
            row |= {"placement": "inside", "transport": "tcp", **CLEAR}
        else:
            mine["tls"] = tls_table(folder, "scs", ca.issue(scs))
        mine |= {"dns": [server.address], "dns_timeout_s": 0.5, "tc_s": 1.0}
        self.node = Node(self._config(mine), [self.scs.tsp], dictionary(), reactor=reactor, observe=self.said.observe)

    @staticmethod
    def _config(table: dict[str, Any]) -> NodeConfig:
        return NodeConfig.model_validate({"drain_s": 2.0, **table})

    async def start(self) -> None:
        """Both nodes, without a record of any kind."""
        await self.iwf.start()
        await self.node.start()

    def publish(self) -> None:
        """What the operator has in its zone: TLS for everybody, and the link in clear."""
        ports = {transport: address.port for transport, address in self.iwf.listening}
        zone = self.server.zone
        zone.put(
            REALM,
            dns.Record_NAPTR(
                10, 20, b"s", f"aaa+ap{TSP}:diameter.tls.tcp".encode(), b"", f"_diameters._tcp.{REALM}".encode(), 300
            ),
            dns.Record_NAPTR(
                20, 20, b"s", f"aaa+ap{TSP}:diameter.tcp".encode(), b"", f"_diameter._tcp.{REALM}".encode(), 300
            ),
        )
        zone.put(f"_diameters._tcp.{REALM}", dns.Record_SRV(0, 0, ports["tls"], IWF.encode(), 300))
        zone.put(f"_diameter._tcp.{REALM}", dns.Record_SRV(0, 0, ports["tcp"], IWF.encode(), 300))
        zone.put(IWF, dns.Record_A("127.0.0.1", 300))

    async def ask(self, request: TriggerRequest = METER) -> Report:
        report: Report = await self.node.run(self.scs.submit(request))
        return report

    async def failed(self) -> str:
        """The reason of the first search that came to nothing."""
        while not (found := self.said.of(Point.DISCOVERY_FAILED)):
            await deferLater(reactor, 0.05)
        assert found[0]["realm"] == REALM
        return str(found[0]["reason"])

    async def stop(self) -> None:
        await self.node.stop()
        await self.iwf.stop()


def searching(folder: Path, scs: str, scenario: Any) -> None:
    """Run `scenario` with both nodes up and a name server that knows nothing yet."""

    async def run() -> None:
        server = NameServer()
        search = Search(folder, server, scs)
        try:
            await scenario(search)
        finally:
            await search.stop()
            await server.stop()
            settle()

    drive(run())


@pytest.mark.parametrize(("scs", "transport"), [(INSIDE, "tcp"), (OUTSIDE, "tls")])
def test_the_domain_of_the_external_identifier_leads_to_the_mtc_iwf(tmp_path: Path, scs: str, transport: str) -> None:
    async def scenario(search: Search) -> None:
        await search.iwf.start()
        search.publish()
        await search.node.start()
        assert (await search.node.when_open(IWF, timeout_s=180)).transport == transport
        assert (await search.ask()).result == (0, 2001)
        elsewhere = await search.ask(TriggerRequest(payload=b"wake", external_identifier="meter-7@nowhere.example"))
        assert "no way to nowhere.example" in elsewhere.error

    searching(tmp_path, scs, scenario)


@pytest.mark.parametrize("scs", [INSIDE, OUTSIDE])
def test_a_domain_without_an_mtc_iwf_is_named(tmp_path: Path, scs: str) -> None:
    """The name server answers, and has nothing."""

    async def scenario(search: Search) -> None:
        await search.start()
        assert await search.failed()
        report = await search.ask()
        assert report.stage.value == "failed"
        assert REALM in report.error

    searching(tmp_path, scs, scenario)


@pytest.mark.parametrize("scs", [INSIDE, OUTSIDE])
def test_a_name_server_that_does_not_answer_is_named_until_it_does(tmp_path: Path, scs: str) -> None:
    async def scenario(search: Search) -> None:
        names = (REALM, f"_diameters._tcp.{REALM}", f"_diameter._tcp.{REALM}", IWF)
        search.server.zone.silent.update(names)
        await search.start()
        assert await search.failed() == "no answer of a name server"
        assert REALM in (await search.ask()).error
        search.publish()
        search.server.zone.silent.clear()
        await search.node.when_open(IWF, timeout_s=180)
        assert (await search.ask()).result == (0, 2001)

    searching(tmp_path, scs, scenario)


def test_an_msisdn_has_no_domain(tmp_path: Path) -> None:
    scs = Scs(number="15550000100", realm=None, clock=lambda: 0.0)
    with pytest.raises(ValueError, match="nothing says whose the device is: configure the realm"):
        scs.submit(TriggerRequest(payload=b"wake", msisdn="15560000001")).send(None)
