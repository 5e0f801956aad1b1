"""Inbound links before their peer is known (RFC 6733 section 5.6.1)."""

from __future__ import annotations

import pytest

from diameter.errors import ResultCode
from diameter.message import Message
from diameter.peer.connection import Connection
from diameter.peer.incoming import Incoming
from diameter.peer.inputs import Close, DisconnectCause, Dropped, Output, Refused, Timers, Write
from helpers.pair import ADDRESS, base, local, read

THEIRS = base(local("scs.example.org"))


def room(*, limit: int = 256) -> Incoming:
    """A waiting room with one link in it, number 1, since time 0."""
    incoming = Incoming(base(local("mtc-iwf.example.org")), Timers(cer_timeout_s=10), limit=limit)
    incoming.admit(link(1), 0.0)
    return incoming


def link(number: int) -> Connection:
    return Connection(number, initiator=False, addresses=(ADDRESS,))


def cer() -> Message:
    return read(THEIRS.cer(Connection(1, initiator=True, addresses=(ADDRESS,)))[0])


def kinds(outputs: list[Output]) -> list[type]:
    return [type(output) for output in outputs]


def test_a_cer_names_the_peer_and_its_link_is_handed_over() -> None:
    incoming = room()
    assert incoming.waiting(1)
    assert incoming.first(1, cer()) == "scs.example.org"
    assert incoming.release(1).link == 1
    assert not incoming.waiting(1)
    assert (incoming.drain(), incoming.deadline()) == ([], None)


@pytest.mark.parametrize(
    "message",
    [
        read(THEIRS.dwr()[0]),
        read(THEIRS.dpr(DisconnectCause.BUSY)[0]),
        read(THEIRS.cea(link(1), cer())),
        read(cer().octets[:8] + b"\0\0\0\4" + cer().octets[12:]),
    ],
    ids=["DWR", "DPR", "CEA", "257 of another application"],
)
def test_any_message_but_a_cer_closes_the_link(message: Message) -> None:
    incoming = room()
    assert incoming.first(1, message) is None
    outputs = incoming.drain()
    assert kinds(outputs) == [Dropped, Close]
    assert not incoming.waiting(1)


def test_a_cer_with_a_fault_is_answered_and_closed() -> None:
    incoming = room()
    assert incoming.first(1, cer().edit(remove=["Origin-Host"])) is None
    write, close, refused = incoming.drain()
    assert isinstance(write, Write)
    answer = read(write.send.data)
    assert answer.result == (0, 5005)
    assert [avp.name for avp in answer.group("Failed-AVP").avps] == ["Origin-Host"]
    assert kinds([close, refused]) == [Close, Refused]


@pytest.mark.parametrize("code", [ResultCode.UNKNOWN_PEER, ResultCode.NO_COMMON_SECURITY])
def test_the_glue_refuses_a_peer(code: ResultCode) -> None:
    incoming = room()
    message = cer()
    assert incoming.first(1, message) is not None
    incoming.refuse(1, message, code, "nobody configured it")
    write, close, refused = incoming.drain()
    assert isinstance(write, Write)
    assert read(write.send.data).result == (0, code)
    assert close == Close(link=1, reason="nobody configured it")
    assert refused == Refused(link=1, reason="nobody configured it", by_peer=False, result_code=code)


def test_a_cer_that_does_not_come_closes_the_link() -> None:
    incoming = room()
    incoming.admit(link(2), 5.0)
    assert incoming.deadline() == 10.0
    incoming.expire(9.9)
    assert incoming.drain() == []
    incoming.expire(10.0)
    assert incoming.drain() == [Close(link=1, reason="no CER came")]
    assert incoming.deadline() == 15.0


def test_a_lost_link_waits_no_more() -> None:
    incoming = room()
    incoming.lost(1)
    incoming.lost(1)
    assert (incoming.drain(), incoming.deadline()) == ([], None)


def test_the_room_is_bounded() -> None:
    incoming = room(limit=2)
    incoming.admit(link(2), 0.0)
    incoming.admit(link(3), 0.0)
    outputs = incoming.drain()
    assert [(output.link, output.abort) for output in outputs if isinstance(output, Close)] == [(3, True)]
    assert incoming.waiting(2)
    assert not incoming.waiting(3)
