"""Keys set by hand, under links of every kind: nothing passes in clear, nothing without a security association."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from twisted.internet.task import deferLater

from diameter.config import IpsecConfig
from diameter.errors import Undeliverable
from diameter.message import Message
from diameter.node import as_deferred
from diameter.security.link import LinkSecurity
from diameter.trace import Point
from diameter.transport.ipsec import xfrm
from diameter.transport.ipsec.layouts import Action, Algorithm, Direction, Mode, Net, Template
from diameter.transport.ipsec.netlink import Netlink, XfrmError
from helpers.ipsec_nodes import ESP, HERE, THERE, THERE_6, by_hand, capture, client, ours, peer, server
from helpers.loop import drive, reactor
from helpers.network_spaces import Cables, two_networks
from helpers.nodes import ACTION, REALM, RIGHT, Asking
from helpers.programs import until

pytestmark = pytest.mark.rig
MARK = b"clear text would show this"


@pytest.fixture
def net() -> Iterator[Cables]:
    """Two networks that are new for each test: the kernel goes on sending for connections whose program has ended, and
    in a shared network it would do so without IPsec.  This thread lives in the left one.
    """
    with two_networks(1) as made, made.left:
        yield made


async def ask(asking: Asking, timeout_s: float = 10.0) -> Message:
    action = {**ACTION["Device-Action"], "Trigger-Data": {"Payload": MARK}}
    return await as_deferred(
        asking.request("Device-Action", {"Device-Action": action}, realm=REALM, timeout_s=timeout_s)
    )


async def pause(seconds: float) -> None:
    await deferLater(reactor, seconds)


def delete_states(*spis: int, rules: bool = False) -> None:
    """What an operator does: take security associations out of the kernel of this network, and the rules for them."""
    asking = Netlink()
    for state in asking.states():
        if not spis or state.spi in spis:
            asking.delete_state(state)
    for rule in asking.policies() if rules else ():
        if rule.templates:
            asking.delete_policy(rule)
    asking.close()


@pytest.mark.requirement("R-TSP-08", "R-TSP-09", "R-TSP-29", "R-TSP-30", "S-TSP-31", "R-TSP-33")
@pytest.mark.parametrize(
    ("cipher", "mode", "transport", "six"),
    [
        ("aes-gcm-128", "transport", "tcp", False),
        ("aes-cbc-128-sha256", "tunnel", "tcp", False),
        ("aes-cbc-256-sha256", "transport", "sctp", False),
        ("aes-gcm-256", "tunnel", "sctp", False),
        ("aes-gcm-128", "transport", "tcp", True),
        ("aes-gcm-128", "tunnel", "sctp", True),
    ],
)
def test_a_link_from_its_first_packet_to_its_last(
    net: Cables, tmp_path: Path, cipher: str, mode: str, transport: str, six: bool
) -> None:
    left, right = by_hand(tmp_path, cipher, mode, six)
    at = THERE_6 if six else THERE

    async def scenario() -> None:
        with capture(net) as wire:
            async with peer(net.right, server(right, transport=transport, at=at), tmp_path) as other:
                async with ours(client(left, transport=transport, at=at)) as (node, asking, said):
                    neighbour = await node.when_open(RIGHT)
                    assert (neighbour.transport, neighbour.secure) == (transport, True)
                    security = neighbour.security
                    assert isinstance(security, LinkSecurity)
                    assert (security.mechanism, security.version) == ("ipsec", "manual")
                    assert (security.cipher, security.peer_names) == (cipher.upper(), (RIGHT,))
                    for _ in range(10):
                        assert (await ask(asking))["Result-Code"] == 2001
                    await other.said("PEER_OPEN")
                assert said.refused == []
                await other.said("PEER_CLOSED")
            await pause(0.3)
            seen = wire.read()
            assert set(seen) == {ESP}
            assert seen[ESP] > 20
            assert not wire.holds(MARK)

    drive(scenario())


@pytest.mark.requirement("R-TSP-08", "R-TSP-09")
def test_sctp_in_user_space(net: Cables, tmp_path: Path) -> None:
    left, right = by_hand(tmp_path)
    how = {"sctp": "usrsctp-udp"}

    async def scenario() -> None:
        with capture(net) as wire:
            async with peer(net.right, server(right, transport="sctp", listen=how), tmp_path) as other:
                async with ours(client(left, transport="sctp", peer=how)) as (node, asking, said):
                    neighbour = await node.when_open(RIGHT)
                    assert isinstance(neighbour.security, LinkSecurity)
                    assert neighbour.security.mechanism == "ipsec"
                    for _ in range(5):
                        assert (await ask(asking))["Result-Code"] == 2001
                    delete_states(0x1001)
                    await until(lambda: said.of(Point.LINK_NOTE), "the link is bare")
                await other.said("PEER_OPEN")
            assert set(wire.read()) == {ESP}

    drive(scenario())


def test_what_ip_says_of_ours_and_we_of_its(net: Cables, tmp_path: Path) -> None:
    """Security associations and rules, read by the other program's eyes, in both directions."""

    def ip(*words: str) -> str:
        done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=300, check=True)
        return done.stdout

    for cipher, shown in (
        ("aes-gcm-128", "aead rfc4106(gcm(aes)) 0x{} 128"),
        ("aes-cbc-128-sha256", "enc cbc(aes) 0x{}"),
    ):
        left, _ = by_hand(tmp_path, cipher)
        options = IpsecConfig.model_validate_json(json.dumps(left), strict=False)
        (sa,) = options.sa
        asking = Netlink()
        for state in xfrm.states(sa, options):
            asking.add_state(state)
            with pytest.raises(XfrmError, match="there is one already .EEXIST."):
                asking.add_state(state)
        text = ip("xfrm", "state")
        for line in ("src 10.1.1.1 dst 10.1.1.2", "spi 0x00001001 reqid 3868 mode transport", "replay-window 32"):
            assert line in text
        key = xfrm.read_key(sa.key_out, cipher).hex()
        assert shown.format(key[: 40 if "gcm" in cipher else 32]) in text
        ip("xfrm", "state", "flush")
        assert asking.states() == []
        asking.close()
    words = "xfrm state add src 10.1.1.1 dst 10.1.1.2 proto esp spi 0x77 reqid 9 mode tunnel replay-window 16"
    key = "00" * 36
    ip(*words.split(), "aead", "rfc4106(gcm(aes))", f"0x{key}", "128")
    template = "tmpl src 10.1.1.1 dst 10.1.1.2 proto esp reqid 9 mode tunnel"
    rule = "xfrm policy add src 10.1.1.1/32 dst 10.2.0.0/16 proto sctp dport 3868 dir out priority 11"
    ip(*rule.split(), *template.split())
    asking = Netlink()
    (state,), (policy,) = asking.states(), asking.policies()
    asking.close()
    assert (state.spi, state.reqid, state.mode, state.replay_window) == (0x77, 9, Mode.TUNNEL, 16)
    assert (state.aead, state.key) == (Algorithm("rfc4106(gcm(aes))", 128, 288), bytes(36))
    what = policy.selector
    assert (policy.direction, policy.priority, policy.action) == (Direction.OUT, 11, Action.ALLOW)
    assert (what.source, what.destination) == (Net("10.1.1.1", 32), Net("10.2.0.0", 16))
    assert (what.protocol, what.destination_port, what.source_port) == (132, 3868, 0)
    assert policy.templates == (Template(source=HERE, destination=THERE, mode=Mode.TUNNEL, reqid=9),)


