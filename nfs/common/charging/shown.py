"""Charging records as people and programs read them: a tree of text, or JSON."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from nfs.common.charging.asn1 import RecordError, decode_as
from nfs.common.charging.headers import FORMATS, OPEN, SPECIFICATIONS, Closure, FileHeader, Release
from nfs.common.charging.reader import Found
from nfs.common.charging.records import GROUP_EXTENSION
from nfs.common.charging.values import read_address, read_tbcd, read_timestamp

SCHEMA: Final = 1
TIMES: Final = frozenset({"eventtimestamp", "submissionTime", "sMDischargeTime"})
ADDRESSES: Final = frozenset(
    {
        "sMSNodeAddress",
        "originatorMSISDN",
        "recipientMSISDN",
        "originatorSCCPAddress",
        "recipientSCCPAddress",
        "sGSNNumber",
        "mMENumberForMTSMS",
        "mSCNumber",
        "iPSMGWNumber",
        "sCSNumber",
    }
)
DIGITS: Final = frozenset({"originatorIMSI", "recipientIMSI", "servedIMEI"})
NAMES: Final = frozenset({"sGSNName", "sGSNRealm", "mMEName", "mMERealm", "iPSMGWName"})


def header_json(name: str, header: FileHeader) -> dict[str, Any]:
    """The header of a file.  Times are month, day, hour and minute: the format has no year."""
    last = header.last_at
    return {
        "schema": SCHEMA,
        "kind": "file",
        "file": name,
        "being_written": header.length == OPEN,
        "length": None if header.length == OPEN else header.length,
        "header_length": header.header_length,
        "high": _release(header.high),
        "low": _release(header.low),
        "opened": header.opened_at.strftime("%m-%d %H:%M %z"),
        "last": None if last is None else last.strftime("%m-%d %H:%M %z"),
        "records": None if header.length == OPEN else header.records,
        "number": header.number,
        "closure": _closure(header),
        "address": header.address,
        "lost": header.lost,
        "lost_at_least": header.lost_at_least,
        "routeing_filter": header.routeing_filter.hex(),
        "private_extension": header.private.hex(),
    }


def header_text(name: str, header: FileHeader) -> str:
    """The same as lines."""
    found = header_json(name, header)
    lines = [f"file {name}"]
    for key, value in found.items():
        if key not in ("schema", "kind", "file") and value is not None and value is not False and value != "":
            lines.append(f"  {key} {_words(value)}")
    return "\n".join(lines)


def record_json(found: Found) -> dict[str, Any]:
    """A record with its place in the file.  Raises RecordError."""
    kind, members = found.record()
    header = found.header
    return {
        "schema": SCHEMA,
        "kind": "record",
        "offset": found.at,
        "length": header.length,
        "release": _release(header.release),
        "format": FORMATS.get(header.format, str(header.format)),
        "specification": SPECIFICATIONS.get(header.specification, str(header.specification)),
        "record": kind,
        "members": {name: plain(name, value) for name, value in members.items()},
    }


def record_text(found: Found) -> str:
    """The same as a tree.  Raises RecordError."""
    shown = record_json(found)
    head = f"record {shown['record']}  offset {shown['offset']}, {shown['length']} octets, release {shown['release']}"
    return "\n".join([head, *_tree(shown["members"], 1)])


def plain(name: str, value: Any) -> Any:
    """A member as JSON has it: digits and times readable, choices as {alternative: value}, other octets as hex."""
    if isinstance(value, tuple):
        alternative, inner = value
        return {alternative: plain(alternative, inner)}
    if isinstance(value, dict):
        if "identifier" in value and "information" in value:
            return _extension(value)
        return {key: plain(key, inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [plain(name, inner) for inner in value]
    if isinstance(value, (bytes, bytearray)):
        return _octets(name, bytes(value))
    return value


def _octets(name: str, octets: bytes) -> str:
    try:
        if name in TIMES:
            return read_timestamp(octets).isoformat()
        if name in ADDRESSES:
            return read_address(octets)
        if name in DIGITS:
            return read_tbcd(octets)
        if name in NAMES:
            return octets.decode("ascii")
    except ValueError:  # then as it is
        return octets.hex()
    return octets.hex()


def _extension(value: dict[str, Any]) -> dict[str, Any]:
    information = bytes(value["information"])
    shown: Any = information.hex()
    if value["identifier"] == GROUP_EXTENSION:
        try:
            shown = plain("", decode_as("GroupInformation", information))
        except RecordError:  # somebody else's under our identifier
            shown = information.hex()
    return {**value, "information": shown}


def _tree(members: dict[str, Any], depth: int) -> Iterator[str]:
    blanks = "  " * depth
    for name, value in members.items():
        for each in value if isinstance(value, list) else [value]:
            if isinstance(each, dict):
                yield f"{blanks}{name}"
                yield from _tree(each, depth + 1)
            else:
                yield f"{blanks}{name} {_words(each)}"


def _release(release: Release) -> str:
    return f"{release.release}.{release.version}"


def _closure(header: FileHeader) -> str | None:
    if header.length == OPEN:
        return None
    known = [closure.name.lower().replace("_", "-") for closure in Closure if closure == header.closure]
    return known[0] if known else str(header.closure)


def _words(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
