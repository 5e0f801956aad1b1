"""A client of the operator's port of a node in memory."""

from __future__ import annotations

import json
from typing import Any

from treq.testing import StubTreq

from diameter.admin import OWN_NAMES, Admin, OfNode
from diameter.standing import NOTHING, Standing
from helpers.nodes import Bench
from helpers.schemas import assert_fits

_stub: Any = StubTreq  # has no types


class Rig:
    """A bench, and a client of the admin port of one of its nodes."""

    def __init__(
        self,
        bench: Bench,
        *,
        left: bool = False,
        names: frozenset[bytes] | None = OWN_NAMES,
        standing: Standing = NOTHING,
    ) -> None:
        self.bench = bench
        node = bench.pair.left if left else bench.pair.right
        self.steps = 0
        self.pages = pages = OfNode(node, bench.pair.clock, standing)
        self.treq: Any = _stub(Admin(pages, names, bench.pair.clock).app.resource())

    def get(
        self, path: str, *, host: str = "localhost", method: str = "GET", body: bytes | None = None
    ) -> tuple[int, bytes]:
        """Status and body."""
        found: list[Any] = []
        asked = self.treq.request(method, f"http://{host}/{path}", data=body)
        _ = asked.addCallback(found.append)
        self.treq.flush()
        clock = self.bench.pair.clock
        while self.steps < 1000 and any(call.getTime() <= clock.seconds() for call in clock.getDelayedCalls()):
            clock.advance(0)
            self.treq.flush()
            self.steps += 1
        (response,) = found
        came: list[bytes] = []
        _ = response.content().addCallback(came.append)
        self.treq.flush()
        return response.code, came[0]

    def json(self, path: str, *, code: int = 200) -> dict[str, Any]:
        """The document, which fits its schema."""
        status, body = self.get(path)
        assert status == code
        document: dict[str, Any] = json.loads(body)
        assert_fits(f"admin-{path}", document)
        return document
