"""Two nodes under IPsec, each in a network of its own: ours in this process, the other one as a program; what passes on
the cable between them; keys in files.

As a program: `python -m helpers.ipsec_nodes FILE` runs a node by the configuration in FILE (JSON) until its standard
input ends, and prints each trace point, refusal and request on a line.
"""

from __future__ import annotations

import json
import os
import secrets
import socket
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final

from twisted.internet import reactor as _reactor
from twisted.internet.stdio import StandardIO

from diameter.config import NodeConfig
from diameter.config.ipsec import CIPHERS
from diameter.message import Message
from diameter.node import Node
from diameter.routing.refusal import Refused
from diameter.trace import Point
from helpers.interfaces import S6tServer, T6aServer
from helpers.loop import reactor, settle
from helpers.network_spaces import Cables, Space
from helpers.nodes import LEFT, REALM, RIGHT, Answering, Asking, Said, dictionary, succeed
from helpers.private import private
from helpers.programs import Program

HERE, THERE = "10.1.1.1", "10.1.1.2"
HERE_6, THERE_6 = "fd00:1::1", "fd00:1::2"
ETH_P_ALL, ETH_P_IP, ETH_P_IPV6 = 3, 0x0800, 0x86DD
ESP: Final = 50


def keys(folder: Path, cipher: str) -> tuple[Path, Path]:
    """Files with a key for each direction: from the left to the right, and back."""
    made = []
    for name in ("there", "back"):
        path = folder / f"{name}.{cipher}.key"
        private(path, secrets.token_hex(sum(CIPHERS[cipher])) + "\n")
        made.append(path)
    return made[0], made[1]


