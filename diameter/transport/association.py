"""The seam between SCTP links and whatever implements SCTP: `Association` below, `AssociationUser` above.

Below may stand the kernel, libusrsctp, or a layer that protects each message and is itself the user of another
association.  Neither side knows Diameter.  Octets cross it as whole messages with their stream and payload protocol
identifier; everything else that SCTP says crosses it as an `Event`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from diameter.transport.link import Address
from diameter.transport.sctp_auth import AuthKeys
from diameter.transport.sctp_events import Event


class Received(NamedTuple):
    """One message; `ppid` in host order."""

    data: bytes
    stream: int
    ppid: int


class AssociationUser(Protocol):
    """What an association tells, from the reactor, never from inside a method of the association."""

    def received(self, messages: Sequence[Received]) -> None:
        """Messages of one wake-up, at least one, in the order in which SCTP delivered them."""

    def happened(self, event: Event) -> None:
        """Anything else; `Up` of a new association comes as well, unless it was taken before `attach`."""

    def writable(self) -> None:
        """`send` takes messages again."""

    def ended(self, reason: str) -> None:
        """The association is gone, "" after an orderly end; last call."""


class Association(ABC):
    """One association that is up.  `kind`: who implements it, for people.

    `outbound_streams`: how many may be sent on.  `largest`: octets of the longest message that can be sent.
    """

    kind: ClassVar[str]
    outbound_streams: int
    largest: int

    @property
    @abstractmethod
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end, the one first that a link is named by."""

    @property
    @abstractmethod
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end, the primary one first."""

    @property
    @abstractmethod
    def outstanding(self) -> int:
        """Pieces of messages that were sent and are not acknowledged."""

    @property
    def auth(self) -> AuthKeys | None:
        """The keys of SCTP-AUTH, None where there is none."""
        return None

    @abstractmethod
    def attach(self, user: AssociationUser) -> None:
        """Deliver to `user` from now on, from the reactor.  Again: to another one in its place."""

    @abstractmethod
    def send(self, data: bytes, *, stream: int, ppid: int, ordered: bool, more: bool = False) -> bool:
        """Take one message of at most `largest` octets; False when there is no room: `writable` follows.

        `more`: another one follows at once, so this one may wait to share a packet with it.
        """

    @abstractmethod
    def pause(self) -> None:
        """Read nothing more; a wake-up that has begun may still deliver."""

    @abstractmethod
    def resume(self) -> None:
        """Read again."""

    @abstractmethod
    def finish(self) -> None:
        """Send nothing more; SHUTDOWN follows what was taken.  `ended` follows, soon unless the peer is gone."""

    @abstractmethod
    def abort(self) -> None:
        """ABORT at once.  `ended` follows, from the reactor."""


class Assembler:
    """Pieces to messages.  What is longer than `limit` octets is delivered once, cut off behind `limit`.

    SCTP delivers the pieces of one message without others in between (no interleaving, RFC 8260).
    """

    __slots__ = ("_cut", "_length", "_limit", "_pieces")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._pieces: list[bytes] = []
        self._length = 0
        self._cut = False

    def piece(self, data: bytes, *, last: bool) -> bytes | None:
        """The message that `data` completes, or None."""
        if last and not self._pieces and not self._cut:
            return data
        if not self._cut:
            self._pieces.append(data)
            self._length += len(data)
        whole: bytes | None = None
        if not self._cut and (last or self._length > self._limit):
            whole = b"".join(self._pieces)
            self._pieces.clear()
            self._length = 0
            self._cut = True
        if last:
            self._cut = False
        return whole

    def drop(self) -> None:
        """The rest will not come."""
        self._pieces.clear()
        self._length = 0
        self._cut = False
