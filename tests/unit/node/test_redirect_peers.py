"""A redirect to a host that is no peer yet: connected for it, asked, and forgotten again (RFC 6733 section 6.1.8)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Message
from diameter._node.memory import Wire
from diameter._node.setup import quick_config
from diameter.app import Application, Later
from diameter.errors import ErrorAnswer, RequestTimeout, Undeliverable
from diameter.node import Node
from diameter.routing.entries import ANY, ANY_REALM, Source
from diameter.routing.redirect import Usage
from diameter.testing import MemoryLinks
from diameter.trace import Point
from diameter.transport.link import Address
from helpers.agents import AGENT, CLIENT, HOME, Chain, row, server_name
from helpers.nodes import ACTION, TSP, Answering, Asking, Said, dictionary

DIRECTOR = f"director.{HOME}"
IN_MEMORY = {"physical_protection": True, "physical_protection_reason": "in memory"}


def uri(number: int, host: str = "") -> str:
    return f"aaa://{host or server_name(number)}:{4000 + number};transport=tcp"


class Deaf:
    """Accepts links and never says a word."""

    def link_up(self, link: Any) -> None: ...
    def link_received(self, link: Any, data: bytes) -> None: ...
    def link_messages(self, link: Any, messages: Any) -> None: ...
    def link_note(self, link: Any, text: str) -> None: ...
    def link_unsent(self, link: Any, messages: Any) -> None: ...
    def link_worn(self, link: Any) -> None: ...
    def link_lost(self, link: Any, reason: str) -> None: ...
    def link_congested(self, link: Any) -> None: ...
    def link_drained(self, link: Any) -> None: ...
    def link_refused(self, transport: str, remote: Address, reason: str) -> None: ...


class Net:
    """A client that knows the director only, which redirects everything; two servers that know the client.

    `says`: what the director's answers carry; `redirects`: keys of the client's `[node.redirects]`.
    """

    def __init__(self, *hosts: str, says: Any = None, **redirects: Any) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_700_000_000.0
        self.wire = Wire(self.clock)
        self.hosts, self.says = list(hosts or [uri(0)]), dict(says or {})
        self.director = Answering(lambda asked: asked.answer(3006, {"Redirect-Host": self.hosts, **self.says}))
        self.applications = [Answering(), Answering()]
        self.asking, self.said = Asking(), Said()
        self.nodes = [
            self.node(DIRECTOR, self.director, 3900, [row(CLIENT)]),
            *(self.node(server_name(at), self.applications[at], 4000 + at, [row(CLIENT)]) for at in (0, 1)),
        ]
        towards = row(DIRECTOR, connect=True, addresses=["127.0.0.1"], port=3900)
        settings = {"redirects": {"connect": True, **IN_MEMORY, **redirects}}
        self.client = self.node(CLIENT, self.asking, 0, [towards], self.said, "visited.example", **settings)
        self.nodes.append(self.client)

    def node(
        self,
        name: str,
        application: Application,
        port: int,
        peers: Any,
        said: Said | None = None,
        realm: str = HOME,
        **more: Any,
    ) -> Node:
        made = quick_config(
            name, realm, listen=f"tcp:127.0.0.1:{port}", peers=peers,
            physical_protection="in memory", **more,
        )  # fmt: skip
        return Node(
            made, [application], dictionary(), reactor=self.clock, seed=1, observe=(said or Said()).observe,
            links=lambda reactor, table, owner: MemoryLinks(self.wire, table, owner),
        )  # fmt: skip

    def start(self) -> Net:
        for node in self.nodes:
            _ = node.start()
        for name in (server_name(0), server_name(1), "x.far.example"):
            self.wire.hosts[name] = "127.0.0.1"
        self.pass_time(1)
        return self

    def deafen(self) -> None:
        """The first server accepts links and no more."""
        self.wire.listeners[Address("127.0.0.1", 4000)] = Deaf()

    def pass_time(self, seconds: float) -> None:
        clock, until = self.clock, self.clock.seconds() + seconds
        while calls := [call for call in clock.getDelayedCalls() if call.getTime() <= until]:
            clock.advance(max(0.0, min(call.getTime() for call in calls) - clock.seconds()))
        clock.advance(max(0.0, until - clock.seconds()))

    def ask(self, **how: Any) -> Later[Message]:
        avps = {**ACTION, "User-Name": "u", **how.pop("avps", {})}
        later = self.asking.request("Device-Action", avps, **{"realm": HOME, **how})
        self.pass_time(1)
        return later

    def peers(self) -> dict[str, Source]:
        return {entry.host: entry.source for entry in self.client.peers if entry.source is not Source.CONFIGURED}

    def seen(self) -> list[int]:
        return [len(each.seen) for each in (self.director, *self.applications)]

    def notes(self) -> str:
        return "; ".join(note["reason"] for note in self.said.of(Point.REDIRECT_NOTE))

    def close(self) -> None:
        for node in reversed(self.nodes):
            _ = node.stop()
        self.pass_time(30)
        assert self.clock.getDelayedCalls() == []


@contextmanager
def net(*hosts: str, **how: Any) -> Iterator[Net]:
    made = Net(*hosts, **how).start()
    try:
        yield made
    finally:
        made.close()


def answered_3006(later: Later[Message]) -> bool:
    try:
        later.result()
    except ErrorAnswer as error:
        return bool(error.answer.number("Result-Code") == 3006)
    return False


def test_the_host_is_connected_and_asked() -> None:
    with net() as one:
        assert one.ask().result()["Origin-Host"] == server_name(0)
        assert one.peers() == {server_name(0): Source.REDIRECT}
        assert one.client.stats.redirected == 1
        assert not one.applications[0].seen[0].retransmitted


@pytest.mark.parametrize("before", [False, True])
def test_whether_to_connect_is_decided_anew_after_a_reload(before: bool) -> None:
    with net(connect=before) as one:
        config = one.client.config
        table = config.redirects.model_copy(update={"connect": not before})
        one.client.reload(config.model_copy(update={"redirects": table}))
        one.pass_time(1)
        assert answered_3006(one.ask()) is before
        assert one.peers() == ({} if before else {server_name(0): Source.REDIRECT})


def test_without_caching_only_what_was_redirected_goes_there() -> None:
    with net() as one:
        _ = one.ask()
        assert one.ask().result()["Origin-Host"] == server_name(0)
        assert one.seen() == [2, 2, 0]
        assert one.ask(to=server_name(0), realm=None).result()["Origin-Host"] == server_name(0)
        assert one.seen() == [2, 3, 0]


def test_the_host_named_in_destination_host_may_name_another() -> None:
    """Section 6.12: to the Redirect-Host, under whose name it takes the request for its own (6.1.4)."""
    with net() as one:
        assert one.ask(to=DIRECTOR).result()["Origin-Host"] == server_name(0)
        assert one.director.seen[0]["Destination-Host"] == DIRECTOR
        (seen,) = one.applications[0].seen
        assert seen["Destination-Host"] == server_name(0)
        assert seen.end_to_end == one.director.seen[0].end_to_end


def test_when_another_than_the_host_named_redirects_the_name_stays() -> None:
    """A host that is named means itself: another one does not pass for it because some agent leads there."""
    with net(says={"Origin-Host": f"agent.{HOME}", "Origin-Realm": HOME}) as one:
        with pytest.raises(ErrorAnswer, match="3002"):
            one.ask(to=DIRECTOR).result()
        assert one.client.stats.redirected == 1
        assert one.seen() == [1, 0, 0]


@pytest.mark.parametrize("usage", list(Usage)[1:])
def test_what_is_remembered_for_a_session_or_a_host_holds_for_its_name(usage: Usage) -> None:
    """Sections 6.1.5, 6.1.6 and 6.13: a peer that is named goes before routes, not before what is said of itself."""
    with net(says={"Redirect-Host-Usage": int(usage), "Redirect-Max-Cache-Time": 200}) as one:
        how = {"to": DIRECTOR, "avps": {"Session-Id": "client;1;1"}}
        assert [one.ask(**how).result()["Origin-Host"] for _ in range(2)] == [server_name(0)] * 2
        assert one.applications[0].seen[1]["Destination-Host"] == server_name(0)
        assert one.seen() == [1 if usage in (Usage.ALL_SESSION, Usage.ALL_HOST) else 2, 2, 0]


def test_it_is_off_unless_it_is_asked_for() -> None:
    with net(connect=False) as one:
        assert answered_3006(one.ask())
        assert one.peers() == {}


@pytest.mark.parametrize("usage", list(Usage)[1:])
def test_the_peer_stays_for_the_cache_time_of_every_usage_and_goes_when_it_is_idle(usage: Usage) -> None:
    cache = {"Redirect-Host-Usage": int(usage), "Redirect-Max-Cache-Time": 200}
    with net(says=cache, idle_s=20) as one:
        session = {"avps": {"Session-Id": "client;1;1"}}
        _ = one.ask(**session)
        shown = [(route.realm, route.application) for route in one.client._requests.following.cache.routes(0)]
        assert shown == {2: [(HOME, ANY)], 3: [(HOME, TSP)], 4: [(ANY_REALM, TSP)]}.get(usage, [])
        one.pass_time(100)  # idle, but remembered
        assert one.ask(**session).result()["Origin-Host"] == server_name(0)
        assert one.seen() == [1, 2, 0]
        one.pass_time(150)
        assert one.peers() == {}
        assert "we asked for it, Disconnect-Cause 2" in str(one.said.of(Point.PEER_LEAVING)[-1])
        assert one.ask(**session).result()["Origin-Host"] == server_name(0)
        assert one.seen() == [2, 3, 0]


def test_a_peer_that_is_asked_stays() -> None:
    with net(idle_s=10) as one:
        for _ in range(6):
            _ = one.ask()
            one.pass_time(6)
        assert len(one.said.of(Point.PEER_OPEN)) == 2  # the director and the server, once each
        one.pass_time(21)
        assert one.peers() == {}


def test_the_next_host_is_tried_when_one_refuses() -> None:
    with net("aaa://nobody.home.example", uri(1)) as one:
        assert one.ask().result()["Origin-Host"] == server_name(1)
        assert one.peers() == {server_name(1): Source.REDIRECT}


def test_each_host_has_its_part_of_the_time() -> None:
    with net(uri(0), uri(1)) as one:
        one.deafen()
        later = one.ask(timeout_s=10.0)
        one.pass_time(3)
        assert not later.done
        assert (one.client.pending, one.peers()) == (1, {server_name(0): Source.REDIRECT})
        one.pass_time(2)
        assert later.result()["Origin-Host"] == server_name(1)


def test_several_requests_wait_for_one_connection() -> None:
    with net() as one:
        one.wire.delay_s = 0.2
        asked = [one.asking.request("Device-Action", ACTION, realm=HOME) for _ in range(5)]
        one.pass_time(5)
        assert {later.result()["Origin-Host"] for later in asked} == {server_name(0)}
        assert len(one.said.of(Point.CONNECTING)) == 2


def test_when_no_host_opens_whoever_asked_gets_the_redirect() -> None:
    with net("aaa://nobody.home.example", "aaa://none.home.example") as one:
        assert answered_3006(one.ask())
        assert (one.client.pending, one.peers()) == (0, {})
        one.pass_time(100)
        assert len(one.said.of(Point.CONNECTING)) == 3  # nobody is tried again


def test_a_request_waits_no_longer_than_it_may() -> None:
    with net() as one:
        one.deafen()
        later = one.ask(timeout_s=4.0)
        one.pass_time(4)
        with pytest.raises((RequestTimeout, ErrorAnswer)):
            later.result()
        assert one.client.pending == 0


def test_a_node_that_stops_tries_nobody() -> None:
    with net() as one:
        one.deafen()
        later = one.ask()
        _ = one.client.stop()
        one.pass_time(40)
        with pytest.raises((Undeliverable, ErrorAnswer, RequestTimeout)):
            later.result()


def test_a_peer_is_forgotten_with_its_link() -> None:
    with net(says={"Redirect-Host-Usage": 2, "Redirect-Max-Cache-Time": 500}) as one:
        _ = one.ask()
        next(link for link in one.wire.links if link.dialled == server_name(0)).abort("cut")
        one.pass_time(1)
        assert one.peers() == {}
        one.pass_time(100)
        assert one.peers() == {}
        one.hosts = [uri(1)]
        assert one.ask().result()["Origin-Host"] == server_name(1)


@pytest.mark.parametrize(
    ("host", "keys", "note"),
    [
        ("aaa://other.example", {}, "lies in none of home.example"),
        (uri(0), IN_MEMORY | {"physical_protection": False, "physical_protection_reason": ""}, "clear text"),
        (f"aaas://{server_name(0)}", {}, "needs [node.tls]"),
        (f"aaa://{server_name(0)};transport=sctp", {}, "aaa over sctp, diameter, is not spoken here"),
        (f"aaa://{CLIENT}", {}, "it is this node"),
        ("aaa://-no-.home.example", {}, "no DiameterIdentity"),
    ],
)
def test_whom_a_redirect_cannot_name(host: str, keys: dict[str, Any], note: str) -> None:
    made = Net(host)
    made.client.config.redirects.__dict__.update(keys)
    made.start()
    assert answered_3006(made.ask())
    assert note in made.notes()
    assert made.peers() == {}
    made.close()


def test_realms_may_be_listed() -> None:
    with net(uri(0, "x.far.example"), uri(1), realms=["far.example"]) as one:  # another host answers there
        assert one.ask().result()["Origin-Host"] == server_name(1)
        (refused,) = one.said.of(Point.PEER_REFUSED)
        assert refused["peer"] == "x.far.example"


def test_only_so_many_peers() -> None:
    with net(uri(0), peers=1) as one:
        _ = one.ask()
        one.hosts = [uri(1)]
        assert answered_3006(one.ask())
        assert "1 peers of redirects" in one.notes()


def test_who_claims_another_realm_is_no_peer() -> None:
    made = Net()
    made.nodes.append(made.node(server_name(0), Answering(), 4005, [row(CLIENT)], realm="bank.example"))
    made.start()
    made.hosts = [f"aaa://{server_name(0)}:4005"]
    assert answered_3006(made.ask())
    (refused,) = made.said.of(Point.PEER_REFUSED)
    assert refused["reason"] == f"bank.example is not a realm of {server_name(0)}"
    made.close()


def test_a_relay_connects_for_a_request_in_transit() -> None:
    target, there = server_name(9), Answering()
    redirecting = Answering(lambda asked: asked.answer(3006, {"Redirect-Host": f"aaa://{target}:4099"}))
    with Chain([redirecting], config={"redirects": {"connect": True, **IN_MEMORY}}) as chain:
        origin = row(AGENT, agent=True, agent_realms=["visited.example"])
        node = chain._node(target, [there], listen=4099, peers=[origin])
        chain.nodes.append(node)
        _ = node.start()
        chain.wire.hosts[target] = "127.0.0.1"
        (answer,) = chain.inject(request := chain.request(), seconds=1)
        assert (answer["Result-Code"], answer["Origin-Host"]) == (2001, target)
        assert (answer.hop_by_hop, len(there.seen)) == (request.hop_by_hop, 1)
        assert there.seen[0].all("Route-Record") == (CLIENT,)
