"""Nodes under IPsec by strongSwan: OPEN only under a security association of the right identity, and only while there
is one; nothing of Diameter is on the cable in clear.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from diameter.app import Later
from diameter.errors import ConfigError, Undeliverable
from diameter.message import Message
from diameter.node import as_deferred
from diameter.security.link import LinkSecurity
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.ipsec_nodes import ESP, Wire, capture, client, ours, peer, server
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Asking, Said
from helpers.programs import Program, until
from helpers.strongswan import Charon, Daemons, issued, written

pytestmark = pytest.mark.rig
MARK: Final = b"clear text would show this"
IKE_PORT: Final = (500).to_bytes(2)
FAILED: Final = Point.CONNECTING_FAILED


class Lab:
    """Two daemons, a PKI, and what is asked of them in configurations."""

    def __init__(self, daemons: Daemons, folder: Path) -> None:
        self.daemons, self.folder = daemons, folder
        self.pki = Pki.init(folder / "pki")

    def options(self, charon: Charon, host: str, **more: Any) -> dict[str, Any]:
        ike = {**issued(more.pop("pki", self.pki), host), "socket": charon.socket, "dpd_s": 2.0, **more.pop("ike", {})}
        return {"ike": written(ike), "sa_grace": 2, **more}

    def left(self, host: str = LEFT, **more: Any) -> dict[str, Any]:
        """Options of our end."""
        return self.options(self.daemons.left, host, **more)

    def right(self, host: str = RIGHT, **more: Any) -> dict[str, Any]:
        """Options of the other end."""
        return self.options(self.daemons.right, host, **more)


@pytest.fixture
def net(cables: Cables) -> Iterator[Cables]:
    """Within, this thread lives in the left network."""
    with cables.left:
        yield cables


@asynccontextmanager
async def lab(net: Cables, folder: Path, **options: Any) -> AsyncIterator[Lab]:
    async with Daemons(net, folder, **options) as daemons:
        yield Lab(daemons, folder)


def ask(asking: Asking, timeout_s: float = 20.0) -> Later[Message]:
    action = {**ACTION["Device-Action"], "Trigger-Data": {"Payload": MARK}}
    return asking.request("Device-Action", {"Device-Action": action}, realm=REALM, timeout_s=timeout_s)


def packets(wire: Wire) -> list[tuple[int, bytes]]:
    """(IP protocol, frame) of every packet so far, of both ends."""
    wire.read()
    return [packet for each in wire.packets.values() for packet in each]


def ike_alone_in_clear(wire: Wire) -> bool:
    """Was every packet so far of ESP, or of IKE?"""
    return all(kind == ESP or (kind == socket.IPPROTO_UDP and one[36:38] == IKE_PORT) for kind, one in packets(wire))


async def not_reached(said: Said, count: int = 1) -> str:
    """Why the peer could not be connected to."""
    await until(lambda: len(said.of(FAILED)) >= count, "an attempt that failed")
    return str(said.of(FAILED)[-1]["reason"])


async def not_reached_because(said: Said, words: str) -> None:
    """An attempt failed for this reason; others may have failed for others, such as a daemon that was too slow."""
    await until(lambda: any(words in each["reason"] for each in said.of(FAILED)), words)


@pytest.mark.requirement("S-TSP-22", "R-TSP-30", "S-TSP-31")
@pytest.mark.parametrize(
    ("transport", "mode"), [("tcp", "transport"), ("tcp", "tunnel"), ("sctp", "transport"), ("sctp", "tunnel")]
)
def test_a_link_from_its_first_packet_to_its_last(net: Cables, tmp_path: Path, transport: str, mode: str) -> None:
    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            with capture(net) as wire:
                right = server(made.right(mode=mode), transport=transport)
                async with peer(net.right, right, tmp_path) as other:
                    left = client(made.left(mode=mode), transport=transport)
                    async with ours(left) as (node, asking, said):
                        neighbour = await node.when_open(RIGHT, timeout_s=180)
                        security = neighbour.security
                        assert isinstance(security, LinkSecurity)
                        assert (security.mechanism, security.version, security.cipher) == (
                            "ipsec", "IKEv2", "AES_GCM_16_128",
                        )  # fmt: skip
                        assert security.peer_names == (RIGHT,)
                        for _ in range(5):
                            assert (await as_deferred(ask(asking)))["Result-Code"] == 2001
                        await other.said("PEER_OPEN")
                        (found,) = await made.daemons.right.children()
                        assert (found.identity, found.mode) == (LEFT, mode.upper())
                    await other.said("PEER_CLOSED")
                    assert said.refused == []
                seen = wire.read()
                assert set(seen) == {ESP, socket.IPPROTO_UDP}
                assert ike_alone_in_clear(wire)
                assert seen[ESP] > 15
                assert not wire.holds(MARK)

    drive(scenario())


@pytest.mark.requirement("S-TSP-31", "R-TSP-29")
def test_the_wrong_identity_gets_no_cer(net: Cables, tmp_path: Path) -> None:
    """A certificate of the same CA for another name, at the other end and at ours."""

    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            with capture(net) as wire:
                async with peer(net.right, server(made.right("mallory.example.org")), tmp_path) as other:
                    async with ours(client(made.left(), tc_s=0.5)) as (_, _, said):
                        assert f"no trusted ECDSA public key found for '{RIGHT}'" in await not_reached(said, 2)
                    assert "LINK_UP" not in other.text
                assert set(wire.read()) == {socket.IPPROTO_UDP}
            async with peer(net.right, server(made.right()), tmp_path, "again") as other:
                mine = made.left("mallory.example.org", local_identity="mallory.example.org")
                async with ours(client(mine, tc_s=600)) as (_, _, said):
                    await other.said("(?s)LINK_UP.*AUDIT")
                    await until(lambda: said.of(Point.LINK_LOST), "the link is refused")
                    assert "PEER_OPEN" not in other.text

    drive(scenario())


@pytest.mark.requirement("S-TSP-31")
def test_a_weaker_proposal_is_refused(net: Cables, tmp_path: Path) -> None:
    """In a configuration; by the daemon; and when both daemons have agreed on it behind the node's back."""

    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            with pytest.raises(ValueError, match="SHA-1, which the profile of TS 33.210 forbids"):
                async with ours(client(made.left(esp_proposals=["aes128-sha1"]))):
                    raise AssertionError("it started")
            hosts = ("10.1.1.2", "10.1.1.1")
            ike, esp = "aes128-sha256-ecp256", "aes128-sha1"
            await made.daemons.right.load("weak", made.pki, RIGHT, LEFT, hosts, ike, esp)
            async with ours(client(made.left(), tc_s=0.5)) as (_, _, said):
                await not_reached_because(said, "NO_PROPOSAL_CHOSEN")
                daemon = made.daemons.left
                await daemon.load("weak", made.pki, LEFT, RIGHT, hosts[::-1], ike, esp)
                await daemon.tell("initiate", child="weak", ike="weak", timeout="-1")  # which is not waited for
                await until(lambda: "CHILD_SA weak{1} established" in daemon.log, "what is too weak is there")
                await not_reached_because(said, "weaker than the profile")
                assert said.of(Point.LINK_UP) == []
            assert [name for each in (await daemon.knows())[1] for name in each] == ["weak"]

    drive(scenario())


