"""What the processes of one node say to each other: any octets give frames or GarbledFrame, and what is heard is said
again in the same octets; cut anywhere, the stream gives the same frames.
"""

from __future__ import annotations

from helpers.fuzz import Choices, drive, instrumented

with instrumented(__name__):
    from diameter.workers import frames
    from diameter.workers.frames import GarbledFrame, Reader

LIMIT = 100_000
Heard = list[tuple[int, bytes]]


def oracle(data: bytes) -> None:
    """Octet 0: how large the pieces are; the rest is the stream."""
    choices = Choices(data)
    size = choices.octet() + 1
    stream = choices.rest()
    whole = _heard([stream])
    assert _heard([stream[at : at + size] for at in range(0, len(stream), size)]) == whole
    heard, _ = whole
    assert stream.startswith(b"".join(frames.frame(kind, body) for kind, body in heard))
    for kind, body in heard:
        _read(kind, body)
    for kind in (frames.REQUESTS, frames.ANSWERS, frames.REFUSED, *frames.KINDS):  # lengths are hard to guess
        _read(kind, stream)


def _heard(pieces: list[bytes]) -> tuple[Heard, bool]:
    """The frames up to the first that is none; True when there was one."""
    reader, heard = Reader(LIMIT), []
    try:
        for piece in pieces:
            for each in reader.feed(piece):
                heard.append(each)
    except GarbledFrame:
        return heard, True
    return heard, False


def _read(kind: int, body: bytes) -> None:
    try:
        match kind:
            case frames.REQUESTS:
                host, messages = frames.requests_of(body)
                again = frames.requests(host, messages)
                assert len(host.encode()) != body[0] or again == frames.frame(kind, body)
            case frames.ANSWERS:
                assert b"".join(frames.answers_of(body)) == body
            case frames.REFUSED:
                hop_by_hop, busy, reason = frames.refused_of(body)
                ((_, again),) = Reader().feed(frames.refused(hop_by_hop, busy, reason))
                assert frames.refused_of(again) == (hop_by_hop, busy, reason)
            case _:
                said = frames.unpack(kind, body)
                ((other, again),) = Reader().feed(frames.pack(said))
                assert other == kind
                assert repr(frames.unpack(other, again)) == repr(said)  # a NaN is not itself
    except GarbledFrame:
        pass


if __name__ == "__main__":
    drive(oracle)
