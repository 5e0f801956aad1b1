"""The HTTP interface of the owners.  Every request carries a bearer token; an owner sees and changes what is his own.

GET  /v1/devices              his devices
GET  /v1/authorised           {"scs": [...]}, null without a list (then the operator alone decides)
PUT  /v1/authorised           {"scs": [...]} or null
PUT  /v1/authorised/NUMBER    let one SCS in; DELETE takes it out again
GET  /v1/refusals?after=ID&since=TIME&device=D&limit=N
GET  /v1/webhook, PUT {"url": "https://..."}, "" for none

What belongs to another owner and what belongs to nobody look the same: empty.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import IO, Any, Final, Protocol
from urllib.parse import urlsplit

from klein import Klein
from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from twisted.internet.task import LoopingCall
from twisted.logger import Logger
from zope.interface import implementer

from diameter.errors import ConfigError
from diameter.node import as_deferred
from diameter.transport.web import QuietSite
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine
from nfs.common.function import Surroundings
from nfs.common.store import Store
from nfs.mtc_iwf.owners.buckets import Buckets
from nfs.mtc_iwf.owners.config import OwnersTable
from nfs.mtc_iwf.owners.push import Push, poster
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.book import Book, OwnerError, StoreError
from nfs.mtc_sgw.owners.lists import OwnerCheck

BODY_LIMIT: Final = 65_536
PAGE: Final = 1000
URL_LIMIT: Final = 2000
LOOK_S: Final = 1.0
"""How often is looked for what another process has changed (`mtc owner add`)."""
Spawn = Callable[[Coroutine[Any, Any, Any]], Any]
_log = Logger(namespace="nfs")


class Request(Protocol):
    """What is used of Twisted's IRequest, which has no types."""

    args: dict[bytes, list[bytes]] | None
    content: IO[bytes]

    def getClientAddress(self) -> Any: ...
    def getHeader(self, key: bytes, /) -> bytes | None: ...
    def setHeader(self, name: bytes, value: bytes, /) -> None: ...
    def setResponseCode(self, code: int, /) -> None: ...


class Owners:
    """The routes.  spawn: runs a coroutine on the node.  hosts: where webhooks may point, lower case."""

    app = Klein()

    def __init__(self, book: Book, buckets: Buckets, hosts: frozenset[str], spawn: Spawn) -> None:
        self._book = book
        self._buckets = buckets
        self.hosts = hosts
        self._spawn = spawn

    @app.route("/v1/devices", methods=["GET"])
    def devices(self, request: Request) -> Any:
        """The devices of an owner."""
        return self._serve(request, self._devices)

    @app.route("/v1/authorised", methods=["GET", "PUT"])
    def authorised(self, request: Any) -> Any:
        """An owner's list."""
        return self._serve(request, self._put_list if request.method == b"PUT" else self._list)

    @app.route("/v1/authorised/<scs>", methods=["PUT", "DELETE"])
    def one(self, request: Any, scs: str) -> Any:
        """One SCS of an owner's list."""

        async def change(owner: str, _request: Request) -> dict[str, Any]:
            await (self._book.put if request.method == b"PUT" else self._book.take)(owner, scs)
            return {"scs": self._book.allowed(owner)}

        return self._serve(request, change)

    @app.route("/v1/refusals", methods=["GET"])
    def refusals(self, request: Request) -> Any:
        """What was refused about an owner's devices."""
        return self._serve(request, self._refusals)

    @app.route("/v1/webhook", methods=["GET", "PUT"])
    def webhook(self, request: Any) -> Any:
        """Where refusals are pushed."""
        return self._serve(request, self._put_webhook if request.method == b"PUT" else self._webhook)

    async def _devices(self, owner: str, _request: Request) -> dict[str, Any]:
        return {"owner": owner, "devices": self._book.devices(owner)}

    async def _list(self, owner: str, _request: Request) -> dict[str, Any]:
        return {"scs": self._book.allowed(owner)}

    async def _put_list(self, owner: str, request: Request) -> dict[str, Any]:
        found = _body(request, "scs")
        texts = isinstance(found, list) and all(isinstance(each, str) for each in found)
        if found is not None and not texts:
            raise OwnerError("scs: a list of numbers, or null, expected")
        await self._book.allow(owner, found)
        return {"scs": self._book.allowed(owner)}

    async def _refusals(self, owner: str, request: Request) -> dict[str, Any]:
        try:
            after, limit = int(_argument(request, "after") or 0), int(_argument(request, "limit") or 100)
        except ValueError:
            raise OwnerError("after, limit: numbers expected") from None
        if not 0 <= after < 2**63 or not 1 <= limit <= PAGE:
            raise OwnerError(f"after: 0 or more, limit: 1 to {PAGE} expected")
        device, since = _argument(request, "device"), _argument(request, "since")
        return {
            "refusals": await self._book.refusals(owner, after=after, limit=limit, device=device, since=since),
            "lost": self._book.lost,
        }

    async def _webhook(self, owner: str, _request: Request) -> dict[str, Any]:
        return {"url": self._book.webhook(owner)}

    async def _put_webhook(self, owner: str, request: Request) -> dict[str, Any]:
        url = _body(request, "url")
        if not isinstance(url, str) or len(url) > URL_LIMIT or not (url.isascii() and url.isprintable()):
            raise OwnerError("url: a text of printable ASCII expected")
        if url and not allowed_url(url, self.hosts):
            raise OwnerError("url: https:// and one of the hosts that the operator lists expected")
        await self._book.push_to(owner, url)
        return {"url": url}

    def _serve(self, request: Request, answer: Callable[[str, Request], Coroutine[Any, Any, dict[str, Any]]]) -> Any:
        """Find out who asks, and answer him."""
        address = str(getattr(request.getClientAddress(), "host", ""))
        owner = self._book.whose(_token(request))
        wait_s = self._buckets.take(f"address {address}" if owner is None else f"owner {owner}")
        if wait_s > 0:
            request.setHeader(b"retry-after", b"%d" % (int(wait_s) + 1))
            return _answer(request, 429, {"error": "too many requests"})
        if owner is None:
            request.setHeader(b"www-authenticate", b"Bearer")
            return _answer(request, 401, {"error": "a bearer token is needed"})
        return as_deferred(self._spawn(self._answered(owner, request, answer)))

    async def _answered(
        self, owner: str, request: Request, answer: Callable[[str, Request], Coroutine[Any, Any, dict[str, Any]]]
    ) -> bytes:
        try:
            return _answer(request, 200, await answer(owner, request))
        except OwnerError as error:
            return _answer(request, 400, {"error": str(error)})
        except StoreError as error:
            return _answer(request, 503, {"error": str(error)})


