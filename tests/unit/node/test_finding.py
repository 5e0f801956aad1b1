"""Peers found by DNS, in memory: connected, refreshed, forgotten; what is configured comes first."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from diameter._node.memory import Wire
from diameter.config import NodeConfig
from diameter.errors import Undeliverable
from diameter.node import Node
from diameter.routing.discovery import HostAddress, LookupFailed, Record, Srv
from diameter.routing.entries import ANY, Source
from diameter.testing import MemoryLinks, run
from diameter.trace import Point
from helpers.links import CLEAR
from helpers.nodes import ACTION, TSP, Answering, Asking, Said, dictionary

REALM, SCS = "operator.example", "scs.customer.example"
HOSTS = ("iwf1.operator.example", "iwf2.operator.example", "iwf3.operator.example")
SRV = ("SRV", f"_diameter._tcp.{REALM}")
TTL_S = 60


def config(host: str, **more: Any) -> NodeConfig:
    return NodeConfig.model_validate({"origin_host": host, "origin_realm": host.partition(".")[2], **more})


class Field:
    """Three MTC-IWFs that listen, and an SCS that knows their realm only."""

    def __init__(self, **row: Any) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        self.servers: dict[str, tuple[Node, Answering]] = {}
        for number, host in enumerate(HOSTS):
            self.wire.names["A", host] = (HostAddress(address=f"192.0.2.{number}", ttl_s=3600),)
            listen = [{"host": f"192.0.2.{number}", **CLEAR, "transport": "tcp"}]
            peer = {"host": SCS, "realm": "customer.example", "transport": "tcp", **CLEAR}
            application = Answering()
            node = self.node(config(host, listen=listen, peer=[peer]), application, Said())
            self.servers[host] = (node, application)
        self.point(*HOSTS[:2])
        self.client, self.said = Asking(), Said()
        rows = [{"realm": REALM, "discover": True, "transport": "tcp", **CLEAR, **row}]
        self.scs = self.node(config(SCS, peer=rows), self.client, self.said)

    def node(self, made: NodeConfig, application: Any, said: Said) -> Node:
        return Node(
            made, [application], dictionary(), reactor=self.clock, observe=said.observe,
            links=lambda _reactor, each, owner: MemoryLinks(self.wire, each, owner),
        )  # fmt: skip

    def point(self, *hosts: str, ttl_s: int = TTL_S) -> None:
        """Let the SRV record of the realm name these hosts."""
        records: tuple[Record, ...] = tuple(
            Srv(priority=at, weight=0, port=3868, target=host, ttl_s=ttl_s) for at, host in enumerate(hosts)
        )
        self.wire.names[SRV] = records

    def start(self) -> Field:
        for node in (*(node for node, _ in self.servers.values()), self.scs):
            _ = node.start()
        self.pass_time(1)
        return self

    def pass_time(self, seconds: float) -> None:
        for _ in range(max(1, int(seconds * 4))):
            self.clock.advance(seconds / max(1, int(seconds * 4)))

    def peers(self) -> dict[str, str]:
        return {entry.host: entry.state for entry in self.scs.peers}

    def close(self) -> None:
        for node in (self.scs, *(node for node, _ in self.servers.values())):
            _ = node.stop()
        self.pass_time(30)
        assert self.clock.getDelayedCalls() == []


@pytest.fixture
def field() -> Iterator[Field]:
    made = Field()
    yield made
    made.close()


def test_a_realm_is_looked_into_and_its_peers_are_connected(field: Field) -> None:
    field.start()
    assert field.peers() == dict.fromkeys(HOSTS[:2], "I-Open")
    (found,) = field.said.of(Point.DISCOVERED)
    assert (found["realm"], found["count"]) == (REALM, 2)


def test_requests_for_the_realm_go_to_what_was_found(field: Field) -> None:
    field.start()
    answer = run(_wait(field.client.request("Device-Action", ACTION, realm=REALM)), field.clock)
    assert answer.number("Result-Code") == 2001
    assert [len(application.seen) for _, application in field.servers.values()] == [1, 0, 0]


def test_what_was_found_is_a_route_that_holds_for_its_ttl(field: Field) -> None:
    field.start()
    table, now = field.scs._core.table, field.clock.seconds()
    (route,) = table.routes
    assert (route.realm, route.application, route.hosts, route.source) == (REALM, ANY, HOSTS[:2], Source.DISCOVERED)
    assert route.expires is not None
    assert TTL_S - 2 < route.expires - now <= TTL_S
    field.pass_time(TTL_S * 2)  # asked again before that, each time
    (route,) = table.routes
    assert route.expires is not None
    assert route.expires > field.clock.seconds()
    field.point()
    field.pass_time(TTL_S)
    assert table.routes == ()
    with pytest.raises(Undeliverable, match="no peer, route or default route leads there"):
        run(_wait(field.client.request("Device-Action", ACTION, realm=REALM)), field.clock)


def test_without_its_route_nothing_goes_to_a_peer_that_was_found(field: Field) -> None:
    field.start()
    field.scs._core.table.learn(REALM, [])
    with pytest.raises(Undeliverable):
        run(_wait(field.client.request("Device-Action", ACTION, realm=REALM)), field.clock)
    answer = run(_wait(field.client.request("Device-Action", ACTION, to=HOSTS[1])), field.clock)
    assert answer["Origin-Host"] == HOSTS[1]


def test_a_row_for_some_applications_makes_a_route_for_each() -> None:
    field = Field(applications=["Tsp"])
    field.start()
    assert [(route.application, route.hosts) for route in field.scs._core.table.routes] == [(TSP, HOSTS[:2])]
    answer = run(_wait(field.client.request("Device-Action", ACTION, realm=None)), field.clock)
    assert answer["Origin-Host"] == HOSTS[0]  # any realm
    field.close()


async def _wait(later: Any) -> Any:
    return await later


def test_before_the_ttl_is_over_nobody_asks_and_then_what_is_gone_is_forgotten(field: Field) -> None:
    field.start()
    field.point(HOSTS[1], HOSTS[2])
    field.pass_time(TTL_S - 5)
    assert set(field.peers()) == set(HOSTS[:2])
    field.pass_time(10)
    assert field.peers() == dict.fromkeys(HOSTS[1:], "I-Open")
    assert len(field.said.of(Point.DISCOVERED)) == 2


def test_a_peer_that_is_found_again_keeps_its_connection(field: Field) -> None:
    field.start()
    links = {entry.host: entry.link for entry in field.scs.peers}
    field.pass_time(TTL_S * 3)
    assert {entry.host: entry.link for entry in field.scs.peers} == links
    assert len(field.said.of(Point.DISCOVERED)) >= 3


def test_a_peer_whose_link_breaks_is_dialled_again(field: Field) -> None:
    field.start()
    next(link for link in field.wire.links if link.dialled == HOSTS[0]).abort("cut")
    field.pass_time(1)
    assert field.peers()[HOSTS[0]] != "I-Open"
    field.pass_time(40)
    assert field.peers()[HOSTS[0]].startswith("I-Open")


def test_when_name_servers_fail_what_is_open_stays_and_the_rest_goes(field: Field) -> None:
    field.point(HOSTS[0], HOSTS[2])
    del field.wire.names["A", HOSTS[1]]
    field.start()
    field.wire.names[SRV] = LookupFailed("no answer of a name server")
    stopped = field.servers[HOSTS[2]][0].stop()
    field.pass_time(TTL_S + 5)
    assert stopped.called
    assert set(field.peers()) == {HOSTS[0]}
    (failed,) = field.said.of(Point.DISCOVERY_FAILED)
    assert failed["reason"] == "no answer of a name server"
    field.point(HOSTS[1])
    field.wire.names["A", HOSTS[1]] = (HostAddress(address="192.0.2.1", ttl_s=5),)
    field.pass_time(40)
    assert field.peers() == {HOSTS[1]: "I-Open"}


def test_a_realm_without_peers_is_looked_into_again(field: Field) -> None:
    field.point()
    field.start()
    assert field.peers() == {}
    assert field.said.of(Point.DISCOVERY_FAILED)[0]["reason"] == "no records"
    with pytest.raises(Undeliverable):
        run(_wait(field.client.request("Device-Action", ACTION, realm=REALM)), field.clock)
    field.point(HOSTS[0])
    field.pass_time(31)
    assert field.peers() == {HOSTS[0]: "I-Open"}


def test_no_more_peers_than_the_limit() -> None:
    field = Field(discover_limit=1)
    field.start()
    assert list(field.peers()) == [HOSTS[0]]
    field.close()


@pytest.mark.parametrize(
    ("target", "noted"), [(SCS, "is this node"), ("no identity.operator.example", "is no domain name")]
)
def test_what_cannot_be_a_peer_is_noted(target: str, noted: str) -> None:
    field = Field()
    field.point(target)
    realm = SCS.partition(".")[2]
    field.wire.names["SRV", f"_diameter._tcp.{realm}"] = field.wire.names[SRV]
    field.wire.names["A", target] = (HostAddress(address="192.0.2.9", ttl_s=60),)
    rows = [{"realm": realm if target == SCS else REALM, "discover": True, "transport": "tcp", **CLEAR}]
    field.scs = field.node(config(SCS, peer=rows), Asking(), field.said)
    field.start()
    assert field.peers() == {}
    assert noted in " ".join(note["reason"] for note in field.said.of(Point.DISCOVERY_NOTE))
    field.close()


def test_a_configured_peer_is_not_taken_over() -> None:
    field = Field()
    rows = [
        {"host": HOSTS[0], "realm": REALM, "transport": "tcp", **CLEAR},
        {"realm": REALM, "discover": True, "transport": "tcp", **CLEAR},
    ]
    field.scs = field.node(config(SCS, peer=rows), Asking(), field.said)
    field.start()
    assert field.peers() == {HOSTS[0]: "Closed", HOSTS[1]: "I-Open"}
    field.point(HOSTS[1])
    field.pass_time(TTL_S + 1)
    assert set(field.peers()) == set(HOSTS[:2])
    field.close()


def test_a_node_that_stops_looks_no_more(field: Field) -> None:
    field.start()
    _ = field.scs.stop()
    field.pass_time(TTL_S * 2)
    assert len(field.said.of(Point.DISCOVERED)) == 1


def test_a_peer_that_comes_back_while_it_is_leaving_is_connected_again(field: Field) -> None:
    field.point(*HOSTS[:2], ttl_s=1)
    field.start()
    field.wire.delay_s = 2.0  # DPR and DPA are slow
    field.point(HOSTS[1], ttl_s=1)
    field.pass_time(1)
    field.point(*HOSTS[:2], ttl_s=3000)
    field.pass_time(2)
    assert field.peers()[HOSTS[0]] == "Closing"
    field.wire.delay_s = 0.001
    field.pass_time(60)
    assert field.peers()[HOSTS[0]].startswith("I-Open")


def test_a_peer_that_was_configured_since_is_not_dismissed(field: Field) -> None:
    field.start()
    field.scs._peering.kept.discard(HOSTS[0])  # what a new row of the configuration does
    field.point(HOSTS[1])
    field.pass_time(TTL_S + 1)
    assert set(field.peers()) == set(HOSTS[:2])


def test_a_reload_looks_into_other_realms(field: Field) -> None:
    """A realm that is new is looked into at once; the peers of one that is gone are told so and forgotten."""
    field.start()
    assert set(field.peers()) == set(HOSTS[:2])
    row = field.scs.config.peer[0]
    field.scs.reload(field.scs.config.model_copy(update={"peer": ()}))
    field.pass_time(2)
    assert field.peers() == {}
    assert [fields["peer"] for fields in field.said.of(Point.PEER_REMOVED)] == [f"(found by DNS in {REALM})"]
    field.pass_time(2 * TTL_S)
    assert field.peers() == {}
    field.point(HOSTS[2])
    field.scs.reload(field.scs.config.model_copy(update={"peer": (row,)}))
    field.pass_time(2)
    assert field.peers() == {HOSTS[2]: "I-Open"}


def test_a_row_that_changes_is_looked_into_anew_and_its_links_stay(field: Field) -> None:
    field.start()
    row = field.scs.config.peer[0].model_copy(update={"discover_limit": 3, "weight": 5})
    field.point(*HOSTS)
    field.scs.reload(field.scs.config.model_copy(update={"peer": (row,)}))
    field.pass_time(2)
    assert field.peers() == dict.fromkeys(HOSTS, "I-Open")
    assert field.said.of(Point.PEER_CLOSED) == []
    assert field.scs._peering.configs[HOSTS[0]].weight == 5


def test_what_was_asked_for_a_row_that_is_gone_counts_for_nothing(field: Field) -> None:
    for node, _ in field.servers.values():
        _ = node.start()
    asked: list[Any] = []
    links = field.scs._links

    def lookup(_query: object) -> Any:
        asked.append(Deferred())
        return asked[-1]

    links.lookup = lookup
    _ = field.scs.start()
    field.scs.reload(field.scs.config.model_copy(update={"peer": ()}))
    asked[0].callback(field.wire.names[SRV])
    field.pass_time(2)
    assert (field.peers(), len(asked)) == ({}, 1)
