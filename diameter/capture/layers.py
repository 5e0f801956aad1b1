"""From a captured packet down to its TCP segment: link layer and IP by dpkt, which nothing else here imports.

dpkt guards its own lengths but not everything: for octets that are no such packet it also raises struct.error and the
like.  Such a packet carries nothing to read, so it counts as one, whatever it failed with.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import dpkt

from diameter.capture.exported import host_text
from diameter.capture.records import Endpoint

FIN: Final = dpkt.tcp.TH_FIN
SYN: Final = dpkt.tcp.TH_SYN
RST: Final = dpkt.tcp.TH_RST


class Segment(NamedTuple):
    """One TCP segment.  `flags`: FIN, SYN, RST bits and others."""

    source: Endpoint
    destination: Endpoint
    sequence: int
    flags: int
    payload: bytes


def _raw_ip(data: bytes) -> dpkt.Packet:
    return dpkt.ip6.IP6(data) if data[:1] and data[0] >> 4 == 6 else dpkt.ip.IP(data)


LINKS: Final[Mapping[int, Callable[[bytes], dpkt.Packet]]] = {
    0: dpkt.loopback.Loopback,
    1: dpkt.ethernet.Ethernet,
    12: _raw_ip,
    14: _raw_ip,
    101: _raw_ip,
    113: dpkt.sll.SLL,
    228: dpkt.ip.IP,
    229: dpkt.ip6.IP6,
    276: dpkt.sll2.SLL2,
}
"""Link types (tcpdump's list) that can be taken apart: loopback, Ethernet with VLANs, raw IP, Linux cooked 1 and 2."""


def segment(link_type: int, data: bytes) -> Segment | None:
    """The TCP segment in one packet of `link_type`; None where there is none.  Never raises."""
    layer = LINKS.get(link_type)
    if layer is None:
        return None
    try:
        packet: dpkt.Packet | bytes = layer(data)
    except (dpkt.Error, struct.error, ValueError, LookupError, AttributeError, TypeError):
        return None
    while not isinstance(packet, bytes):
        if isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
            return _tcp(packet)
        packet = packet.data
    return None


def _tcp(packet: dpkt.ip.IP | dpkt.ip6.IP6) -> Segment | None:
    tcp = packet.data
    if not isinstance(tcp, dpkt.tcp.TCP) or not isinstance(tcp.data, bytes):
        return None
    if isinstance(packet, dpkt.ip.IP) and packet.mf:
        return None
    source = host_text(packet.src)
    destination = host_text(packet.dst)
    return Segment((source, tcp.sport), (destination, tcp.dport), tcp.seq, tcp.flags, tcp.data)
