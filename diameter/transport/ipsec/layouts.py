"""Security associations and policies of Linux as octets and back: the structures of linux/xfrm.h, without any I/O.

Numbers of the machine are in its own order, what stood in a packet is in network order; every structure is laid out as
a 64-bit kernel does it.  Keys are never shown.
"""

from __future__ import annotations

import socket
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from ipaddress import ip_address
from struct import Struct
from typing import Final, NamedTuple

ANY: Final = 0
ESP: Final = 50
PROTOCOLS: Final = {"tcp": 6, "udp": 17, "sctp": 132}
NO_LIMIT: Final = 2**64 - 1
ALL_ALGORITHMS: Final = 2**32 - 1

TMPL, ALG_AUTH, ALG_CRYPT, ALG_AEAD, ALG_AUTH_TRUNC = 5, 1, 2, 18, 20
"""Attributes, enum xfrm_attr_type_t."""

_SELECTOR: Final = Struct("=16s16sHHHHHBBB3xiI")
_PORTS: Final = Struct("!HHHH")
_ID: Final = Struct("=16s4sB3x")
_LIMITS: Final = Struct("=8Q")
_STATE: Final = Struct("=56s24s16s64s32s12sIIHBBB7x")
_STATE_ID: Final = Struct("=16s4sHBx")
_POLICY: Final = Struct("=56s64s32sIIBBBB4x")
_POLICY_ID: Final = Struct("=56sIB3x")
_TEMPLATE: Final = Struct("=24sH2x16sIBBBxIII")
_ALGORITHM: Final = Struct("=64sI")
_SIZED_ALGORITHM: Final = Struct("=64sII")
_ATTRIBUTE: Final = Struct("=HH")
_LIMITLESS: Final = _LIMITS.pack(NO_LIMIT, NO_LIMIT, NO_LIMIT, NO_LIMIT, 0, 0, 0, 0)


class Direction(IntEnum):
    """Of a policy, as enum XFRM_POLICY_... has it."""

    IN = 0
    OUT = 1
    FORWARD = 2


class Action(IntEnum):
    """Of a policy."""

    ALLOW = 0
    BLOCK = 1


class Mode(IntEnum):
    """XFRM_MODE_..."""

    TRANSPORT = 0
    TUNNEL = 1


class Algorithm(NamedTuple):
    """One algorithm of a security association.  `bits`: of the truncated check value, 0 where there is none."""

    name: str
    bits: int = 0
    key_bits: int = 0


class Net(NamedTuple):
    """Addresses: one, or all that share the first `prefix` bits.  "" with prefix 0: every address."""

    host: str
    prefix: int


NONE: Final = Algorithm("")


@dataclass(frozen=True, slots=True, kw_only=True)
class Selector:
    """Which packets: source and destination as the packet has them; port 0, protocol 0: any."""

    source: Net
    destination: Net
    protocol: int = ANY
    source_port: int = ANY
    destination_port: int = ANY
    family: int = socket.AF_INET


