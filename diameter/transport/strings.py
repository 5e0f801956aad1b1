"""Twisted endpoint strings: `diameter:tls:host=iwf.example:certificate=...:key=...:trust=...` and its server form.

    diameter:tcp:host=H[:port=3868]:physical_protection=yes:physical_protection_reason=WHY
    diameter:sctp:host=H[:port=3868][:sctp=kernel]:physical_protection=yes:physical_protection_reason=WHY
    diameter:tls:host=H[:port=5868]:certificate=FILE:key=FILE:trust=FILE,FILE[:crl=FILE,FILE][:minimum_version=1.3]

A client connects to `host`, a server listens on it (default 127.0.0.1).  Keys are those of the configuration file, so
the same rules hold: clear text needs its reason.  Over SCTP each message is one `dataReceived` and each `write` one
message.  `diameter:dtls:...` has the keys of both.  Besides: `connect_timeout_s`, `handshake_timeout_s`, `bind`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from twisted.internet.interfaces import IStreamClientEndpoint, IStreamServerEndpoint

from diameter.config import ASSOCIATIONS, CERTIFIED, LinkTable, ListenConfig, NodeTable, Seconds, TlsConfig, validate
from diameter.transport.dtls_endpoints import Handshakes
from diameter.transport.endpoints import TlsClientEndpoint, TlsServerEndpoint, tcp_client, tcp_server
from diameter.transport.keys import TlsKeys
from diameter.transport.sctp_choice import carrier_of, choose
from diameter.transport.sctp_twisted import SctpClientEndpoint, SctpServerEndpoint

LISTS: Final = ("trust", "crl")


class _Client(LinkTable):
    host: str
    bind: str | None = None
    connect_timeout_s: Seconds = 10
    handshake_timeout_s: Seconds = 10


class _Server(ListenConfig):
    handshake_timeout_s: Seconds = 10


def client(reactor: Any, transport: str = "", /, **values: str) -> IStreamClientEndpoint:
    """Return the client endpoint of a string's parts.  Raises ConfigError."""
    source = f"diameter:{transport}"
    link, tls = _split(transport, values)
    table = validate(link, _Client, source=source, base=Path(), strict=False)
    if table.transport in ASSOCIATIONS:
        carrier = carrier_of(choose(table.sctp).kind, reactor)
        secure = _handshakes(reactor, table, tls, source)
        return SctpClientEndpoint(reactor, carrier, table, table.host, table.connect_timeout_s, table.bind, secure)
    tcp = tcp_client(reactor, table.host, table.port_number, table.connect_timeout_s, table.bind)
    if table.transport == "tcp":
        return tcp
    return TlsClientEndpoint(tcp, _keys(tls, source), reactor, table.handshake_timeout_s)


def server(reactor: Any, transport: str = "", /, **values: str) -> IStreamServerEndpoint:
    """Return the server endpoint of a string's parts.  Raises ConfigError."""
    source = f"diameter:{transport}"
    link, tls = _split(transport, values)
    table = validate(link, _Server, source=source, base=Path(), strict=False)
    if table.transport in ASSOCIATIONS:
        secure = _handshakes(reactor, table, tls, source)
        return SctpServerEndpoint(carrier_of(choose(table.sctp).kind, reactor), table, table.host, secure)
    tcp = tcp_server(reactor, table.host, table.port_number)
    if table.transport == "tcp":
        return tcp
    return TlsServerEndpoint(tcp, _keys(tls, source), reactor, table.handshake_timeout_s)


def _split(transport: str, values: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return the keys of the link and those of its TLS table."""
    link: dict[str, Any] = {"transport": transport}
    tls: dict[str, Any] = {}
    for key, value in values.items():
        if transport in CERTIFIED and key in TlsConfig.model_fields:
            tls[key] = value.split(",") if key in LISTS else value
        else:
            link[key] = value
    return link, tls


def _handshakes(reactor: Any, table: _Client | _Server, tls: Mapping[str, Any], source: str) -> Handshakes | None:
    """What makes an association DTLS, where it is to be."""
    if table.transport != "dtls":
        return None
    bounds = NodeTable(
        origin_host="endpoint.invalid", origin_realm="invalid", handshake_timeout_s=table.handshake_timeout_s
    )
    return Handshakes(reactor, bounds, _keys(tls, source))


def _keys(tls: Mapping[str, Any], source: str) -> TlsKeys:
    return TlsKeys(validate(tls, TlsConfig, source=source, base=Path(), strict=False), place=source)
