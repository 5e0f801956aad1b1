"""The HTTP interface for provisioning of an HSS, asked without a port."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator
from referencing import Registry
from treq.testing import StubTreq

from diameter.app import Later
from helpers.inline import InlineReactor, InlineThreads
from helpers.stubbed import told
from nfs.common.aka import Seal
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine, reading
from nfs.common.store import Store
from nfs.hss.http.changes import Changed
from nfs.hss.http.imports import Imports
from nfs.hss.http.operations import description
from nfs.hss.http.provisioning import Provisioning

_stub: Any = StubTreq  # has no types
SEAL = Seal(bytes(32))
TOKEN = b"0123456789abcdef"


def spawn(coroutine: Any) -> Later[Any]:
    """Run a coroutine whose Deferreds come from the store."""
    from twisted.internet.defer import ensureDeferred

    later: Later[Any] = Later()
    _ = ensureDeferred(coroutine).addCallback(later.resolve)
    return later


class Rig:
    """`woken`: what the interface said of it; `aside`: work of imports that a thread would do."""

    def __init__(self, folder: Path, seal: Seal | None = SEAL) -> None:
        self.engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        self.folder = folder
        self.clock = InlineReactor()
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.reads = Store(reading(self.engine), self.clock, InlineThreads())
        self.changed: list[Changed] = []
        self.woken: list[str] = []
        self.aside: list[Any] = []
        self.audit = AuditLog(folder / "audit", "hss.example")
        self.provisioning = Provisioning(
            self.store,
            self.reads,
            seal,
            self.changed.append,
            spawn,
            clock=self.clock.seconds,
            audit=self.audit,
            token=TOKEN,
            imports=Imports(self.engine, seal, self._aside, lambda: self.woken.append("imported")),
            wake=lambda: self.woken.append("orders"),
        )
        self.treq: Any = _stub(self.provisioning.app.resource())
        self.headers: Any = None
        self.text = ""

    def _aside(self, work: Any, over: Any) -> None:
        """A thread that works when the test wants it to."""
        self.aside.append((work, over))

    def ask(self, method: str, path: str, body: Any = None, token: bytes = TOKEN, **headers: str) -> tuple[int, Any]:
        """(status, JSON) of the answer."""
        sent = {name.replace("_", "-"): value.encode() for name, value in headers.items()}
        sent["authorization"] = b"Bearer " + token
        response, octets = told(self.treq, self.clock, method, f"http://hss/v1/{path}", sent, body)
        self.headers, self.text = response.headers, octets.decode()
        document = json.loads(self.text) if self.text.startswith("{") else None
        if response.code >= 400 and document is not None:
            assert self.headers.getRawHeaders("content-type") == ["application/problem+json"]
            fits("Problem", document)
        return response.code, document

    @property
    def tag(self) -> str:
        return str((self.headers.getRawHeaders("etag") or [""])[0])

    def close(self) -> None:
        for each in (self.reads, self.store):
            _ = each.close()
        self.audit.close()


def fits(schema: str, document: Any) -> None:
    """A document is what the description says it is."""
    whole = description()["components"] | {"$ref": f"#/schemas/{schema}"}
    text = json.dumps(whole).replace("#/components/", "#/")
    validator = Draft202012Validator(json.loads(text), registry=Registry())
    assert [error.message for error in validator.iter_errors(document)] == []