def refused(net: Cables) -> dict[str, int]:
    """What the kernel of the right network has refused so far, by reason."""
    with net.right:
        lines = Path("/proc/net/xfrm_stat").read_text().splitlines()
    return {name: int(count) for name, count in (line.split() for line in lines)}


@pytest.mark.requirement("R-TSP-30")
@pytest.mark.parametrize("transport", ["tcp", "sctp"])
def test_packets_that_are_repeated_or_changed(net: Cables, tmp_path: Path, transport: str) -> None:
    """The cable repeats every packet of our end, then brings them with a bit changed and a number not used yet."""

    async def attack(wire: Wire, other: Program) -> None:
        wire.read()
        seen = [frame for number, frame in wire.packets["left"] if number == ESP]
        forged = [frame[:40] + (0x7000).to_bytes(2) + frame[42:-1] + bytes([frame[-1] ^ 1]) for frame in seen]
        before, requests = refused(net), other.text.count("REQUEST")
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as sock:
            sock.bind(("path1", 0))
            for frame in (*seen, *forged):
                sock.send(frame)
        await until(lambda: refused(net)["XfrmInStateProtoError"] >= before["XfrmInStateProtoError"] + len(seen), "it")
        assert refused(net)["XfrmInStateSeqError"] >= before["XfrmInStateSeqError"] + len(seen)
        assert other.text.count("REQUEST") == requests == 5

    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            right, left = server(made.right(), transport=transport), client(made.left(), transport=transport)
            with capture(net) as wire:
                async with peer(net.right, right, tmp_path) as other, ours(left) as (node, asking, said):
                    await node.when_open(RIGHT, timeout_s=180)
                    for _ in range(5):
                        await as_deferred(ask(asking))
                    await attack(wire, other)
                    assert (await as_deferred(ask(asking)))["Result-Code"] == 2001
                    assert said.of(Point.LINK_LOST) == []

    drive(scenario())


@pytest.mark.parametrize("transport", ["tcp", "sctp"])
def test_new_keys_under_traffic(net: Cables, tmp_path: Path, transport: str) -> None:
    """Every request is answered, once, while the child SA and the IKE SA are replaced twice each."""

    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            right, left = server(made.right(), transport=transport), client(made.left(), transport=transport)
            async with peer(net.right, right, tmp_path) as other:
                async with ours(left) as (node, asking, said):
                    await node.when_open(RIGHT, timeout_s=180)
                    daemon = made.daemons.left
                    name = await daemon.child()
                    for what, text in (("child", "outbound CHILD_SA"), ("ike", "rekeyed between")) * 2:
                        daemon.forget()
                        waiting = [ask(asking) for _ in range(40)]
                        await daemon.tell("rekey", **{what: name})
                        waiting += [ask(asking) for _ in range(40)]
                        await until(lambda text=text: text in daemon.since, "new keys")  # type: ignore[misc]
                        for each in waiting:
                            assert (await as_deferred(each))["Result-Code"] == 2001
                    assert said.of(Point.LINK_LOST) == []
                assert other.text.count("REQUEST") == 320
                assert '"retransmitted": true' not in other.text

    drive(scenario())


