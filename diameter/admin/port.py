"""HTTP for the operator of a node: a page at `/`, `/health`, `/peers`, `/security`, `/routes`, `/pending`, `/faults`,
`/standing` as JSON, `/metrics` for Prometheus, the last messages as a ladder, and `/scenario` where a function plays
one.

GET shows; PUT only switches a fault rule that the configuration has, or gives an order to a simulator.  Only on
loopback or on a Unix socket that the user of the process alone can open, so that no one has to say who he is.  On TCP
a request must name a loopback host, because a browser on the same machine can be talked into asking for another name
that leads here; a PUT it sends nowhere without asking first, which is not answered.  Nothing shown is a key or an
identity of a subscriber, nor what was sent to one: the ladder has `*` in their place.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from itertools import chain
from typing import Any, BinaryIO, Final, Protocol

from klein import Klein
from twisted.internet.defer import Deferred, maybeDeferred, succeed
from twisted.internet.threads import deferToThreadPool
from twisted.python.failure import Failure

from diameter.admin import drawn
from diameter.admin.pages import as_json
from diameter.config.admin import AdminConfig
from diameter.errors import ConfigError
from diameter.transport.link import Address
from diameter.transport.web import QuietSite

BODY_LIMIT: Final = 1024
JSON: Final = b"application/json"
OWN_NAMES: Final = frozenset({b"localhost", b"127.0.0.1", b"::1"})


class Request(Protocol):
    """What is used of Twisted's IRequest, which has no types."""

    def getRequestHostname(self) -> bytes: ...
    def setHeader(self, name: bytes, value: bytes, /) -> None: ...
    def setResponseCode(self, code: int, /) -> None: ...
    def write(self, data: bytes, /) -> None: ...
    @property
    def content(self) -> BinaryIO: ...
    @property
    def method(self) -> bytes: ...


class Source(Protocol):
    """What is shown: pages by name (`diameter.admin.pages.PAGES`), and the metrics as text."""

    def page(self, what: str, /) -> dict[str, Any] | Deferred[dict[str, Any]]: ...

    def metrics(self) -> bytes | Deferred[bytes]: ...

    def pieces(self, what: str, /) -> Iterator[bytes] | None:
        """The page "peers", "security" or "metrics", in pieces; None where it comes whole."""

    def switch(self, name: str, enabled: bool, /) -> bool | Deferred[bool]: ...

    @property
    def steer(self) -> Callable[[bytes | None], dict[str, Any]] | None:
        """Of a simulator: its page, or what came of an order; raises ConfigError."""


