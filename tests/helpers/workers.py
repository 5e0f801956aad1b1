"""A node that is several processes, and peers of it as plain sockets."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from diameter import Message, decode, encode
from diameter.wire.framing import Framer
from helpers.nodes import ACTION, TSP, dictionary
from helpers.processes import Started

REALM = "clients.example"
NODE = "relay.hub.example"
CLEAR = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "test on loopback"\n'
CER, DWR, DPR = 257, 280, 282


def peer_table(host: str, more: str = "", link: str = CLEAR) -> str:
    """A `[[peer]]` that connects to the node, or with keys in `more` one that it dials."""
    return f'[[peer]]\nhost = "{host}"\nrealm = "{host.partition(".")[2]}"\n{link}{more}\n'


def dialled(port: int) -> str:
    """Keys of a peer that the node dials."""
    return f'connect = true\naddresses = ["127.0.0.1"]\nport = {port}\n'


def relay_table(*peers: str, node: str = "", link: str = CLEAR, name: str = NODE, more: str = "") -> str:
    """The file of a relay that listens on a free port and has an operator's port."""
    return (
        f'function = "relay"\naudit = "relay.audit"\n[node]\norigin_host = "{name}"\norigin_realm = "hub.example"\n'
        f"drain_s = 2\ntc_s = 0.2\n{node}\n[node.admin]\nport = 0\n[[node.listen]]\nport = 0\n{link}\n"
        + "".join(peers) + more
    )  # fmt: skip


class Node:
    """`mtc run relay --workers N`, or another function, with a configuration of its own."""

    def __init__(self, folder: Path, table: str, workers: int, function: str = "relay") -> None:
        self.path = folder / f"{function}.toml"
        self.path.write_text(table, encoding="utf-8")
        self.started = Started(function, self.path, "--workers", str(workers))
        ends = self.started.ready().partition(" on ")[2].split(", ")
        self.port, self.admin = (int(end.rpartition(":")[2]) for end in ends)

    def page(self, what: str) -> Any:
        """A page of the operator's port."""
        connection = http.client.HTTPConnection("127.0.0.1", self.admin, timeout=300)
        connection.request("GET", f"/{what}")
        body = connection.getresponse().read()
        connection.close()
        return body.decode() if what in ("metrics", "ladder.svg") else json.loads(body)

    def worker_of(self, host: str) -> int | None:
        """Which worker has a peer."""
        worker: int | None = next(row["worker"] for row in self.page("peers")["peers"] if row["host"] == host)
        return worker

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.started.process.poll() is None:
            code, errors = self.started.end()
            assert (code, "Traceback" in errors) == (0, False) or kind is not None, errors


class RawPeer:
    """One connection of the peer `host`."""

    def __init__(self, host: str, connection: socket.socket) -> None:
        self.host = host
        self.connection = connection
        self.connection.settimeout(300)
        self._framer = Framer()
        self._read: list[bytes] = []
        self._hop = 0

    @classmethod
    def to(cls, host: str, port: int, context: ssl.SSLContext | None = None, server: str = NODE) -> RawPeer:
        """Connect, without a CER yet."""
        connection = socket.create_connection(("127.0.0.1", port), timeout=300)
        if context is not None:
            connection = context.wrap_socket(connection, server_hostname=server)
        return cls(host, connection)

    @classmethod
    def opened(cls, host: str, port: int, context: ssl.SSLContext | None = None) -> RawPeer:
        """Connect, and be open."""
        peer = cls.to(host, port, context)
        assert peer.exchange().result == (0, 2001)
        return peer

    def exchange(self) -> Message:
        """Send a CER; what it is answered."""
        self.say_cer()
        return self.hear()

    def say_cer(self) -> None:
        """Send a CER."""
        self.send(dictionary().request("Capabilities-Exchange", self._capabilities(), hop_by_hop=1, end_to_end=1))

    def say_cea(self, cer: Message) -> None:
        """Accept the CER of the node."""
        self.send(cer.answer(2001, self._capabilities()))

    def ask(self, realm: str, number: int, **avps: Any) -> None:
        """Send a Device-Action-Request."""
        filled = {
            "Session-Id": f"{self.host};1;{number}", "Auth-Application-Id": TSP, "Auth-Session-State": 1,
            "Origin-Host": self.host, "Origin-Realm": self.host.partition(".")[2], "Destination-Realm": realm,
            **ACTION, **avps,
        }  # fmt: skip
        self.send(
            dictionary().request("Device-Action", filled, application="Tsp", hop_by_hop=number, end_to_end=number)
        )

    def send(self, message: Message) -> None:
        """Send a message."""
        self.connection.sendall(encode(message))

    def hear(self, *, silent: bool = True) -> Message:
        """The next message; a DWR is answered and passed over where `silent`."""
        while True:
            while not self._read:
                octets = self.connection.recv(65536)
                assert octets, f"{self.host}: closed by the node"
                self._read += self._framer.feed(octets)
            message = decode(self._read.pop(0), dictionary())
            if not (silent and message.request and message.command_code == DWR):
                return message
            self.answer(message)

    def answer(self, request: Message) -> None:
        """Answer a base request with success."""
        self.send(request.answer(2001, {"Origin-Host": self.host, "Origin-Realm": self.host.partition(".")[2]}))

    def ended(self) -> bool:
        """True when the node closes the connection; what it still sends is read."""
        try:
            while self.connection.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.close()
        return True

    def close(self) -> None:
        """Close."""
        self.connection.close()

    def _capabilities(self) -> dict[str, Any]:
        return {
            "Origin-Host": self.host, "Origin-Realm": self.host.partition(".")[2], "Host-IP-Address": "127.0.0.1",
            "Vendor-Id": 0, "Product-Name": "raw", "Auth-Application-Id": 0xFFFFFFFF,
        }  # fmt: skip


class RawServer:
    """A listening socket that the node dials."""

    def __init__(self, host: str) -> None:
        self.host = host
        self._socket = socket.create_server(("127.0.0.1", 0))
        self._socket.settimeout(30)
        self.port: int = self._socket.getsockname()[1]

    def accept(self) -> tuple[RawPeer, Message]:
        """The connection of the node, and its CER."""
        peer = RawPeer(self.host, self._socket.accept()[0])
        return peer, peer.hear()

    def close(self) -> None:
        """Accept no more."""
        self._socket.close()
