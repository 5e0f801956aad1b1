"""One link as the peer layer sees it: octets in, whole messages out, and whether what we send must stay in order.

The glue makes a Connection when a link comes up and hands it to `Incoming.admit` or `Peer.connected`; octets go
through `feed`.  Order (RFC 6733 section 2.1.1): on a message-oriented link nothing may overtake the capabilities
exchange, so the responder sends in order until the initiator's first message after the CEA has proved that it is
open; the initiator knows with the CEA.
"""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv6Address

from diameter.errors import InvalidMessageLength, RemoteFault
from diameter.peer.inputs import LinkId
from diameter.wire.framing import DEFAULT_LIMIT, Framer

Host = IPv4Address | IPv6Address


class Connection:
    """One transport connection or association.

    link: the transport's name for it.  initiator: we connected.  addresses: local ones, for Host-IP-Address.
    secure: protected by TLS, DTLS or IPsec.  message_oriented: each `feed` is one message (SCTP), not a piece of a
    stream.  limit: octets of one message.  `proven`: the other side has shown that it is open.  `fault`: what made
    the position in the stream unknown.
    """

    __slots__ = (
        "_framer", "_limit", "addresses", "fault", "initiator", "link", "message_oriented", "proven", "rest", "secure"
    )  # fmt: skip

    def __init__(
        self,
        link: LinkId,
        *,
        initiator: bool,
        addresses: tuple[Host, ...] = (),
        secure: bool = False,
        message_oriented: bool = False,
        limit: int = DEFAULT_LIMIT,
    ) -> None:
        self.link = link
        self.initiator = initiator
        self.addresses = addresses
        self.secure = secure
        self.message_oriented = message_oriented
        self.proven = False
        self.fault: RemoteFault | None = None
        self.rest = b""
        self._limit = limit
        self._framer = Framer(limit)

    def feed(self, data: bytes) -> list[bytes]:
        """Whole messages that `data` completes.  After a fatal fault: nothing, `fault` says why, `rest` holds the
        offending octets.
        """
        framer = self._framer
        messages = framer.feed(data)
        if self.message_oriented and framer.buffered and framer.fault is None:
            # One message of SCTP is one Diameter message: the next one does not complete what is left over.
            framer.fault = InvalidMessageLength("Message Length is not the length of the SCTP message")
        if framer.fault is not None:
            self.fault, self.rest = framer.fault, framer.rest
        return messages

    def instead(self, octets: bytes, behind: Iterable[bytes]) -> tuple[list[bytes], list[bytes]]:
        """As though `octets` had been fed in the place of a message, in front of the messages `behind` it: the whole
        messages that they complete, and those that follow.
        """
        held, self._framer, self.fault = self._framer.rest, Framer(self._limit), None
        whole = self.feed(octets)
        return whole, [one for each in (*behind, held) if each for one in self.feed(each)]

    @property
    def ordered(self) -> bool:
        """How to send application messages: in order until `proven`, then unordered where the link can do that."""
        return not (self.message_oriented and self.proven)
