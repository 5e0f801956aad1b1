"""The peers of the scenario `peers`: thousands of raw sockets of one process, each with octets prepared for it."""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Callable
from typing import Any, Final

from diameter import Dictionary, LocalError, encode
from diameter.wire import avp, header
from nfs.cli._bench.messages import LOAD, REALM, SHARED_REALM, capabilities, peer_name, route_realm

WINDOW: Final = 5
"""Requests outstanding; no more than the fewest peers that send."""
EXCHANGES: Final = 50
"""Capabilities exchanges under way at once."""
BY_ADDRESS: Final = 5000
"""Connections from one loopback address."""
START_S: Final = 180.0
DEVICE_WATCHDOG: Final = 280
SUCCESS: Final = b"\0\0\1\x0c\x40\0\0\x0c\0\0\x07\xd1"

Load = Callable[[int], tuple[int, bytes]]
"""The request with this number: index of the peer that sends it, and its octets."""


class Peers:
    """Every peer of the server: sockets, what is left of a read, and prepared octets."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._sockets: list[socket.socket] = []
        self._index: dict[int, int] = {}
        self._rest: dict[int, bytes] = {}
        self._poll = select.epoll()
        self._sent: dict[int, float] = {}
        self._next = 1000
        self._open = 0
        self.times: list[float] = []
        self._dictionary = Dictionary.load()
        self._answer = b"".join(
            avp.build(code, 0, 0x40, value)
            for code, value in ((263, str(LOAD["Session-Id"]).encode()), (268, (2001).to_bytes(4)), (277, b"\0\0\0\1"))
        )

    def connect(self, count: int) -> None:
        """Connect so many, and exchange capabilities.  Raises LocalError."""
        octets = encode(
            self._dictionary.request("Capabilities-Exchange", capabilities(peer_name(0)), hop_by_hop=1, end_to_end=1)
        )
        until = time.monotonic() + START_S + count / 50
        for number in range(count):
            source = f"127.0.1.{1 + number // BY_ADDRESS}"
            link = socket.create_connection(("127.0.0.1", self._port), timeout=60, source_address=(source, 0))
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._sockets.append(link)
            self._index[link.fileno()] = number
            self._poll.register(link.fileno(), select.EPOLLIN)
            link.sendall(_of(number, octets))
            while len(self._sockets) - self._open >= EXCHANGES or (number == count - 1 and self._open < count):
                if time.monotonic() > until:
                    raise LocalError(f"only {self._open} of {count} peers are open")
                self._take(time.perf_counter())

    def close(self) -> None:
        """Reset every link."""
        for link in self._sockets:
            link.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
            link.close()
        self._poll.close()

    def served(self) -> Load:
        """Requests for the server itself, each peer in its turn."""
        octets = _request(self._dictionary, LOAD)
        return lambda number: (number % len(self._sockets), octets)

    def routed(self, routes: int) -> Load:
        """Requests for the realms of the routes in turn, from each peer but the first, which they lead to."""
        plain = {name: value for name, value in LOAD.items() if name != "Destination-Host"}
        octets = [
            _request(self._dictionary, plain | {"Destination-Realm": route_realm(number)}) for number in range(routes)
        ]
        others = len(self._sockets) - 1
        return lambda number: (number % others + 1, octets[number % routes])

    def shared(self) -> Load:
        """Requests for the realm that all peers share, from each in its turn."""
        plain = {name: value for name, value in LOAD.items() if name != "Destination-Host"}
        octets = _request(self._dictionary, plain | {"Destination-Realm": SHARED_REALM})
        return lambda number: (number % len(self._sockets), octets)

    def turn(self, load: Load, *, count: int = 0, until: float = 0.0) -> None:
        """Keep WINDOW requests outstanding, until so many are sent and it is so late; then wait for the answers."""
        number, last = 0, time.monotonic() + START_S
        while number < count or time.perf_counter() < until or self._sent:
            now = time.perf_counter()
            while len(self._sent) < WINDOW and (number < count or now < until):
                self._send(*load(number), now)
                number += 1
            self._take(now)
            if not number % 100 and time.monotonic() > last + max(until - now, 0.0):
                raise LocalError(f"{len(self._sent)} requests are not answered")

    def _send(self, peer: int, octets: bytes, now: float) -> None:
        identifier = self._next.to_bytes(4)
        self._sent[self._next] = now
        self._next += 1
        self._sockets[peer].sendall(octets[:12] + identifier + identifier + _of(peer, octets[20:]))

    def _take(self, now: float) -> None:
        """Handle what has come; wait for something at most a second."""
        for descriptor, _ in self._poll.poll(1.0):
            peer = self._index[descriptor]
            data = self._sockets[peer].recv(65536)
            if not data:
                raise LocalError(f"the server closed the link of {peer_name(peer)}")
            data = self._rest.pop(peer, b"") + data
            at = 0
            while at + 4 <= len(data) and (end := at + int.from_bytes(data[at + 1 : at + 4])) <= len(data):
                self._message(peer, data[at:end])
                at = end
            if at < len(data):
                self._rest[peer] = data[at:]

    def _message(self, peer: int, octets: bytes) -> None:
        if header.is_request(octets):
            watchdog = header.command_code(octets) == DEVICE_WATCHDOG
            body = (SUCCESS if watchdog else self._answer) + _origin(peer)
            head = octets[4:5]
            flags = bytes((head[0] & 0x40,))
            size = (header.LENGTH + len(body)).to_bytes(3)
            self._sockets[peer].sendall(b"\1" + size + flags + octets[5 : header.LENGTH] + body)
            return
        if SUCCESS not in octets:
            raise LocalError(f"the server refused a request of {peer_name(peer)}: {octets.hex()}")
        if octets[5:8] == b"\0\1\1":
            self._open += 1
            return
        begun = self._sent.pop(header.hop_by_hop(octets), None)
        if begun is not None:
            self.times.append(time.perf_counter() - begun)


def _of(peer: int, octets: bytes) -> bytes:
    """Octets prepared for peer 0 as those of another."""
    return octets.replace(b"peer00000", b"peer%05d" % peer) if peer else octets


def _origin(peer: int) -> bytes:
    return avp.build(264, 0, 0x40, peer_name(peer).encode()) + avp.build(296, 0, 0x40, REALM.encode())


def _request(dictionary: Dictionary, avps: dict[str, Any]) -> bytes:
    return encode(dictionary.request("Update-Location", avps | {"Origin-Host": peer_name(0)}, application="S6a"))
