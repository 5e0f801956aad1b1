"""An HTTP interface asked without a port: a request is answered once the clock has gone round a few times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.internet.task import Clock


def told(treq: Any, clock: Clock, method: str, url: str, headers: Mapping[str, bytes], body: Any) -> tuple[Any, bytes]:
    """(response, octets) of a stub of treq; a body that is no octets goes as JSON."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    found: list[Any] = []
    _ = treq.request(method, url, headers=headers, data=data).addCallback(found.append)
    for _ in range(5):
        clock.advance(0)
        treq.flush()
    content: list[bytes] = []
    _ = treq.content(found[0]).addCallback(content.append)
    treq.flush()
    return found[0], content[0]