@pytest.mark.requirement("R-TSP-32", "S-TSP-23")
def test_clear_text_is_not_heard(net: Cables, tmp_path: Path) -> None:
    _, right = by_hand(tmp_path)

    async def scenario() -> None:
        with capture(net) as wire:
            async with peer(net.right, server(right), tmp_path) as other:
                with socket.socket() as sock:
                    sock.settimeout(0)
                    assert sock.connect_ex((THERE, 3868)) != 0
                    await other.said("AUDIT .*packets without IPsec were refused by the kernel")
                    assert set(wire.read("left")) == {socket.IPPROTO_TCP}
                    assert set(wire.read("right")) == set()  # not even a refusal
                assert "LINK_UP" not in other.text

    drive(scenario())


@pytest.mark.requirement("R-TSP-29", "R-TSP-30")
@pytest.mark.parametrize(("transport", "rules"), [("tcp", False), ("sctp", False), ("tcp", True), ("sctp", True)])
def test_without_its_security_association_a_link_goes_down(
    net: Cables, tmp_path: Path, transport: str, rules: bool
) -> None:
    """Nothing leaves in clear meanwhile, nor when the rules that demand IPsec are taken away with it (`rules`): then
    those that block are met.
    """
    left, right = by_hand(tmp_path, sa_grace=1)

    async def scenario() -> None:
        with capture(net) as wire:
            async with peer(net.right, server(right, transport=transport), tmp_path) as other:
                config = client(left, transport=transport, tc_s=600)
                async with ours(config) as (node, asking, said):
                    await node.when_open(RIGHT)
                    await ask(asking)
                    delete_states(rules=rules)
                    await until(lambda: said.of(Point.LINK_NOTE), "the link is bare")
                    asked = as_deferred(asking.request("Device-Action", ACTION, realm=REALM, timeout_s=30))
                    before = wire.read("left").total()
                    assert said.of(Point.LINK_LOST) == []
                    with pytest.raises(Undeliverable, match="lost: IPsec: no security association|could not be sent"):
                        await asked
                    await until(lambda: said.of(Point.LINK_LOST), "the link is down")
                    (lost,) = said.of(Point.LINK_LOST)
                    assert lost["reason"].startswith("IPsec: no security association")
                    assert lost["reason"].endswith("no security association came back within 1 s")
                    await pause(0.5)
                    assert wire.read("left").total() == before
                    assert set(wire.read()) == {ESP}
                    assert other.text.count("REQUEST") == 1

    drive(scenario())


