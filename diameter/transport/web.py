"""HTTP servers of a node: quiet, and deaf to what klein would answer with a traceback in the log.

klein decodes method, host and path as UTF-8.  Octets that are none are a mistake of whoever asks: 400, and no line.
"""

from __future__ import annotations

from typing import Any, Final

from twisted.web.resource import Resource
from twisted.web.server import Site

from diameter.transport.gate import Gate, guarded

_plain_site: Any = Site  # has no types
_plain_resource: Any = Resource
BAD_REQUEST: Final = b'{"schema": 1, "error": "method, host and path are UTF-8"}\n'


class Readable(_plain_resource):  # type: ignore[misc]  # so its subclass has none
    """Every request to `inner` whose method, host and path are text; 400 to the others."""

    isLeaf = True

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self._inner = inner

    def render(self, request: Any) -> Any:
        """The answer of `inner`, or 400."""
        try:
            for octets in (request.method, request.getRequestHostname(), *request.postpath):
                octets.decode()
        except UnicodeDecodeError:
            request.setResponseCode(400)
            request.setHeader(b"content-type", b"application/json")
            return BAD_REQUEST
        return self._inner.render(request)


class QuietSite(_plain_site):  # type: ignore[misc]  # so its subclass has none
    """Serves what is readable of a resource, writes no line for each request, and shows no traceback to a client.

    gate: asked before a body is read.
    """

    noisy = False
    displayTracebacks = False

    def __init__(self, resource: Any, gate: Gate | None = None) -> None:
        super().__init__(Readable(resource), requestFactory=None if gate is None else guarded(gate))

    def log(self, request: object) -> None:
        """Nothing."""
