# mypy: disable-error-code="no-untyped-call, unused-awaitable"
"""Endpoint strings: the same keys and rules as the configuration file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from twisted.internet.endpoints import TCP4ClientEndpoint, TCP6ServerEndpoint
from twisted.internet.interfaces import (
    IStreamClientEndpointStringParserWithReactor,
    IStreamServerEndpointStringParser,
)
from twisted.internet.protocol import Factory, Protocol
from twisted.internet.testing import MemoryReactorClock
from twisted.plugin import IPlugin
from zope.interface.verify import verifyObject

from diameter.errors import ConfigError
from diameter.transport import strings
from diameter.transport._plugins import diameter_endpoints
from diameter.transport.endpoints import TlsClientEndpoint, TlsServerEndpoint
from helpers.certificates import Ca, pem

CLEAR = {"physical_protection": "yes", "physical_protection_reason": "a test"}
CA = Ca()


def _files(folder: Path) -> dict[str, str]:
    leaf = CA.issue()
    (folder / "ca.crl").write_bytes(pem(CA.crl()))
    trust = str(folder / "a-ca.pem")
    return {**leaf.write(folder, "a"), "trust": f"{trust},{trust}", "crl": str(folder / "ca.crl")}


def test_the_plugin_is_what_twisted_asks_for() -> None:
    for interface in (IPlugin, IStreamClientEndpointStringParserWithReactor, IStreamServerEndpointStringParser):
        assert verifyObject(interface, diameter_endpoints)
    assert diameter_endpoints.prefix == "diameter"


def test_clear_text_both_ways() -> None:
    reactor = MemoryReactorClock()
    client = diameter_endpoints.parseStreamClient(reactor, "tcp", host="192.0.2.1", connect_timeout_s="3", **CLEAR)
    assert isinstance(client, TCP4ClientEndpoint)
    _ = client.connect(Factory.forProtocol(Protocol))
    assert reactor.tcpClients[0][:2] == ("192.0.2.1", 3868)
    assert reactor.tcpClients[0][3] == 3
    server = diameter_endpoints.parseStreamServer(reactor, "tcp", host="::1", port="3869", **CLEAR)
    assert isinstance(server, TCP6ServerEndpoint)


def test_tls_both_ways_listens_and_dials_5868(tmp_path: Path) -> None:
    reactor = MemoryReactorClock()
    files = _files(tmp_path)
    client = strings.client(reactor, "tls", host="192.0.2.1", **files)
    assert isinstance(client, TlsClientEndpoint)
    _ = client.connect(Factory.forProtocol(Protocol))
    server = strings.server(reactor, "tls", minimum_version="1.3", **files)
    assert isinstance(server, TlsServerEndpoint)
    _ = server.listen(Factory.forProtocol(Protocol))
    assert reactor.tcpClients[0][1] == reactor.tcpServers[0][0] == 5868
    assert reactor.tcpServers[0][3] == "127.0.0.1"


@pytest.mark.requirement("R-TSP-13")
@pytest.mark.parametrize(
    ("arguments", "values", "line"),
    [
        (("tcp",), {"host": "192.0.2.1"}, 'transport = "tcp" is clear text: set physical_protection = true'),
        (("tcp",), {"host": "192.0.2.1", "key": "x", **CLEAR}, "key: unknown key"),
        (("tls",), {"hots": "192.0.2.1"}, 'hots: unknown key (did you mean "host"?)'),
        (("tls",), {"host": "192.0.2.1"}, "certificate: missing"),
        (("dtls",), {"host": "192.0.2.1", "sctp": "usrsctp-udp"}, "certificate: missing"),
        (("sctp",), {"host": "192.0.2.1", "key": "x", **CLEAR}, "key: unknown key"),
        ((), {"host": "192.0.2.1"}, "transport: must be 'tcp', 'tls', 'sctp' or 'dtls'"),
    ],
)
def test_bad_strings(arguments: tuple[str, ...], values: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as wrong:
        strings.client(MemoryReactorClock(), *arguments, **values)
    assert any(line in each for each in wrong.value.lines)
    assert all(each.startswith("diameter:") for each in wrong.value.lines)
