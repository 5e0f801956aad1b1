"""The open listeners of one node, and what becomes of them when the configuration changes.

A listener that stays, by its address, port and transport, is not touched: its links are not, and its bounds change for
connections to come.  Where the same address and port are to carry another transport, the node has to be started again:
the port cannot be opened before the other is closed, and a failure could not be undone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from twisted.internet.defer import Deferred, gatherResults, maybeDeferred
from twisted.internet.error import CannotListenError
from twisted.internet.interfaces import IListeningPort, IStreamServerEndpoint
from twisted.python.failure import Failure

from diameter.config import ASSOCIATIONS, ListenConfig, NodeTable
from diameter.errors import ConfigError
from diameter.transport.link import Address
from diameter.transport.tcp import LinkFactory, address_of
from diameter.transport.tls import TlsFactory


class Listener(Protocol):
    """One of them."""

    config: ListenConfig

    @property
    def address(self) -> Address:
        """Where it listens, with the real port."""

    def bound(self, node: NodeTable, /) -> None:
        """Use these bounds for links to come."""

    def close(self) -> Deferred[Any]:
        """Take no more links; fires when it is closed."""


@dataclass(slots=True)
class StreamListener:
    """One of TCP.  `links` and `tls`: its factories, which hold its bounds."""

    config: ListenConfig
    port: IListeningPort
    links: LinkFactory
    tls: TlsFactory | None

    @property
    def address(self) -> Address:
        """Where it listens."""
        return address_of(self.port.getHost())

    def bound(self, node: NodeTable, /) -> None:
        """Use these bounds for connections to come."""
        self.links.send_limit, self.links.connections = node.limits.send_limit, node.limits.connections
        if self.tls is not None:
            self.tls.handshakes, self.tls.handshake_s = node.limits.handshakes, node.handshake_timeout_s

    def close(self) -> Deferred[Any]:
        """Fires when it is closed."""
        return maybeDeferred(self.port.stopListening)


Opened = tuple[IStreamServerEndpoint, LinkFactory, Callable[[], TlsFactory | None]]
"""How to open one of TCP: endpoint, factory of its links, and what tells its TLS factory once it is open."""


class Associations(Protocol):
    """Who opens listeners of SCTP (`diameter.transport.sctp_endpoints`)."""

    def listener(self, config: ListenConfig, /) -> Listener:
        """Open one.  Raises OSError, and ConfigError where this machine has no such SCTP."""


class Listeners:
    """Opens and closes the listeners of one node."""

    def __init__(self, prepare: Callable[[ListenConfig], Opened], associations: Associations) -> None:
        self._prepare = prepare
        self._associations = associations
        self._open: list[Listener] = []
        self._closing: list[Deferred[Any]] = []

    @property
    def addresses(self) -> tuple[tuple[str, Address], ...]:
        """(transport, address) of each, with the real port."""
        return tuple((one.config.transport, one.address) for one in self._open)

    def open(self, wanted: Iterable[tuple[int, ListenConfig]]) -> list[Listener]:
        """Open these, by their places in `node.listen`.  Raises ConfigError with none of them left open."""
        opened: list[Listener] = []
        for at, config in wanted:
            try:
                opened.append(self._one(config))
            except ConfigError as error:
                self._close(opened)
                raise ConfigError(*(f"node.listen.{at}.{line}" for line in error.lines)) from None
            except (CannotListenError, OSError) as error:
                self._close(opened)
                known = error.socketError if isinstance(error, CannotListenError) else error
                hosts = (config.host, *config.association.local_addresses)
                what = ", ".join(str(Address(host, config.port_number)) for host in hosts)
                cause = getattr(known, "strerror", None) or known
                raise ConfigError(f"node.listen.{at}: cannot listen on {config.transport} {what}: {cause}") from None
        return opened

    def _one(self, config: ListenConfig) -> Listener:
        if config.transport in ASSOCIATIONS:
            return self._associations.listener(config)
        endpoint, links, tls = self._prepare(config)
        outcome: list[Any] = []
        _ = endpoint.listen(links).addBoth(outcome.append)  # of a TCP port the outcome is there at once
        if isinstance(outcome[0], Failure):
            outcome[0].raiseException()
        return StreamListener(config, outcome[0], links, tls())

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
            elif (known.security, known.ipsec) != (config.security, config.ipsec):
                stuck.append(f"node.listen.{at}.ipsec")
        return found, tuple(stuck)

    def others(self, wanted: Sequence[ListenConfig]) -> tuple[str, ...]:
        """The key of the listeners where they are to be others than those that are open."""
        places = [
            {(_place(one), one.transport) for one in many} for many in (wanted, (one.config for one in self._open))
        ]
        return () if places[0] == places[1] else ("node.listen",)

    def settle(self, node: NodeTable, *, closing: bool = True) -> None:
        """Close those that `node` has no more, if `closing`, and give the others its bounds."""
        if closing:
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
            self._closing.append(one.close())


def _place(config: ListenConfig) -> tuple[bool, str, int]:
    """What cannot be opened twice.  Those that take a free port (0) of one address count as one."""
    return config.transport in ASSOCIATIONS, config.host, config.port_number