@dataclass(frozen=True, slots=True, kw_only=True)
class Template:
    """What a policy asks for.  Addresses "": those of the packet (transport), or of any tunnel (of what arrives)."""

    source: str = ""
    destination: str = ""
    mode: Mode = Mode.TRANSPORT
    reqid: int = 0
    optional: bool = False
    protocol: int = ESP
    family: int = socket.AF_INET


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """One rule; a lower `priority` counts before a higher one.  Without template: pass in clear, or block."""

    selector: Selector
    direction: Direction
    action: Action = Action.ALLOW
    priority: int = 0
    templates: tuple[Template, ...] = ()
    index: int = 0
    user: int = 0
    """Of the selector: told apart when rules are added, never compared with a packet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """One security association of ESP.  Key octets are never shown."""

    source: str
    destination: str
    spi: int
    mode: Mode = Mode.TRANSPORT
    reqid: int = 0
    replay_window: int = 32
    cipher: Algorithm = NONE
    integrity: Algorithm = NONE
    aead: Algorithm = NONE
    key: bytes = field(default=b"", repr=False, compare=False)
    integrity_key: bytes = field(default=b"", repr=False, compare=False)
    selector: Selector | None = None


def family_of(host: str) -> int:
    """AF_INET or AF_INET6."""
    return socket.AF_INET6 if ":" in host else socket.AF_INET


def pack_address(host: str) -> bytes:
    """xfrm_address_t: 16 octets, of IPv4 the first four; "" is no address."""
    return (ip_address(host.partition("%")[0]).packed if host else b"").ljust(16, b"\0")


def unpack_address(octets: bytes, family: int) -> str:
    """An address; "" where there is none."""
    octets = octets[:4] if family == socket.AF_INET else octets[:16]
    return str(ip_address(octets)) if any(octets) else ""


def host(address: str) -> Net:
    """One address."""
    return Net(address, 128 if ":" in address else 32)


def encode_selector(one: Selector | None, family: int, user: int = 0) -> bytes:
    """struct xfrm_selector, 56 octets; None: every packet of the family."""
    if one is None:
        return _SELECTOR.pack(b"", b"", 0, 0, 0, 0, family, 0, 0, 0, 0, user)
    ports = _PORTS.pack(one.destination_port, _mask(one.destination_port), one.source_port, _mask(one.source_port))
    return _SELECTOR.pack(
        pack_address(one.destination.host), pack_address(one.source.host), *Struct("=HHHH").unpack(ports), one.family,
        one.destination.prefix, one.source.prefix, one.protocol, 0, user,
    )  # fmt: skip


def decode_selector(octets: bytes) -> Selector:
    """The other way; `octets`: at least 56."""
    destination, source, *_, family, bits_d, bits_s, protocol, _, _ = _SELECTOR.unpack_from(octets)
    destination_port, _, source_port, _ = _PORTS.unpack_from(octets, 32)
    return Selector(
        source=Net(unpack_address(source, family), bits_s),
        destination=Net(unpack_address(destination, family), bits_d),
        protocol=protocol, source_port=source_port, destination_port=destination_port, family=family,
    )  # fmt: skip


def encode_state(one: State) -> bytes:
    """struct xfrm_usersa_info and its attributes, the body of XFRM_MSG_NEWSA."""
    family = family_of(one.destination)
    inner = family if one.selector is None else one.selector.family
    body = _STATE.pack(
        encode_selector(one.selector, inner), _ID.pack(pack_address(one.destination), one.spi.to_bytes(4), ESP),
        pack_address(one.source), _LIMITLESS, b"", b"", 0, one.reqid, family, one.mode, one.replay_window, 0,
    )  # fmt: skip
    if one.aead.name:
        return body + attribute(ALG_AEAD, _sized(one.aead, one.key))
    crypt = _ALGORITHM.pack(one.cipher.name.encode(), len(one.key) * 8) + one.key
    return body + attribute(ALG_AUTH_TRUNC, _sized(one.integrity, one.integrity_key)) + attribute(ALG_CRYPT, crypt)


def decode_state(octets: bytes) -> State | None:
    """What a dump or an event says; its keys only where the kernel shows them.  None for what is no ESP."""
    if len(octets) < _STATE.size:
        return None
    selector, identity, source, *_, reqid, family, mode, window, _ = _STATE.unpack_from(octets)
    destination, spi, protocol = _ID.unpack(identity)
    if protocol != ESP or mode not in (Mode.TRANSPORT, Mode.TUNNEL):
        return None
    found = dict(attributes(octets, _STATE.size))
    return State(
        source=unpack_address(source, family), destination=unpack_address(destination, family),
        spi=int.from_bytes(spi), mode=Mode(mode), reqid=reqid, replay_window=window,
        cipher=_algorithm(found.get(ALG_CRYPT), _ALGORITHM), integrity=_algorithm(found.get(ALG_AUTH_TRUNC)),
        aead=_algorithm(found.get(ALG_AEAD)), selector=decode_selector(selector),
        key=_key(found.get(ALG_AEAD)) or _key(found.get(ALG_CRYPT), _ALGORITHM),
        integrity_key=_key(found.get(ALG_AUTH_TRUNC)),
    )  # fmt: skip


def encode_state_id(one: State) -> bytes:
    """struct xfrm_usersa_id, the body of XFRM_MSG_DELSA."""
    return _STATE_ID.pack(pack_address(one.destination), one.spi.to_bytes(4), family_of(one.destination), ESP)


def policy_info(one: Policy) -> bytes:
    """struct xfrm_userpolicy_info, 168 octets."""
    selector = encode_selector(one.selector, one.selector.family, one.user)
    return _POLICY.pack(selector, _LIMITLESS, b"", one.priority, one.index, one.direction, one.action, 0, 0)


def encode_template(one: Template) -> bytes:
    """struct xfrm_user_tmpl, 64 octets."""
    return _TEMPLATE.pack(
        _ID.pack(pack_address(one.destination), bytes(4), one.protocol), one.family, pack_address(one.source),
        one.reqid, one.mode, 0, one.optional, ALL_ALGORITHMS, ALL_ALGORITHMS, ALL_ALGORITHMS,
    )  # fmt: skip


def encode_policy(one: Policy) -> bytes:
    """The body of XFRM_MSG_NEWPOLICY."""
    templates = b"".join(map(encode_template, one.templates))
    return policy_info(one) + (attribute(TMPL, templates) if templates else b"")


def socket_policy(one: Policy) -> bytes:
    """The value of IP_XFRM_POLICY and IPV6_XFRM_POLICY: the policy and its templates, without attributes."""
    return policy_info(one) + b"".join(map(encode_template, one.templates))


def encode_policy_id(one: Policy) -> bytes:
    """struct xfrm_userpolicy_id, the body of XFRM_MSG_DELPOLICY."""
    return _POLICY_ID.pack(encode_selector(one.selector, one.selector.family, one.user), one.index, one.direction)


def decode_policy(octets: bytes) -> Policy | None:
    """What a dump or an event says; None for a policy of a socket, or of a kind unknown here."""
    if len(octets) < _POLICY.size:
        return None
    selector, _, _, priority, index, direction, action, _, _ = _POLICY.unpack_from(octets)
    if direction not in tuple(Direction) or action not in tuple(Action):
        return None
    packed = dict(attributes(octets, _POLICY.size)).get(TMPL, b"")
    return Policy(
        selector=decode_selector(selector), direction=Direction(direction), action=Action(action), priority=priority,
        templates=tuple(_template(packed[at : at + 64]) for at in range(0, len(packed) - 63, 64)), index=index,
        user=int.from_bytes(selector[52:56], sys.byteorder),
    )  # fmt: skip


def attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four octets."""
    return _ATTRIBUTE.pack(_ATTRIBUTE.size + len(value), kind) + value + bytes(-len(value) % 4)


