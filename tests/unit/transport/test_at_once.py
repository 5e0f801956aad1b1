"""What a wake-up wrote is offered to the kernel at once; the transport gets only what is left."""

from __future__ import annotations

from typing import Any

import pytest
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock

from diameter.transport.link import Address, Link
from diameter.transport.tcp import TcpLink

LIMIT = 100_000
ENDS = Address("192.0.2.1", 3868), Address("192.0.2.2", 50000)


class Kernel:
    """A transport whose kernel takes `room` octets at once; `lost`: what it says instead."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.lost: Exception | None = None
        self.sent: list[bytes] = []
        self.kept: list[bytes] = []
        self.reading = True
        self.producer: Any = None

    def writeSomeData(self, data: bytes) -> int | Exception:
        if self.lost is not None:
            return self.lost
        taken = min(len(data), self.room)
        self.sent.append(data[:taken])
        return taken

    def write(self, data: bytes) -> None:
        self.kept.append(data)

    def pauseProducing(self) -> None:
        self.reading = False

    def resumeProducing(self) -> None:
        self.reading = True

    def registerProducer(self, producer: Any, streaming: bool) -> None:
        self.producer = producer
        producer.resumeProducing()

    def unregisterProducer(self) -> None:
        self.producer = None

    def loseConnection(self) -> None:
        self.reading = False

    def abortConnection(self) -> None:
        self.reading = False


class Owner:
    """Answers each piece with as many octets as `answer`."""

    def __init__(self, answer: int) -> None:
        self.answer = answer
        self.told: list[str] = []

    def link_up(self, link: Link) -> None:
        self.told.append("up")

    def link_received(self, link: Link, data: bytes) -> None:
        link.write(bytes(self.answer))

    def link_lost(self, link: Link, reason: str) -> None:
        self.told.append("lost")

    def link_congested(self, link: Link) -> None:
        self.told.append("congested")

    def link_drained(self, link: Link) -> None:
        self.told.append("drained")

    def link_refused(self, transport: str, remote: Address, reason: str) -> None:
        self.told.append("refused")


def joined(room: int, answer: int) -> tuple[Clock, Kernel, Owner, TcpLink]:
    clock, kernel, owner = Clock(), Kernel(room), Owner(answer)
    link = TcpLink(kernel, owner, clock, ends=ENDS, send_limit=LIMIT)
    link.made()
    return clock, kernel, owner, link


def test_an_answer_leaves_in_the_pass_that_read_its_request() -> None:
    clock, kernel, _, link = joined(LIMIT, 256)
    for _ in range(3):
        link.received(b"request")
    assert [len(one) for one in kernel.sent] == [256] * 3
    assert (kernel.kept, link.buffered, link.writes, link.octets_out) == ([], 0, 3, 768)
    assert clock.getDelayedCalls() == []


@pytest.mark.parametrize("room", [0, 1, 255])
def test_what_the_kernel_does_not_take_waits_in_the_transport_and_counts(room: int) -> None:
    _, kernel, _, link = joined(room, 256)
    link.received(b"request")
    assert (b"".join(kernel.kept), link.buffered) == (bytes(256 - room), 256 - room)
    link.received(b"request")
    assert len(kernel.sent) == 1, "nothing may overtake what waits"
    assert link.buffered == 512 - room
    kernel.room = LIMIT
    kernel.producer.resumeProducing()
    assert (link.buffered, sum(map(len, kernel.sent))) == (0, room + 256)


def test_a_lost_connection_is_left_to_the_transport_to_tell() -> None:
    _, kernel, owner, link = joined(LIMIT, 256)
    kernel.lost = ConnectionLost()
    link.received(b"request")
    assert (kernel.kept, owner.told) == ([bytes(256)], ["up"])


def test_marks_that_one_pass_went_over_are_taken_back_when_the_kernel_took_everything() -> None:
    _, kernel, owner, link = joined(LIMIT, LIMIT * 3 // 4)
    link.received(b"request")
    assert (link.congested, link.buffered, kernel.reading) == (False, 0, True)
    assert owner.told == ["up"]
