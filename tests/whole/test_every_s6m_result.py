"""Every result code and every HSS-Cause of S6m, each for the reason it is made for, and what the SCS hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary, ResultCode
from helpers.asking import METER, ask, status
from helpers.vector_lab import SHORT_CODE
from helpers.vector_scenes import laboratory
from helpers.whole import Whole
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import Cause, Error


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is changed of the subscriber and of the request; what the SCS is told."""

    subscriber: dict[str, Any]
    told: RequestStatus
    changed: dict[str, Any]


def case(told: RequestStatus, changed: dict[str, Any] | None = None, **subscriber: Any) -> Case:
    return Case(told=told, changed=changed or {}, subscriber=subscriber)


CASES: Final[dict[Error, Case]] = {
    Error.USER_UNKNOWN: case(RequestStatus.INVEXTID, {"External_Identifier": "nobody@customer.example"}),
    Error.UNAUTHORIZED_REQUESTING_ENTITY: case(RequestStatus.INVEXTID, rights=frozenset()),  # hidden from outside
    Error.UNAUTHORIZED_SERVICE: case(RequestStatus.SERVICEUNAVAILABLE, services=frozenset()),
}
CAUSES: Final[dict[Cause, Case]] = {
    Cause.NONE: case(RequestStatus.SUCCESS),
    Cause.ABSENT_SUBSCRIBER: case(RequestStatus.TEMPORARYERROR, {"Validity_Time": 0}, nodes=()),
    Cause.TELESERVICE_NOT_PROVISIONED: case(RequestStatus.SERVICEUNAVAILABLE, sms=False),
    Cause.CALL_BARRED: case(RequestStatus.SERVICEUNAVAILABLE, barred=True),
}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


@pytest.fixture
def whole(tmp_path: Path, dictionary: Dictionary) -> Any:
    """A function that opens the network with a subscriber; closed at the end."""
    opened: list[Whole] = []

    def open_with(**changed: Any) -> Whole:
        opened.append(Whole(tmp_path, dictionary, (replace(METER, **changed),)).open())
        return opened[0]

    yield open_with
    for network in opened:
        network.close()


def test_none_is_left_out() -> None:
    assert {*CASES, Error.MISSING_APPLICATION_DATA} == set(Error)
    assert set(CAUSES) == {Cause.NONE, *Cause}


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_result(expected: Error, whole: Callable[..., Whole]) -> None:
    one = CASES[expected]
    network = whole(**one.subscriber)
    assert status(ask(network, **one.changed)) == one.told
    assert network.results("Subscriber-Information-Answer") == [(10415, expected)]
    assert network.requests("Device-Trigger-Request") == []


def test_a_short_message_without_a_port_lacks_application_data(dictionary: Dictionary) -> None:
    """No trigger comes to MISSING_APPLICATION_DATA: it is a device that names no application (TS 29.336 5.2.1.2)."""
    with laboratory(dictionary) as lab:
        begin = len(lab.said)
        (heard,) = lab.send(SHORT_CODE, port=None, report=False)
        messages = [one.message(dictionary) for one in lab.said[begin:]]
    results = [each.result for each in messages if each.command == "Subscriber-Information-Answer"]
    assert results == [(10415, Error.MISSING_APPLICATION_DATA)]
    assert heard.event == "refused"
    assert not any(each.command == "Device-Notification-Request" for each in messages)


@pytest.mark.parametrize("expected", CAUSES, ids=lambda each: each.name or "NONE")
def test_the_cause(expected: Cause, whole: Callable[..., Whole]) -> None:
    one = CAUSES[expected]
    network = whole(**one.subscriber)
    assert status(ask(network, **one.changed)) == one.told
    (answer,) = network.answers("Subscriber-Information-Answer")
    assert answer.result == (0, ResultCode.SUCCESS)
    assert answer["Service-Data"]["T4-Data"]["HSS-Cause"] == expected


def test_a_database_that_fails_is_unable_to_comply(whole: Callable[..., Whole]) -> None:
    network = whole()
    network.break_hss()
    assert status(ask(network)) == RequestStatus.TEMPORARYERROR
    assert network.results("Subscriber-Information-Answer") == [(0, ResultCode.UNABLE_TO_COMPLY)]
