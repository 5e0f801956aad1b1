"""Every Request-Status, each for the reason it is made for, from the SCS through gateway, HSS and SMS-SC in memory."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary, Message
from diameter.app import Later
from helpers.asking import METER, ask, recall, status
from helpers.asking import replace as exchange
from helpers.whole import EVERYTHING, Whole
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is asked, in which network: changes of the subscriber and of the two files."""

    ask: Callable[[Whole], Message]
    subscriber: dict[str, Any] | None = None
    iwf: str = EVERYTHING
    sms_sc: str = ""


def table(text: str) -> str:
    """The MTC-IWF's file with lines for the first SCS."""
    return EVERYTHING.replace('name = "customer"\n', f'name = "customer"\n{text}\n')


def twice(network: Whole) -> Message:
    """Two triggers; the answer to the second."""
    assert status(ask(network)) == RequestStatus.SUCCESS
    return ask(network, Reference_Number=8)


def on_its_way(order: Callable[[Whole], Message]) -> Callable[[Whole], Message]:
    """The order while the MME has the short message and has not answered."""

    def asked(network: Whole) -> Message:
        network.mme.held = Later()
        ask(network)
        network.settle(lambda: len(network.mme.messages) == 1)
        answer = order(network)
        network.mme.held.resolve(None)
        return answer

    return asked


def delivered(network: Whole) -> Message:
    """A recall after the report."""
    ask(network)
    network.settle(lambda: network.outcomes == [(7, 0)])
    return recall(network)


def without_sms_sc(network: Whole) -> Message:
    """A trigger while the SMS-SC is down."""
    network.wait(network.nodes[1].stop())
    return ask(network)


CASES: Final[dict[RequestStatus, Case]] = {
    RequestStatus.SUCCESS: Case(ask=ask),
    RequestStatus.INVPAYLOAD: Case(ask=lambda network: ask(network, Trigger_Data={"Payload": bytes(1025)})),
    RequestStatus.INVEXTID: Case(ask=lambda network: ask(network, External_Identifier="nobody@customer.example")),
    RequestStatus.INVSCSID: Case(ask=lambda network: ask(network, SCS_Identity=encode_number("15550002"))),
    RequestStatus.INVPERIOD: Case(ask=lambda network: ask(network, Validity_Time=604_801)),
    RequestStatus.NOTAUTHORIZED: Case(
        ask=ask, subscriber={"rights": frozenset()}, iwf=table("hide_foreign_devices = false")
    ),
    RequestStatus.SERVICEUNAVAILABLE: Case(ask=ask, subscriber={"services": frozenset()}),
    RequestStatus.PERMANENTERROR: Case(ask=ask, sms_sc='scs = ["15550002"]'),
    RequestStatus.QUOTAEXCEEDED: Case(ask=twice, iwf=table("quota = { triggers = 1 }")),
    RequestStatus.RATEEXCEEDED: Case(ask=twice, iwf=table("rate = { per_s = 0.01, burst = 1 }")),
    RequestStatus.REPLACEFAIL: Case(ask=on_its_way(exchange)),
    RequestStatus.RECALLFAIL: Case(ask=on_its_way(recall)),
    RequestStatus.ORIGINALMESSAGESENT: Case(ask=delivered),
    RequestStatus.TEMPORARYERROR: Case(ask=without_sms_sc),
}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def test_no_status_is_left_out() -> None:
    assert set(CASES) == set(RequestStatus)


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_status_of(expected: RequestStatus, tmp_path: Path, dictionary: Dictionary) -> None:
    case = CASES[expected]
    subscriber = replace(METER, **(case.subscriber or {}))
    network = Whole(tmp_path, dictionary, (subscriber,), case.iwf, case.sms_sc).open()
    try:
        assert status(case.ask(network)) == expected
    finally:
        network.close()
