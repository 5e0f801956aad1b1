"""The NAS messages between a simulated UE and its MME (TS 24.301 clauses 8.2, 9.8): what this project needs of each.

A message is its first octet (EPS mobility management, plain), its type, and its parts in the order of the standard;
left out are the parts that say what nobody here asks: capabilities, lists of tracking areas, timers, and the messages
of session management inside.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final

from nfs.common.eps_identity import Guti, decode_identity
from nfs.common.nas_security import NasError

EMM: Final = 0x07
GUTI_ELEMENT, AUTS_ELEMENT = 0x50, 0x30
MAC_FAILURE, SYNCH_FAILURE = 20, 21  # EMM causes
RAND_OCTETS, AUTN_OCTETS, AUTS_OCTETS = 16, 16, 14


class Kind(IntEnum):
    """Message types (9.8)."""

    ATTACH_REQUEST = 0x41
    ATTACH_ACCEPT = 0x42
    ATTACH_COMPLETE = 0x43
    ATTACH_REJECT = 0x44
    DETACH_REQUEST = 0x45
    DETACH_ACCEPT = 0x46
    UPDATE_REQUEST = 0x48
    UPDATE_ACCEPT = 0x49
    UPDATE_COMPLETE = 0x4A
    UPDATE_REJECT = 0x4B
    AUTHENTICATION_REQUEST = 0x52
    AUTHENTICATION_RESPONSE = 0x53
    IDENTITY_REQUEST = 0x55
    IDENTITY_RESPONSE = 0x56
    AUTHENTICATION_FAILURE = 0x5C
    DOWNLINK_TRANSPORT = 0x62
    UPLINK_TRANSPORT = 0x63
    UPLINK_GENERIC = 0x65
    DOWNLINK_GENERIC = 0x68


def message(kind: Kind, *parts: bytes) -> bytes:
    """A plain one."""
    return bytes((EMM, kind)) + b"".join(parts)


def sized(part: bytes) -> bytes:
    """A part with its length before it."""
    return bytes((len(part),)) + part


def kind_of(octets: bytes) -> int:
    """The type of a plain message.  Raises NasError."""
    if len(octets) < 2 or octets[0] != EMM:
        raise NasError("no NAS message")
    return octets[1]


def content(kind: Kind, octets: bytes) -> bytes:
    """What is behind the type of a message that has to be of this one.  Raises NasError."""
    if kind_of(octets) != kind:
        raise NasError(f"no {kind.name.replace('_', ' ')}")
    return octets[2:]


def unsized(part: bytes) -> bytes:
    """The one part that is left, without its length.  Raises NasError."""
    if not part or part[0] != len(part) - 1:
        raise NasError("a part of another length")
    return part[1:]


def accepted(body: bytes) -> Guti:
    """The GUTI of an ATTACH ACCEPT or TRACKING AREA UPDATE ACCEPT: result, and the GUTI.  Raises NasError."""
    found = decode_identity(unsized(body[2:])) if body[1:2] == bytes((GUTI_ELEMENT,)) else ""
    if isinstance(found, str):
        raise NasError("no GUTI")
    return found


def challenged(body: bytes) -> tuple[bytes, bytes]:
    """RAND and AUTN of an AUTHENTICATION REQUEST: key set, RAND, AUTN.  Raises NasError."""
    return body[1 : 1 + RAND_OCTETS], unsized(body[1 + RAND_OCTETS :])
