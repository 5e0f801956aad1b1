"""A trigger of a group in a device: application port, payload, trigger indication and the group (R-GRP-43)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nfs.common.sms import IEI_GROUP, TRIGGER_PID, Deliver, UserData, decode_deliver, split
from nfs.common.sms_layout import SmsAddress, TpduError
from nfs.ue.logic import Inbox, Trigger, Ue

SME = SmsAddress(digits="15550000100")
SENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
FLEET = "fleet@customer.example"


def tpdu(part: UserData, pid: int = TRIGGER_PID) -> bytes:
    return Deliver(originator=SME, scts=SENT, user_data=part, pid=pid).encode()


@pytest.mark.requirement("R-GRP-43")
@pytest.mark.parametrize("octets", [4, 109, 110, 300])
def test_a_device_learns_port_payload_and_group(octets: int) -> None:
    inbox, payload = Inbox(), bytes(range(256)) * 2
    device = Ue(imsi="001010000000001", deliver=inbox)
    parts = split(payload[:octets], port=8000, reference=1, group=FLEET)
    assert (len(parts) == 1) == (octets <= 109)
    for part in parts:
        octets_of_part = tpdu(part)
        assert decode_deliver(octets_of_part).pid == TRIGGER_PID
        assert not device.receive(octets_of_part).error
    assert list(inbox.triggers) == [
        Trigger(imsi=device.imsi, port=8000, payload=payload[:octets], originator=SME, sent=SENT, group=FLEET)
    ]


@pytest.mark.requirement("R-GRP-43")
def test_without_the_trigger_indication_it_is_refused() -> None:
    inbox = Inbox()
    device = Ue(imsi="001010000000001", deliver=inbox)
    (part,) = split(b"wake", port=8000, reference=1, group=FLEET)
    for wrong in (0x00, 0x40):
        assert device.receive(tpdu(part, wrong)).error
    assert inbox.count == 0
    assert device.receive(tpdu(part)).trigger is not None  # and nothing of it was kept


def test_one_for_a_device_names_no_group() -> None:
    (part,) = split(b"wake", port=8000, reference=1)
    assert (part.group, IEI_GROUP in [each.iei for each in part.header]) == ("", False)


@pytest.mark.parametrize("name", ["g" * 126 + "@b.example", "g" * 253])
def test_a_name_that_leaves_no_room(name: str) -> None:
    with pytest.raises(TpduError, match="leaves no room"):
        split(b"x" * 200, port=8000, reference=1, group=name)
