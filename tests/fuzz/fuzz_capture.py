"""Captures: any octets give messages or a CaptureError, in order and bounded, and what is read can be written."""

from __future__ import annotations

import io
from functools import cache

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter import Dictionary, decode
    from diameter.capture.masking import masked
    from diameter.capture.read import CaptureReader
    from diameter.capture.records import Captured, CaptureError, endpoint_of, endpoint_text
    from diameter.capture.text import tree


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
    assert all(event.name for event in reader.events)


if __name__ == "__main__":
    drive(oracle)
