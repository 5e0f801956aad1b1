"""`mtc run scs`: the SCS as a process, with HTTP on loopback for the applications behind it.

POST /v1/triggers                     a trigger (nfs.scs.form) -> 202 accepted, 409 refused, 502 no answer; a report
GET  /v1/triggers/REFERENCE?wait_s=5  200 with the report, of an end or of how far it has come; 404
GET  /v1/messages?after=7&wait_s=5    200 with the short messages of devices behind number 7; those up to it are taken
GET  /v1/reports?after=N               200 with the ends of triggers behind number N, each once (with a database)
"""

from __future__ import annotations

import hmac
import json
import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import IO, Any, Final, Protocol

from klein import Klein
from twisted.internet import reactor
from twisted.internet.defer import Deferred

from diameter.errors import ConfigError
from diameter.node import as_deferred
from diameter.transport.web import QuietSite
from nfs.common.function import AS_CONFIGURED, Parts, Processes, Surroundings, serve
from nfs.common.standing import standing
from nfs.common.store import StoreError
from nfs.scs.api import Report, Scs, Stage
from nfs.scs.config import HttpTable, ScsConfig
from nfs.scs.form import messages_to, report_to, request_from
from nfs.scs.logic import REFERENCES, Ledger
from nfs.scs.memory import MIGRATIONS, Memory

BODY_LIMIT: Final = 65_536
PAGE: Final = 10_000
_STATUS: Final = {Stage.ACCEPTED: 202, Stage.REFUSED: 409, Stage.FAILED: 502, Stage.SENT: 202}
"""Of the answer to a POST; 200 for every other end."""


class Request(Protocol):
    """What is used of Twisted's IRequest, which has no types."""

    args: dict[bytes, list[bytes]] | None
    content: IO[bytes]

    def getHeader(self, key: bytes, /) -> bytes | None: ...
    def setHeader(self, name: bytes, value: bytes, /) -> None: ...
    def setResponseCode(self, code: int, /) -> None: ...


class Http:
    """The routes.  token: octets that a bearer must present; compared in constant time."""

    app = Klein()

    def __init__(self, scs: Scs, token: bytes, wait_s: float, clock: Any) -> None:
        self._scs = scs
        self._token = token
        self._wait_s = wait_s
        self._clock = clock
        self._listening: list[Callable[[], None]] = []
        scs.tsp.messages.arrived = self._arrived

    @app.route("/v1/triggers", methods=["POST"])
    async def submit(self, request: Request) -> bytes:
        """Take one trigger."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        octets = request.content.read(BODY_LIMIT + 1)
        if len(octets) > BODY_LIMIT:
            return _problem(request, 413, f"at most {BODY_LIMIT} octets")
        try:
            wait_s = self._wait(request)
            report = await self._run(self._scs.submit(request_from(json.loads(octets))))
        except (ValueError, RecursionError) as error:
            return _problem(request, 400, str(error))
        return _shown(request, await self._end_of(report, wait_s))

    @app.route("/v1/triggers/<int:reference>", methods=["GET"])
    async def progress(self, request: Request, reference: int) -> bytes:
        """Report on one trigger, waiting for its end for `wait_s` at most."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            wait_s = self._wait(request)
            report = self._scs.progress(reference)
        except KeyError:
            return _problem(request, 404, "no such reference")
        except ValueError as error:
            return _problem(request, 400, str(error))
        return _shown(request, await self._end_of(report, wait_s), 200)

    @app.route("/v1/reports", methods=["GET"])
    async def reports(self, request: Request) -> bytes:
        """The ends of triggers in their order, each once; `after` is the number of the last one dealt with."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        arguments = request.args or {}
        try:
            after, limit = (
                int(arguments.get(name, [rest])[0]) for name, rest in ((b"after", b"0"), (b"limit", b"1000"))
            )
            if after < 0 or not 1 <= limit <= PAGE:
                raise ValueError(f"after: 0 or more, limit: 1 to {PAGE} expected")
            found = await self._scs.reports(after, limit)
        except ValueError as error:
            return _problem(request, 400, str(error))
        except StoreError as error:
            return _problem(request, 503, str(error))
        request.setResponseCode(200)
        return _json(
            request, {"schema": 1, "reports": [{"seq": one.seq, "report": report_to(one.report)} for one in found]}
        )

    @app.route("/v1/messages", methods=["GET"])
    async def messages(self, request: Request) -> bytes:
        """Short messages of devices behind `after`, waiting for one for `wait_s` at most; the others are forgotten."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            wait_s = self._wait(request)
            after = _whole_number(request, b"after")
        except ValueError as error:
            return _problem(request, 400, str(error))
        found = self._scs.tsp.messages.after(after)
        if not found and wait_s > 0:
            fire, fired = self._bounded(wait_s)
            self._listening.append(fire)
            await fired
            self._listening.remove(fire)
            found = self._scs.tsp.messages.after(after)
        return _json(request, messages_to(found, after))

    def _arrived(self) -> None:
        for fire in tuple(self._listening):
            fire()

    def _wait(self, request: Request) -> float:
        """The seconds that the client wants to wait, bounded; raises ValueError."""
        text = (request.args or {}).get(b"wait_s", [b"0"])[0]
        try:
            return max(0.0, min(float(text), self._wait_s))
        except ValueError:
            raise ValueError("wait_s: a number of seconds expected") from None

    async def _end_of(self, report: Report, wait_s: float) -> Report:
        """The report, once the trigger has ended or `wait_s` is over."""
        if report.stage not in (Stage.SENT, Stage.ACCEPTED) or wait_s <= 0:
            return report
        await self._ended(report.reference, wait_s)
        return self._scs.progress(report.reference)

    def _ended(self, reference: int, wait_s: float) -> Deferred[None]:
        """Fires when the trigger has ended, or after `wait_s`."""
        fire, fired = self._bounded(wait_s)
        self._scs.wait(reference).then(fire)
        return fired

    def _bounded(self, wait_s: float) -> tuple[Callable[[], None], Deferred[None]]:
        """What fires a Deferred, and that, which fires after `wait_s` in any case."""
        fired: Deferred[None] = Deferred()

        def fire() -> None:
            if not fired.called:
                fired.callback(None)

        timer = self._clock.callLater(wait_s, fire)
        return fire, fired.addBoth(lambda result: (timer.active() and timer.cancel(), result)[1])

    def _run(self, coroutine: Coroutine[Any, Any, Report]) -> Deferred[Report]:
        return as_deferred(self._scs.tsp.spawn(coroutine))

    def _allowed(self, request: Request) -> bool:
        scheme, _, token = (request.getHeader(b"authorization") or b"").partition(b" ")
        return hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"


