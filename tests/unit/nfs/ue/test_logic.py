"""The simulated UE: what it hands to its application, what it drops, how it misbehaves on purpose."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from nfs.common.sms import Deliver, DeliverReport, UserData, decode_report, split
from nfs.common.sms_layout import SmsAddress
from nfs.ue.logic import OPEN_MESSAGES, REMEMBERED, Behaviour, Inbox, Trigger, Ue

SME = SmsAddress(digits="15550000100")
SENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def tpdus(payload: bytes, *, port: int | None = 8000, reference: int = 1, second: int = 0) -> list[bytes]:
    return [
        Deliver(originator=SME, scts=SENT + timedelta(seconds=second + at), user_data=part).encode()
        for at, part in enumerate(split(payload, port=port, reference=reference))
    ]


def ue(inbox: Inbox) -> Ue:
    return Ue(imsi="001010000000001", deliver=inbox)


def test_a_trigger_reaches_the_application_of_its_port() -> None:
    inbox = Inbox()
    reaction = ue(inbox).receive(tpdus(b"\x00\xffwake")[0])
    assert reaction.trigger == Trigger(
        imsi="001010000000001", port=8000, payload=b"\x00\xffwake", originator=SME, sent=SENT
    )
    assert decode_report(reaction.report or b"", error=False) == DeliverReport()
    assert (inbox.count, inbox.by_port, list(inbox.triggers)) == (1, {8000: 1}, [reaction.trigger])


def test_the_same_octets_again_are_acknowledged_and_dropped() -> None:
    inbox = Inbox()
    device, tpdu = ue(inbox), tpdus(b"wake")[0]
    device.receive(tpdu)
    again = device.receive(tpdu)
    assert (again.duplicate, again.error, again.trigger, inbox.count) == (True, False, None, 1)


def test_a_later_trigger_with_the_same_text_is_another_one() -> None:
    inbox = Inbox()
    device = ue(inbox)
    device.receive(tpdus(b"wake")[0])
    device.receive(tpdus(b"wake", second=1)[0])
    assert inbox.count == 2


@pytest.mark.parametrize("order", [[0, 1, 2], [2, 0, 1], [0, 0, 1, 2, 2]])
def test_segments_make_one_trigger_in_any_order(order: list[int]) -> None:
    inbox, payload = Inbox(), bytes(range(256)) + b"x" * 100
    device, parts = ue(inbox), tpdus(payload)
    for at in order:
        device.receive(parts[at])
    assert [trigger.payload for trigger in inbox.triggers] == [payload]


def test_unfinished_messages_are_forgotten_oldest_first() -> None:
    inbox = Inbox()
    device = ue(inbox)
    messages = [tpdus(bytes([at]) * 200, reference=at, second=10 * at) for at in range(OPEN_MESSAGES + 1)]
    for message in messages:
        device.receive(message[0])
    for message in reversed(messages):
        device.receive(message[1])
    assert inbox.count == OPEN_MESSAGES


def test_what_was_seen_long_ago_is_forgotten() -> None:
    inbox = Inbox()
    device, first = ue(inbox), tpdus(b"wake")[0]
    device.receive(first)
    for at in range(REMEMBERED):
        device.receive(tpdus(b"wake", second=at + 1)[0])
    device.receive(first)
    assert inbox.count == REMEMBERED + 2


def test_an_ordinary_message_is_acknowledged_and_is_no_trigger() -> None:
    inbox = Inbox()
    message = Deliver(originator=SME, scts=SENT, user_data=UserData(data=b"hello"), pid=0)
    reaction = ue(inbox).receive(message.encode())
    assert (reaction.trigger, reaction.error, inbox.count) == (None, False, 0)


def test_octets_that_are_no_tpdu_are_answered_with_a_failure_cause() -> None:
    reaction = ue(Inbox()).receive(b"\x44\x0b")
    assert reaction.error
    assert decode_report(reaction.report or b"", error=True) == DeliverReport(failure_cause=0xFF)


def test_a_behaviour_lasts_as_often_as_it_says() -> None:
    device = Ue(imsi="1", deliver=Inbox(), behaviour=Behaviour.BUSY, failures_left=2)
    assert [device.meet() for _ in range(3)] == [Behaviour.BUSY, Behaviour.BUSY, Behaviour.NORMAL]
    for_good = Ue(imsi="1", deliver=Inbox(), behaviour=Behaviour.ABSENT)
    assert [for_good.meet() for _ in range(3)] == [Behaviour.ABSENT] * 3


def test_the_inbox_keeps_the_last_ones_and_tells_a_listener() -> None:
    heard: list[Trigger] = []
    inbox = Inbox(kept=2, listener=heard.append)
    device = ue(inbox)
    for at in range(3):
        device.receive(tpdus(bytes([at]), second=at)[0])
    assert [trigger.payload for trigger in inbox.triggers] == [b"\x01", b"\x02"]
    assert (inbox.count, len(heard)) == (3, 3)


def test_a_tpdu_is_known_again_for_a_while_and_no_other_is() -> None:
    device = ue(Inbox())
    every = [tpdus(b"wake", second=at)[0] for at in range(REMEMBERED + 1)]
    assert [device.receive(tpdu).duplicate for tpdu in every] == [False] * len(every)
    assert [device.receive(tpdu).duplicate for tpdu in every[1:]] == [True] * REMEMBERED
    assert not device.receive(every[0]).duplicate
