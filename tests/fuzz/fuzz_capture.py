"""Captures: any octets give messages or a CaptureError, in order and bounded, and what is read can be written."""

from __future__ import annotations

import io
import json
import tempfile
from functools import cache
from pathlib import Path

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, decode
    from diameter.capture import check, merge, report
    from diameter.capture.ladder import page_data
    from diameter.capture.masking import masked
    from diameter.capture.read import CaptureReader
    from diameter.capture.records import Captured, CaptureError, endpoint_of, endpoint_text
    from diameter.capture.text import tree
    from diameter.capture.timeline import Timeline


@cache
def dictionary() -> Dictionary:
    return Dictionary.load(cache=False)


def oracle(data: bytes) -> None:
    """The octets as a file."""
    reader = CaptureReader(io.BytesIO(data))
    messages: list[Captured] = []
    try:
        messages.extend(reader)
    except CaptureError:
        pass
    else:
        assert isinstance(reader.truncated, str)
    assert sum(len(one.octets) for one in messages) <= len(data)
    for one in messages:
        message = decode(one.octets, dictionary())
        assert tree(message)
        assert len(masked(message)) == len(one.octets)
        for endpoint in (one.source, one.destination):
            assert endpoint_of(endpoint_text(endpoint)) == endpoint
    timeline = Timeline(messages[:50], dictionary(), reader.events)
    assert json.dumps(page_data(timeline))
    assert all(event.name for event in reader.events)
    _check(data)
    _merge(data, messages)


def _check(data: bytes) -> None:
    """Any capture can be checked, and any finding shown; its place is a message that was read."""
    try:
        found = check.run(io.BytesIO(data), dictionary(), outside=["example.org"], wait_s=0)
    except CaptureError:
        return
    assert found.messages
    assert report.as_text(found)
    assert json.loads(report.as_json(found))["messages"] == found.messages
    assert "<script" not in report.as_html(found)
    for group in found.groups:
        assert 0 <= group.first.place.number < found.messages
        assert group.first.offset >= -1


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
