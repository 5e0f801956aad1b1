"""Notifications of SCTP as values (RFC 6458 section 6.1), read from the octets that the Linux kernel delivers.

Octets of every length and content give an event: what is too short for its kind, or of no known kind, is `Unknown`.
"""

from __future__ import annotations

import socket
from dataclasses import dataclass
from enum import Enum
from struct import Struct
from typing import Final

from diameter.transport.link import Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What an association says of itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Up(Event):
    """The association is there.  `restarted`: it was before, and the peer has begun anew without knowing of it."""

    outbound: int
    inbound: int
    restarted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost(Event):
    """The association has ended without SHUTDOWN: aborted, unreachable, or it never came to be.  `error`: as SCTP
    numbers its error causes, 0 for none.
    """

    error: int
    failed_to_start: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerShutsDown(Event):
    """The peer sends nothing more and takes nothing more."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ShutDown(Event):
    """The association has ended in order."""


class PathState(Enum):
    """What became of an address of the peer (RFC 6458 section 6.1.2); the numbers are Linux's."""

    AVAILABLE = 0
    UNREACHABLE = 1
    REMOVED = 2
    ADDED = 3
    PRIMARY = 4
    CONFIRMED = 5
    POTENTIALLY_FAILED = 6
    UNKNOWN = -1


@dataclass(frozen=True, slots=True, kw_only=True)
class PathChanged(Event):
    """One address of the peer has changed its state."""

    address: Address
    state: PathState
    error: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SendFailed(Event):
    """A message, or the piece of one from `first` to `last`, will not arrive.  `sent`: some of it may have."""

    data: bytes
    sent: bool
    first: bool = True
    last: bool = True
    stream: int = 0
    error: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAborted(Event):
    """The rest of the message of which pieces have been delivered will not come."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Authentication(Event):
    """SCTP-AUTH: 0 a new key is in use, 1 there is no authentication with this peer, 2 a key is free."""

    key: int
    indication: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AllSent(Event):
    """Everything is sent and acknowledged."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KeysWorn(Event):
    """What protects the association has been used for long enough; told once, by that layer and not by SCTP."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PeerError(Event):
    """The peer reports an error that does not end the association."""

    error: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Unknown(Event):
    """A notification of no known kind, or too short for its kind."""

    kind: int
    octets: int


ASSOC_CHANGE: Final = 0x8001
PEER_ADDR_CHANGE: Final = 0x8002
SEND_FAILED: Final = 0x8003
REMOTE_ERROR: Final = 0x8004
SHUTDOWN_EVENT: Final = 0x8005
PARTIAL_DELIVERY: Final = 0x8006
AUTHENTICATION: Final = 0x8008
SENDER_DRY: Final = 0x8009
SEND_FAILED_EVENT: Final = 0x800D

_COMM_UP, _COMM_LOST, _RESTART, _SHUTDOWN_COMP, _CANT_STR_ASSOC = range(5)
_LAST_PIECE, _FIRST_PIECE = 1, 2  # flags of the DATA chunk
_HEAD: Final = Struct("=HHI")
_ASSOC_CHANGE: Final = Struct("=8xHHHHi")
_PATH: Final = Struct("=8x128sii")
_ERROR: Final = Struct("!8xH")
_FAILED: Final = Struct("=8xIHHIIii")
_AUTH: Final = Struct("=8xHHI")
_V4: Final = Struct("!2xH4s")
_V6: Final = Struct("!2xH4x16s")


def parse(octets: bytes) -> Event:
    """The event that a notification of the Linux kernel means; never raises."""
    if len(octets) < _HEAD.size:
        return Unknown(kind=0, octets=len(octets))
    kind, flags, _ = _HEAD.unpack_from(octets)
    layout = _LAYOUTS.get(kind)
    if layout is None or len(octets) < layout.size:
        return Unknown(kind=kind, octets=len(octets))
    match kind:
        case _ if kind == ASSOC_CHANGE:
            return _association(octets)
        case _ if kind == PEER_ADDR_CHANGE:
            address, state, error = _PATH.unpack_from(octets)
            found = address_of(address)
            states = PathState._value2member_map_
            if found is None:
                return Unknown(kind=kind, octets=len(octets))
            return PathChanged(address=found, state=PathState(state if state in states else -1), error=error)
        case _ if kind == SEND_FAILED_EVENT:
            error, stream, piece, *_ = _FAILED.unpack_from(octets)
            first, last = bool(piece & _FIRST_PIECE), bool(piece & _LAST_PIECE)
            data = octets[_FAILED.size :]
            return SendFailed(data=data, sent=bool(flags & 1), first=first, last=last, stream=stream, error=error)
        case _ if kind == REMOTE_ERROR:
            return PeerError(error=_ERROR.unpack_from(octets)[0])
        case _ if kind == AUTHENTICATION:
            key, _, indication = _AUTH.unpack_from(octets)
            return Authentication(key=key, indication=indication)
    return {SHUTDOWN_EVENT: PeerShutsDown, PARTIAL_DELIVERY: DeliveryAborted, SENDER_DRY: AllSent}[kind]()


def _association(octets: bytes) -> Event:
    state, error, outbound, inbound, _ = _ASSOC_CHANGE.unpack_from(octets)
    if state in (_COMM_UP, _RESTART):
        return Up(outbound=outbound, inbound=inbound, restarted=state == _RESTART)
    if state in (_COMM_LOST, _CANT_STR_ASSOC):
        return Lost(error=socket.ntohs(error), failed_to_start=state == _CANT_STR_ASSOC)
    if state == _SHUTDOWN_COMP:
        return ShutDown()
    return Unknown(kind=ASSOC_CHANGE, octets=len(octets))


def address_of(octets: bytes) -> Address | None:
    """The address in a sockaddr (at least 28 octets), None for a family that SCTP has not; an IPv4 address inside an
    IPv6 one is taken out.
    """
    (family,) = Struct("=H").unpack_from(octets)
    if family == socket.AF_INET:
        port, packed = _V4.unpack_from(octets)
        return Address(socket.inet_ntop(socket.AF_INET, packed), port)
    if family == socket.AF_INET6:
        port, packed = _V6.unpack_from(octets)
        if packed[:12] == bytes(10) + b"\xff\xff":
            return Address(socket.inet_ntop(socket.AF_INET, packed[12:]), port)
        return Address(socket.inet_ntop(socket.AF_INET6, packed), port)
    return None


def plain_host(host: str) -> str:
    """An address as text; an IPv4 address inside an IPv6 one is taken out."""
    return host[7:] if host.lower().startswith("::ffff:") and "." in host else host


_LAYOUTS: Final[dict[int, Struct]] = {
    ASSOC_CHANGE: _ASSOC_CHANGE,
    PEER_ADDR_CHANGE: _PATH,
    SEND_FAILED_EVENT: _FAILED,
    REMOTE_ERROR: _ERROR,
    SHUTDOWN_EVENT: _HEAD,
    PARTIAL_DELIVERY: _HEAD,
    AUTHENTICATION: _AUTH,
    SENDER_DRY: _HEAD,
}
