"""Tsms: what one entity can take of the SMS-SC, its store, its timers and its connections."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from helpers.smpp import SME, Client, Rig
from nfs.sms_sc.outcomes import Delivered, Failure
from nfs.sms_sc.smpp.pdu import Bind, Command, Empty, Status
from nfs.sms_sc.smpp.session import Direction


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    close(rig)


def close(rig: Rig) -> None:
    rig.delivery.stop()
    _ = rig.server.stop()
    _ = rig.store.close()
    rig.audit.close()


def test_binding_again_and_again_adds_no_repetitions(rig: Rig) -> None:
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER)
    client.submit()
    for _ in range(20):
        receiver = Client(rig)
        receiver.bind(Command.BIND_RECEIVER)
        (sent,) = [pdu for pdu in receiver.got() if pdu.command == Command.DELIVER_SM]
        assert sent.sequence == 1
        receiver.protocol.connectionLost()
        rig.settle()
    assert len(rig.delivery._repeats) == 1
    waiting = [call for call in rig.clock.getDelayedCalls() if call.getTime() == rig.clock.seconds() + 5]
    assert len(waiting) == 1


def test_a_receipt_waits_a_day_beyond_the_validity_and_not_for_who_may_not_receive(tmp_path: Path) -> None:
    rig = Rig(tmp_path, SME, replace(SME, system_id="mute", directions=Direction.SEND))
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER, system_id=b"mute")
    client.submit()
    assert (rig.centre.owed, rig.ways.attempts != []) == ({}, True)
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER)
    client.submit(validity=b"000000010000000R")
    client.send(Command.UNBIND, Empty())
    rig.advance(3600 + 86_000)
    assert len(rig.centre.owed) == 1
    for _ in range(10):
        rig.advance(300)
    assert (rig.centre.owed, rig.tsms.counters["receipts_dropped"]) == ({}, 1)
    close(rig)


def test_one_entity_does_not_fill_the_store(tmp_path: Path) -> None:
    rig = Rig(tmp_path, replace(SME, messages=2), replace(SME, system_id="else"))
    rig.ways.script = [Delivered(failure=Failure.TEMPORARY)] * 9
    client, other = Client(rig), Client(rig)
    client.bind()
    other.bind(system_id=b"else")
    assert [client.submit().status for _ in range(3)] == [0, 0, Status.QUEUE_FULL]
    assert other.submit().status == 0
    rig.ways.script = []
    rig.advance(10)
    client.receipts()
    client.receipts()
    assert client.submit().status == 0
    close(rig)


def test_no_password_is_shown() -> None:
    assert "secret" not in f"{SME!r}{Bind(system_id=b'meters', password=b'secret')!r}"


def test_a_connection_that_never_takes_its_last_octets_is_cut(rig: Rig) -> None:
    client = Client(rig)
    aborted: list[bool] = []
    client.transport.abortConnection = lambda: aborted.append(True)
    client.bind()
    client.protocol.pauseProducing()
    client.protocol.session.end()
    rig.advance(9)
    assert (client.closed, aborted) == (True, [])
    rig.advance(1)
    assert aborted == [True]
    client.protocol.connectionLost()
    assert rig.server.open == set()
