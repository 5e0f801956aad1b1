"""What a capture holds once its packets are taken apart: messages and link events, as plain values.

A record knows where its octets came from (file, frame) but nothing of pcapng, TCP or TLS, so that drawing, checking
and merging work the same on what a node wrote and on what tcpdump saw.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from diameter.errors import LocalError
from diameter.message import Dictionary, Message, decode

Endpoint = tuple[str, int]
"""Address as text (IPv4, IPv6, or a name where no address is known) and port."""

TRANSPORTS: Final = ("tcp", "tls", "sctp", "dtls", "udp")


class CaptureError(LocalError):
    """A capture cannot be read or written.  The text names the file and, where octets are wrong, their offset."""


class NoDiameter(CaptureError):
    """There is no Diameter in the file, which may be a capture or something else; the text says what was seen."""


class Captured(NamedTuple):
    """One Diameter message as seen on a link."""

    time_ns: int
    """Nanoseconds since 1970-01-01 UTC."""
    source: Endpoint
    destination: Endpoint
    octets: bytes
    """The message from its header on; shorter than its Message Length when the capture cut it."""
    transport: str = "tcp"
    """One of TRANSPORTS.  A message of a TLS link is here in clear, because the node that captured it held the keys."""
    outgoing: bool | None = None
    """True: captured by its sender; False: by its receiver; None: by someone between, or unknown."""
    frame: int = 0
    """Number of the packet in the file, from 1, as Wireshark counts; the last one where a message spans several."""
    comment: str = ""
    stream: int = -1
    """SCTP stream identifier; -1 where there is none."""
    ppid: int = -1
    """SCTP payload protocol identifier as it was on the wire; -1 where there is none."""
    link: int = 0
    """Number of the connection or association in this file, from 1; both directions have the same; 0: unknown."""
    notes: tuple[str, ...] = ()
    """What reassembly has to say of it, of NOTES."""

    def message(self, dictionary: Dictionary) -> Message:
        """The message, read as far as someone asks (`diameter.decode`)."""
        return decode(self.octets, dictionary)


GAP_BEFORE: Final = "gap before"
"""Octets or chunks before it were never captured; messages may be missing."""
OUT_OF_ORDER: Final = "out of order"
"""A part of it came before what stands in front of it."""
STRAY_BEFORE: Final = "stray octets before"
"""Octets stand before it that belong to no message."""
CUT: Final = "cut"
"""Shorter than its Message Length."""
NOTES: Final = (GAP_BEFORE, OUT_OF_ORDER, STRAY_BEFORE, CUT)


class LinkEvent(NamedTuple):
    """Something that happened to a link: a node's own note (`LINK_UP`, `LINK_LOST`), or one of EVENTS off the wire.

    Off the wire `local` is who sent the packet and `frame` its number; a node's note has frame 0.
    """

    time_ns: int
    name: str
    text: str
    transport: str
    local: Endpoint
    remote: Endpoint
    frame: int = 0
    link: int = 0
    """As in Captured."""


Record = Captured | LinkEvent

TCP_SYN: Final = "TCP_SYN"
TCP_FIN: Final = "TCP_FIN"
TCP_RST: Final = "TCP_RST"
TCP_RETRANSMISSION: Final = "TCP_RETRANSMISSION"
SCTP_INIT: Final = "SCTP_INIT"
SCTP_INIT_ACK: Final = "SCTP_INIT_ACK"
SCTP_ABORT: Final = "SCTP_ABORT"
SCTP_SHUTDOWN: Final = "SCTP_SHUTDOWN"
SCTP_ERROR: Final = "SCTP_ERROR"
SCTP_RETRANSMISSION: Final = "SCTP_RETRANSMISSION"
TLS_ALERT: Final = "TLS_ALERT"
EVENTS: Final = (
    TCP_SYN, TCP_FIN, TCP_RST, TCP_RETRANSMISSION,
    SCTP_INIT, SCTP_INIT_ACK, SCTP_ABORT, SCTP_SHUTDOWN, SCTP_ERROR, SCTP_RETRANSMISSION,
    TLS_ALERT,
)  # fmt: skip
"""Names of what is seen on the wire; `text` says more: which alert, which cause, how many octets came again."""


def endpoint_text(endpoint: Endpoint) -> str:
    """`127.0.0.1:3868`, `[::1]:3868`."""
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def endpoint_of(text: str) -> Endpoint:
    """The reverse of `endpoint_text`; port 0 where there is none."""
    host, colon, port = text.rpartition(":")
    if not colon or not (port.isascii() and port.isdigit()):
        return text.strip("[]"), 0
    return host.strip("[]"), int(port[:9])