@pytest.mark.requirement("R-TSP-30")
@pytest.mark.parametrize("transport", ["tcp", "sctp"])
def test_an_ike_sa_that_is_ended(net: Cables, tmp_path: Path, transport: str) -> None:
    """It is brought up again in time, and the link lives; when it may not be, the link goes down within the grace."""

    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            right = made.daemons.right
            async with peer(net.right, server(made.right(), transport=transport), tmp_path) as other:
                left = client(made.left(), transport=transport, tc_s=600)
                async with ours(left) as (node, asking, said):
                    await node.when_open(RIGHT, timeout_s=180)
                    name = await right.child()
                    await right.tell("terminate", ike=name)
                    assert (await as_deferred(ask(asking)))["Result-Code"] == 2001
                    assert said.of(Point.LINK_LOST) == []
                    await right.tell("unload-conn", name=name)
                    spis = {spi for each in await right.children() for spi in each.serial.split("/")}
                    with capture(net) as wire:
                        await right.tell("terminate", ike=name)
                        asked = as_deferred(ask(asking, 60))
                        await until(lambda: said.of(Point.LINK_LOST), "the link is down")
                        assert "came back within 2 s" in said.of(Point.LINK_LOST)[0]["reason"]
                        with pytest.raises(Undeliverable, match="IPsec|could not be sent"):
                            await asked
                        await other.said("LINK_LOST")
                        assert not wire.holds(MARK)
                        assert ike_alone_in_clear(wire)
                        # Our end is the last to know: until then what it sends is under the keys that were.
                        assert {one[34:38].hex() for kind, one in packets(wire) if kind == ESP} <= spis
                        assert other.text.count("REQUEST") == 1

    drive(scenario())


@pytest.mark.requirement("R-TSP-30")
def test_a_daemon_that_dies(net: Cables, tmp_path: Path) -> None:
    """Nobody knows any more what protects the link: it goes down; it comes back with the daemon."""

    async def scenario() -> None:
        async with lab(net, tmp_path, again_s=0.3) as made:
            left = client(made.left(), tc_s=0.5, reopen_dwas=0)
            async with peer(net.right, server(made.right()), tmp_path) as other, ours(left) as (node, asking, said):
                await node.when_open(RIGHT, timeout_s=180)
                said.points.clear()
                await made.daemons.left.kill()
                await until(lambda: said.of(Point.LINK_LOST), "the link is down")
                assert "is charon running?" in said.of(Point.LINK_LOST)[0]["reason"]
                assert "is charon running?" in await not_reached(said)
                await other.said("LINK_LOST")
                await made.daemons.left.again()
                await node.when_open(RIGHT, timeout_s=180)
                assert (await as_deferred(ask(asking)))["Result-Code"] == 2001

    drive(scenario())


def test_a_listener_without_a_daemon_says_so(net: Cables, tmp_path: Path) -> None:
    async def scenario() -> None:
        async with lab(net, tmp_path) as made:
            await made.daemons.left.kill()
            with pytest.raises(ConfigError, match="strongSwan at .*is charon running"):
                async with ours(server(made.left(), at="10.1.1.1")):
                    raise AssertionError("it started")

    drive(scenario())


def test_an_association_with_two_addresses_at_each_end(net: Cables, tmp_path: Path) -> None:
    """In transport mode each pair of addresses has an IKE SA; with one cable cut, the other one carries on."""

    async def scenario() -> None:
        quick = {"rto_initial_ms": 200, "rto_min_ms": 100, "rto_max_ms": 400, "path_max_retrans": 2}
        async with lab(net, tmp_path) as made:
            there = {"local_addresses": ["10.1.2.2"], **quick}
            right = server(made.right(), transport="sctp", listen={"association": there})
            row = {
                "bind": "10.1.1.1", "addresses": ["10.1.1.2", "10.1.2.2"],
                "association": {"local_addresses": ["10.1.2.1"], **quick},
            }  # fmt: skip
            left = client(made.left(), transport="sctp", peer=row)
            async with peer(net.right, right, tmp_path), ours(left) as (node, asking, said):
                await node.when_open(RIGHT, timeout_s=180)
                assert len(await made.daemons.left.children()) == 2
                with capture(net, "path2") as wire:
                    net.cut(1)
                    for _ in range(5):
                        assert (await as_deferred(ask(asking)))["Result-Code"] == 2001
                    assert wire.read()[ESP] >= 10
                    assert not wire.holds(MARK)
                assert said.of(Point.LINK_LOST) == []

    drive(scenario())