def _shown(request: Request, report: Report, code: int | None = None) -> bytes:
    request.setResponseCode(_STATUS.get(report.stage, 200) if code is None else code)
    return _json(request, report_to(report))


def _problem(request: Request, code: int, text: str) -> bytes:
    request.setResponseCode(code)
    if code == 401:
        request.setHeader(b"www-authenticate", b"Bearer")
    return _json(request, {"schema": 1, "error": text})


def _json(request: Request, value: dict[str, Any]) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(value).encode() + b"\n"


def _whole_number(request: Request, name: bytes) -> int:
    """A query argument, 0 when it is not there; raises ValueError."""
    text = (request.args or {}).get(name, [b"0"])[0]
    if not text.isdigit() or len(text) > 18:
        raise ValueError(f"{name.decode()}: a number expected")
    return int(text)


def read_token(path: Path) -> bytes:
    """The first line of the token's file; raises ConfigError when it is too short to be one."""
    token = path.read_bytes().partition(b"\n")[0].strip()
    if len(token) < 16:
        raise ConfigError(f"{path}: a token of 16 characters or more expected in the first line")
    return token


def build(config: ScsConfig, around: Surroundings) -> Parts[ScsConfig]:
    """The parts of the node."""
    table = config.scs
    memory = None
    if table.database is not None:
        memory = Memory(around.open_store(table.database, migrations=MIGRATIONS, name="scs"))
    scs = Scs(
        number=table.number,
        realm=table.realm,
        mtc_iwf=table.mtc_iwf,
        clock=around.reactor.seconds,
        ledger=Ledger(first_reference=secrets.randbelow(REFERENCES)),
        memory=memory,
    )

    def started(_node: object) -> object:
        return scs.tsp.spawn(scs.remember())

    parts: Parts[ScsConfig] = Parts(
        applications=(scs.tsp,),
        standing=standing(queues=scs.queues),
        started=started,
        stopped=None if memory is None else memory.close,
    )
    if config.http is not None:
        scs.tsp.messages.limit = config.http.messages
        _add_http(parts, scs, config.http, around)
    return parts


def _add_http(parts: Parts[ScsConfig], scs: Scs, table: HttpTable, around: Surroundings) -> None:
    """Open the HTTP port when the node listens, close it when the node stops."""
    http = Http(scs, read_token(table.token), table.wait_s, around.reactor)
    ports: list[Any] = []

    def listen(remembered: object) -> object:
        port = around.reactor.listenTCP(table.port, QuietSite(http.app.resource()), interface="127.0.0.1")
        ports.append(port)
        parts.endpoints.append(f"http 127.0.0.1:{port.getHost().port}")
        return remembered

    def started(_node: object) -> object:
        return as_deferred(scs.tsp.spawn(scs.remember())).addCallback(listen)

    def stopping() -> object:
        return ports.pop().stopListening() if ports else None

    parts.started, parts.stopping = started, stopping


def run(config_path: str, processes: Processes = AS_CONFIGURED) -> int:
    """Run until SIGTERM or SIGINT; the exit code."""
    return serve("scs", ScsConfig, build, config_path, reactor, processes, alone="callers wait in it")