def by_hand(
    folder: Path, cipher: str = "aes-gcm-128", mode: str = "transport", six: bool = False, **options: Any
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The options of the left and of the right end, with new keys."""
    there, back = keys(folder, cipher)
    here, far = (HERE_6, THERE_6) if six else (HERE, THERE)
    left = {
        "local": here, "remote": far, "identity": RIGHT, "spi_out": 0x1001, "spi_in": 0x1002,
        "key_out": str(there), "key_in": str(back), "cipher": cipher,
    }  # fmt: skip
    right = {
        "local": far, "remote": here, "identity": LEFT, "spi_out": 0x1002, "spi_in": 0x1001,
        "key_out": str(back), "key_in": str(there), "cipher": cipher,
    }  # fmt: skip
    common = {"hook": "xfrm", "mode": mode, **options}
    return {**common, "sa": [left]}, {**common, "sa": [right]}


def client(ipsec: Mapping[str, Any], *, transport: str = "tcp", at: str = THERE, **more: Any) -> dict[str, Any]:
    """The configuration of the left node."""
    row = {"host": RIGHT, "realm": REALM, "connect": True, "addresses": [at], "transport": transport}
    row |= {"security": "ipsec", "ipsec": ipsec, **more.pop("peer", {})}
    return {"origin_host": LEFT, "origin_realm": REALM, "peer": [row, *more.pop("others", ())], **more}


def server(ipsec: Mapping[str, Any], *, transport: str = "tcp", at: str = THERE, **more: Any) -> dict[str, Any]:
    """The configuration of the right node."""
    listen = {"host": at, "transport": transport, "security": "ipsec", "ipsec": ipsec, **more.pop("listen", {})}
    row = {"host": LEFT, "realm": REALM, "transport": transport, "security": "ipsec", **more.pop("peer", {})}
    return {"origin_host": RIGHT, "origin_realm": REALM, "listen": [listen], "peer": [row], **more}


@asynccontextmanager
async def peer(space: Space, config: Mapping[str, Any], folder: Path, name: str = "right") -> AsyncIterator[Program]:
    """The node of another program, listening, in a network; ended when the block ends."""
    file = folder / f"{name}.json"
    file.write_text(json.dumps(config))
    environment = {**os.environ, "PYTHONPATH": ":".join(sys.path)}
    with space:
        child = Program([sys.executable, "-m", "helpers.ipsec_nodes", file], folder / f"{name}.log", environment)
    try:
        await child.said("^(LISTENING|FAILED)")
        yield child
    finally:
        child.release()


@asynccontextmanager
async def ours(config: Mapping[str, Any], application: Any = None) -> AsyncIterator[tuple[Node, Asking, Said]]:
    """A node of this process, started; it stops at the end."""
    said = Said()
    asking = application if application is not None else Asking()
    node = Node(
        NodeConfig.model_validate(config), [asking], dictionary(), reactor=reactor, observe=said.observe,
        audit=said.refused.append,
    )  # fmt: skip
    await node.start()
    try:
        yield node, asking, said
    finally:
        await node.stop()
        settle()


class Wire:
    """What the ends of a cable put on it.  Inside an end the kernel shows packets that it has taken out of a tunnel as
    well, as if they had come by the cable, so only what leaves is taken.
    """

    def __init__(self, socks: Mapping[str, socket.socket]) -> None:
        self._socks = socks
        self.packets: dict[str, list[tuple[int, bytes]]] = {name: [] for name in socks}

    def read(self, *ends: str) -> Counter[int]:
        """IP protocols of every packet so far, of both ends or one; neighbours and groups of IPv6 are left out."""
        for name, sock in self._socks.items():
            self._take(sock, self.packets[name])
        return Counter(protocol for name in ends or self.packets for protocol, _ in self.packets[name])

    def _take(self, sock: socket.socket, found: list[tuple[int, bytes]]) -> None:
        while True:
            try:
                frame, (_, _, way, *_) = sock.recvfrom(65536)
            except BlockingIOError:
                return
            kind = int.from_bytes(frame[12:14])
            if way != socket.PACKET_OUTGOING:
                continue
            if kind == ETH_P_IP:
                found.append((frame[23], frame))
            elif kind == ETH_P_IPV6:
                protocol = frame[54] if frame[20] == 0 else frame[20]  # 0: options for each hop, of multicast
                if protocol != socket.IPPROTO_ICMPV6:
                    found.append((protocol, frame))

    def holds(self, octets: bytes) -> bool:
        """Do these octets occur in any packet?"""
        self.read()
        return any(octets in packet for packets in self.packets.values() for _, packet in packets)


@contextmanager
def capture(cables: Cables, interface: str = "path1") -> Iterator[Wire]:
    """Listen at both ends of a cable, "left" and "right"."""
    socks = {}
    try:
        for name, space in (("left", cables.left), ("right", cables.right)):
            with space:
                sock = socks[name] = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(ETH_P_ALL))
                sock.setblocking(False)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
                sock.bind((interface, 0))
        yield Wire(socks)
    finally:
        for sock in socks.values():
            sock.close()


class _Ended:
    """Stops the reactor when standard input ends; a line is nothing to this program."""

    def __init__(self, node: Node) -> None:
        self._node = node

    def makeConnection(self, transport: object) -> None:
        """It is open."""

    def dataReceived(self, data: bytes) -> None:
        """A line: `stop answering`, or nothing."""

    def connectionLost(self, reason: object) -> None:
        """It has ended."""
        _ = self._node.stop().addBoth(lambda _: _reactor.stop())


def _say(name: str, fields: Mapping[str, Any]) -> None:
    sys.stdout.write(f"{name} {json.dumps(dict(fields), default=str)}\n")
    sys.stdout.flush()


def main(file: Path) -> None:
    """See the top of this module."""

    def answer(request: Message) -> Message:
        _say("REQUEST", {"retransmitted": request.retransmitted})
        return succeed(request)

    def refused(one: Refused) -> None:
        _say("AUDIT", {"stage": one.stage, "peer": one.peer, "text": one.text})

    def observe(point: Point, fields: Mapping[str, Any]) -> None:
        _say(point.name, {key: str(value) for key, value in fields.items()})

    config = NodeConfig.model_validate_json(file.read_text(), strict=False)
    applications = [Answering(answer), S6tServer(), T6aServer()]
    node = Node(config, applications, dictionary(), reactor=_reactor, observe=observe, audit=refused)
    _ = node.start().addCallbacks(
        lambda _: StandardIO(_Ended(node)),  # type: ignore[no-untyped-call]  # Twisted leaves it untyped
        lambda failure: _say("FAILED", {"reason": failure.getErrorMessage()}),
    )
    _reactor.run()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
