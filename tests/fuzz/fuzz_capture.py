"""Captures: any octets give messages or a CaptureError, in order and bounded, and what is read can be written.

Octets that are no file are taken as what stands deeper: an octet that says where, then packets with an octet of length
in front, put into IP, TCP, SCTP, UDP, or TLS that a key log opens.
"""

from __future__ import annotations

import io
import json
import struct
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, decode
    from diameter.capture import merge
    from diameter.capture.keylog import KeyLog
    from diameter.capture.ladder import page_data
    from diameter.capture.masking import masked
    from diameter.capture.read import CaptureReader
    from diameter.capture.records import Captured, CaptureError, LinkEvent, Record, endpoint_of, endpoint_text
    from diameter.capture.show import JsonLines, Lines
    from diameter.capture.text import tree
    from diameter.capture.timeline import Timeline
    from diameter.capture.tls import Session

MAGIC = (b"\x0a\x0d\x0d\x0a", b"\xa1\xb2\xc3\xd4", b"\xd4\xc3\xb2\xa1", b"\xa1\xb2\x3c\x4d", b"\x4d\x3c\xb2\xa1")
LINK_TYPES = (0, 1, 9, 50, 51, 101, 105, 108, 113, 127, 252, 276)
HOSTS = bytes.fromhex("0a0000010a000002"), bytes.fromhex("0a0000020a000001")
SECRETS = "\n".join(
    f"{label} {'00' * 32} {'11' * 48}"
    for label in ("CLIENT_RANDOM", "CLIENT_HANDSHAKE_TRAFFIC_SECRET", "SERVER_HANDSHAKE_TRAFFIC_SECRET")
)


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


def oracle(data: bytes) -> None:
    """The octets as a file, or deeper."""
    if data[:4] in MAGIC or len(data) < 2:
        _file(data)
    elif data[0] == 255:
        _tls(data[1:])
    else:
        _file(_packets(data[0], data[1:]))


def _split(data: bytes) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        yield data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]


def _packets(where: int, data: bytes) -> bytes:
    """A pcap: low values of `where` name a link layer, higher ones what is put into IPv4."""
    link_type = LINK_TYPES[where] if where < len(LINK_TYPES) else 101
    out = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, link_type)
    for number, one in enumerate(_split(data)):
        if where >= len(LINK_TYPES):
            protocol, hosts = (6, 132, 17, 41, 132)[where % 5], HOSTS[one[:1] < b"\x80"]
            if protocol != 41 and where & 0x20:  # ports that are Diameter's
                one = b"\x0f\x1c\x9c\x40" + one if hosts is HOSTS[0] else b"\x9c\x40\x0f\x1c" + one
            place = one[0] & 0x3F if one and where & 0x40 else 0
            head = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(one), 7, place << 8 & 0x2000 | place & 7, 64, protocol, 0)
            one = head + hosts + one
        out += struct.pack("<IIII", number, 0, len(one), len(one)) + one
    return out


def _tls(data: bytes) -> None:
    """Runs of octets for a session: as a stream, and as records of DTLS."""
    keys = KeyLog()
    keys.add(SECRETS)
    stream, records = Session(keys), Session(keys)
    for number, one in enumerate(_split(data)):
        assert len(stream.feed(number & 1, one)) <= len(data)
        assert len(records.records(number & 1, one)) <= len(one)


def _file(data: bytes) -> None:
    reader = CaptureReader(io.BytesIO(data))
    records: list[Record] = []
    try:
        records.extend(reader.records())
    except CaptureError:
        pass
    else:
        assert isinstance(reader.truncated, str)
        assert reader.no_diameter()
    messages = [one for one in records if isinstance(one, Captured)]
    assert sum(len(one.octets) for one in messages) <= len(data)
    _shown(records)
    timeline = Timeline(messages[:50], dictionary(), reader.events)
    assert json.dumps(page_data(timeline))
    assert all(event.name for event in reader.events)
    _merge(data, messages)


def _shown(records: list[Record]) -> None:
    as_lines, as_json = Lines(), JsonLines(dictionary(), show=True)
    for one in records:
        if isinstance(one, LinkEvent):
            assert as_lines.event(one)
            assert json.loads(as_json.event(one))["event"] == one.name
            continue
        message = decode(one.octets, dictionary())
        assert tree(message)
        assert len(masked(message)) == len(one.octets)
        assert as_lines.line(one, message, None)
        shown = json.loads(as_json.line(one, message, None))
        wanted = json.loads(message.to_json())
        assert {key: shown[key] for key in wanted} == wanted
        for endpoint in (one.source, one.destination):
            assert endpoint_of(endpoint_text(endpoint)) == endpoint


def _merge(data: bytes, messages: list[Captured]) -> None:
    """What is read can be written: merging a file with itself brings every message back."""
    with tempfile.TemporaryDirectory(prefix="mtc-fuzz-") as folder:
        path, out = Path(folder) / "fuzz.pcapng", Path(folder) / "out.pcapng"
        path.write_bytes(data)
        try:
            merge([path, path], out)
        except CaptureError:
            return
        found = {one.octets for one in CaptureReader(out)}
        assert found == {one.octets for one in messages}


if __name__ == "__main__":
    drive(oracle)
