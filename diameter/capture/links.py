"""Link layers: where the IP packet begins in a captured packet.

What is met in nearly every capture is read here, without an object: Ethernet, VLANs in any number, Linux cooked 1 and
2, loopback, raw IP.  For the rest (PPP, PPPoE, MPLS, IEEE 802.11) dpkt is asked, at ten times the price.  It guards its
own lengths but not everything: for octets that are no such packet it also raises struct.error and the like.  Such a
packet carries nothing to read, so it counts as one, whatever it failed with.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping
from typing import Final

import dpkt

_IP: Final = (b"\x08\0", b"\x86\xdd")
_VLAN: Final = (b"\x81\0", b"\x88\xa8", b"\x91\0", b"\x92\0", b"\x93\0")
_DAMAGED: Final = (dpkt.Error, struct.error, ValueError, LookupError, AttributeError, TypeError)
LOOPBACK: Final = 0
ETHERNET: Final = 1
RAW: Final = (12, 14, 101, 228, 229)
LOOP: Final = 108
SLL: Final = 113
SLL2: Final = 276
_BY_DPKT: Final[Mapping[int, Callable[[bytes], dpkt.Packet]]] = {
    9: dpkt.ppp.PPP,
    50: dpkt.ppp.PPP,
    51: dpkt.pppoe.PPPoE,
    105: dpkt.ieee80211.IEEE80211,
    127: dpkt.radiotap.Radiotap,
}
LINKS: Final = frozenset({LOOPBACK, ETHERNET, *RAW, LOOP, SLL, SLL2, *_BY_DPKT})
"""Link types (tcpdump's list) that can be taken apart, beside exported PDUs."""
NAMES: Final[Mapping[int, str]] = {0x0806: "ARP", 0x88CC: "LLDP", 0x8809: "LACP", 0x888E: "EAPOL", 0x88F7: "PTP"}


def ip_offset(link_type: int, data: bytes) -> int:
    """Offset of the IP header in `data`; -1 where there is none, or none that is found without dpkt.  Never raises."""
    if link_type == ETHERNET:
        kind = data[12:14]
        if kind == b"\x08\0":
            return 14
        return _behind_tags(data, kind, 14)
    if link_type in RAW:
        return 0
    if link_type == SLL:
        return _behind_tags(data, data[14:16], 16)
    if link_type == SLL2:
        return _behind_tags(data, data[:2], 20)
    if link_type in (LOOPBACK, LOOP):
        return 4
    return -1


def _behind_tags(data: bytes, kind: bytes, at: int) -> int:
    while kind in _VLAN:
        kind = data[at + 2 : at + 4]
        at += 4
    return at if kind in _IP else -1


def unusual(link_type: int, data: bytes) -> bytes:
    """The IP packet inside a rarer link layer, as octets; b"" where there is none.  Never raises."""
    layer = _BY_DPKT.get(link_type)
    if layer is None:
        if link_type != ETHERNET or data[12:14] not in (b"\x88\x64", b"\x88\x47", b"\x88\x48"):
            return b""
        layer = dpkt.ethernet.Ethernet
    try:
        packet: dpkt.Packet | bytes = layer(data)
        while not isinstance(packet, bytes):
            if isinstance(packet, dpkt.ip.IP | dpkt.ip6.IP6):
                return bytes(packet)
            packet = packet.data
    except _DAMAGED:
        return b""
    return b""


def name(link_type: int, data: bytes) -> str:
    """What a packet without IP is, in a word or two."""
    if link_type not in LINKS:
        return f"packet of link type {link_type}"
    if link_type in (ETHERNET, SLL) and len(data) >= 16:
        kind = int.from_bytes(data[12:14] if link_type == ETHERNET else data[14:16])
        return NAMES.get(kind, f"frame of type 0x{kind:04x}" if kind >= 0x600 else "LLC frame")
    return "packet without IP"
