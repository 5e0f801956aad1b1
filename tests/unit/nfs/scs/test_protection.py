"""Envelopes and Reference-Numbers: what comes again is the same, what is new under an old number is new to devices."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from nfs.common.app_keys import Provisioned
from nfs.common.group_keys import alone
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.api import Scs, Stage, TriggerRequest
from nfs.scs.groups import GroupTriggers
from nfs.scs.logic import Ledger
from nfs.scs.protection import Protector

NAME = "meter-1@customer.example"
KEYS = Provisioned({}, {NAME: alone(bytes(range(32)))})
NOW = 1_700_000_000.0


def answered(status: RequestStatus) -> Any:
    def answer(request: Message) -> Message:
        told = {"Reference-Number": 7, "Action-Type": 1, "Request-Status": int(status)}
        return request.answer(2001, {"Device-Notification": told})

    return answer


def scs(*answers: Any) -> tuple[Scs, FakeRequester]:
    made = Scs(number="15550000100", realm="operator.example", mtc_iwf="iwf.operator.example", clock=lambda: NOW,
               ledger=Ledger(first_reference=1))  # fmt: skip
    made.protect = Protector("scs-1", bytes(range(32, 64)), KEYS, lambda: NOW)
    return made, FakeRequester(made.tsp, Dictionary.load(), {"Device-Action": list(answers)})


def sent(fake: FakeRequester) -> list[bytes]:
    return [each["Device-Action"]["Trigger-Data"]["Payload"] for each in fake.requests]


@pytest.mark.parametrize("group", [False, True])
def test_a_number_that_is_used_again_brings_devices_what_they_take(group: bool) -> None:
    """The same octets would be a replay to a device, although the network reports them as delivered."""
    no_answer = RequestTimeout("no answer in 10 s")
    made, fake = scs(no_answer, answered(RequestStatus.TEMPORARYERROR), answered(RequestStatus.SUCCESS))
    submit: Any = GroupTriggers(made).submit if group else made.submit
    request = TriggerRequest(payload=b"wake", external_identifier=NAME, reference=7, group=group)
    stages = [run(submit(request)).stage for _ in range(3)]
    assert stages == [Stage.FAILED, Stage.REFUSED, Stage.ACCEPTED]
    first, again, new = sent(fake)
    assert first == again != new


def test_a_number_is_free_again_after_the_report() -> None:
    made, fake = scs(*[answered(RequestStatus.SUCCESS)] * 2)
    request = TriggerRequest(payload=b"wake", external_identifier=NAME, reference=7)
    for _ in range(2):
        assert run(made.submit(request)).stage is Stage.ACCEPTED
        told = {"Reference-Number": 7, "Action-Type": 2, "Delivery-Outcome": int(DeliveryOutcome.SUCCESS)}
        avps = {"Destination-Host": "scs.customer.example", "Device-Notification": told}
        assert fake.deliver("Device-Notification", avps).result == (0, 2001)
    first, second = sent(fake)
    assert first != second