def attributes(octets: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """(kind, value) of each attribute from `at` on; ends at one that has no right length."""
    while at + _ATTRIBUTE.size <= len(octets):
        size, kind = _ATTRIBUTE.unpack_from(octets, at)
        if size < _ATTRIBUTE.size or at + size > len(octets):
            return
        yield kind, octets[at + _ATTRIBUTE.size : at + size]
        at += size + -size % 4


def covers(selector: Selector, packet: Selector) -> bool:
    """Does a policy's selector take every packet of `packet` (whose nets are single addresses, ports 0: any)?"""
    ends = (
        (selector.source, packet.source, selector.source_port, packet.source_port),
        (selector.destination, packet.destination, selector.destination_port, packet.destination_port),
    )
    return (
        selector.family == packet.family
        and selector.protocol in (ANY, packet.protocol)
        and all(_inside(net, one) and port in (ANY, other) for net, one, port, other in ends)
    )


def best(policies: Sequence[Policy], direction: Direction, packet: Selector) -> Policy | None:
    """The policy that the kernel uses for packets like this: lowest priority number; the older one of two."""
    fitting = [one for one in policies if one.direction is direction and covers(one.selector, packet)]
    return min(fitting, key=lambda one: one.priority, default=None)


def _inside(net: Net, one: Net) -> bool:
    if net.prefix == 0:
        return True
    if net.prefix > one.prefix:
        return False
    shift = (128 if ":" in net.host else 32) - net.prefix
    return int(ip_address(net.host)) >> shift == int(ip_address(one.host)) >> shift


def _mask(port: int) -> int:
    return 0xFFFF if port else 0


def _sized(one: Algorithm, key: bytes) -> bytes:
    return _SIZED_ALGORITHM.pack(one.name.encode(), len(key) * 8, one.bits) + key


def _algorithm(octets: bytes | None, layout: Struct = _SIZED_ALGORITHM) -> Algorithm:
    if octets is None or len(octets) < layout.size:
        return NONE
    name, key_bits, *bits = layout.unpack_from(octets)
    return Algorithm(name.rstrip(b"\0").decode("ascii", "replace"), bits[0] if bits else 0, key_bits)


def _key(octets: bytes | None, layout: Struct = _SIZED_ALGORITHM) -> bytes:
    return b"" if octets is None else octets[layout.size :]


def _template(octets: bytes) -> Template:
    identity, family, source, reqid, mode, _, optional, *_ = _TEMPLATE.unpack(octets)
    destination, _, protocol = _ID.unpack(identity)
    return Template(
        source=unpack_address(source, family), destination=unpack_address(destination, family), reqid=reqid,
        mode=Mode(mode) if mode in tuple(Mode) else Mode.TRANSPORT, optional=bool(optional), protocol=protocol,
        family=family,
    )  # fmt: skip