def test_a_security_association_that_is_replaced_in_time(net: Cables, tmp_path: Path) -> None:
    left, right = by_hand(tmp_path, sa_grace=5)

    async def scenario() -> None:
        async with peer(net.right, server(right), tmp_path), ours(client(left)) as (node, asking, said):
            await node.when_open(RIGHT)
            await ask(asking)
            asking_kernel = Netlink()
            kept = {state.spi: state for state in asking_kernel.states()}
            delete_states(0x1001)
            await until(lambda: said.of(Point.LINK_NOTE), "the link is bare")
            asked = as_deferred(asking.request("Device-Action", ACTION, realm=REALM, timeout_s=30))
            await pause(0.5)
            asking_kernel.add_state(kept[0x1001])
            asking_kernel.close()
            assert (await asked)["Result-Code"] == 2001
            assert len(said.of(Point.LINK_NOTE)) == 2
            assert said.of(Point.LINK_LOST) == []

    drive(scenario())


def test_the_keys_of_another_identity(net: Cables, tmp_path: Path) -> None:
    """Who has the keys may not claim to be somebody else, neither towards us nor as who dials."""
    left, right = by_hand(tmp_path)
    left["sa"][0]["identity"] = "somebody.example.org"

    async def scenario() -> None:
        async with (
            peer(net.right, server(right), tmp_path) as other,
            ours(client(left, tc_s=600)) as (_, _, said),
        ):
            await until(lambda: said.of(Point.CONNECTING_FAILED), "refused")
            assert "not of" in said.of(Point.CONNECTING_FAILED)[0]["reason"]
            assert said.refused[0].stage == "link"
            assert "LINK_UP" not in other.text

    drive(scenario())


def test_who_connects_with_the_keys_of_another(net: Cables, tmp_path: Path) -> None:
    left, right = by_hand(tmp_path)
    right["sa"][0]["identity"] = "somebody.example.org"

    async def scenario() -> None:
        async with peer(net.right, server(right), tmp_path) as other, ours(client(left, tc_s=600)):
            found = await other.said("AUDIT (.*)")
            assert "the identity proved by IPsec does not carry left.example.org" in found[1]

    drive(scenario())


def test_the_walls_are_there_and_go(net: Cables, tmp_path: Path) -> None:
    left, _ = by_hand(tmp_path)

    async def scenario() -> None:
        async with ours(client(left, tc_s=600, connect_timeout_s=1)):
            await pause(0.5)
            asking = Netlink()
            blocked = {one.direction for one in asking.policies() if not one.templates}
            assert blocked == {Direction.IN, Direction.OUT}
            assert {state.spi for state in asking.states()} == {0x1001, 0x1002}
        assert [one for one in asking.policies() if not one.templates] == []
        assert {state.spi for state in asking.states()} == {0x1001, 0x1002}  # their sequence numbers go on
        asking.close()

    drive(scenario())
