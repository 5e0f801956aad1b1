"""Files of charging records: any octets give a header and records, or an error that says where."""

from __future__ import annotations

import json

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from nfs.common.charging import shown
    from nfs.common.charging.asn1 import RecordError, decode, encode
    from nfs.common.charging.headers import HeaderError, read_file_header
    from nfs.common.charging.reader import Check, Found, records


def oracle(data: bytes) -> None:
    """The octets as a file, and as one record; a record that is read is written, and read again as the same."""
    check = Check([])
    check.file("file", data)
    assert all(fault.startswith("file: ") and "offset" in fault for fault in check.faults), check.faults
    try:
        header = read_file_header(data)
    except HeaderError:
        one(data)
        return
    again = read_file_header(header.encode())
    assert (again.records, again.number, again.opened_at) == (header.records, header.number, header.opened_at)
    json.dumps(shown.header_json("file", header))
    shown.header_text("file", header)
    for found in records(data, header.header_length, strict=False):
        assert len(found.octets) == found.header.length
        each(found)


def each(found: Found) -> None:
    """A record that is there is shown, or it is said what is wrong with it."""
    try:
        json.dumps(shown.record_json(found))
        shown.record_text(found)
    except RecordError as error:
        words = str(error)
    else:
        words = ""
        one(found.octets)
    assert not words or f"offset {found.start}" in words


def one(octets: bytes) -> None:
    """What can be read and written is the same again."""
    try:
        record = decode(octets)
    except RecordError:
        return
    try:
        written = encode(record)
    except RecordError:
        return
    assert decode(written) == record


if __name__ == "__main__":
    drive(oracle)
