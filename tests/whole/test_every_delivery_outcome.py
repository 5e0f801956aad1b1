"""Every Delivery-Outcome, each for the reason it is made for: what the SCS hears when a trigger has ended."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary
from diameter.app import Later
from helpers.asking import METER, ask, status
from helpers.network import Network
from helpers.whole import EVERYTHING, Whole
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S
from nfs.sms_sc.outcomes import Outcome

ABSENT = (10415, 5550, {"Absent-User-Diagnostic-SM": 1})
MEMORY_FULL = (10415, 5555, {"SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 0}})
BARRED = (10415, 5555, {"SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 1}})


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def network(tmp_path: Path, dictionary: Dictionary) -> Iterator[Whole]:
    network = Whole(tmp_path, dictionary, (METER,)).open()
    network.begin_rounds()
    yield network
    network.close()


def passes(network: Network, until: Callable[[], bool], seconds: float) -> None:
    """Time, in seconds, until something is so."""
    end = network.clock.seconds() + seconds
    while not until() and network.clock.seconds() < end:
        network.clock.advance(1.0)


def succeeds(network: Whole) -> None:
    ask(network)


def expires(network: Whole) -> None:
    """The device stays away until the validity is over."""
    network.mme.answers_with = [ABSENT] * 9
    ask(network, Validity_Time=50)


def is_refused_for_good(network: Whole) -> None:
    network.mme.answers_with = [BARRED]
    ask(network)


def sms_sc_goes(network: Whole) -> None:
    """The SMS-SC is down when the time is over, and cannot say what became of the trigger."""
    network.mme.answers_with = [ABSENT]
    ask(network, Validity_Time=20)
    network.wait(network.nodes[1].stop())
    network.sms_sc_centre.pending.clear()


def sms_sc_forgets(network: Whole) -> None:
    """The SMS-SC came back with an empty store: it does not know the trigger, and nobody knows what became of it."""
    network.mme.held = Later()
    ask(network, Validity_Time=20)
    network.sms_sc_delivery.stop()
    network.mme.held.resolve(None)
    network.sms_sc_centre.pending.clear()


CASES: Final[dict[DeliveryOutcome, Callable[[Whole], None]]] = {
    DeliveryOutcome.SUCCESS: succeeds,
    DeliveryOutcome.EXPIRED: expires,
    DeliveryOutcome.TEMPORARYERROR: sms_sc_goes,
    DeliveryOutcome.UNDELIVERABLE: is_refused_for_good,
    DeliveryOutcome.UNCONFIRMED: sms_sc_forgets,
}


def test_no_outcome_is_left_out() -> None:
    assert set(CASES) == set(DeliveryOutcome)


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_outcome(network: Whole, expected: DeliveryOutcome) -> None:
    CASES[expected](network)
    passes(network, lambda: bool(network.outcomes), GRACE_S + 2000)
    assert network.outcomes == [(7, expected)]
    passes(network, lambda: False, 2000)
    assert network.outcomes == [(7, expected)]


T4_CASES: Final[dict[Outcome, tuple[list[Any], dict[str, Any]]]] = {
    Outcome.SUCCESSFUL_TRANSFER: ([], {}),
    Outcome.VALIDITY_TIME_EXPIRED: ([ABSENT] * 9, {"Validity_Time": 50}),
    Outcome.ABSENT_SUBSCRIBER: ([ABSENT], {"Validity_Time": 0}),
    Outcome.UE_MEMORY_CAPACITY_EXCEEDED: ([MEMORY_FULL], {"Validity_Time": 0}),
}


def test_no_outcome_of_t4_is_left_out() -> None:
    assert set(T4_CASES) == set(Outcome)


@pytest.mark.parametrize("expected", T4_CASES, ids=lambda each: each.name)
def test_the_outcome_on_t4(network: Whole, expected: Outcome) -> None:
    network.mme.answers_with, changed = T4_CASES[expected]
    assert status(ask(network, **changed)) == RequestStatus.SUCCESS
    passes(network, lambda: bool(network.outcomes), 200)
    (report,) = network.requests("Delivery-Report-Request")
    assert report["SM-Delivery-Outcome-T4"] == expected
    assert ("Absent-Subscriber-Diagnostic-T4" in report) == (expected is Outcome.ABSENT_SUBSCRIBER)
    assert len(network.outcomes) == 1


def test_a_trigger_that_the_sms_sc_still_has_is_taken_back_and_expired(tmp_path: Path, dictionary: Dictionary) -> None:
    """So that it cannot be delivered after the SCS has been told that it was not."""
    network = Network(tmp_path, dictionary, (METER,), EVERYTHING).open()
    network.begin_rounds()
    ask(network, Validity_Time=20)
    passes(network, lambda: bool(network.scs1.reports), GRACE_S + 2000)
    (report,) = network.scs1.reports
    assert report["Device-Notification"]["Delivery-Outcome"] == DeliveryOutcome.EXPIRED
    assert [each["Trigger-Action"] for each in network.sms_sc.triggers] == [0, 1]
    network.close()


@pytest.mark.parametrize("code", [5534, 5535])
def test_one_that_is_being_delivered_is_asked_for_again(tmp_path: Path, dictionary: Dictionary, code: int) -> None:
    network = Network(tmp_path, dictionary, (METER,), EVERYTHING).open()
    network.begin_rounds()
    ask(network, Validity_Time=20)
    network.sms_sc.answer_with = (10415, code)
    passes(network, lambda: False, GRACE_S + 1300)
    assert len(network.scs1.reports) == (code == 5535)
    assert len(network.sms_sc.triggers) == (2 if code == 5535 else 3)
    network.close()


def test_an_scs_that_is_away_has_a_day_to_come_back(tmp_path: Path, dictionary: Dictionary) -> None:
    network = Network(tmp_path, dictionary, (METER,), EVERYTHING).open()
    network.begin_rounds()
    network.sms_sc.features = None  # and an SMS-SC that takes no recalls is not asked
    ask(network, Validity_Time=20)
    network.scs1.answer_with = 3004
    passes(network, lambda: False, GRACE_S + 1300)
    assert {each["Device-Notification"]["Delivery-Outcome"] for each in network.scs1.reports} == {4}
    assert len(network.sms_sc.triggers) == 1
    network.scs1.answer_with = 2001
    before = len(network.scs1.reports)
    passes(network, lambda: False, 1300)
    assert len(network.scs1.reports) == before + 1
    assert KEEP_S > GRACE_S
    network.close()


def test_an_sms_sc_that_takes_recalls_no_longer_is_asked_for_none(tmp_path: Path, dictionary: Dictionary) -> None:
    network = Network(tmp_path, dictionary, (METER,), EVERYTHING).open()
    network.begin_rounds()
    ask(network, Validity_Time=20)
    passes(network, lambda: bool(network.scs1.reports), GRACE_S + 2000)
    assert [each["Trigger-Action"] for each in network.sms_sc.triggers] == [0, 1]
    network.sms_sc.features = None
    ask(network, Validity_Time=20, Reference_Number=8)
    passes(network, lambda: len(network.scs1.reports) == 2, GRACE_S + 2000)
    assert network.scs1.reports[1]["Device-Notification"]["Delivery-Outcome"] == DeliveryOutcome.UNCONFIRMED
    assert [each["Trigger-Action"] for each in network.sms_sc.triggers] == [0, 1, 0]
    network.close()
