"""Validity and priority from the SCS to the device, over restarts: every function a node in memory (TS 29.368 5.5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace as changed
from pathlib import Path
from typing import Any

import pytest

from diameter import Dictionary
from diameter.app import Later
from helpers.asking import METER, NODE, ask, status
from helpers.whole import Whole
from nfs.common.sms import decode_deliver
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.hss.logic import Subscriber

ABSENT = (10415, 5550, {"Absent-User-Diagnostic-SM": 1})
GONE = changed(METER, nodes=())
UNREACHABLE = changed(METER, nodes=(changed(NODE, reachable=False),))
Open = Callable[..., Whole]


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def opened(tmp_path: Path, dictionary: Dictionary) -> Iterator[Open]:
    """Opens a network on the databases of this test, those of an earlier one among them."""
    made: list[Whole] = []

    def start(subscriber: Subscriber = METER, later_s: float = 0.0) -> Whole:
        network = Whole(tmp_path, dictionary, (subscriber,))
        network.clock.rightNow += later_s
        made.append(network)
        return network.open()

    yield start
    for network in reversed(made):
        network.close()


def data(payload: bytes = b"wake", priority: int = 0) -> dict[str, Any]:
    return {"Payload": payload, "Priority-Indication": priority, "Application-Port-Identifier": 8000}


def payloads(network: Whole) -> list[bytes]:
    return [decode_deliver(each.raw("SM-RP-UI")).user_data.data for each in network.mme.messages]


def pass_by(network: Whole, seconds: float) -> None:
    end = network.clock.seconds() + seconds
    network.settle(lambda: network.clock.seconds() > end, seconds + 1)


def test_with_validity_zero_it_is_tried_once_and_delivered(opened: Open) -> None:
    network = opened()
    assert status(ask(network, Validity_Time=0)) == RequestStatus.SUCCESS
    network.settle(lambda: network.outcomes == [(7, DeliveryOutcome.SUCCESS)])


def test_with_validity_zero_it_is_tried_once_and_given_up(opened: Open) -> None:
    network = opened()
    network.mme.answers_with = [ABSENT]
    assert status(ask(network, Validity_Time=0)) == RequestStatus.SUCCESS
    network.settle(lambda: network.outcomes == [(7, DeliveryOutcome.UNDELIVERABLE)])
    pass_by(network, 60)
    assert len(network.mme.messages) == 1


def test_with_validity_zero_an_absent_device_is_refused_at_once(opened: Open) -> None:
    """TS 29.368 7.4 step 4: there is nowhere to try, and it is not to be stored; otherwise it is."""
    network = opened(GONE)
    assert status(ask(network, Validity_Time=0)) == RequestStatus.TEMPORARYERROR
    assert status(ask(network, Validity_Time=60, Reference_Number=8)) == RequestStatus.SUCCESS
    pass_by(network, 61)
    assert network.outcomes == [(8, DeliveryOutcome.EXPIRED)]
    assert network.mme.messages == []


def test_with_validity_zero_a_kill_leaves_one_attempt_and_its_report(opened: Open) -> None:
    """The SMS that was on its way may come once more with the same octets, which the device drops; no third time."""
    killed = opened()
    killed.mme.held = Later()
    assert status(ask(killed, Validity_Time=0)) == RequestStatus.SUCCESS
    killed.settle(lambda: len(killed.mme.messages) == 1)
    network = opened(later_s=100)
    network.settle(lambda: network.outcomes == [(7, DeliveryOutcome.SUCCESS)])
    assert [each.raw("SM-RP-UI") for each in network.mme.messages] == [killed.mme.messages[0].raw("SM-RP-UI")]
    killed.sms_sc_parts.stopping and killed.sms_sc_parts.stopping()
    killed.mme.held.resolve(None)


def test_it_is_tried_until_its_validity_is_over_then_reported_expired(opened: Open) -> None:
    network = opened()
    network.mme.answers_with = [ABSENT] * 9
    assert status(ask(network, Validity_Time=70)) == RequestStatus.SUCCESS
    pass_by(network, 71)
    assert (len(network.mme.messages), network.outcomes) == (3, [(7, DeliveryOutcome.EXPIRED)])
    pass_by(network, 120)
    assert (len(network.mme.messages), network.outcomes) == (3, [(7, DeliveryOutcome.EXPIRED)])


@pytest.mark.parametrize(("later_s", "outcome"), [(10, DeliveryOutcome.SUCCESS), (71, DeliveryOutcome.EXPIRED)])
def test_what_ran_out_while_the_sms_sc_was_down_is_reported_and_not_sent(
    opened: Open, later_s: float, outcome: DeliveryOutcome
) -> None:
    killed = opened()
    killed.mme.answers_with = [ABSENT]
    assert status(ask(killed, Validity_Time=70)) == RequestStatus.SUCCESS
    killed.settle(lambda: len(killed.mme.messages) == 1)
    killed.sms_sc_parts.stopping and killed.sms_sc_parts.stopping()
    network = opened(later_s=later_s)
    network.settle(lambda: network.outcomes == [(7, outcome)])
    assert len(network.mme.messages) == (outcome is DeliveryOutcome.SUCCESS)


def test_a_priority_trigger_goes_before_others_that_wait(opened: Open) -> None:
    network = opened()
    network.mme.held = Later()
    for reference, payload, priority in ((7, b"first", 0), (8, b"second", 0), (9, b"now", 1), (10, b"now too", 1)):
        answer = ask(network, Reference_Number=reference, Trigger_Data=data(payload, priority))
        assert status(answer) == RequestStatus.SUCCESS
    network.mme.held.resolve(None)
    network.mme.held = None
    network.settle(lambda: len(network.outcomes) == 4)
    assert payloads(network) == [b"first", b"now", b"now too", b"second"]


def test_a_priority_trigger_goes_where_the_device_was_out_of_reach(opened: Open) -> None:
    """TS 29.336 5.2.1.2: for such a trigger the HSS names the nodes that had the device marked unreachable, too."""
    network = opened(UNREACHABLE)
    assert status(ask(network, Trigger_Data=data(), Validity_Time=60)) == RequestStatus.SUCCESS
    assert status(ask(network, Reference_Number=8, Trigger_Data=data(b"now", 1))) == RequestStatus.SUCCESS
    pass_by(network, 61)
    assert network.outcomes == [(8, DeliveryOutcome.SUCCESS), (7, DeliveryOutcome.EXPIRED)]
    assert payloads(network) == [b"now"]
