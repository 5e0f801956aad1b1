"""What workers and parent say to each other, and what nobody says."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.workers import frames
from diameter.workers.frames import Claim, Control, Dial, GarbledFrame, Reader, Row, Told, pack, unpack

SAID: list[Control] = [
    Claim("a.example", True, False),
    Dial(("a.example", "b.example")),
    Row(1, "a.example", "example", "R-Open", True, False, (4, 16777309), "tls", True),
    Told(7, {"peers": [{"host": "a"}]}),
]
MESSAGE = bytes.fromhex("01000014c000013c0100002300000001000000ff")


def one(octets: bytes) -> tuple[int, bytes]:
    ((kind, body),) = Reader().feed(octets)
    return kind, body


@pytest.mark.parametrize("said", SAID, ids=lambda said: type(said).__name__)
def test_what_is_said_is_heard(said: Control) -> None:
    assert unpack(*one(pack(said))) == said


@given(st.lists(st.sampled_from(SAID)), st.lists(st.integers(1, 9)))
def test_frames_come_out_whole_however_the_stream_is_cut(said: list[Control], sizes: list[int]) -> None:
    octets, reader, heard = b"".join(map(pack, said)), Reader(), []
    for size in [*sizes, len(octets)]:
        piece, octets = octets[:size], octets[size:]
        heard += [unpack(*each) for each in reader.feed(piece)]
    assert heard == said


@given(st.binary(max_size=64))
def test_other_octets_are_garbled_or_incomplete(octets: bytes) -> None:
    try:
        for kind, body in Reader(limit=1000).feed(octets):
            unpack(kind, body)
    except GarbledFrame:
        pass


@pytest.mark.parametrize("length", [0, frames.LIMIT + 1, 0xFFFFFFFF])
def test_a_length_that_cannot_be(length: int) -> None:
    with pytest.raises(GarbledFrame, match="octets"):
        list(Reader().feed(length.to_bytes(4) + b"\x10"))


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"[]", b"[1,true,false]", b'["a",1,0]', b'["",true,false]', b'["a",true]', b"\xff", b"[" * 100_000,
     json.dumps(["a" * 256, True, False]).encode()],
    ids=range(10),
)  # fmt: skip
def test_a_claim_with_other_fields(body: bytes) -> None:
    with pytest.raises(GarbledFrame, match="Claim"):
        unpack(frames.NUMBER_OF[Claim], body)


def test_a_list_of_something_else() -> None:
    with pytest.raises(GarbledFrame, match="another type"):
        unpack(frames.NUMBER_OF[Dial], b'[["a", 1]]')
    with pytest.raises(GarbledFrame, match="kind 9"):
        unpack(9, b"[]")


def test_requests_and_answers_travel_as_the_octets_they_are() -> None:
    kind, body = one(frames.requests("a.example", [(1500, MESSAGE), (0, MESSAGE * 1)]))
    assert kind == frames.REQUESTS
    assert frames.requests_of(body) == ("a.example", [(1500, MESSAGE), (0, MESSAGE)])
    kind, body = one(frames.frame(frames.ANSWERS, MESSAGE, MESSAGE))
    assert (kind, frames.answers_of(body)) == (frames.ANSWERS, [MESSAGE, MESSAGE])
    kind, body = one(frames.refused(5, True, "gone"))
    assert (kind, frames.refused_of(body)) == (frames.REFUSED, (5, True, "gone"))


@pytest.mark.parametrize("body", [b"", b"\0", b"\x05abc", b"\x01\xff", b"\x01a" + b"\0" * 23, b"\x01a" + b"\0" * 24])
def test_requests_that_are_none(body: bytes) -> None:
    if body == b"\x05abc":  # the name is cut short, which is a name
        assert frames.requests_of(body) == ("abc", [])
        return
    with pytest.raises(GarbledFrame):
        frames.requests_of(body)


@given(st.binary(max_size=120))
def test_no_octets_are_read_beyond_their_end(octets: bytes) -> None:
    for read in (frames.requests_of, frames.answers_of, frames.refused_of):
        try:
            read(octets)
        except GarbledFrame:
            continue


def test_half_an_answer() -> None:
    with pytest.raises(GarbledFrame, match="where 19 are left"):
        frames.answers_of(MESSAGE[:-1])
    with pytest.raises(GarbledFrame, match="half"):
        frames.refused_of(b"\0\0\0\1")
