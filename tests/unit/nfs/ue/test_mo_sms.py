"""Short messages that a UE sends: references, parts, and which report is about which (TS 23.040 9.2.3.6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nfs.common.sms import decode_submit
from nfs.common.sms_layout import SmsAddress, TpduError
from nfs.common.sms_reports import StatusReport
from nfs.ue.mo_sms import REFERENCES, Outbox, is_short_code

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def report(reference: int, to: str, status: int = 0) -> bytes:
    address = SmsAddress(digits=to)
    return StatusReport(reference=reference, recipient=address, scts=NOW, discharged=NOW, status=status).encode()


def test_a_message_and_its_report() -> None:
    outbox = Outbox(imsi="001010000000001")
    (sent,) = outbox.write("15550000100", b"21.5 C", port=16000)
    submit = decode_submit(sent.tpdu)
    assert (submit.destination.digits, submit.destination.ton, submit.user_data.port) == ("15550000100", 1, 16000)
    assert (submit.user_data.data, submit.status_report, submit.reference) == (b"21.5 C", True, 0)
    assert outbox.hear(report(1, "15550000100")) is None  # nothing waits under this reference
    assert outbox.hear(report(0, "15550000101")) is None  # nor was it sent there
    heard = outbox.hear(report(0, "15550000100", 69))
    assert heard is not None
    assert (heard[0], heard[1].status) == (sent, 69)
    assert outbox.hear(report(0, "15550000100")) is None


def test_a_long_message_takes_parts_with_a_reference_each() -> None:
    outbox = Outbox(imsi="001010000000001")
    outbox.write("4711", b"first", international=False)
    parts = outbox.write("4711", bytes(300), international=False)
    assert [part.reference for part in parts] == [1, 2, 3]
    places = [decode_submit(part.tpdu).user_data.part for part in parts]
    assert [(place.number, place.total) for place in places if place] == [(1, 3), (2, 3), (3, 3)]
    assert decode_submit(parts[0].tpdu).destination == SmsAddress(digits="4711", ton=0)


def test_what_was_refused_waits_for_nothing_and_references_come_round() -> None:
    outbox = Outbox(imsi="001010000000001")
    (sent,) = outbox.write("4711", b"x")
    outbox.refused(sent.reference)
    assert not outbox.waiting
    for _ in range(REFERENCES + 5):
        outbox.write("4711", b"x")
    assert len(outbox.waiting) == REFERENCES
    outbox.write("4711", b"x", report=False)
    assert len(outbox.waiting) == REFERENCES


def test_what_no_short_message_has() -> None:
    outbox = Outbox(imsi="001010000000001")
    with pytest.raises(TpduError):
        outbox.write("4711", bytes(140 * 255))
    with pytest.raises(TpduError):
        outbox.hear(b"\x06")
    assert (is_short_code("4711"), is_short_code("15550000100")) == (True, False)
    for wrong in ("47-11", "", "1" * 21):
        with pytest.raises(TpduError, match="1 to 20 digits"):
            is_short_code(wrong)
