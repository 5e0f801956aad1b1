"""pysctp (`import sctp`) binds listeners and configures associations where it is installed; plain socket options do it
elsewhere, and wherever release 0.7.3 keeps memory for ever or dies:

- about 100 octets of each message received are kept, and a notification of a message that could not be sent is the end
  of the process: no message goes through it;
- an object is kept for each of its own socket objects, so there is one of these, lent to each socket in turn;
- an object is kept for each bindx and connectx, so only listeners are bound by it, which happens once;
- three objects are kept for each setting of retransmission times.

Tests of the rig hold it to this, so that a release without these faults is noticed.  The only module that imports it.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
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
    """What pysctp does well is done by pysctp; the rest by socket options."""

    name = "pysctp"

    def __init__(self) -> None:
        self._view: Any = None

    def bind_listener(self, sock: socket.socket, addresses: Sequence[Address]) -> None:
        """As `Setup.bind_listener`."""
        first, *more = addresses
        view = self._of(sock)
        view.bindx([tuple(first)])
        if more:
            port = sock.getsockname()[1]
            view.bindx([(each.host, port) for each in more])

    def peer_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """As `Setup.peer_addresses`."""
        return tuple(Address(plain_host(host), port) for host, port in self._of(sock).getpaddrs())

    def local_addresses(self, sock: socket.socket) -> tuple[Address, ...]:
        """As `Setup.local_addresses`."""
        return tuple(Address(plain_host(host), port) for host, port in self._of(sock).getladdrs())

    def set_initial(self, sock: socket.socket, config: SctpConfig) -> None:
        """As `Setup.set_initial`; all four, because the view remembers those of the socket before."""
        initial = self._of(sock).initparams
        initial.num_ostreams = config.outbound_streams
        initial.max_instreams = config.inbound_streams
        initial.max_attempts = config.init_attempts or 0
        initial.max_init_timeo = min(config.init_timeout_ms or 0, 65535)

    def set_no_delay(self, sock: socket.socket, on: bool) -> None:
        """As `Setup.set_no_delay`."""
        self._of(sock).set_nodelay(on)

    def set_losses(self, sock: socket.socket, config: SctpConfig) -> None:
        """As `Setup.set_losses`."""
        if config.association_max_retrans is not None:
            wanted = sctp.assocparams()
            wanted.assocmaxrxt = config.association_max_retrans
            self._of(sock).set_assocparams(wanted)

    def set_primary(self, sock: socket.socket, address: Address) -> None:
        """As `Setup.set_primary`."""
        self._of(sock).set_primary(0, tuple(address))

    def _of(self, sock: socket.socket) -> Any:
        """pysctp's view of a socket that stays ours; good until the next call."""
        if self._view is None:
            self._view = sctp.sctpsocket_tcp(sock.family, sock)
        self._view._sk = sock
        return self._view


def installed() -> bool:
    """True where pysctp can be imported."""
    return sctp is not None


def setup() -> sctp_socket.Setup:
    """How associations are opened and configured here."""
    return PysctpSetup() if installed() else sctp_socket.Setup()
