"""SCTP under IPsec: an association that sends nothing while no security association covers it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diameter.security.link import LinkSecurity
from diameter.transport.association import Association, AssociationUser, Received
from diameter.transport.ipsec.shield import Worn
from diameter.transport.link import Address
from diameter.transport.sctp_auth import AuthKeys
from diameter.transport.sctp_events import Event


class CoveredAssociation(Association):
    """One association, user of the one below, link to its cover.  `note` tells an operator something."""

    def __init__(self, below: Association, worn: Worn, note: Callable[[str], None] = lambda _text: None) -> None:
        self.below = below
        self.security: LinkSecurity = worn.cover.security
        self.note = note
        self._worn = worn
        self._user: AssociationUser | None = None
        self._silent = self._full = self._finishing = self._over = False
        self._reason = ""
        worn.cover.wear(self)

    # -- an association, to the link above

    @property
    def kind(self) -> str:  # type: ignore[override]  # a constant of the one below
        """Who implements the SCTP."""
        return self.below.kind

    @property
    def outbound_streams(self) -> int:  # type: ignore[override]
        """Streams that may be sent on."""
        return self.below.outbound_streams

    @property
    def largest(self) -> int:  # type: ignore[override]
        """Octets of the longest message."""
        return self.below.largest

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end."""
        return self.below.local_addresses

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end."""
        return self.below.remote_addresses

    @property
    def outstanding(self) -> int:
        """Pieces of messages that were sent and are not acknowledged."""
        return self.below.outstanding

    @property
    def auth(self) -> AuthKeys | None:
        """The keys of SCTP-AUTH."""
        return self.below.auth

    def attach(self, user: AssociationUser) -> None:
        """Deliver to `user`; before, nothing of the association below is read."""
        self._user = user
        self.below.attach(self)

    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        """Take one message; none while nothing may be sent."""
        if self._silent:
            self._full = True
            return False
        return self.below.send(data, stream=stream, ppid=ppid, ordered=ordered, more=more)

    def pause(self) -> None:
        """Read nothing more."""
        self.below.pause()

    def resume(self) -> None:
        """Read again."""
        self.below.resume()

    def finish(self) -> None:
        """SHUTDOWN, once something may be sent."""
        if self._silent:
            self._finishing = True
        else:
            self.below.finish()

    def abort(self) -> None:
        """ABORT at once."""
        self.below.abort()

    # -- user of the association below

    def received(self, messages: Sequence[Received]) -> None:
        """Messages, which IPsec has opened."""
        if self._user is not None:
            self._user.received(messages)

    def happened(self, event: Event) -> None:
        """Anything else."""
        if self._user is not None:
            self._user.happened(event)

    def writable(self) -> None:
        """There is room; while nothing may be sent it is told later."""
        if self._silent:
            self._full = True
        elif self._user is not None:
            self._user.writable()

    def ended(self, reason: str) -> None:
        """The association is gone."""
        self._over = True
        self._worn.release()
        if self._user is not None:
            self._user.ended(self._reason or reason)

    # -- a link to its cover

    def bare(self, reason: str) -> None:
        """Send nothing."""
        self._silent = True
        self.note(f"IPsec: {reason}; nothing is sent")

    def covered(self) -> None:
        """Send again."""
        self._silent = False
        self.note("IPsec: a security association is there again")
        if self._finishing:
            self.below.finish()
        elif self._full and self._user is not None:
            self._full = False
            self._user.writable()

    def stripped(self, reason: str) -> None:
        """End at once."""
        self._reason = f"IPsec: {reason}"
        if not self._over:
            self.below.abort()
