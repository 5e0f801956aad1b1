"""Links and peers joined: who gets in, who does not, what happens when links end; starting and stopping."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import decode, encode
from diameter.config import PeerConfig
from diameter.errors import Undeliverable
from diameter.trace import Drop, Point
from diameter.transport.link import Address
from helpers.nodes import LEFT, REALM, RIGHT, Bench, dictionary
from helpers.strangers import Stranger, cer, listening


def test_capabilities_exchange_opens_a_peer() -> None:
    with listening() as bench:
        (cea,) = Stranger(bench).say(cer())
        assert (cea.command, cea.result) == ("Capabilities-Exchange-Answer", (0, 2001))
        assert cea["Origin-Host"] == RIGHT
        assert bench.said.names()[-2:] == ["PEER_OPEN", "PEER_OKAY"]
        assert [(p.host, p.usable, p.state) for p in bench.pair.right.peers] == [(LEFT, True, "R-Open")]


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"Origin_Host": "who.example.org"}, 3010),
        ({"Origin_Host": RIGHT}, 3010),
        ({"Origin_Realm": "example.net"}, 3010),
        ({"Auth_Application_Id": 4}, 5010),
    ],
)
def test_who_may_not_come_in_is_told_why_and_audited(changes: dict[str, Any], code: int) -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        (cea,) = stranger.say(cer(**changes))
        assert cea.result == (0, code)
        assert stranger.lost is not None
        (refused,) = bench.said.refused
        assert (refused.stage, refused.code) == ("capabilities", code)
        assert refused.text
        assert bench.pair.right.stats.refused == {str(code): 1}


def test_a_peer_that_must_come_by_tls_is_refused_on_a_clear_link() -> None:
    with listening() as bench:
        config = PeerConfig(host=LEFT, realm=REALM)  # tls
        bench.pair.right._peering.configs[LEFT] = config
        (cea,) = Stranger(bench).say(cer())
        assert cea.result == (0, 5017)


def test_an_unknown_peer_gets_in_where_that_is_allowed_and_is_forgotten_with_its_link() -> None:
    with listening(config={"lab": True, "accept_unknown": ["*"]}) as bench:
        stranger = Stranger(bench)
        assert stranger.say(cer(Origin_Host="who.example.net", Origin_Realm="example.net"))[0].result == (0, 2001)
        assert {p.host: p.static for p in bench.pair.right.peers} == {LEFT: True, "who.example.net": False}
        stranger.link.abort("gone")
        bench.pass_time(0.1)
        assert [p.host for p in bench.pair.right.peers] == [LEFT]
        assert "who.example.net" not in bench.pair.right._peering.peers
        assert "who.example.net" not in bench.pair.right._peering.configs


def test_an_unknown_peer_with_an_impossible_name_is_refused_all_the_same() -> None:
    with listening(config={"lab": True, "accept_unknown": ["*"]}) as bench:
        assert Stranger(bench).say(cer(Origin_Host="-x.example.net", Origin_Realm="example.net"))[0].result == (0, 3010)


def test_anything_but_a_cer_ends_a_new_link() -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        assert stranger.say(bench.request()) == []
        assert stranger.lost is not None
        assert bench.pair.right.stats.dropped == {Drop.BASE: 1}
        assert bench.server.seen == []


def test_a_new_link_has_its_time_to_bring_a_cer() -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        bench.pass_time(9)
        assert stranger.lost is None
        bench.pass_time(2)
        assert stranger.lost is not None


@pytest.mark.parametrize(
    "garbage", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x02" * 40, b"\x01\xff\xff\xfc" + b"\0" * 40]
)
def test_garbage_closes_the_link_and_is_counted(garbage: bytes) -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        stranger.say(garbage)
        assert stranger.lost is not None
        stats = bench.pair.right.stats
        assert stats.dropped == {Drop.UNFRAMED: 1} or sum(stats.refused.values()) == 1
        assert len(bench.said.of(Point.LINK_FAULT)) == 1
        assert bench.said.refused[-1].stage == "fault"


@pytest.mark.parametrize(
    ("octets", "code"), [(b"\x02\0\0\x14", 5011), (b"\x01\0\0\x15", 5015), (b"\x01\xff\xff\xfc", 5015)]
)
def test_a_request_that_loses_the_position_is_answered_and_the_link_closed(octets: bytes, code: int) -> None:
    with Bench() as bench:
        good = encode(bench.request(hop_by_hop=1))
        answers = bench.inject(good, octets + encode(bench.request(hop_by_hop=2))[4:20])
        assert [a.result for a in answers[:2]] == [(0, 2001), (0, code)]
        bench.pass_time(0.1)
        assert bench.pair.right.stats.refused == {str(code): 1}
        assert bench.said.of(Point.PEER_CLOSED)


def test_what_follows_in_a_read_that_closed_the_link_counts_no_more() -> None:
    with listening() as bench:
        stranger = Stranger(bench)
        stranger.say(encode(cer(Origin_Host="who.example.org")) + encode(bench.request()))
        assert bench.server.seen == []
        assert sum(bench.pair.right.stats.dropped.values()) == 0


def test_a_cut_link_is_reconnected() -> None:
    with Bench() as bench:
        for link in list(bench.pair.wire.links):
            link.abort("cut")
        bench.pass_time(0.1)
        assert not bench.pair.left.peers[0].usable
        bench.pass_time(40)  # Tc
        assert bench.pair.left.stats.peers_opened == 2
        bench.pass_time(200)  # RFC 3539: REOPEN wants three DWAs first
        assert bench.ask().result == (0, 2001)


def test_a_peer_that_hangs_becomes_suspect_and_is_then_given_up() -> None:
    with Bench() as bench:
        bench.pair.wire.deaf = True
        bench.pass_time(70)
        assert "PEER_SUSPECT" in bench.client_said.names()
        with pytest.raises(Undeliverable, match="SUSPECT"):
            bench.ask()
        bench.pass_time(70)
        assert "PEER_CLOSED" in bench.client_said.names()
        bench.pair.wire.deaf = False


def test_traffic_keeps_the_watchdog_quiet() -> None:
    with Bench() as bench:
        for _ in range(12):
            bench.pass_time(10)
            bench.ask()
        assert b"\0\1\x18" not in b"".join(data[5:8] for _, data in bench.pair.wire.passed[4:])


def test_dialling_that_fails_is_said_and_tried_again() -> None:
    bench = Bench(opened=False)
    bench.pair.wait(bench.pair.left.start())
    bench.pass_time(1)
    assert bench.client_said.of(Point.CONNECTING_FAILED)[0]["reason"] == "connection refused"
    opening = bench.pair.left.when_open(timeout_s=180)
    with pytest.raises(Undeliverable, match=r"right\.example\.org is Closed \(connection refused\)"):
        bench.pair.wait(opening)
    bench.pair.wait(bench.pair.right.start())
    assert bench.pair.wait(bench.pair.left.when_open(timeout_s=180)).host == RIGHT
    bench.pair.close()


def test_a_dialled_link_that_is_not_as_agreed_is_not_used() -> None:
    with Bench(opened=False) as bench:
        bench.pair.wait(bench.pair.right.start())
        peers = bench.pair.left._peering.configs
        peers[RIGHT] = peers[RIGHT].model_copy(update={"transport": "tls"})
        bench.pair.wait(bench.pair.left.start())
        bench.pass_time(0.1)
        assert not bench.pair.left.peers[0].usable
        assert bench.client_said.refused == []  # the client of a bench has no audit
        assert "agreed" in bench.client_said.of(Point.PEER_REFUSED)[0]["reason"]


def test_a_link_nobody_asked_for_is_dropped() -> None:
    with listening() as bench:
        bench.pair.wire.listeners["127.0.0.1", 1] = bench.pair.left
        bench.pair.wire.join(bench.pair.right, "127.0.0.1", 1, "who.example.org", 1 << 20)
        bench.pass_time(0.1)
        assert bench.pair.right._core.lines == {}
        del bench.pair.wire.listeners["127.0.0.1", 1]


def test_refused_connections_are_counted_and_audited() -> None:
    with listening() as bench:
        bench.pair.right.link_refused("tls", Address("192.0.2.1", 5), "no certificate")
        assert bench.pair.right.stats.links_refused == 1
        assert (bench.said.refused[0].stage, bench.said.refused[0].peer) == ("link", "192.0.2.1:5")
        bench.pair.right.link_congested(None)  # type: ignore[arg-type]  # looked at by nobody


# ---- the tap


class Tap:
    def __init__(self) -> None:
        self.messages: list[tuple[bool, str]] = []
        self.events: list[str] = []

    def message(self, time: float, outgoing: bool, link: Any, octets: bytes, peer: str) -> None:
        assert time > 1e9
        self.messages.append((outgoing, decode(octets, dictionary()).command))

    def event(self, time: float, link: Any, name: str, text: str) -> None:
        self.events.append(name)


def test_a_tap_sees_every_message_and_the_events_of_links() -> None:
    tap = Tap()
    with Bench(right={"tap": tap}) as bench:
        bench.inject(bench.request(hop_by_hop=1), bench.request(hop_by_hop=2))
        exchange = [(False, "Capabilities-Exchange-Request"), (True, "Capabilities-Exchange-Answer")]
        action = [(False, "Device-Action-Request")] * 2 + [(True, "Device-Action-Answer")] * 2
        assert tap.messages == exchange + action
        assert tap.events == ["LINK_UP", "PEER_OPEN"]
