"""Tsms: binds, rights, submissions into the store, receipts, windows, rates, and the port."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diameter import Undeliverable
from diameter.errors import ConfigError
from diameter.testing import run
from helpers.smpp import ANSWER, IMSI, SME, SUBMIT, Client, Rig, Ways
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.logic import Policy, ServiceCentre
from nfs.sms_sc.outcomes import Delivered, Failure, Outcome
from nfs.sms_sc.s6c import Way
from nfs.sms_sc.sme import ShortMessage
from nfs.sms_sc.smpp.config import SmeTable
from nfs.sms_sc.smpp.pdu import BindAnswer, Command, Empty, Pdu, SmsAnswer, Status, Tag
from nfs.sms_sc.smpp.service import covers
from nfs.sms_sc.smpp.session import Direction
from nfs.sms_sc.smpp.wiring import Told


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.delivery.stop()
    _ = rig.server.stop()
    _ = rig.store.close()
    rig.audit.close()


def test_a_message_is_kept_acknowledged_delivered_and_receipted(rig: Rig) -> None:
    client = Client(rig)
    bound = client.bind()
    assert (bound.status, bound.body) == (0, BindAnswer(system_id=b"sms-sc", tlvs=((0x0210, b"\x34"),)))
    rig.ways.script = [Delivered(failure=Failure.TEMPORARY)]
    answer = client.submit(tlvs=((Tag.DESTINATION_PORT, b"\x23\x28"),), priority=1, validity=b"000000010000000R")
    assert isinstance(answer.body, SmsAnswer)
    (kept,) = rig.load()
    assert isinstance(kept, ShortMessage)
    assert (kept.submission, kept.imsi, kept.port, kept.priority, kept.validity_s) == (
        answer.body.message_id.decode(), IMSI, 9000, True, 3600,
    )  # fmt: skip
    assert rig.centre.pending[kept.key].trigger == kept
    rig.advance(10)
    first, second = rig.ways.attempts
    assert first.deliver.encode() == second.deliver.encode()
    assert (first.deliver.pid, first.deliver.dcs, first.deliver.originator.digits) == (0, 0, "15550001")
    (told,) = client.receipts()
    assert told.tlv(Tag.RECEIPTED_MESSAGE_ID) == answer.body.message_id + b"\0"
    assert b"stat:DELIVRD" in told.text
    assert rig.load()[0].finished_at is not None
    assert rig.hss.asked == ["15550100001"]


def test_what_was_acknowledged_outlives_a_restart(rig: Rig) -> None:
    rig.ways.script = [Delivered(failure=Failure.TEMPORARY)]
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER)
    client.submit(text=b"\0" + bytes(range(1, 100)) * 2, coding=4)
    client.send(Command.UNBIND, Empty())
    before = rig.ways.attempts[0]
    rig.delivery.stop()

    centre, ways = ServiceCentre(Policy(routed=True)), Ways()
    centre.restore(rig.load())
    delivery = Delivery(
        centre, rig.keep, Told(rig.t4, rig.port), ways, clock=rig.clock.seconds, call_later=rig.clock.callLater
    )
    rig.tsms._centre, rig.tsms.delivery = centre, delivery
    delivery.resume()
    rig.settle()
    assert ways.attempts[0].deliver.encode() == before.deliver.encode()
    assert len(ways.attempts) == 2
    again = Client(rig)
    again.bind(Command.BIND_RECEIVER)
    rig.settle()
    assert [b"stat:DELIVRD" in told.text for told in again.receipts()] == [True]
    delivery.stop()


@pytest.mark.parametrize(
    ("changes", "status", "reason"),
    [
        ({"system_id": b"nobody"}, Status.INVALID_SYSTEM_ID, "no such SME"),
        ({"password": b"wrong"}, Status.INVALID_PASSWORD, "wrong password"),
    ],
)
def test_a_bind_that_is_refused_is_audited_and_ends_the_connection(
    rig: Rig, changes: dict[str, Any], status: Status, reason: str
) -> None:
    client = Client(rig)
    assert client.bind(**changes).status == status
    assert client.closed
    (line,) = rig.lines()
    assert (line["check"], line["reason"], line["result"], line["stage"]) == (
        "sme-bind", reason, status.name, "authentication",
    )  # fmt: skip


def test_rights_of_a_bind(tmp_path: Path) -> None:
    certified = replace(SME, certificates=("meters.customer.example",), directions=Direction.SEND, sessions=1)
    rig = Rig(tmp_path, certified, replace(SME, system_id="else", addresses=("192.0.2.1",)))
    assert Client(rig, names=("other.customer.example",)).bind().status == Status.BIND_FAILED
    right = ("meters.customer.example",)
    assert Client(rig, names=right).bind(Command.BIND_RECEIVER).status == Status.BIND_FAILED
    assert Client(rig, names=right).bind(Command.BIND_TRANSCEIVER).status == Status.BIND_FAILED
    rig.server.open.clear()
    assert Client(rig, names=right).bind(Command.BIND_TRANSMITTER).status == Status.OK
    assert Client(rig, names=right).bind(Command.BIND_TRANSMITTER).status == Status.BIND_FAILED
    assert Client(rig).bind(system_id=b"else").status == Status.BIND_FAILED
    assert rig.server.buildProtocol(None) is None  # as many connections as there may be
    assert len(rig.lines()) == 5
    _ = rig.store.close()
    rig.audit.close()


def test_the_order_of_a_session(rig: Rig) -> None:
    client = Client(rig)
    assert client.ask(Command.SUBMIT_SM, SUBMIT).status == Status.WRONG_BIND_STATE
    assert client.closed
    client = Client(rig)
    client.bind(Command.BIND_RECEIVER)
    assert client.bind().status == Status.ALREADY_BOUND
    assert client.submit().status == Status.WRONG_BIND_STATE
    assert client.ask(Command.ENQUIRE_LINK, Empty()).status == Status.OK
    assert client.ask(Command.DELIVER_SM, SUBMIT).status == Status.WRONG_BIND_STATE
    client.protocol.dataReceived(bytes.fromhex("00000010000001030000000000000009"))
    (nack,) = client.got()
    assert (nack.command, nack.status, nack.sequence) == (ANSWER, Status.INVALID_COMMAND, 9)
    assert client.ask(Command.UNBIND, Empty()).status == Status.OK
    assert client.closed


@pytest.mark.parametrize("octets", [b"GET / HTTP/1.1\r\n\r\n", bytes.fromhex("00000010000001030000000000000009")])
def test_whoever_does_not_bind_is_cut_off(rig: Rig, octets: bytes) -> None:
    client = Client(rig)
    client.protocol.dataReceived(octets)
    assert client.closed
    assert [pdu.command for pdu in client.got()] == [ANSWER]


@pytest.mark.requirement("T-TRIG-04")
@pytest.mark.requirement("R-TSP-16")
@pytest.mark.parametrize(
    "changes",
    [
        {"protocol_id": 0x48},
        {"tlvs": ((Tag.DESTINATION_PORT, b"\x3e\x80"),)},
        {"coding": 4, "esm_class": 0x40, "text": bytes.fromhex("0605043e800000") + b"x"},
        {"protocol_id": 0x48, "destination": b"15559999999"},
    ],
)
def test_a_trigger_that_did_not_come_over_t4_is_dropped_and_audited(rig: Rig, changes: dict[str, Any]) -> None:
    client = Client(rig)
    client.bind()
    assert client.submit(**changes).status == Status.SUBMIT_FAILED
    assert (rig.load(), rig.ways.attempts, rig.hss.asked) == ([], [], [])
    (line,) = rig.lines()
    assert (line["check"], line["alarm"], line["peer"], line["area"]) == ("trigger-marking", True, "meters", "B2")


@pytest.mark.requirement("R-TSP-16", "R-IP-05")
@pytest.mark.parametrize(
    ("changes", "status", "check"),
    [
        ({"destination": b"15560000000"}, Status.INVALID_DESTINATION, "sme-destination"),
        ({"source": b"15550002"}, Status.INVALID_SOURCE, "sme-source"),
    ],
)
def test_an_sme_reaches_and_is_what_it_has_a_right_to(
    rig: Rig, changes: dict[str, Any], status: Status, check: str
) -> None:
    client = Client(rig)
    client.bind()
    assert client.submit(**changes).status == status
    assert (rig.load(), rig.hss.asked) == ([], [])
    assert [line["check"] for line in rig.lines()] == [check]


@pytest.mark.parametrize(
    ("source", "ton", "npi", "expected"),
    [(b"METERS", 5, 0, ("METERS", 5, 0)), (b"1555912", 1, 1, ("1555912", 1, 1)), (b"", 0, 0, ("15550001", 1, 1))],
)
def test_where_a_message_comes_from(
    rig: Rig, source: bytes, ton: int, npi: int, expected: tuple[str, int, int]
) -> None:
    client = Client(rig)
    client.bind()
    assert client.submit(source=source, source_ton=ton, source_npi=npi).status == 0
    origin = rig.ways.attempts[0].deliver.originator
    assert (origin.digits, origin.ton, origin.npi) == expected


def test_patterns() -> None:
    assert covers(("1555*", "16660001"), "15551")
    assert covers(("1555*", "16660001"), "16660001")
    assert not covers(("1555*", "16660001"), "166600012")
    assert not covers((), "1")


@pytest.mark.parametrize(
    ("way", "status"),
    [
        (Way(refused=Delivered(failure=Failure.PERMANENT)), Status.INVALID_DESTINATION),
        (Way(refused=Delivered(failure=Failure.TEMPORARY)), Status.SYSTEM_ERROR),
        (Way(), Status.SYSTEM_ERROR),
    ],
)
def test_a_number_that_the_hss_does_not_know(rig: Rig, way: Way, status: Status) -> None:
    rig.hss.way = way
    client = Client(rig)
    client.bind()
    assert client.submit().status == status


def test_what_cannot_be_kept_is_not_acknowledged(rig: Rig) -> None:
    client = Client(rig)
    client.bind()
    assert client.submit(text=b"", tlvs=((Tag.MESSAGE_PAYLOAD, b"a" * 60_000),)).status == Status.INVALID_MESSAGE_LENGTH
    rig.centre.policy = Policy(capacity=0, routed=True)
    assert client.submit().status == Status.QUEUE_FULL
    rig.centre.policy = Policy(routed=True)
    _ = rig.store.close()
    assert client.submit().status == Status.SYSTEM_ERROR
    assert rig.centre.pending == {}


def test_a_rate(tmp_path: Path) -> None:
    rig = Rig(tmp_path, replace(SME, rate=2))
    client = Client(rig)
    client.bind()
    assert [client.submit().status for _ in range(3)] == [0, 0, Status.THROTTLED]
    rig.advance(0.5)
    assert [client.submit().status for _ in range(2)] == [0, Status.THROTTLED]
    rig.delivery.stop()
    _ = rig.store.close()
    rig.audit.close()


def test_a_window(rig: Rig) -> None:
    client = Client(rig)
    client.bind()
    pdus = [Pdu(command=Command.SUBMIT_SM, sequence=number, body=SUBMIT).encode() for number in (11, 12, 13)]
    client.protocol.dataReceived(b"".join(pdus))
    rig.settle()
    answers = {pdu.sequence: pdu.status for pdu in client.got() if pdu.command == Command.SUBMIT_SM | ANSWER}
    assert answers == {11: 0, 12: 0, 13: Status.THROTTLED}


@pytest.mark.parametrize(
    ("registered", "script", "told"),
    [
        (0, [], []),
        (2, [], []),
        (2, [Delivered(failure=Failure.PERMANENT)], [b"UNDELIV"]),
        (1, [Delivered(failure=Failure.PERMANENT)], [b"UNDELIV"]),
    ],
)
def test_receipts_as_asked_for(rig: Rig, registered: int, script: list[Delivered], told: list[bytes]) -> None:
    client = Client(rig)
    client.bind()
    rig.ways.script = script
    client.send(Command.SUBMIT_SM, replace(SUBMIT, registered=registered))
    assert [each.text.split(b"stat:")[1][:7] for each in client.receipts()] == told
    assert rig.centre.owed == {}


def test_receipts_wait_for_room_and_for_a_receiver(rig: Rig) -> None:
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER)
    for _ in range(4):
        client.submit()
    assert len(rig.centre.owed) == 4
    receiver = Client(rig)
    receiver.bind(Command.BIND_RECEIVER)
    first = [pdu for pdu in receiver.got() if pdu.command == Command.DELIVER_SM]
    rig.settle()
    first += [pdu for pdu in receiver.got() if pdu.command == Command.DELIVER_SM]
    assert len(first) == 2
    receiver.send(Command.DELIVER_SM | ANSWER, SmsAnswer(), first[0].sequence)
    assert len(receiver.receipts()) == 1
    receiver.transport.clear()
    receiver.protocol.connectionLost()
    rig.settle()
    assert len(rig.centre.owed) >= 1
    again = Client(rig)
    again.bind(Command.BIND_RECEIVER)
    rig.settle()
    while again.receipts():
        rig.settle()
    for _ in range(10):
        rig.advance(300)
        again.receipts()
    assert rig.centre.owed == {}


def test_a_receipt_that_the_sme_cannot_take_now_comes_again(rig: Rig) -> None:
    client = Client(rig)
    client.bind()
    client.send(Command.SUBMIT_SM, SUBMIT)
    assert len(client.receipts(Status.QUEUE_FULL)) == 1
    rig.advance(5)
    assert len(client.receipts(Status.SUBMIT_FAILED)) == 1  # it does not want it: over
    assert rig.centre.owed == {}


def test_a_receipt_for_nobody(rig: Rig) -> None:
    client = Client(rig)
    client.bind(Command.BIND_TRANSMITTER)
    client.submit()
    (owed,) = rig.centre.owed.values()
    assert isinstance(owed, ShortMessage)
    with pytest.raises(Undeliverable):
        run(rig.tsms.report(owed, Outcome.SUCCESSFUL_TRANSFER), rig.clock)
    rig.tsms.smes = {}
    assert client.submit().status == Status.SYSTEM_ERROR
    assert run(rig.tsms.report(owed, Outcome.SUCCESSFUL_TRANSFER), rig.clock) == (0, 2001)
    assert run(Told(rig.t4, None).report(owed, Outcome.SUCCESSFUL_TRANSFER), rig.clock) == (0, 2001)


def test_a_silent_connection_is_cut_off(rig: Rig) -> None:
    silent = Client(rig)
    rig.advance(31)
    assert silent.closed
    client = Client(rig)
    client.bind()
    rig.advance(30)
    rig.advance(60)
    (asked,) = [pdu for pdu in client.got() if pdu.command == Command.ENQUIRE_LINK]
    client.send(Command.ENQUIRE_LINK | ANSWER, Empty(), asked.sequence)
    rig.advance(20)
    assert not client.closed
    rig.advance(60)
    rig.advance(20)
    assert client.closed


def test_whoever_does_not_read_is_not_read(rig: Rig) -> None:
    client = Client(rig)
    client.protocol.pauseProducing()
    assert client.transport.producerState == "paused"
    client.protocol.resumeProducing()
    assert client.transport.producerState == "producing"


def test_the_end(rig: Rig) -> None:
    client = Client(rig)
    client.bind()
    _ = rig.server.stop()
    assert [pdu.command for pdu in client.got()] == [Command.UNBIND]
    assert client.closed


def test_other_entities_after_a_reload(rig: Rig, tmp_path: Path) -> None:
    path = tmp_path / "password"
    path.write_text("other\n")
    table = SmeTable(system_id="else", password=path, number="15550009", bind=("transmitter",))
    rig.port.renew((table,))
    assert Client(rig).bind().status == Status.INVALID_SYSTEM_ID
    client = Client(rig)
    assert client.bind(Command.BIND_TRANSMITTER, system_id=b"else", password=b"other").status == 0
    path.write_text("far too long\n")
    with pytest.raises(ConfigError, match="1 to 8 ASCII characters"):
        rig.port.renew((table,))
    assert client.submit(destination=b"15550100001").status == Status.INVALID_DESTINATION
