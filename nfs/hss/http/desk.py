"""The port of the HTTP interface for provisioning, and what a change there means for what is in memory."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Final

from OpenSSL import SSL
from twisted.internet.interfaces import IOpenSSLServerConnectionCreator
from zope.interface import implementer

from diameter.errors import ConfigError
from diameter.transport.web import QuietSite
from nfs.common.aka import Seal
from nfs.common.audit import AuditLog
from nfs.common.store import Store, Writer
from nfs.hss.http.changes import Changed
from nfs.hss.http.config import ProvisioningTable
from nfs.hss.http.imports import FIRST, Imports
from nfs.hss.http.provisioning import Provisioning

TOKEN_OCTETS: Final = 16


class Desk:
    """The interface of one HSS.  Raises ConfigError."""

    def __init__(
        self,
        table: ProvisioningTable,
        reactor: Any,
        stores: tuple[Store, Store],
        seal: Seal | None,
        changed: Callable[[Changed], None],
        spawn: Callable[[Coroutine[Any, Any, Any]], Any],
        audit: AuditLog,
        *,
        imported: Callable[[], None],
        wake: Callable[[], None],
    ) -> None:
        self._table = table
        self._reactor = reactor
        self._port: Any = None
        self._tls = None if table.certificate is None or table.key is None else _Tls(table)
        token = b"" if table.token is None else _read_token(table.token)
        clients = frozenset(table.clients)
        self._imports = Imports(stores[0].engine, seal, self._aside, imported, secrets.randbelow(FIRST))
        names: dict[str, Any] = {"clock": reactor.seconds, "audit": audit, "token": token, "clients": clients}
        names |= {"imports": self._imports, "wake": wake}
        self._provisioning = Provisioning(*stores, seal, changed, spawn, **names)

    def start(self) -> str:
        """Listen; what the ready line says of it."""
        site, table = QuietSite(self._provisioning.app.resource(), self._provisioning.gate), self._table
        if self._tls is None:
            self._port = self._reactor.listenTCP(table.port, site, interface=table.host)
        else:
            self._port = self._reactor.listenSSL(table.port, site, self._tls, interface=table.host)
        host = f"[{table.host}]" if ":" in table.host else table.host
        return f"provisioning {'http' if self._tls is None else 'https'}://{host}:{self._port.getHost().port}"

    def _aside(self, work: Callable[[], None], over: Callable[[], None]) -> None:
        """Work on a thread of its own, which ends with it."""
        writer = Writer("import")
        writer.callInThreadWithCallback(lambda _good, _result: self._reactor.callFromThread(over), work)
        writer.end()  # by itself: a reactor that has stopped meanwhile calls nobody, and the process waits for threads

    def stop(self) -> Any:
        """Take no more requests; an import that is not done is taken back."""
        self._imports.stopped = True
        port, self._port = self._port, None
        return None if port is None else port.stopListening()


@implementer(IOpenSSLServerConnectionCreator)
class _Tls:
    """What Twisted asks for the TLS of a new link: 1.2 and later, and certificates of clients where wanted."""

    def __init__(self, table: ProvisioningTable) -> None:
        self._context = SSL.Context(SSL.TLS_METHOD)
        self._context.set_min_proto_version(SSL.TLS1_2_VERSION)
        self._context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
        try:
            self._context.use_certificate_chain_file(str(table.certificate))
            self._context.use_privatekey_file(str(table.key))
            self._context.check_privatekey()
        except SSL.Error:
            raise ConfigError(f"provisioning.certificate: {table.certificate} and {table.key} are no pair") from None
        if table.trust is None:
            return
        try:
            self._context.load_verify_locations(str(table.trust))
        except SSL.Error:
            raise ConfigError(f"provisioning.trust: {table.trust}: no certificates in PEM") from None
        self._context.set_verify(SSL.VERIFY_PEER | SSL.VERIFY_FAIL_IF_NO_PEER_CERT)

    def serverConnectionForTLS(self, tlsProtocol: object) -> SSL.Connection:
        """The TLS of one link."""
        return SSL.Connection(self._context, None)


def _read_token(path: Path) -> bytes:
    """The first line of the token's file.  Raises ConfigError when it is too short to be one."""
    token = path.read_bytes().partition(b"\n")[0].strip()
    if len(token) < TOKEN_OCTETS:
        raise ConfigError(f"{path}: a token of {TOKEN_OCTETS} characters or more expected in the first line")
    return token