class Admin:
    """The routes of the operator's port.  `names`: the host names a request may be for, None for any (Unix socket)."""

    app = Klein()

    def __init__(
        self,
        source: Source,
        names: frozenset[bytes] | None = OWN_NAMES,
        clock: Any = None,
        aside: Callable[[Callable[[], bytes]], Any] = maybeDeferred,
    ) -> None:
        """`clock`: between the pieces of long pages others have their turn.  `aside`: draws, in a thread for one."""
        self._aside = aside
        self._source = source
        self._names = names
        self._clock = clock

    @app.route("/", methods=["GET"])
    def front(self, request: Request) -> bytes:
        """The page for people, which asks for the others."""
        if not self._may(request):
            return b"ask for localhost\n"
        _as(request, b"text/html; charset=utf-8")
        return drawn.front()

    @app.route("/favicon.ico", methods=["GET"])
    def picture_of_the_tab(self, request: Request) -> bytes:
        """204: there is none, and browsers ask."""
        request.setResponseCode(204 if self._may(request) else 403)
        return b""

    @app.route("/healthz", methods=["GET"])
    @app.route("/health", methods=["GET"])
    def health(self, request: Request) -> bytes | Deferred[bytes]:
        """200 while the node takes requests, 503 once it is stopping."""
        return self._show(request, "health")

    @app.route("/peers", methods=["GET"])
    def peers(self, request: Request) -> bytes | Deferred[bytes]:
        """Every peer, and why it is not open."""
        return self._long(request, "peers")

    @app.route("/security", methods=["GET"])
    def security(self, request: Request) -> bytes | Deferred[bytes]:
        """What each open link negotiated, and with whom; what runs out, and when."""
        return self._long(request, "security")

    @app.route("/routes", methods=["GET"])
    def routes(self, request: Request) -> bytes | Deferred[bytes]:
        """The configured routes; peers of a realm need none."""
        return self._show(request, "routes")

    @app.route("/pending", methods=["GET"])
    def pending(self, request: Request) -> bytes | Deferred[bytes]:
        """Requests that wait for their answer, those of others in transit with them; oldest first."""
        return self._show(request, "pending")

    @app.route("/standing", methods=["GET"])
    def standing(self, request: Request) -> bytes | Deferred[bytes]:
        """Queues, alarms and what the function counts."""
        return self._show(request, "standing")

    @app.route("/ladder", methods=["GET"])
    def ladder(self, request: Request) -> bytes | Deferred[bytes]:
        """The last messages as a page."""
        return self._drawn(request, b"text/html; charset=utf-8", drawn.page)

    @app.route("/ladder.svg", methods=["GET"])
    def picture(self, request: Request) -> bytes | Deferred[bytes]:
        """The very last of them as a picture."""
        return self._drawn(request, b"image/svg+xml", drawn.picture)

    @app.route("/metrics", methods=["GET"])
    def metrics(self, request: Request) -> bytes | Deferred[bytes]:
        """What Prometheus reads."""
        if not self._may(request):
            return b""
        request.setHeader(b"content-type", b"text/plain; version=0.0.4; charset=utf-8")
        pieces = self._source.pieces("metrics")
        return self._source.metrics() if pieces is None else self._sent(request, pieces)

    @app.route("/faults", methods=["GET"])
    def faults(self, request: Request) -> bytes | Deferred[bytes]:
        """The fault rules of the configuration, in force or not; without the identities and octets in them."""
        return self._show(request, "faults")

    @app.route("/faults/<name>", methods=["PUT"])
    def switch(self, request: Request, name: str) -> bytes | Deferred[bytes]:
        """Switch the rules of this name: `{"enabled": true}`, or false."""
        if not self._may(request):
            return self._show(request, "faults")
        text = request.content.read(BODY_LIMIT)
        try:
            wanted = json.loads(text)
        except (ValueError, RecursionError):
            wanted = None
        if wanted not in ({"enabled": True}, {"enabled": False}) or not isinstance(wanted["enabled"], bool):
            return _refused(request, 400, 'send {"enabled": true} or {"enabled": false}')

        def switched(found: bool) -> bytes | Deferred[bytes]:
            return self._show(request, "faults") if found else _refused(request, 404, "no fault rule has this name")

        def conflict(failure: Failure) -> bytes:
            failure.trap(ConfigError)  # type: ignore[no-untyped-call]  # Twisted leaves it untyped
            return _refused(request, 409, failure.getErrorMessage())

        return maybeDeferred(self._source.switch, name, wanted["enabled"]).addCallbacks(switched, conflict)

    @app.route("/scenario", methods=["GET", "PUT"])
    def scenario(self, request: Request) -> bytes | Deferred[bytes]:
        """How a simulator is, without identities; with PUT an event that is not in its file happens now."""
        if not self._may(request):
            return self._show(request, "health")
        if self._source.steer is None:
            return _refused(request, 404, "no scenario is played here")
        try:
            page = self._source.steer(request.content.read(BODY_LIMIT) if request.method == b"PUT" else None)
        except ConfigError as error:
            return _refused(request, 400, "; ".join(error.lines))
        _as(request, JSON)
        return as_json(page)

    def _long(self, request: Request, what: str) -> bytes | Deferred[bytes]:
        pieces = self._source.pieces(what) if self._may(request) else None
        if pieces is None:
            return self._show(request, what)
        _as(request, JSON)
        return self._sent(request, pieces)

    def _may(self, request: Request) -> bool:
        """False, and 403, for a request that was not made for this machine."""
        if self._names is None or request.getRequestHostname().lower().strip(b"[]") in self._names:
            return True
        request.setResponseCode(403)
        return False

    def _sent(self, request: Request, pieces: Iterator[bytes]) -> bytes | Deferred[bytes]:
        """A body in pieces, with the node at work between them; one of two pieces at once."""
        first, second = next(pieces), next(pieces, None)
        third = None if second is None else next(pieces, None)
        if third is None:
            return first + (second or b"")
        waiting: list[Any] = []
        done: Deferred[bytes] = Deferred(lambda _: waiting[-1].cancel())
        rest = chain([first, second or b"", third], pieces)

        def step() -> None:
            piece = next(rest, None)
            if piece is None:
                done.callback(b"")
            else:
                request.write(piece)
                waiting[:] = [self._clock.callLater(0, step)]

        step()
        return done

    def _drawn(self, request: Request, kind: bytes, draw: Callable[[dict[str, Any]], bytes]) -> bytes | Deferred[bytes]:
        """What `draw` makes of the last messages, beside the node's work."""
        if not self._may(request):
            return b"ask for localhost\n"
        _as(request, kind)
        page = self._source.page("recent")
        asked = page if isinstance(page, Deferred) else succeed(page)
        return asked.addCallback(lambda found: self._aside(partial(draw, found)))

    def _show(self, request: Request, what: str) -> bytes | Deferred[bytes]:
        _as(request, JSON)
        if not self._may(request):
            return as_json({"error": "ask for localhost"})

        def shown(page: dict[str, Any]) -> bytes:
            if page.get("status", "ok") != "ok":
                request.setResponseCode(503)
            return as_json(page)

        page = self._source.page(what)
        return page.addCallback(shown) if isinstance(page, Deferred) else shown(page)


def _as(request: Request, kind: bytes) -> None:
    request.setHeader(b"content-type", kind)
    request.setHeader(b"cache-control", b"no-store")
    request.setHeader(b"x-content-type-options", b"nosniff")


def _refused(request: Request, code: int, text: str) -> bytes:
    _as(request, JSON)
    request.setResponseCode(code)
    return as_json({"error": text})


class AdminPort:
    """Listens for the operator.  `where`: what it listens on, for people.  Raises CannotListenError."""

    def __init__(self, reactor: Any, config: AdminConfig, source: Source) -> None:
        names = None if config.socket is not None else OWN_NAMES | {config.host.encode()}
        aside = partial(deferToThreadPool, reactor, reactor.getThreadPool())
        site = QuietSite(Admin(source, names, reactor, aside).app.resource())
        if config.socket is not None:
            self._port = reactor.listenUNIX(str(config.socket), site, mode=0o600, wantPID=True)
            self.where = f"admin {config.socket}"
        else:
            self._port = reactor.listenTCP(config.port, site, interface=config.host)
            self.where = f"admin {Address(config.host, self._port.getHost().port)}"

    def stop(self) -> Deferred[Any]:
        """Listen no longer."""
        return maybeDeferred(self._port.stopListening)
