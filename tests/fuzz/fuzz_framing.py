"""Framing: the messages are the same whatever the chunks, and every octet is in a message or held."""

from __future__ import annotations

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.peer.connection import Connection
    from diameter.wire.framing import Framer

LIMITS = (1 << 20, 20, 64, 256)


def oracle(data: bytes) -> None:
    """Octet 0 chooses the size limit, octet 1 how many octets give the sizes of chunks; the rest is the stream."""
    choices = Choices(data)
    limit = LIMITS[choices.below(len(LIMITS))]
    sizes = [choices.octet() for _ in range(choices.below(16))]
    stream = choices.rest()
    whole = Framer(limit)
    messages = whole.feed(stream)
    assert b"".join(messages) + whole.rest == stream
    assert whole.buffered == len(whole.rest)
    if whole.fault is None:
        assert whole.buffered < limit
    else:
        assert whole.feed(stream) == []
    for message in messages:
        assert message[0] == 1
        assert 20 <= int.from_bytes(message[1:4]) == len(message) <= limit
    _in_chunks(stream, sizes or [1], limit, messages, whole)
    _as_connection(stream, sizes or [1], limit, messages, whole)


def _in_chunks(stream: bytes, sizes: list[int], limit: int, messages: list[bytes], whole: Framer) -> None:
    framer = Framer(limit)
    found: list[bytes] = []
    for chunk in chunks(stream, sizes):
        found += framer.feed(chunk)
        assert framer.fault is not None or framer.buffered < max(limit, 20)
    assert found == messages
    assert repr(framer.fault) == repr(whole.fault)
    assert whole.rest.startswith(framer.rest)  # what comes after a fault is not kept
    if whole.fault is None:
        assert framer.rest == whole.rest


def _as_connection(stream: bytes, sizes: list[int], limit: int, messages: list[bytes], whole: Framer) -> None:
    link = Connection(1, initiator=True, limit=limit)
    assert [one for chunk in chunks(stream, sizes) for one in link.feed(chunk)] == messages
    assert repr(link.fault) == repr(whole.fault)
    association = Connection(1, initiator=True, limit=limit, message_oriented=True)
    for chunk in chunks(stream, sizes):
        before = association.fault
        found = association.feed(chunk)
        if before is not None:
            assert found == []
        elif association.fault is None:
            assert b"".join(found) == chunk


def chunks(stream: bytes, sizes: list[int]) -> list[bytes]:
    """The stream cut by `sizes`, over and over; 0 stands for an empty chunk."""
    found: list[bytes] = []
    at = turn = 0
    while at < len(stream):
        size = sizes[turn % len(sizes)]
        if not any(sizes):
            size = 1
        found.append(stream[at : at + size])
        at += size
        turn += 1
    return found


if __name__ == "__main__":
    drive(oracle)
