"""The seam between the node and whatever carries octets: `Link` below, `LinkOwner` above.

Made for associations as well as for byte streams.  A stream link (`message_oriented` False) delivers octets in any
cut, and the owner frames them.  A message-oriented link (SCTP) delivers whole messages (`link_messages`), has several
addresses at each end, and obeys `stream`, `ordered` and `after_all`; a byte stream has one order and ignores them.
PPIDs stay below this seam.

Back-pressure.  `buffered` counts every octet taken by `write` that the kernel has not.  Above `congested_at` the
owner is told once (`link_congested`) and should originate nothing more; above `paused_at` the link stops reading by
itself, because what it reads makes answers; above `send_limit` the link is aborted, which only happens when the owner
goes on writing after both signs.  Requests of our own so never stop the reader, only answers do: two nodes that
load each other cannot lock each other up with requests.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple, Protocol

from diameter.errors import DiameterError
from diameter.security.link import CLEAR, LinkSecurity

__all__ = ["Address", "ConnectFailed", "Link", "LinkOwner", "LinkSecurity"]


class ConnectFailed(DiameterError):
    """A peer could not be reached or would not be trusted; the text says why, in words for an operator."""


class Address(NamedTuple):
    """One end of a link."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Link(ABC):
    """One transport connection or association that is up, and protected if it is to be.

    `transport`: "tcp", "tls", "sctp" or "dtls".  `dialled`: `PeerConfig.host` when we connected, empty when we
    accepted.  Counters: `octets_in`, `octets_out` (clear octets, as the owner sees them), `writes` (hand-overs to the
    transport), `peak_buffered`, `pauses` (times that reading stopped).  `ppid_in`, `ppid_out`: payload protocol
    identifiers of an association, of what came last and of what goes; -1 on a byte stream.
    """

    __slots__ = (
        "dialled", "id", "local", "octets_in", "octets_out", "pauses", "peak_buffered", "ppid_in", "ppid_out", "remote",
        "security", "writes",
    )  # fmt: skip
    transport: ClassVar[str]
    message_oriented: ClassVar[bool] = False

    def __init__(self, link_id: int, local: Address, remote: Address, security: LinkSecurity = CLEAR) -> None:
        self.id = link_id
        self.local = local
        self.remote = remote
        self.security = security
        self.dialled = ""
        self.ppid_in = self.ppid_out = -1
        self.octets_in = self.octets_out = self.writes = self.peak_buffered = self.pauses = 0

    @property
    def secure(self) -> bool:
        """True when both ends are authenticated and octets are protected."""
        return self.security.secure

    @property
    def peer_names(self) -> tuple[str, ...]:
        """Identities of the peer's certificate; empty on a clear link."""
        return self.security.peer_names

    @property
    def local_addresses(self) -> tuple[Address, ...]:
        """Every address of our end; more than one on an association."""
        return (self.local,)

    @property
    def remote_addresses(self) -> tuple[Address, ...]:
        """Every address of the other end."""
        return (self.remote,)

    @property
    def breach(self) -> str:
        """Why the protection of this link ended it (a forged record, a certificate that ran out), else ""."""
        return ""

    @property
    def replayed(self) -> int:
        """Records refused because they had been there before, where the link goes on in spite of them."""
        return 0

    @property
    def by_session(self) -> bool:
        """True when messages that need no order among each other want `stream` to be a number of their session."""
        return False

    @property
    def largest(self) -> int | None:
        """Octets of the longest message that can be sent; None when any can."""
        return None

    @property
    @abstractmethod
    def buffered(self) -> int:
        """Octets written and not yet taken by the kernel, at most `send_limit`."""

    @property
    @abstractmethod
    def congested(self) -> bool:
        """True between `link_congested` and `link_drained`: originate nothing."""

    @abstractmethod
    def write(self, data: bytes, *, ordered: bool = True, stream: int | None = None, after_all: bool = False) -> None:
        """Take one whole message (or several, on a byte stream) for sending at the end of this wake-up.

        `ordered`: nothing written before with it may be overtaken.  `stream`: any number, messages of one number stay
        in order where the link is `by_session`.  `after_all`: nothing at all written before may be overtaken.
        Raises NotOpen when the link is closing or gone.  Beyond `send_limit` the link is aborted, without raising.
        """

    @abstractmethod
    def pause(self) -> None:
        """Deliver nothing from now on, also nothing that has already arrived."""

    @abstractmethod
    def resume(self) -> None:
        """Undo `pause`; delivery goes on from the reactor, never from inside this call."""

    @abstractmethod
    def close(self) -> None:
        """Send what was written, then close; nothing is delivered any more.  `link_lost` follows."""

    @abstractmethod
    def abort(self, reason: str = "aborted") -> None:
        """Close at once and throw away what was not sent.  `link_lost(reason)` follows."""


class StreamOwner(Protocol):
    """What a link of a byte stream tells; calls come from the reactor, never from inside a method of the link."""

    def link_up(self, link: Link) -> None:
        """The link is usable, its handshake done.  First call for this link; also for one that we dialled."""

    def link_received(self, link: Link, data: bytes) -> None:
        """Octets, never none: any cut of the stream.  Links that are not message-oriented."""

    def link_lost(self, link: Link, reason: str) -> None:
        """The link is gone; last call for this link.  `reason` is "" after an orderly close by the peer or by us."""

    def link_congested(self, link: Link) -> None:
        """More than `congested_at` octets wait: originate nothing on this link."""

    def link_drained(self, link: Link) -> None:
        """The octets have gone; `link_congested` is over."""

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        """Somebody connected and never became a link (handshake, certificate, too many), or whom we dialled could not
        be trusted; for the audit.
        """


class LinkOwner(StreamOwner, Protocol):
    """What any link tells."""

    def link_messages(self, link: Link, messages: Sequence[bytes]) -> None:
        """Whole messages of one wake-up, at least one, in order of arrival.  Message-oriented links; what is longer
        than a message may be comes cut off.
        """

    def link_note(self, link: Link, text: str) -> None:
        """Something that an operator may want to know of the link, e.g. that a path is gone; it goes on."""

    def link_unsent(self, link: Link, messages: Sequence[bytes]) -> None:
        """These messages have certainly not arrived and will not; before `link_lost`, or while the link goes on."""

    def link_worn(self, link: Link) -> None:
        """Its keys have been used for long enough: another link to the same peer should take its place."""
