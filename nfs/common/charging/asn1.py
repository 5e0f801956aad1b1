"""Charging records as octets: the ASN.1 text of `sms.asn`, compiled when a record is first wanted.

The only module that imports asn1tools, when a record is wanted: that takes a third of a second, and to compile the text
half of one, once in a process.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import LocalError

if TYPE_CHECKING:
    import asn1tools

CHOICE: Final = "SMSRecordType"
Record = tuple[str, dict[str, Any]]
"""Alternative of SMSRecordType ("sCDVTT4Record"), and its members as asn1tools has them."""


class RecordError(LocalError):
    """These octets are no record of `sms.asn`, or these values make none; the text says where."""


@cache
def compiled() -> asn1tools.Specification:
    """The compiled text."""
    import asn1tools

    text = files("nfs.common.charging").joinpath("sms.asn").read_text(encoding="utf-8")
    return asn1tools.compile_string(text, "ber")


def encode(record: Record) -> bytes:
    """A record in BER.  Raises RecordError."""
    return encode_as(CHOICE, record)


def encode_as(name: str, value: Any) -> bytes:
    """A value of any type of the text.  Raises RecordError."""
    import asn1tools

    try:
        return bytes(compiled().encode(name, value))
    except (asn1tools.Error, ValueError, TypeError, OverflowError) as error:
        raise RecordError(f"{name}: {error}") from None


def decode(octets: bytes) -> Record:
    """The record that fills `octets`.  Raises RecordError with the offset.

    Tag 111 is read as SCSMOT4Record, and where that does not fit as the SCSMTRecord that the published text has there.
    """
    try:
        found: Record = decode_as(CHOICE, octets)
    except RecordError:
        if octets[:2] != b"\xbf\x6f":
            raise
        _, members = decode_as(CHOICE, b"\xbf\x5e" + octets[2:])
        return "sCSMTRecord", members
    return found


def decode_as(name: str, octets: bytes) -> Any:
    """A value of any type of the text, which must fill `octets`.  Raises RecordError."""
    whole = length_of(octets)
    if whole != len(octets):
        raise RecordError(f"{name}: {whole} octets announced, {len(octets)} there")
    import asn1tools

    try:
        return compiled().decode(name, octets)
    except (asn1tools.Error, ValueError, TypeError, IndexError, OverflowError, RecursionError) as error:
        raise RecordError(f"{name}: {error}") from None


def length_of(octets: bytes) -> int:
    """Octets of the first BER element, its identifier and length included.  Raises RecordError."""
    at = 1
    if octets[:1] and octets[0] & 0x1F == 0x1F:
        while at < len(octets) and octets[at] & 0x80:
            at += 1
        at += 1
    if at >= len(octets):
        raise RecordError(f"offset {len(octets)}: the octets end within identifier and length")
    first = octets[at]
    at += 1
    if first < 0x80:
        return at + first
    count = first & 0x7F
    if not count or count > 4 or at + count > len(octets):
        raise RecordError(f"offset {at - 1}: no definite length of 1 to 4 octets")
    return at + count + int.from_bytes(octets[at : at + count])
