"""Every result code of T4, each for the reason it is made for, as it passes between MTC-IWF and SMS-SC."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

from diameter import Dictionary
from diameter.app import Later
from helpers.asking import METER, ask, recall, replace, status
from helpers.whole import Whole
from nfs.common.t4 import T4Result
from nfs.common.tsp import RequestStatus

ABSENT = (10415, 5550, {"Absent-User-Diagnostic-SM": 1})
SUCCESS: Final = (0, 2001)


def nobody_knows_the_trigger(network: Whole) -> str:
    """The MTC-IWF has lost its store when the report comes: to whom should it go?"""
    network.mme.held = Later()
    ask(network)
    network.settle(lambda: len(network.mme.messages) == 1)
    network.lose_ledger()
    network.mme.held.resolve(None)
    network.settle(lambda: bool(network.results("Delivery-Report-Answer")))
    return "Delivery-Report-Answer"


def another_scs(network: Whole) -> str:
    """The SMS-SC serves the first SCS only."""
    assert status(ask(network, network.scs2)) == RequestStatus.PERMANENTERROR
    return "Device-Trigger-Answer"


def full(network: Whole) -> str:
    network.mme.held = Later()
    for reference in (1, 2, 3):
        ask(network, Reference_Number=reference)
    network.mme.held.resolve(None)
    return "Device-Trigger-Answer"


def two_of_one_number(network: Whole) -> str:
    """The MTC-IWF has lost its store, and lets an SCS use a number that the SMS-SC still has a trigger of."""
    network.mme.answers_with = [ABSENT]
    ask(network)
    network.lose_ledger()
    assert status(ask(network, Trigger_Data={"Payload": b"other"})) == RequestStatus.PERMANENTERROR
    return "Device-Trigger-Answer"


def on_its_way(order: Callable[[Whole], object]) -> Callable[[Whole], str]:
    def asked(network: Whole) -> str:
        network.mme.held = Later()
        ask(network)
        network.settle(lambda: len(network.mme.messages) == 1)
        order(network)
        network.mme.held.resolve(None)
        return "Device-Trigger-Answer"

    return asked


def delivered(network: Whole) -> str:
    """The SCS takes no reports just now, so that the MTC-IWF does not know what the SMS-SC does."""
    network.scs1.answer_with = 3004
    ask(network)
    network.settle(lambda: bool(network.scs1.reports))
    assert status(recall(network)) == RequestStatus.ORIGINALMESSAGESENT
    return "Device-Trigger-Answer"


CASES: Final[dict[T4Result, Callable[[Whole], str]]] = {
    T4Result.USER_UNKNOWN: nobody_knows_the_trigger,
    T4Result.INVALID_SME_ADDRESS: another_scs,
    T4Result.SC_CONGESTION: full,
    T4Result.SM_PROTOCOL: two_of_one_number,
    T4Result.TRIGGER_REPLACE_FAILURE: on_its_way(replace),
    T4Result.TRIGGER_RECALL_FAILURE: on_its_way(recall),
    T4Result.ORIGINAL_MESSAGE_NOT_PENDING: delivered,
}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def test_no_result_is_left_out() -> None:
    assert set(CASES) == set(T4Result)


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_result(expected: T4Result, tmp_path: Path, dictionary: Dictionary) -> None:
    more = 'scs = ["15550001"]\ncapacity = 2\n'
    network = Whole(tmp_path, dictionary, (METER,), sms_sc_toml=more).open()
    try:
        results = network.results(CASES[expected](network))
        assert results[-1] == (10415, expected)
        assert set(results[:-1]) <= {SUCCESS}
    finally:
        network.close()
