"""Identities: any octets or text give the canonical form or an IdentityError that does not repeat them; what is
canonical is read as itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter.wire.types import TYPES, parse_uri
    from nfs.common.identities import (
        Address,
        ExternalIdentifier,
        IdentityError,
        decode_number,
        decode_plmn,
        decode_tbcd,
        domain_name,
        e164,
        encode_number,
        encode_plmn,
        encode_tbcd,
        holds_imsi,
        imsi,
        mask,
        plmn,
    )

T = TypeVar("T")


def oracle(data: bytes) -> None:
    """The octets as each encoded identity and as each data format; then as text."""
    _octets(data)
    _formats(data)
    text = data.decode("utf-8", "replace")
    for read in (imsi, e164, plmn, domain_name):
        canonical = _read(read, text)
        assert canonical is None or read(canonical) == canonical
    name = _read(ExternalIdentifier.parse, text)
    assert name is None or ExternalIdentifier.parse(str(name)) == name
    assert isinstance(holds_imsi(text, ("00101", "310150")), bool)
    masked = mask(text)
    assert len(text) < 6 or "@" in text or masked == "***" + text[-2:]


def _read(read: Callable[[str], T], text: str) -> T | None:
    try:
        return read(text)
    except IdentityError as error:
        complaint = str(error)
    assert len(text) < 8 or text not in complaint
    return None


def _octets(data: bytes) -> None:
    for decode, encode in ((decode_tbcd, encode_tbcd), (decode_number, encode_number), (decode_plmn, encode_plmn)):
        try:
            digits = decode(data)
        except IdentityError:
            continue
        assert encode(digits) == data
    try:
        address = Address.decode(data)
    except IdentityError:
        return
    assert address.encode() == data
    try:
        assert e164(address.international()) == address.digits
    except IdentityError:
        return


def _formats(data: bytes) -> None:
    """Each data format of RFC 6733: a value that gives its octets back, or a ValueError."""
    for row in TYPES.values():
        try:
            value = row.decode(data)
        except ValueError:
            continue
        if row.name == "QoSFilterRule":
            continue  # shown, not read: octets outside ASCII do not come back
        written = row.encode(value)
        assert repr(row.decode(written)) == repr(value)  # a NaN is not itself
        assert row.size is None or len(data) == row.size
        if row.name == "DiameterURI":
            uri = parse_uri(value)
            assert parse_uri(TYPES["DiameterURI"].encode(uri).decode()) == uri


if __name__ == "__main__":
    drive(oracle, "-max_len=256")
