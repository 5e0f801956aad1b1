"""The open listeners of one node, and what becomes of them when the configuration changes.

A listener that stays, by its address, port and transport, is not touched: its links are not, and its bounds change for
connections to come.  Where the same address and port are to carry another transport, the node has to be started again:
the port cannot be opened before the other is closed, and a failure could not be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.python.failure import Failure

from diameter.config import ListenConfig, NodeTable
from diameter.errors import ConfigError
from diameter.transport.link import Address
from diameter.transport.tcp import LinkFactory, address_of
from diameter.transport.tls import TlsFactory


@dataclass(slots=True)
class Listener:
    """One of them.  `links` and `tls`: its factories, which hold its bounds."""

    config: ListenConfig
    port: IListeningPort
    links: LinkFactory
    tls: TlsFactory | None

    def bound(self, node: NodeTable) -> None:
        """Use these bounds for connections to come."""
        self.links.send_limit, self.links.connections = node.limits.send_limit, node.limits.connections
        if self.tls is not None:
            self.tls.handshakes, self.tls.handshake_s = node.limits.handshakes, node.handshake_timeout_s


Opened = tuple[IStreamServerEndpoint, LinkFactory, Callable[[], TlsFactory | None]]
"""How to open one: endpoint, factory of its links, and what tells its TLS factory once it is open."""


class Listeners:
    """Opens and closes the listeners of one node."""

    def __init__(self, prepare: Callable[[ListenConfig], Opened]) -> None:
        self._prepare = prepare
        self._open: list[Listener] = []
        self._closing: list[Deferred[Any]] = []

    @property
    def addresses(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each, with the real port."""
        return tuple((one.config.transport, address_of(one.port.getHost())) for one in self._open)

    def open(self, wanted: Iterable[tuple[int, ListenConfig]]) -> list[Listener]:
        """Open these, by their places in `node.listen`.  Raises ConfigError with none of them left open."""
        opened: list[Listener] = []
        for at, config in wanted:
            endpoint, links, tls = self._prepare(config)
            outcome: list[Any] = []
            _ = endpoint.listen(links).addBoth(outcome.append)  # of a TCP port the outcome is there at once
            if not isinstance(outcome[0], Failure):
                opened.append(Listener(config, outcome[0], links, tls()))
                continue
            self._close(opened)
            if not isinstance(outcome[0].value, CannotListenError):
                outcome[0].raiseException()
            what = f"{config.transport} {Address(config.host, config.port_number)}"
            cause = getattr(outcome[0].value.socketError, "strerror", None) or outcome[0].value.socketError
            raise ConfigError(f"node.listen.{at}: cannot listen on {what}: {cause}")
        return opened

    def keep(self, opened: list[Listener]) -> None:
        """Count these among the open ones."""
        self._open += opened

    def missing(self, wanted: Sequence[ListenConfig]) -> tuple[list[tuple[int, ListenConfig]], tuple[str, ...]]:
        """Those of `wanted` that are not open, with their places; and the keys of those that need another start."""
        there = {_place(one.config): one.config for one in self._open}
        found, stuck = [], []
        for at, config in enumerate(wanted):
            known = there.get(_place(config))
            if known is None:
                found.append((at, config))
            elif known.transport != config.transport:
                stuck.append(f"node.listen.{at}.transport")
        return found, tuple(stuck)

    def settle(self, node: NodeTable) -> None:
        """Close those that `node` has no more, and give the others its bounds."""
        places = {_place(config) for config in node.listen}
        self._close([one for one in self._open if _place(one.config) not in places])
        self._open = [one for one in self._open if _place(one.config) in places]
        for one in self._open:
            one.bound(node)

    def stop(self) -> Deferred[Any]:
        """Close all; fires when the last one is closed."""
        self._close(self._open)
        self._open = []
        closing, self._closing = self._closing, []
        return gatherResults(closing)

    def _close(self, listeners: Iterable[Listener]) -> None:
        self._closing = [each for each in self._closing if not each.called]
        for one in listeners:
            closing = maybeDeferred(one.port.stopListening)
            self._closing.append(closing)


def _place(config: ListenConfig) -> tuple[str, int]:
    """What cannot be opened twice.  Those that take a free port (0) of one address count as one."""
    return config.host, config.port_number
