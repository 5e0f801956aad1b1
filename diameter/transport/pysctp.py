"""pysctp (`import sctp`) opens and configures associations where it is installed; plain socket options do it elsewhere.

Messages never go through it: release 0.7.3 keeps about 100 octets of each message it receives, and dies on a
notification of a message that could not be sent.  The only module that imports it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from diameter.config import SctpConfig
from diameter.transport import sctp_socket
from diameter.transport.link import Address
from diameter.transport.sctp_events import plain_host

try:
    import sctp
except ImportError:
    sctp = None  # type: ignore[assignment]  # tested before each use


class PysctpSetup(sctp_socket.Setup):
    """What pysctp can do is done by pysctp; the rest by socket options."""

    name = "pysctp"

    def bind(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """As `Setup.bind`."""
        first, *more = addresses
        wrapped = _wrapped(sock)
        wrapped.bindx([tuple(first)])
        if more:
            port = sock.getsockname()[1]
            wrapped.bindx([(each.host, port) for each in more])

    def connect(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """As `Setup.connect`."""
        with suppress(BlockingIOError):
            _wrapped(sock).connectx([tuple(each) for each in addresses])

    def peer_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """As `Setup.peer_addresses`."""
        return tuple(Address(plain_host(host), port) for host, port in _wrapped(sock).getpaddrs())

    def local_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """As `Setup.local_addresses`."""
        return tuple(Address(plain_host(host), port) for host, port in _wrapped(sock).getladdrs())

    def set_initial(self, sock: socket.socket, config: SctpConfig) -> None:
        """As `Setup.set_initial`."""
        initial = _wrapped(sock).initparams
        initial.num_ostreams = config.outbound_streams
        initial.max_instreams = config.inbound_streams
        if config.init_attempts is not None:
            initial.max_attempts = config.init_attempts
        if config.init_timeout_ms is not None:
            initial.max_init_timeo = min(config.init_timeout_ms, 65535)

    def set_no_delay(self, sock: socket.socket, on: bool) -> None:
        """As `Setup.set_no_delay`."""
        _wrapped(sock).set_nodelay(on)

    def set_times(self, sock: socket.socket, config: SctpConfig) -> None:
        """As `Setup.set_times`."""
        wanted = sctp.rtoinfo()
        wanted.initial, wanted.max, wanted.min = (
            each or 0 for each in (config.rto_initial_ms, config.rto_max_ms, config.rto_min_ms)
        )
        if wanted.initial or wanted.max or wanted.min:
            _wrapped(sock).set_rtoinfo(wanted)

    def set_losses(self, sock: socket.socket, config: SctpConfig) -> None:
        """As `Setup.set_losses`."""
        if config.association_max_retrans is not None:
            wanted = sctp.assocparams()
            wanted.assocmaxrxt = config.association_max_retrans
            _wrapped(sock).set_assocparams(wanted)

    def set_primary(self, sock: socket.socket, address: Address) -> None:
        """As `Setup.set_primary`."""
        _wrapped(sock).set_primary(0, tuple(address))


def installed() -> bool:
    """True where pysctp can be imported."""
    return sctp is not None


def setup() -> sctp_socket.Setup:
    """How associations are opened and configured here."""
    return PysctpSetup() if installed() else sctp_socket.Setup()


def _wrapped(sock: socket.socket) -> Any:
    """pysctp's view of a socket that stays ours."""
    return sctp.sctpsocket_tcp(sock.family, sock)
