"""ESP made by strongSwan in user space, for kernels without IPsec: sockets are bound to its tunnel device, so nothing
passes outside it.
"""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest

from diameter.errors import Undeliverable
from diameter.node import as_deferred
from diameter.security.link import LinkSecurity
from diameter.security.pki import Pki
from diameter.trace import Point
from diameter.transport.ipsec.netlink import Netlink
from helpers.ipsec_nodes import capture, client, ours, peer, server
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Asking, Said
from helpers.programs import until
from helpers.strongswan import Charon, Daemons, issued, written

pytestmark = pytest.mark.rig
HERE, THERE = "10.8.0.1", "10.8.0.2"
OUTER: Final = {HERE: "10.1.1.1", THERE: "10.1.1.2"}
MARK: Final = b"clear text would show this"
NAT_PORT: Final = (4500).to_bytes(2)
WAYS: Final[dict[str, dict[str, Any]]] = {
    "tcp": {"transport": "tcp"},
    "usrsctp-udp": {"transport": "sctp", "sctp": "usrsctp-udp", "association": {"udp_port": 9899}},
    "usrsctp-raw": {"transport": "sctp", "sctp": "usrsctp-raw"},
}


def options(charon: Charon, pki: Pki, host: str, here: str, there: str = "") -> dict[str, Any]:
    ike = {**written(issued(pki, host)), "socket": str(charon.socket), "local": OUTER[here], "encap": True}
    if there:
        ike["remote"] = OUTER[there]
    return {"mode": "tunnel", "device": "ipsec0", "sa_grace": 2, "ike": ike}


@asynccontextmanager
async def both(net: Cables, folder: Path, way: str) -> AsyncIterator[tuple[Daemons, dict[str, Any], dict[str, Any]]]:
    """Daemons, and configurations of the left and of the right node."""
    pki = Pki.init(folder / "pki")
    ways = dict(WAYS[way])
    transport = ways.pop("transport")
    async with Daemons(net, folder, libipsec=True) as daemons:
        left = options(daemons.left, pki, LEFT, HERE, THERE)
        right = options(daemons.right, pki, RIGHT, THERE)
        yield (
            daemons,
            client(left, transport=transport, at=THERE, peer={"bind": HERE, **ways}, tc_s=600),
            server(right, transport=transport, at=THERE, listen=ways),
        )


def ask(asking: Asking, timeout_s: float = 20.0) -> Any:
    action = {**ACTION["Device-Action"], "Trigger-Data": {"Payload": MARK}}
    return as_deferred(asking.request("Device-Action", {"Device-Action": action}, realm=REALM, timeout_s=timeout_s))


@pytest.mark.requirement("S-TSP-22", "R-TSP-30")
@pytest.mark.parametrize("way", WAYS)
def test_a_link_from_its_first_packet_to_its_last(net: Cables, tmp_path: Path, way: str) -> None:
    async def scenario() -> None:
        async with both(net, tmp_path, way) as (daemons, left, right):
            with capture(net) as wire:
                async with peer(net.right, right, tmp_path), ours(left) as (node, asking, said):
                    neighbour = await node.when_open(RIGHT, timeout_s=180)
                    security = neighbour.security
                    assert isinstance(security, LinkSecurity)
                    assert (security.mechanism, security.version) == ("ipsec", "IKEv2")
                    for _ in range(20):
                        assert (await ask(asking))["Result-Code"] == 2001
                    assert said.refused == []
                    (found,) = await daemons.right.children()
                    assert (found.identity, found.mode) == (LEFT, "TUNNEL")
                    with net.left:
                        asked = Netlink()
                        assert list(asked.states()) == []  # the kernel has no part in it
                        asked.close()
                assert set(wire.read()) == {socket.IPPROTO_UDP}
                ports = {frame[36:38] for packets in wire.packets.values() for _, frame in packets}
                assert ports == {(500).to_bytes(2), NAT_PORT}
                assert not wire.holds(MARK)

    drive(scenario())


def test_nothing_leaves_by_another_device(net: Cables, tmp_path: Path) -> None:
    """The IKE SA is ended and may not come back: the link goes down, and no packet of it is on the cable."""

    async def ended(daemons: Daemons, asking: Asking, said: Said) -> None:
        net.left.ip("route add 10.8.0.2/32 via 10.1.1.2")
        name = await daemons.right.child()
        await daemons.right.tell("unload-conn", name=name)
        with capture(net) as wire:
            await daemons.right.tell("terminate", ike=name)
            asked = ask(asking, 60)
            await until(lambda: said.of(Point.LINK_LOST), "the link is down")
            with pytest.raises(Undeliverable, match="IPsec|could not be sent"):
                await asked
            assert set(wire.read()) == {socket.IPPROTO_UDP}
            assert not wire.holds(MARK)

    async def scenario() -> None:
        async with (
            both(net, tmp_path, "tcp") as (daemons, left, right),
            peer(net.right, right, tmp_path),
            ours(left) as (node, asking, said),
        ):
            await node.when_open(RIGHT, timeout_s=180)
            await ended(daemons, asking, said)

    drive(scenario())


def test_clear_text_is_not_heard(net: Cables, tmp_path: Path) -> None:
    """Whoever comes by the cable and not by the tunnel finds nobody."""

    async def scenario() -> None:
        async with both(net, tmp_path, "tcp") as (_, _, right), peer(net.right, right, tmp_path) as other:
            net.left.ip("route add 10.8.0.2/32 via 10.1.1.2")
            with socket.socket() as sock:
                sock.settimeout(5)
                assert sock.connect_ex((THERE, 3868)) != 0
            assert "LINK_UP" not in other.text

    drive(scenario())