def allowed_url(url: str, hosts: frozenset[str]) -> bool:
    """True for https:// at one of `hosts`, without user or password."""
    try:
        parts = urlsplit(url)
        host, _ = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return False
    return parts.scheme == "https" and "@" not in parts.netloc and host in hosts


def _token(request: Request) -> str:
    scheme, _, token = (request.getHeader(b"authorization") or b"").partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def _argument(request: Request, name: str) -> str:
    return (request.args or {}).get(name.encode(), [b""])[0].decode("latin-1")


def _body(request: Request, key: str) -> Any:
    """The value of the one key that the body has.  Raises OwnerError."""
    octets = request.content.read(BODY_LIMIT + 1)
    if len(octets) > BODY_LIMIT:
        raise OwnerError(f"at most {BODY_LIMIT} octets")
    try:
        found = json.loads(octets)
    except (ValueError, RecursionError):
        raise OwnerError("not JSON") from None
    if not isinstance(found, dict) or list(found) != [key]:
        raise OwnerError(f'an object with "{key}" alone expected')
    return found[key]


def _answer(request: Request, code: int, value: dict[str, Any]) -> bytes:
    request.setResponseCode(code)
    request.setHeader(b"content-type", b"application/json")
    request.setHeader(b"cache-control", b"no-store")
    return json.dumps({"schema": 1, **value}).encode() + b"\n"


class Desk:
    """Everything about owners in one MTC-IWF: their book, the HTTP port, the pushing.  Raises ConfigError."""

    def __init__(
        self, table: OwnersTable, around: Surroundings, check: OwnerCheck, audit: AuditLog, spawn: Spawn
    ) -> None:
        self._table = table
        self._reactor = around.reactor
        self._spawn = spawn
        self._port: Any = None
        self._tls = _tls(table)
        engine = open_engine(database_url(table.database, around.folder), migrations=tables.MIGRATIONS, name="owners")
        self.book = Book(Store(engine, around.reactor, around.threads), check)
        with engine.begin() as connection:
            self.book.prime(tables.read(connection))
        self.push = Push(poster(around.reactor, table.webhook_trust), around.reactor, self.book.key)
        self.book.tell = self.push.tell
        audit.told = self.book.record
        buckets = Buckets(table.requests_per_s, table.burst, around.reactor.seconds)
        self.owners = Owners(self.book, buckets, frozenset(host.lower() for host in table.webhook_hosts), spawn)
        self._looking = LoopingCall(lambda: as_deferred(spawn(self._look())))
        self._looking.clock = around.reactor

    def start(self) -> str:
        """Listen; what the ready line says of it."""
        _ = self._looking.start(LOOK_S, now=False)
        site, table = QuietSite(self.owners.app.resource()), self._table
        if self._tls is None:
            self._port = self._reactor.listenTCP(table.port, site, interface=table.host)
        else:
            self._port = self._reactor.listenSSL(table.port, site, self._tls, interface=table.host)
        host = f"[{table.host}]" if ":" in table.host else table.host
        return f"owners {'http' if self._tls is None else 'https'}://{host}:{self._port.getHost().port}"

    def stop(self) -> Any:
        """Take no more requests and push no more."""
        self.push.stop()
        if self._looking.running:
            self._looking.stop()
        port, self._port = self._port, None
        return None if port is None else port.stopListening()

    def close(self) -> Any:
        """Write down what waits, then close the database."""
        return self.book.close()

    async def _look(self) -> None:
        try:
            await self.book.look()
        except StoreError as error:
            _log.warn("owners: {error}", error=str(error))


@implementer(IOpenSSLServerConnectionCreator)
class _Tls:
    """What Twisted asks for the TLS of a new link: 1.2 and later."""

    def __init__(self, certificate: Path, key: Path) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.use_certificate_chain_file(str(certificate))
        self._context.use_privatekey_file(str(key))
        self._context.check_privatekey()

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """The TLS of one link."""
        return SSL.Connection(self._context, None)


def _tls(table: OwnersTable) -> _Tls | None:
    """TLS with the certificate of the table, None without one.  Raises ConfigError."""
    if table.certificate is None or table.key is None:
        return None
    try:
        return _Tls(table.certificate, table.key)
    except SSL.Error:
        raise ConfigError(f"owners.certificate: {table.certificate} and {table.key} are no pair") from None
