"""Peers that users have, at the node: the keys of a `[[peer]]` and of `[node]` that say what is put up with."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from diameter._node.manners import fits, habits_of, timers_for
from diameter._node.setup import quick_config, timers_of
from diameter.app import Later
from diameter.config import NodeConfig, PeerConfig, validate
from diameter.errors import ConfigError, RequestTimeout
from diameter.peer.inputs import DisconnectCause, Timers
from diameter.trace import Drop, Point
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, TSP, Bench, Waiting, dictionary, succeed
from helpers.strangers import Stranger, cer, listening

CLEAR: dict[str, Any] = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "in memory"}


def peer(host: str = LEFT, **keys: Any) -> PeerConfig:
    return PeerConfig(host=host, realm=REALM, **CLEAR, **keys)


def serving(**keys: Any) -> Bench:
    """A server whose only peer has these manners."""
    bench = listening()
    peering = bench.pair.right._peering
    entry = bench.pair.right._core.table.find(LEFT)
    assert entry is not None
    bench.pair.right._core.table.remove(entry)
    peering.add(peer(**keys))
    return bench


# ---- who gets in


@pytest.mark.parametrize("name", [LEFT.upper(), "Left.Example.Org"])
def test_identities_are_compared_without_case(name: str) -> None:
    with listening() as bench:
        (cea,) = Stranger(bench).say(cer(Origin_Host=name))
        assert cea.result == (0, 2001)
        assert [p.host for p in bench.pair.right.peers] == [LEFT]


def test_host_ip_address_need_not_be_the_source() -> None:
    with serving() as bench:
        assert Stranger(bench).say(cer(Host_IP_Address=ip_address("192.0.2.7")))[0].result == (0, 2001)


@pytest.mark.parametrize(("address", "result"), [("192.0.2.7", 3010), ("127.0.0.1", 2001)])
def test_a_peer_can_be_held_to_the_addresses_it_announces(address: str, result: int) -> None:
    with serving(source_address="announced") as bench:
        (cea,) = Stranger(bench).say(cer(Host_IP_Address=ip_address(address)))
        assert cea.result == (0, result)
        assert ("Host-IP-Address" in cea.get("Error-Message", "")) is (result == 3010)


def test_a_second_connection_is_refused_and_the_first_is_probed() -> None:
    with serving() as bench:
        first, second = Stranger(bench), Stranger(bench)
        first.say(cer())
        first.back = b""
        assert second.say(cer())[0].result == (0, 4003)
        assert first.lost is None
        assert b"\0\1\x18" in first.back  # a DWR


def test_a_second_connection_may_replace_the_first() -> None:
    with serving(second_connection="replace") as bench:
        first, second = Stranger(bench), Stranger(bench)
        first.say(cer())
        assert second.say(cer())[0].result == (0, 2001)
        assert first.lost is not None
        assert "newer connection" in bench.said.of(Point.PEER_CLOSED)[0]["reason"]


def test_an_application_is_assumed_by_name_number_or_all() -> None:
    known = dictionary()
    assert habits_of(peer(assume_applications=["Tsp", "16777251"]), known).assumed == {TSP, 16777251}
    assert habits_of(peer(assume_applications=["*"]), known).assumed == {0xFFFFFFFF}
    with pytest.raises(ConfigError, match="assume_applications"):
        habits_of(peer(assume_applications=["Nonsense"]), known)


def test_a_relay_that_names_no_application_opens_where_it_is_known_to_be_one() -> None:
    with serving(assume_applications=["*"]) as bench:
        assert Stranger(bench).say(cer(Auth_Application_Id=[]))[0].result == (0, 2001)
        assert bench.pair.right.peers[0].is_relay


# ---- unknown peers in a lab


@pytest.mark.parametrize(
    ("realm", "pattern", "expected"),
    [
        ("a.example.org", "*.example.org", True),
        ("A.Example.ORG", "*.example.org", True),
        ("example.org", "*.example.org", False),
        ("badexample.org", "*.example.org", False),
        ("example.org", "example.org", True),
        ("example.net", "example.org", False),
        ("example.net", "*", True),
    ],
)
def test_realm_patterns(realm: str, pattern: str, expected: bool) -> None:
    assert fits(realm, pattern) is expected


@pytest.mark.parametrize(
    ("host", "realm", "result"),
    [
        ("mme.lab.example.net", "lab.example.net", 2001),
        ("mme.example.com", "example.com", 3010),
        ("mme.example.com", "lab.example.net", 3010),
    ],
    ids=["a realm of the lab", "another realm", "a host of another realm"],
)
def test_a_lab_accepts_hosts_of_its_realms(host: str, realm: str, result: int) -> None:
    with listening(config={"lab": True, "accept_unknown": ["*.example.net"]}) as bench:
        assert Stranger(bench).say(cer(Origin_Host=host, Origin_Realm=realm))[0].result == (0, result)


def test_unknown_peers_are_accepted_in_a_lab_only() -> None:
    with pytest.raises(ConfigError, match=r"accept_unknown: allowed in a lab only: needs lab = true"):
        quick_config(RIGHT, REALM, accept_unknown=["*"])


@pytest.mark.parametrize("pattern", ["", "*example.org", "a.*.org", "*.*"])
def test_a_realm_pattern_has_one_form(pattern: str) -> None:
    with pytest.raises(ConfigError, match=r"accept_unknown.0"):
        quick_config(RIGHT, REALM, lab=True, accept_unknown=[pattern])


# ---- answers, and DPR that crosses them


def from_another_host(request: Any) -> Any:
    action = request["Device-Action"]
    done = {"Reference-Number": action["Reference-Number"], "Action-Type": action["Action-Type"]}
    origin = {"Origin-Host": "behind.example.org", "Origin-Realm": REALM}
    return request.answer(2001, {**origin, "Device-Notification": done})


def test_an_answer_of_another_host_is_taken_from_a_relay() -> None:
    with Bench() as bench:
        bench.server.then = from_another_host
        assert bench.ask()["Origin-Host"] == "behind.example.org"


def test_an_answer_of_another_host_is_dropped_where_the_peer_may_bring_none() -> None:
    with Bench() as bench:
        (line,) = bench.pair.left._core.lines.values()
        line.own_answers = True
        line.config = peer(RIGHT, answers_of_others=False)
        assert bench.ask().result == (0, 2001)
        bench.server.then = from_another_host
        with pytest.raises(RequestTimeout):
            bench.ask()
        assert bench.pair.left.stats.dropped[Drop.FOREIGN] == 1


def test_an_answer_that_crosses_a_dpr_is_taken() -> None:
    """The server asks to disconnect while it works on a request; its answer follows the DPR."""
    gate: Later[None] = Later()

    async def slow(request: Any) -> Any:
        await gate
        return succeed(request)

    with Bench(Waiting(slow)) as bench:
        asked = bench.client.request("Device-Action", ACTION, realm=REALM)
        bench.pass_time(0.1)
        right = bench.pair.right
        right.wake(lambda: right._peering.stop(DisconnectCause.REBOOTING))
        gate.resolve(None)
        bench.pass_time(1)
        assert asked.done
        assert asked.result().result == (0, 2001)


# ---- waiting times and coming back


def test_every_waiting_time_of_the_peer_layer_is_a_key() -> None:
    keys = {
        "tw_s": 7, "tw_jitter_s": 1, "tc_s": 3, "tc_jitter": 0.2, "tc_backoff": 2, "tc_max_s": 60, "busy_s": 90,
        "cer_timeout_s": 4, "cea_timeout_s": 5, "dpa_timeout_s": 6, "reopen_dwas": 1, "connect_timeout_s": 1,
        "handshake_timeout_s": 2, "drain_s": 10,
    }  # fmt: skip
    tables = {"origin_host": RIGHT, "origin_realm": REALM, **keys}
    made = timers_of(validate(tables, NodeConfig, source="node", base=Path()))
    assert made == Timers(
        tw_s=7, tw_jitter_s=1, tc_s=3, tc_jitter=0.2, tc_backoff=2, tc_max_s=60, busy_s=90, connect_timeout_s=3,
        cer_timeout_s=4, cea_timeout_s=5, dpa_timeout_s=6, reopen_dwas=1,
    )  # fmt: skip


def test_the_defaults_are_those_of_the_peer_layer() -> None:
    made = timers_of(quick_config(RIGHT, REALM))
    assert made == Timers(connect_timeout_s=20)


def test_a_peer_may_have_waiting_times_of_its_own() -> None:
    timers = Timers()
    assert timers_for(peer(), timers) is timers
    assert timers_for(peer(tw_s=6.0, tc_s=1.0, watchdog=False), timers) == Timers(tw_s=6, tc_s=1, watch=False)


def test_every_step_of_coming_back_is_said() -> None:
    bench = Bench(opened=False, config={"tc_jitter": 0, "tc_s": 10, "tc_backoff": 2})
    bench.pair.wait(bench.pair.left.start())
    bench.pass_time(35)
    said = [name for name in bench.client_said.names() if "CONNECT" in name]
    assert said == ["CONNECTING", "CONNECTING_FAILED", "RECONNECTING"] * 3
    assert [fields["seconds"] for fields in bench.client_said.of(Point.RECONNECTING)] == [10, 20, 40]
    bench.pair.close()


def test_a_lost_peer_says_when_it_is_tried_again() -> None:
    with Bench(config={"tc_jitter": 0}) as bench:
        for link in list(bench.pair.wire.links):
            link.abort("cut")
        bench.pass_time(0.1)
        names = bench.client_said.names()
        assert names[names.index("PEER_CLOSED") :] == ["PEER_CLOSED", "RECONNECTING"]
        assert bench.client_said.of(Point.RECONNECTING) == [{"peer": RIGHT, "seconds": 30.0}]


def test_an_idle_peer_is_still_open_after_a_day() -> None:
    with Bench() as bench:
        bench.pass_time(86_400)
        assert bench.ask().result == (0, 2001)
        assert bench.pair.left.stats.peers_opened == 1


def test_a_peer_that_answers_no_dwr_stays_open_where_none_is_sent() -> None:
    with serving(watchdog=False) as bench:
        stranger = Stranger(bench)
        stranger.say(cer())
        stranger.back = b""
        bench.pass_time(3600)
        assert (stranger.back, stranger.lost) == (b"", None)
        assert bench.pair.right.peers[0].usable
