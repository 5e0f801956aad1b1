"""Way and key of a request: by the order of its AVPs and in one walk, the same for any octets."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.message import Message
from diameter.routing import _typed
from diameter.routing.marks import _places, marks, marks_of, way_of
from diameter.wire import avp, header
from helpers.messages import dictionary

CODES = st.sampled_from((263, 264, 296, 293, 283, 282, 1, 268, 258))
AVPS = st.lists(
    st.builds(
        lambda code, vendor, data: (
            avp.build(code, vendor, avp.FLAG_V if vendor is not None else avp.FLAG_M, data)
            if vendor is not None
            else avp.build(code, 0, avp.FLAG_M, data)
        ),
        CODES,
        st.sampled_from((None, None, None, 0, 10415)),
        st.binary(max_size=9),
    ),
    max_size=8,
)


def by_order(octets: bytes) -> tuple[bytes, bytes]:
    """What the interpreter's way says."""
    request = Message(octets, dictionary())
    first, last, behind, session = _places(tuple(request.keys))
    if first < 0:
        return b"", b""
    heads = request.heads
    end = heads[behind] if behind > 0 else request.stop
    way = octets[8:12] + octets[heads[first] : heads[last]] if last else b""
    return way, octets[16:20] + octets[5:12] + octets[heads[first] : end] + octets[heads[0] : heads[session]]


@given(AVPS, st.integers(0, 40), st.binary(max_size=30))
def test_one_walk_finds_what_the_order_of_avps_says(parts: list[bytes], cut: int, more: bytes) -> None:
    octets = header.build(0xC0, 316, 16777251, 1, 2, b"".join(parts) + more)
    for whole in (octets, octets[: max(0, len(octets) - cut)]):
        way, key = expected = by_order(whole)
        assert _typed.marks(whole, False) == expected
        if marks is not None:
            assert marks(whole, False) == expected
        request = Message(whole, dictionary())
        assert marks_of(request) == expected
        assert way_of(request) == (way if request.stop == request.end else b"")
        assert _typed.marks(whole, True) == (way_of(request), key)


@pytest.mark.parametrize("size", range(24))
def test_octets_that_are_no_message_have_no_marks(size: int) -> None:
    assert _typed.marks(bytes(size), False) == (b"", b"")


def test_a_request_that_was_routed_has_no_way() -> None:
    origin = avp.build(264, 0, avp.FLAG_M, b"a.example") + avp.build(296, 0, avp.FLAG_M, b"example")
    user = avp.build(1, 0, avp.FLAG_M, b"u")
    record = avp.build(282, 0, avp.FLAG_M, b"b.example")
    plain = Message(header.build(0xC0, 316, 16777251, 1, 2, origin + user), dictionary())
    routed = Message(header.build(0xC0, 316, 16777251, 1, 2, origin + user + record), dictionary())
    assert way_of(plain) == plain.octets[8:12] + origin
    assert way_of(routed) == b""
    assert marks_of(routed)[1] == marks_of(plain)[1]
