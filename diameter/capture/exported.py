"""Wireshark's exported PDU (link type 252): a payload, the dissector it goes to, and where it came from.

The link type for everything that is clear to the node but was not clear on the wire: Wireshark hands the octets to
the named dissector without looking for TLS or for a port.  Tags are big-endian (tag, length, value padded to 4), end
with an empty tag 0, and stand in front of the payload (wsutil/exported_pdu_tlvs.h).
"""

from __future__ import annotations

import ipaddress
import struct
from functools import lru_cache
from typing import Final, NamedTuple

from diameter.capture.records import Endpoint

DISSECTOR: Final = "diameter"

_END: Final = 0
_DISSECTOR_NAME: Final = 12
_TABLE_NAME: Final = 14
_IPV4_SOURCE: Final = 20
_IPV4_DESTINATION: Final = 21
_IPV6_SOURCE: Final = 22
_IPV6_DESTINATION: Final = 23
_PORT_TYPE: Final = 24
_SOURCE_PORT: Final = 25
_DESTINATION_PORT: Final = 26

PORT_TYPES: Final = {"sctp": 1, "dtls": 1, "tcp": 2, "tls": 2, "udp": 3}
"""Transport to the port type that Wireshark prints; that a link was protected goes into the packet's comment."""
_TRANSPORTS: Final = {1: "sctp", 2: "tcp", 3: "udp"}


class ExportedPdu(NamedTuple):
    """One unwrapped packet of link type 252; `dissector` "" where the tags name none."""

    dissector: str
    transport: str
    source: Endpoint
    destination: Endpoint
    payload: bytes


def address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address written in `host`, without a zone; None where it is a name."""
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return None
    return getattr(parsed, "ipv4_mapped", None) or parsed


@lru_cache(maxsize=4096)
def host_text(packed: bytes) -> str:
    """Four or sixteen octets as an address; remembered, because a capture has few addresses and many packets."""
    return str(ipaddress.ip_address(packed))


def tags(transport: str, source: Endpoint, destination: Endpoint) -> bytes:
    """Everything that stands before the message; the same for all messages of one direction of a link."""
    out = _tag(_DISSECTOR_NAME, DISSECTOR.encode())
    for host, four, six in (
        (source[0], _IPV4_SOURCE, _IPV6_SOURCE),
        (destination[0], _IPV4_DESTINATION, _IPV6_DESTINATION),
    ):
        found = address(host)
        if found is not None:
            out += _tag(four if found.version == 4 else six, found.packed)
    out += _tag(_PORT_TYPE, struct.pack(">I", PORT_TYPES.get(transport, 0)))
    out += _tag(_SOURCE_PORT, struct.pack(">I", source[1])) + _tag(_DESTINATION_PORT, struct.pack(">I", destination[1]))
    return out + _tag(_END, b"")


def unwrap(data: bytes) -> ExportedPdu | None:
    """Tags and payload taken apart; None where the tags do not end inside `data`.  Never raises."""
    at, end = 0, len(data)
    dissector, transport = "", "tcp"
    hosts, ports = ["", ""], [0, 0]
    while at + 4 <= end:
        tag, length = struct.unpack_from(">HH", data, at)
        value = data[at + 4 : at + 4 + length]
        at += 4 + length + (-length % 4 if tag else 0)
        if len(value) < length:
            return None
        if tag == _END:
            source, destination = (hosts[0], ports[0]), (hosts[1], ports[1])
            return ExportedPdu(dissector, transport, source, destination, data[at:])
        if tag in (_DISSECTOR_NAME, _TABLE_NAME):
            dissector = value.rstrip(b"\0").decode("ascii", "replace")
        elif tag in (_IPV4_SOURCE, _IPV4_DESTINATION) and length == 4:
            hosts[tag - _IPV4_SOURCE] = host_text(value)
        elif tag in (_IPV6_SOURCE, _IPV6_DESTINATION) and length == 16:
            hosts[tag - _IPV6_SOURCE] = host_text(value)
        elif tag in (_SOURCE_PORT, _DESTINATION_PORT) and length == 4:
            port = int.from_bytes(value)
            ports[tag - _SOURCE_PORT] = port if port < 65536 else 0
        elif tag == _PORT_TYPE and length == 4:
            transport = _TRANSPORTS.get(int.from_bytes(value), "tcp")
    return None


def _tag(tag: int, value: bytes) -> bytes:
    return struct.pack(">HH", tag, len(value)) + value + bytes(-len(value) % 4)
