"""The security policy of a node over real IPsec: who may do without, who may not, and what keys it asks for."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from diameter.node import as_deferred
from diameter.security.link import LinkSecurity
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.interfaces import INTERFACES
from helpers.ipsec_nodes import ESP, capture, client, ours, peer, server
from helpers.loop import drive
from helpers.network_spaces import Cables
from helpers.nodes import ACTION, LEFT, REALM, RIGHT
from helpers.programs import until
from helpers.strongswan import Charon, Daemons, issued, written

pytestmark = pytest.mark.rig
BARE: Final[dict[str, Any]] = {
    "security": None, "ipsec": {}, "physical_protection": True, "physical_protection_reason": "a cable of a test",
}  # fmt: skip


@pytest.fixture
def net(cables: Cables) -> Iterator[Cables]:
    """Within, this thread lives in the left network."""
    with cables.left:
        yield cables


def options(charon: Charon, pki: Pki, host: str, mode: str) -> dict[str, Any]:
    """Those of one end."""
    ike = {**issued(pki, host), "socket": charon.socket, "dpd_s": 2.0}
    return {"ike": written(ike), "sa_grace": 2, "mode": mode}


@pytest.mark.requirement("R-TSP-33", "S-TSP-22")
@pytest.mark.parametrize("under", [True, False])
def test_a_peer_inside_may_have_ipsec_and_may_do_without(net: Cables, tmp_path: Path, under: bool) -> None:
    async def scenario() -> None:
        placed: dict[str, Any] = {"placement": "inside", **({} if under else BARE)}
        async with Daemons(net, tmp_path) as daemons:
            pki = Pki.init(tmp_path / "pki")
            left, right = (
                options(charon, pki, host, "transport") if under else {}
                for charon, host in ((daemons.left, LEFT), (daemons.right, RIGHT))
            )
            listens = {} if under else BARE
            with capture(net) as wire:
                async with (
                    peer(net.right, server(right, peer=placed, listen=listens), tmp_path),
                    ours(client(left, peer=placed)) as (node, asking, _),
                ):
                    neighbour = await node.when_open(RIGHT, timeout_s=180)
                    assert isinstance(neighbour.security, LinkSecurity)
                    assert neighbour.security.mechanism == ("ipsec" if under else "none")
                    asked = asking.request("Device-Action", ACTION, realm=REALM, timeout_s=20)
                    assert (await as_deferred(asked))["Result-Code"] == 2001
                seen = set(wire.read())
            assert (ESP in seen, socket.IPPROTO_TCP in seen) == (under, not under)

    drive(scenario())


@pytest.mark.requirement("S-EXP-15", "S-EXP-16", "S-TSP-31")
@pytest.mark.parametrize(("interface", "transport"), [("S6t", "tcp"), ("T6a", "sctp")])
def test_where_the_policy_asks_for_tunnels_there_is_no_other_way_in(
    net: Cables, tmp_path: Path, interface: str, transport: str
) -> None:
    """By a tunnel and under the right identity; not in clear; not without a security association."""
    rule: dict[str, Any] = {"security": {"outside": {"nds_ip": True}}}
    between = INTERFACES[interface]

    async def scenario() -> None:
        async with Daemons(net, tmp_path) as daemons:
            pki = Pki.init(tmp_path / "pki")
            right = server(options(daemons.right, pki, RIGHT, "tunnel"), transport=transport, **rule)
            left = options(daemons.left, pki, LEFT, "tunnel")
            async with peer(net.right, right, tmp_path) as other:
                async with ours(client({}, transport=transport, peer=BARE, connect_timeout_s=2)) as (_, _, said):
                    await until(lambda: said.of(Point.CONNECTING_FAILED), "clear text finds nobody")
                strange = options(daemons.left, Pki.init(tmp_path / "strange"), LEFT, "tunnel")
                async with ours(client(strange, transport=transport, **rule)) as (_, _, said):
                    await until(lambda: said.of(Point.CONNECTING_FAILED), "no security association, no link")
                    assert "AUTHENTICATION_FAILED" in said.of(Point.CONNECTING_FAILED)[0]["reason"]
                assert "LINK_UP" not in other.text
                config = client(left, transport=transport, **rule)
                async with ours(config, between.asking()) as (node, asking, _):
                    await node.when_open(RIGHT, timeout_s=180)
                    (found,) = await daemons.right.children()
                    assert (found.identity, found.mode) == (LEFT, "TUNNEL")
                    asked = asking.request(between.command, between.avps, realm=REALM, timeout_s=20)
                    assert (await as_deferred(asked))["Result-Code"] == 2001

    drive(scenario())


@pytest.mark.requirement("R-TSP-11", "E-TSP-12")
def test_keys_that_are_too_short_outside_are_good_enough_inside(net: Cables, tmp_path: Path) -> None:
    """The certificates have P-256; the other end asks for 384 bits outside."""
    rule: dict[str, Any] = {"security": {"outside": {"ec_bits": 384}}}

    async def scenario() -> None:
        async with Daemons(net, tmp_path) as daemons:
            pki = Pki.init(tmp_path / "pki")
            left, right = (
                options(charon, pki, host, "transport")
                for charon, host in ((daemons.left, LEFT), (daemons.right, RIGHT))
            )
            async with peer(net.right, server(right, **rule), tmp_path) as other:
                async with ours(client(left)) as (_, _, said):
                    await until(lambda: said.of(Point.CONNECTING_FAILED), "refused")
                    assert "AUTHENTICATION_FAILED" in said.of(Point.CONNECTING_FAILED)[0]["reason"]
                assert "LINK_UP" not in other.text
            placed = {"placement": "inside"}
            async with (
                peer(net.right, server(right, peer=placed, **rule), tmp_path, "again"),
                ours(client(left)) as (node, _, _),
            ):
                await node.when_open(RIGHT, timeout_s=180)

    drive(scenario())
