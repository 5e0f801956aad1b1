"""Nodes whose links ask for IPsec, over real sockets: when a link may be, is silent, and ends.  IPsec itself is
pretended; tests/rig has the real one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from diameter.capture import CaptureReader, CaptureWriter
from diameter.config import NodeConfig
from diameter.errors import ConfigError, Undeliverable
from diameter.node import Node, as_deferred
from diameter.security.link import LinkSecurity
from diameter.security.pki import Pki
from diameter.trace import Point
from helpers.ipsec_hook import OPTIONS, Kept, Pretend, pretended, secured
from helpers.loop import drive, reactor, settle
from helpers.nodes import ACTION, LEFT, REALM, RIGHT, Answering, Asking, Said, dictionary
from helpers.ports import free_port
from helpers.programs import until

pytestmark = pytest.mark.link
OTHER = f"other.{REALM}"


class Two:
    """A client (left) and a server (right)."""

    def __init__(
        self,
        link: dict[str, Any],
        *,
        tls: Any = None,
        options: dict[str, Any] | None = None,
        placement: str = "outside",
        policy: dict[str, Any] | None = None,
        tap: CaptureWriter | None = None,
    ) -> None:
        self.asking, self.answering = Asking(), Answering()
        self.said, self.heard = Said(), Said()
        ipsec = {**OPTIONS, **(options or {})}
        common = {"security": "ipsec", "ipsec": ipsec, "port": free_port(), **link}
        placed = {"placement": placement}
        whole: dict[str, Any] = {"security": policy or {}}
        self.left = self._node(
            LEFT, self.asking, self.said,
            peer=[{"host": RIGHT, "realm": REALM, "connect": True, "addresses": ["127.0.0.1"], **common, **placed}],
            tls=tls and tls[LEFT], tap=tap, tc_s=600, **whole,
        )  # fmt: skip
        row = {"host": LEFT, "realm": REALM, "transport": common["transport"], "security": "ipsec", **placed}
        listen = {"host": "127.0.0.1", **common}
        self.right = self._node(
            RIGHT, self.answering, self.heard, listen=[listen], peer=[row], tls=tls and tls[RIGHT], **whole
        )

    def _node(self, host: str, application: Any, said: Said, tap: CaptureWriter | None = None, **table: Any) -> Node:
        config = NodeConfig.model_validate({"origin_host": host, "origin_realm": REALM, **table})
        return Node(
            config, [application], dictionary(), reactor=reactor, observe=said.observe, audit=said.refused.append,
            tap=tap,
        )  # fmt: skip

    async def ask(self, timeout_s: float = 5) -> int:
        asked = self.asking.request("Device-Action", ACTION, realm=REALM, timeout_s=timeout_s)
        return int((await as_deferred(asked)).number("Result-Code"))


@asynccontextmanager
async def two(link: dict[str, Any], **more: Any) -> AsyncIterator[Two]:
    made = Two(link, **more)
    await made.right.start()
    await made.left.start()
    try:
        yield made
    finally:
        await made.left.stop()
        await made.right.stop()
        settle()
        assert (made.left.stats.bugs, made.right.stats.bugs) == (0, 0)


LINKS: list[Any] = [
    pytest.param({"transport": "tcp"}, id="tcp"),
    pytest.param({"transport": "sctp", "sctp": "usrsctp-udp", "association": {"udp_port": 0}}, id="sctp"),
]


def link_of(transport: dict[str, Any]) -> dict[str, Any]:
    """The options with UDP ports of their own."""
    if "association" not in transport:
        return transport
    port = free_port()
    return {**transport, "association": {"udp_port": port, "remote_udp_port": port}}


def flows(hook: type[Pretend], *, dialled: bool) -> list[Kept]:
    return [each for each in hook.kept if each.owner is not None and each.flow.dialled is dialled]


@pytest.mark.requirement("R-TSP-30", "R-TSP-32", "S-TSP-31")
@pytest.mark.parametrize("link", LINKS)
def test_protection_first(link: dict[str, Any]) -> None:
    """Both ends have asked for protection, with what they know, before the first message; both release it."""

    async def scenario() -> None:
        with pretended(LEFT) as hook:
            async with two(link_of(link)) as nodes:
                neighbour = await nodes.left.when_open(RIGHT)
                security = neighbour.security
                assert isinstance(security, LinkSecurity)
                assert (security, neighbour.secure, neighbour.transport) == (secured(RIGHT), True, link["transport"])
                assert await nodes.ask() == 2001
                (dialled,), (accepted,) = flows(hook, dialled=True), flows(hook, dialled=False)
                assert (dialled.flow.peer, dialled.flow.identity, dialled.flow.local_identity) == (RIGHT, RIGHT, LEFT)
                assert (dialled.flow.local, dialled.flow.remote) == (("127.0.0.1",), ("127.0.0.1",))
                assert (accepted.flow.peer, accepted.flow.identity) == ("", "")
                assert dialled.flow.protocol == ("tcp" if link["transport"] == "tcp" else "udp")
                assert nodes.heard.refused == []
            assert all(each.released for each in hook.kept)
            assert hook.stopped == 2

    drive(scenario())


@pytest.mark.requirement("R-TSP-11", "R-TSP-33", "E-TSP-12")
@pytest.mark.parametrize("placement", ["inside", "outside"])
def test_a_hook_is_told_the_thresholds_of_the_policy(placement: str) -> None:
    async def scenario() -> None:
        policy = {"inside": {"rsa_bits": 3072}, "outside": {"rsa_bits": 4096, "ec_bits": 384}}
        with pretended(LEFT) as hook:
            async with two({"transport": "tcp"}, placement=placement, policy=policy) as nodes:
                await nodes.left.when_open(RIGHT)
            keys = {(each.flow.rsa_bits, each.flow.ec_bits) for each in hook.kept}
            assert keys == {(3072, 256) if placement == "inside" else (4096, 384)}
            assert len(hook.kept) == 3  # of the listener, of the link at each end

    drive(scenario())


@pytest.mark.parametrize("link", LINKS)
def test_a_capture_has_clear_messages_with_real_addresses(link: dict[str, Any], tmp_path: Path) -> None:
    options = link_of(link)
    port = options.setdefault("port", free_port())

    async def scenario() -> None:
        with pretended(LEFT), CaptureWriter(tmp_path / "left.pcapng") as tap:
            async with two(options, tap=tap) as nodes:
                await nodes.left.when_open(RIGHT)
                assert await nodes.ask() == 2001

    drive(scenario())
    messages = [one for one in CaptureReader(tmp_path / "left.pcapng") if one.octets[5:8] == (8388639).to_bytes(3)]
    sent, received = messages
    assert (sent.message(dictionary()).command, received.message(dictionary())["Result-Code"]) == (
        "Device-Action-Request", 2001,
    )  # fmt: skip
    assert sent.destination == received.source == ("127.0.0.1", port)
    assert sent.source == received.destination
    assert (sent.source[0], sent.source[1] not in (0, port)) == ("127.0.0.1", True)
    name = link["transport"]
    assert sent.comment.startswith(f"{name}, peer {RIGHT}, sent")
    assert received.comment.startswith(f"{name}, peer {RIGHT}, received")
    assert (sent.outgoing, received.outgoing, sent.transport) == (True, False, name)


@pytest.mark.requirement("R-TSP-30", "S-TSP-23")
@pytest.mark.parametrize("link", LINKS)
def test_what_nothing_protects_is_refused(link: dict[str, Any]) -> None:
    async def scenario() -> None:
        with pretended(LEFT, refuses="no child SA covers it"):
            async with two(link_of(link)) as nodes:
                await until(lambda: nodes.heard.refused, "refused")
                assert [(each.stage, each.text) for each in nodes.heard.refused] == [
                    ("link", "IPsec: no child SA covers it")
                ]
                assert nodes.right.stats.links_refused == 1
                assert nodes.heard.of(Point.LINK_UP) == []
                assert nodes.answering.seen == []

    drive(scenario())


@pytest.mark.requirement("R-TSP-06")
@pytest.mark.parametrize("link", LINKS)
def test_who_proves_another_identity_is_refused(link: dict[str, Any]) -> None:
    async def scenario() -> None:
        with pretended(OTHER):
            async with two(link_of(link)) as nodes:
                await until(lambda: nodes.heard.of(Point.PEER_REFUSED) or nodes.heard.refused, "refused")
                texts = [each.text for each in nodes.heard.refused]
                assert f"the identity proved by IPsec does not carry {LEFT} (identities: {OTHER})" in texts[0]
                assert nodes.right.stats.peers_opened == 0

    drive(scenario())


@pytest.mark.parametrize("link", LINKS)
def test_protection_that_does_not_come(link: dict[str, Any]) -> None:
    async def scenario() -> None:
        with pretended(LEFT, silent=True) as hook:
            async with two(link_of(link)) as nodes:
                await until(lambda: nodes.said.of(Point.CONNECTING_FAILED), "given up")
                reason = nodes.said.of(Point.CONNECTING_FAILED)[0]["reason"]
                assert "IPsec: no IPsec protection within 1 s" in reason
                assert nodes.right.stats.connections_in == 0  # not a packet was sent
                assert flows(hook, dialled=False) == []

    drive(scenario())


def test_a_node_that_stops_while_it_waits() -> None:
    async def scenario() -> None:
        with pretended(LEFT, silent=True) as hook:
            async with two({"transport": "tcp"}):
                pass
            assert all(each.released for each in hook.kept)

    drive(scenario())


@pytest.mark.parametrize("link", LINKS)
def test_nothing_is_sent_in_a_gap(link: dict[str, Any]) -> None:
    """What is asked for in a gap waits, and is answered when the protection is there again."""

    async def scenario() -> None:
        with pretended(LEFT) as hook:
            async with two(link_of(link), options={"sa_grace": 5}) as nodes:
                await nodes.left.when_open(RIGHT)
                (dialled,) = flows(hook, dialled=True)
                assert dialled.owner is not None
                dialled.owner.down("no child SA")
                asked = [as_deferred(nodes.asking.request("Device-Action", ACTION, realm=REALM)) for _ in range(5)]
                before = len(nodes.answering.seen)
                await until(lambda: len(nodes.said.of(Point.LINK_NOTE)) == 1, "said")
                for _ in range(10):
                    settle()
                assert len(nodes.answering.seen) == before == 0
                dialled.owner.rekeyed(secured(RIGHT))
                for each in asked:
                    assert (await each).number("Result-Code") == 2001
                assert [each["reason"] for each in nodes.said.of(Point.LINK_NOTE)] == [
                    "IPsec: no child SA; nothing is sent", "IPsec: a security association is there again",
                ]  # fmt: skip
                assert nodes.said.of(Point.LINK_LOST) == []

    drive(scenario())


@pytest.mark.parametrize("link", LINKS)
def test_after_the_grace_the_link_is_lost(link: dict[str, Any]) -> None:
    async def scenario() -> None:
        with pretended(LEFT) as hook:
            async with two(link_of(link)) as nodes:
                await nodes.left.when_open(RIGHT)
                (dialled,) = flows(hook, dialled=True)
                assert dialled.owner is not None
                dialled.owner.down("no child SA")
                with pytest.raises(Undeliverable):
                    await nodes.ask()
                await until(lambda: nodes.said.of(Point.LINK_LOST), "lost")
                assert nodes.said.of(Point.LINK_LOST)[0]["reason"] == (
                    "IPsec: no child SA; no security association came back within 0.3 s"
                )
                assert dialled.released
                assert nodes.answering.seen == []

    drive(scenario())


@pytest.mark.parametrize("link", LINKS)
def test_a_link_closed_in_a_gap(link: dict[str, Any]) -> None:
    """Its end waits for the protection as well: a node that stops has its DPR sent once it is back."""

    async def scenario() -> None:
        with pretended(LEFT) as hook:
            async with two(link_of(link), options={"sa_grace": 5}) as nodes:
                await nodes.left.when_open(RIGHT)
                (dialled,) = flows(hook, dialled=True)
                assert dialled.owner is not None
                dialled.owner.down("no child SA")
                stopping = nodes.left.stop()
                settle()
                assert nodes.heard.of(Point.PEER_LEAVING) == []
                dialled.owner.rekeyed(secured(RIGHT))
                await stopping
                await until(lambda: nodes.heard.of(Point.PEER_LEAVING), "DPR")

    drive(scenario())


def test_tls_above_ipsec(tmp_path: Any) -> None:
    pki = Pki.init(tmp_path / "pki")
    tls = {}
    for host in (LEFT, RIGHT):
        pki.issue(host)
        folder = pki.folder
        tls[host] = {"certificate": folder / f"{host}.pem", "key": folder / f"{host}.key", "trust": [pki.ca_path]}

    async def scenario() -> None:
        with pretended(LEFT) as hook:
            async with two({"transport": "tls"}, tls=tls) as nodes:
                neighbour = await nodes.left.when_open(RIGHT)
                assert isinstance(neighbour.security, LinkSecurity)
                assert (neighbour.transport, neighbour.security.mechanism) == ("tls", "tls")
                assert await nodes.ask() == 2001
                assert "protects everything twice" in nodes.said.of(Point.CHOSEN)[0]["reason"]
                (dialled,) = flows(hook, dialled=True)
                assert dialled.owner is not None
                dialled.owner.down("no child SA")
                await until(lambda: nodes.said.of(Point.LINK_LOST), "lost")
                assert "no child SA" in nodes.said.of(Point.LINK_LOST)[0]["reason"]

    drive(scenario())


@pytest.mark.parametrize(
    ("hook", "text"),
    [
        ("racoon", 'node.listen.0.ipsec: no IPsec hook "racoon" (known: vici, xfrm)'),
        ("pretend", "node.listen.0.ipsec: no"),
    ],
)
def test_what_cannot_be_had_is_said_at_start(hook: str, text: str) -> None:
    async def scenario() -> None:
        with pretended(LEFT, wrong="no daemon, no protection"):
            node = Two({"transport": "tcp"}, options={"hook": hook}).right
            with pytest.raises(ConfigError) as caught:
                await node.start()
            assert caught.value.lines[0].startswith(text)
            await node.stop()

    drive(scenario())
