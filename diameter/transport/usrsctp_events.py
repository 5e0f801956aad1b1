"""Notifications of libusrsctp as events: the structures of RFC 6458 with FreeBSD's numbers, which are not Linux's."""

from __future__ import annotations

from collections.abc import Callable
from struct import Struct
from typing import Final

from diameter.transport.link import Address
from diameter.transport.sctp_events import (
    Authentication,
    DeliveryAborted,
    Event,
    Lost,
    PathChanged,
    PathState,
    PeerError,
    PeerShutsDown,
    SendFailed,
    ShutDown,
    Unknown,
    Up,
)

ASSOC_CHANGE: Final = 1
PEER_ADDR_CHANGE: Final = 2
REMOTE_ERROR: Final = 3
SHUTDOWN_EVENT: Final = 5
PARTIAL_DELIVERY: Final = 7
AUTHENTICATION: Final = 8
SEND_FAILED_EVENT: Final = 14
WANTED: Final = (
    ASSOC_CHANGE, PEER_ADDR_CHANGE, REMOTE_ERROR, SHUTDOWN_EVENT, PARTIAL_DELIVERY, AUTHENTICATION, SEND_FAILED_EVENT,
)  # fmt: skip
"""Notifications asked for."""

_COMM_UP, _COMM_LOST, _RESTART, _SHUTDOWN_COMP, _CANT_STR_ASSOC = range(1, 6)
_LAST_PIECE, _FIRST_PIECE = 1, 2
_SENT: Final = 2
_STATES: Final = {
    1: PathState.AVAILABLE,
    2: PathState.UNREACHABLE,
    3: PathState.REMOVED,
    4: PathState.ADDED,
    5: PathState.PRIMARY,
    6: PathState.CONFIRMED,
}
_HEAD: Final = Struct("=HHI")
_ASSOC: Final = Struct("=8xHHHHI")
_PATH: Final = Struct("=8x128sII")
_ERROR: Final = Struct("=8xH")
_FAILED: Final = Struct("=8xIHHIIII")
_AUTH: Final = Struct("=8xH2xI")


def parse(octets: bytes, peer: Address) -> Event:
    """The event that a notification means, `peer` being the one address of the peer; never raises."""
    if len(octets) < _HEAD.size:
        return Unknown(kind=0, octets=len(octets))
    kind = _HEAD.unpack_from(octets)[0]
    found = _READERS.get(kind)
    if found is None or len(octets) < found[0].size:
        return Unknown(kind=kind, octets=len(octets))
    return found[1](octets, peer)


def _association(octets: bytes, _peer: Address) -> Event:
    state, error, outbound, inbound, _ = _ASSOC.unpack_from(octets)
    if state in (_COMM_UP, _RESTART):
        return Up(outbound=outbound, inbound=inbound, restarted=state == _RESTART)
    if state in (_COMM_LOST, _CANT_STR_ASSOC):
        return Lost(error=error, failed_to_start=state == _CANT_STR_ASSOC)
    if state == _SHUTDOWN_COMP:
        return ShutDown()
    return Unknown(kind=ASSOC_CHANGE, octets=len(octets))


def _path(octets: bytes, peer: Address) -> Event:
    _, state, error = _PATH.unpack_from(octets)
    return PathChanged(address=peer, state=_STATES.get(state, PathState.UNKNOWN), error=error)


def _unsent(octets: bytes, _peer: Address) -> Event:
    error, stream, pieces, *_ = _FAILED.unpack_from(octets)
    sent = bool(_HEAD.unpack_from(octets)[1] & _SENT)
    first, last = bool(pieces & _FIRST_PIECE), bool(pieces & _LAST_PIECE)
    return SendFailed(data=octets[_FAILED.size :], sent=sent, first=first, last=last, stream=stream, error=error)


def _peer_error(octets: bytes, _peer: Address) -> Event:
    return PeerError(error=_ERROR.unpack_from(octets)[0])


def _authentication(octets: bytes, _peer: Address) -> Event:
    key, indication = _AUTH.unpack_from(octets)
    return Authentication(key=key, indication=indication - 1)


_READERS: Final[dict[int, tuple[Struct, Callable[[bytes, Address], Event]]]] = {
    ASSOC_CHANGE: (_ASSOC, _association),
    PEER_ADDR_CHANGE: (_PATH, _path),
    REMOTE_ERROR: (_ERROR, _peer_error),
    SHUTDOWN_EVENT: (_HEAD, lambda _octets, _peer: PeerShutsDown()),
    PARTIAL_DELIVERY: (_HEAD, lambda _octets, _peer: DeliveryAborted()),
    AUTHENTICATION: (_AUTH, _authentication),
    SEND_FAILED_EVENT: (_FAILED, _unsent),
}
