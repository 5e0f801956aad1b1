"""A gate in front of the bodies of HTTP requests: who may not, or sends too much, is answered before a body is read.

Twisted reads a body whole, into memory or a file, before anybody sees the request.  With a gate the answer to somebody
who may not goes out when the headers are there; what he sends after them is thrown away, and the connection ends with
it, or after `DRAINED` octets: to end it at once would, with TCP, take the answer away from a client that still sends.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from typing import Any, Final

from twisted.web.http import RESPONSES
from twisted.web.server import Request

_plain_request: Any = Request  # has no types
DRAINED: Final = 1 << 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What is answered instead; headers as (name, value)."""

    status: int
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes = b""

    def octets(self) -> bytes:
        """The answer, after which the connection ends."""
        reason = RESPONSES.get(self.status, b"").decode()
        own = (("Content-Length", str(len(self.body))), ("Connection", "close"))
        lines = [f"HTTP/1.1 {self.status} {reason}", *(f"{name}: {value}" for name, value in (*self.headers, *own))]
        return "\r\n".join([*lines, "", ""]).encode("latin-1") + self.body


Gate = Callable[[Any, int], Refusal | None]
"""Asked with a request that has a body, and with its octets: those announced, or those so far where none are."""


def guarded(gate: Gate) -> Any:
    """The class of requests that pass a gate."""

    class Guarded(_plain_request):  # type: ignore[misc]  # so its subclass has none
        _refused = False
        _announced = False
        _octets = 0
        content: Any = None

        def gotLength(self, length: int | None) -> None:
            """The headers are there."""
            self._announced = length is not None
            refusal = None if length == 0 else gate(self, length or 0)
            if refusal is None:
                super().gotLength(length)
            else:
                self._refuse(refusal)

        def handleContentChunk(self, data: bytes) -> None:
            """Some of the body."""
            self._octets += len(data)
            if not self._refused and not self._announced:
                refusal = gate(self, self._octets)
                if refusal is not None:
                    self._octets = 0
                    self._refuse(refusal)
            if not self._refused:
                super().handleContentChunk(data)
            elif self._octets > DRAINED:
                self.channel.loseConnection()

        def requestReceived(self, command: bytes, path: bytes, version: bytes) -> None:
            """All of it is there."""
            if self._refused:
                self.channel.loseConnection()
            else:
                super().requestReceived(command, path, version)

        def _refuse(self, refusal: Refusal) -> None:
            self._refused = True
            if self.content is not None:
                self.content.close()
            self.content = BytesIO()
            self.requestHeaders.removeHeader(b"expect")  # nobody is to go on
            self.channel.transport.write(refusal.octets())

    return Guarded
