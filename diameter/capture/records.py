"""What a capture holds once its packets are taken apart: messages and link events, as plain values.

A record knows where its octets came from (file, frame) but nothing of pcapng, TCP or TLS, so that drawing, checking
and merging work the same on what a node wrote and on what tcpdump saw.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from diameter.errors import LocalError

Endpoint = tuple[str, int]
"""Address as text (IPv4, IPv6, or a name where no address is known) and port."""

TRANSPORTS: Final = ("tcp", "tls", "sctp", "dtls", "udp")


class CaptureError(LocalError):
    """A capture cannot be read or written.  The text names the file and, where octets are wrong, their offset."""


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


class LinkEvent(NamedTuple):
    """Something that happened to a link: it came up, it was lost, its peer went suspect."""

    time_ns: int
    name: str
    text: str
    transport: str
    local: Endpoint
    remote: Endpoint


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
