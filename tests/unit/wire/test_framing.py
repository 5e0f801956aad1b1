"""A stream cut into messages (RFC 6733 section 3): any chunking, limits, and a position that is lost."""

from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import InvalidMessageLength, UnsupportedVersion
from diameter.wire import header
from diameter.wire.framing import Framer


def message(size: int, fill: int = 0) -> bytes:
    return header.build(0x80, 280, 0, 1, 2, bytes([fill]) * (size - 20))


@given(st.lists(st.integers(5, 40).map(lambda n: message(n * 4)), max_size=8), st.data())
def test_any_chunking_gives_the_same_messages(messages: list[bytes], data: st.DataObject) -> None:
    stream = b"".join(messages)
    framer, out, at = Framer(), list[bytes](), 0
    while at < len(stream):
        step = data.draw(st.integers(1, len(stream) - at))
        out += framer.feed(stream[at : at + step])
        at += step
    assert out == messages
    assert framer.buffered == 0
    assert framer.fault is None


def test_one_octet_at_a_time() -> None:
    framer = Framer()
    stream = message(60) + message(20)
    out = [one for octet in stream for one in framer.feed(bytes([octet]))]
    assert out == [message(60), message(20)]


def test_half_a_message_is_held_back() -> None:
    framer = Framer()
    assert framer.feed(message(40)[:30]) == []
    assert framer.buffered == 30
    assert framer.feed(message(40)[30:]) == [message(40)]


def test_a_wrong_header_is_judged_when_it_is_whole_whatever_the_chunks() -> None:
    stream = b"GET / HTTP/1.1\r\nHost: x\r\n"
    for size in (1, 4, 14, 20, len(stream)):
        framer = Framer()
        for at in range(0, len(stream), size):
            assert framer.feed(stream[at : at + size]) == []
            assert (framer.fault is not None) == (at + size >= 20)
        assert isinstance(framer.fault, UnsupportedVersion)
        assert framer.fault.fatal
        assert framer.rest.startswith(stream[:20])  # a 5011 can be answered: the identifiers are there


def test_what_came_before_the_fault_is_delivered_and_nothing_after() -> None:
    framer = Framer()
    assert framer.feed(message(20) + b"\2" + message(20)[1:]) == [message(20)]
    assert isinstance(framer.fault, UnsupportedVersion)
    assert framer.feed(message(20)) == []


def test_lengths_that_cannot_be() -> None:
    for length, words in ((19, "multiple of 4"), (16, "multiple of 4"), (22, "multiple of 4"), (104, "limit")):
        framer = Framer(limit=100)
        assert framer.feed(b"\1" + length.to_bytes(3) + bytes(100)) == []
        assert isinstance(framer.fault, InvalidMessageLength)
        assert words in framer.fault.text


@given(st.binary(max_size=200))
def test_any_octets_never_raise(octets: bytes) -> None:
    framer = Framer(limit=64)
    for one in framer.feed(octets):
        assert 20 <= len(one) <= 64
    assert framer.buffered <= len(octets)
