"""HTTP for the operator of a node: `/health`, `/peers`, `/security`, `/routes`, `/pending`, `/faults` as JSON,
`/metrics` for Prometheus, and `/scenario` where a function plays one.

GET shows; PUT only switches a fault rule that the configuration has, or gives an order to a simulator.  Only on
loopback or on a Unix socket that the user of the process alone can open, so that no one has to say who he is.  On TCP
a request must name a loopback host, because a browser on the same machine can be talked into asking for another name
that leads here; a PUT it sends nowhere without asking first, which is not answered.  Nothing shown is message content,
a key or an identity of a subscriber.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any, BinaryIO, Final, Protocol, TypeVar

from klein import Klein
from twisted.internet.defer import Deferred, maybeDeferred
from twisted.python.failure import Failure

from diameter._node import shown
from diameter.config.admin import AdminConfig
from diameter.errors import ConfigError
from diameter.message import Message
from diameter.metrics import Figures, exposition, figures, pieces
from diameter.node import Node
from diameter.routing.table import ANY, PeerEntry
from diameter.transport.link import Address
from diameter.transport.web import QuietSite

T = TypeVar("T")
PENDING_SHOWN: Final = 1000
"""Requests listed; `count` says how many there are."""
PEERS_AT_ONCE: Final = 100
"""Peers in one piece of the list: a millisecond or two."""
BODY_LIMIT: Final = 1024
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
    """What is shown: pages by name ("health", "peers", "security", "routes", "pending", "faults"),
    and the metrics as text."""

    def page(self, what: str, /) -> dict[str, Any] | Deferred[dict[str, Any]]: ...

    def metrics(self) -> bytes | Deferred[bytes]: ...

    def pieces(self, what: str, /) -> Iterator[bytes] | None:
        """The page "peers", "security" or "metrics", in pieces; None where it comes whole."""

    def switch(self, name: str, enabled: bool, /) -> bool | Deferred[bool]: ...

    @property
    def steer(self) -> Callable[[bytes | None], dict[str, Any]] | None:
        """Of a simulator: its page, or what came of an order; raises ConfigError."""


class OfNode:
    """The pages of one node."""

    def __init__(self, node: Node, clock: Any, steer: Callable[[bytes | None], dict[str, Any]] | None = None) -> None:
        """`steer`: shows how a simulator is, or takes an order."""
        self.steer = steer
        self._node = node
        self._clock = clock
        self._since = clock.seconds()

    def page(self, what: str) -> dict[str, Any]:
        """A page by name."""
        pages = {"health": self._health, "peers": self._peers, "routes": self._routes, "pending": self._pending}
        pages |= {"faults": self._shown, "security": self._security}
        return pages[what]()

    def metrics(self) -> bytes:
        """What Prometheus reads."""
        return exposition(self._node)

    def figures(self) -> Figures:
        """The same as values."""
        return figures(self._node)

    def pieces(self, what: str) -> Iterator[bytes]:
        """The page "peers", "security" or "metrics", as things are when each piece is asked for."""
        if what == "metrics":
            return pieces(self._node)
        if what == "security":
            page = shown.head(self._node._core, self._node.papers())
            return self._listed(page, tuple(self._node._core.lines.values()), shown.row)
        return self._listed({"peers": []}, self._node.peers, self._peer)

    def _listed(
        self, page: dict[str, Any], entries: Sequence[T], row: Callable[[T], dict[str, Any]]
    ) -> Iterator[bytes]:
        """A page that ends with an empty JSON array, and its rows in it, PEERS_AT_ONCE in a piece."""
        head, end, tail = _json(page).rpartition(b"]")
        before, tail = head, end + tail
        for at in range(0, len(entries), PEERS_AT_ONCE):
            rows = [json.dumps(row(entry)) for entry in entries[at : at + PEERS_AT_ONCE]]
            yield before + ", ".join(rows).encode()
            before = b", "
        yield tail if entries else head + tail

    def _health(self) -> dict[str, Any]:
        node, draining = self._node, self._node._core.draining
        return {
            "status": "stopping" if draining else "ok",
            "origin_host": node.origin_host,
            "uptime_s": round(self._clock.seconds() - self._since, 1),
            "peers": len(node.peers),
            "peers_usable": sum(peer.usable for peer in node.peers),
            "pending": node.pending,
            "in_work": node.in_work,
        }

    def _security(self) -> dict[str, Any]:
        core = self._node._core
        return {**shown.head(core, self._node.papers()), "links": [shown.row(line) for line in core.lines.values()]}

    def _peers(self) -> dict[str, Any]:
        return {"peers": [self._peer(entry) for entry in self._node.peers]}

    def _routes(self) -> dict[str, Any]:
        node, now = self._node, self._clock.seconds()
        routes = [
            {
                "realm": route.realm,
                "application": None if route.application == ANY else route.application,
                "hosts": list(route.hosts),
                "balance": route.balance.value,
                "source": route.source.value,
                "expires_s": None if route.expires is None else round(max(0.0, route.expires - now), 1),
            }
            for route in (*node._core.table.routes, *node._requests.following.cache.routes(now))
        ]
        return {"routes": routes}

    def _pending(self) -> dict[str, Any]:
        core, table = self._node._core, self._node._requests.pending
        waiting = sorted(table, key=lambda each: each.sent_at)[:PENDING_SHOWN]
        rows = []
        for each in waiting:
            message = Message(each.octets, core.dictionary)
            rows.append(
                {
                    "peer": each.host,
                    "application": message.application,
                    "command": message.command,
                    "hop_by_hop": each.hop_by_hop,
                    "end_to_end": each.end_to_end,
                    "age_s": round(self._clock.seconds() - each.sent_at, 3),
                    "transmissions": each.transmissions,
                }
            )
        return {"count": len(table), "pending": rows}

    def _shown(self) -> dict[str, Any]:
        return {
            "faults": [
                {
                    "name": name,
                    "enabled": rule.enabled,
                    "do": rule.do,
                    "application": rule.application,
                    "command": rule.command,
                    "kind": rule.kind,
                    "direction": rule.direction,
                    "peer": rule.peer,
                    "met": met,
                }
                for name, rule, met in self._node._traffic.faults.shown()
            ]
        }

    def switch(self, name: str, enabled: bool) -> bool:
        """Put the fault rules of this name in force, or out of it; False when there is none.  Raises ConfigError."""
        return self._node._traffic.faults.switch(name, enabled)

    def _peer(self, entry: PeerEntry) -> dict[str, Any]:
        line = self._node._core.lines.get(entry.link)
        return {
            "host": entry.host,
            "realm": entry.realm,
            "state": entry.state,
            "usable": entry.usable,
            "configured": entry.static,
            "source": entry.source.value,
            "trouble": entry.trouble,
            "applications": sorted(entry.applications),
            "weight": entry.weight,
            "load": entry.load,
            "transport": None if line is None else line.link.transport,
            "remote": None if line is None else str(line.link.remote),
            "outstanding": 0 if line is None else line.outstanding,
            "held": 0 if line is None else len(line.held),
            "in_work": 0 if line is None else line.in_work,
        }


class Admin:
    """The routes of the operator's port.  `names`: the host names a request may be for, None for any (Unix socket)."""

    app = Klein()

    def __init__(self, source: Source, names: frozenset[bytes] | None = OWN_NAMES, clock: Any = None) -> None:
        """`clock`: between the pieces of long pages others have their turn."""
        self._source = source
        self._names = names
        self._clock = clock

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
        except ValueError:
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
        _as_json(request)
        try:
            page = self._source.steer(request.content.read(BODY_LIMIT) if request.method == b"PUT" else None)
        except ConfigError as error:
            return _refused(request, 400, "; ".join(error.lines))
        return _json(page)

    def _long(self, request: Request, what: str) -> bytes | Deferred[bytes]:
        pieces = self._source.pieces(what) if self._may(request) else None
        if pieces is None:
            return self._show(request, what)
        _as_json(request)
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

    def _show(self, request: Request, what: str) -> bytes | Deferred[bytes]:
        _as_json(request)
        if not self._may(request):
            return _json({"error": "ask for localhost"})

        def shown(page: dict[str, Any]) -> bytes:
            if page.get("status", "ok") != "ok":
                request.setResponseCode(503)
            return _json(page)

        page = self._source.page(what)
        return page.addCallback(shown) if isinstance(page, Deferred) else shown(page)


def _as_json(request: Request) -> None:
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")


def _refused(request: Request, code: int, text: str) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    request.setResponseCode(code)
    return _json({"error": text})


def _json(value: dict[str, Any]) -> bytes:
    return json.dumps({"schema": 1, **value}).encode() + b"\n"


class AdminPort:
    """Listens for the operator.  `where`: what it listens on, for people.  Raises CannotListenError."""

    def __init__(self, reactor: Any, config: AdminConfig, source: Source) -> None:
        names = None if config.socket is not None else OWN_NAMES | {config.host.encode()}
        site = QuietSite(Admin(source, names, reactor).app.resource())
        if config.socket is not None:
            self._port = reactor.listenUNIX(str(config.socket), site, mode=0o600, wantPID=True)
            self.where = f"admin {config.socket}"
        else:
            self._port = reactor.listenTCP(config.port, site, interface=config.host)
            self.where = f"admin {Address(config.host, self._port.getHost().port)}"

    def stop(self) -> Deferred[Any]:
        """Listen no longer."""
        return maybeDeferred(self._port.stopListening)
