"""What protects messages on an association, message to message: the seam between SCTP and the scheme that protects it.

Behind it stands DTLS over SCTP (RFC 6083, `diameter.security.dtls`).  Its successor at the IETF protects whole SCTP
packets instead; whatever comes speaks the same few words: steps of a handshake, seal, open, close.  No I/O: the
transport feeds what arrived and carries out `steps` in their order, each one finished before the next begins.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from diameter.security.link import LinkSecurity
from diameter.security.tls import TlsContext


class Send(NamedTuple):
    """Send this as one message, in order, on stream 0."""

    record: bytes


class Settle(NamedTuple):
    """Wait until the peer's SCTP has acknowledged everything that was sent."""


class InstallKey(NamedTuple):
    """Give SCTP-AUTH (RFC 4895) an endpoint pair shared key: from now on packets under it are understood."""

    number: int
    key: bytes

    def __repr__(self) -> str:
        return f"InstallKey(number={self.number})"


class ActivateKey(NamedTuple):
    """Authenticate everything that is sent from now on with this key."""

    number: int


class RemoveKey(NamedTuple):
    """Understand nothing under this key any more."""

    number: int


Step = Send | Settle | InstallKey | ActivateKey | RemoveKey


class MessageProtector(Protocol):
    """One end of a protected association.

    `largest`: octets of the longest clear message; `overhead`: what sealing adds to one.
    """

    largest: int
    overhead: int

    @property
    def established(self) -> bool:
        """True once both ends are authenticated; before that nothing may be sealed, and nothing is opened."""

    @property
    def closed(self) -> bool:
        """True when the peer has said that nothing more will come."""

    @property
    def replayed(self) -> int:
        """Messages refused because they had been there before."""

    def start(self) -> None:
        """Begin; a client has its first steps ready after this."""

    def receive(self, record: bytes, stream: int) -> Sequence[bytes]:
        """Take one message that arrived on a stream; return the clear messages that can be delivered, in the order in
        which they were let through.  Raises ProtectionFailed: the association must end.
        """

    def seal(self, clear: bytes) -> bytes:
        """Return the message to send in place of a clear one.  Raises EncodeError for one that is too long."""

    def steps(self) -> Sequence[Step]:
        """What is to be done now, in this order; each is handed out once."""

    def close(self) -> None:
        """Tell the peer that nothing more will come; call it when everything that was sent is acknowledged."""

    def security(self) -> LinkSecurity:
        """What was agreed, and with whom; only once established."""

    def complaint(self, context: TlsContext) -> str:
        """Return why this peer would be refused under other credentials, or ""."""
