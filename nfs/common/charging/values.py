"""Values inside charging records: time, addresses, digits (TS 32.298, types of TS 29.002), and as people read them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Final

from nfs.common.identities import IdentityError, decode_tbcd, encode_tbcd

TIMESTAMP_OCTETS: Final = 9
INTERNATIONAL: Final = 0x91
"""First octet of an AddressString: extension bit, international number, E.164."""


def timestamp(seconds: float) -> bytes:
    """A TimeStamp: BCD YYMMDDhhmmss, sign, BCD hhmm of the offset; UTC always."""
    at = datetime.fromtimestamp(int(seconds), UTC)
    return bytes.fromhex(at.strftime("%y%m%d%H%M%S")) + b"+" + bytes(2)


def read_timestamp(octets: bytes) -> datetime:
    """The time of a TimeStamp.  Raises ValueError."""
    if len(octets) != TIMESTAMP_OCTETS or octets[6:7] not in (b"+", b"-"):
        raise ValueError("TimeStamp: 9 octets with a sign in the seventh expected")
    parts = [int(octets[at : at + 1].hex()) for at in (0, 1, 2, 3, 4, 5, 7, 8)]
    *civil, hours, minutes = parts
    offset = timedelta(hours=hours, minutes=minutes) * (-1 if octets[6:7] == b"-" else 1)
    year, month, day, hour, minute, second = civil
    return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(offset))


def address(digits: str) -> bytes:
    """An AddressString, or ISDN-AddressString, of an international number."""
    return bytes((INTERNATIONAL,)) + encode_tbcd(digits)


def read_address(octets: bytes) -> str:
    """The digits of an AddressString, with + before them when the number is international.  Raises IdentityError."""
    if not octets:
        raise IdentityError("address: no octets")
    digits = decode_tbcd(octets[1:])
    return f"+{digits}" if octets[0] & 0x70 == 0x10 else digits


def tbcd(digits: str) -> bytes:
    """An IMSI."""
    return encode_tbcd(digits)


def read_tbcd(octets: bytes) -> str:
    """Digits.  Raises IdentityError."""
    return decode_tbcd(octets)
