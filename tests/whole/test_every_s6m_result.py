"""Every result code and every HSS-Cause of S6m, each for the reason it is made for, and what the SCS hears of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import pytest

from diameter import Dictionary, ResultCode
from helpers.asking import IMSI, METER, ask, status
from helpers.network import HSS, REALM
from helpers.whole import Whole
from nfs.common.identities import encode_number
from nfs.common.tsp import RequestStatus
from nfs.hss.logic import Cause, Error
from nfs.mtc_iwf.s6m import S6m


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is changed of the subscriber and of the request; what the SCS is told, None where no SCS asks."""

    subscriber: dict[str, Any]
    told: RequestStatus | None
    changed: dict[str, Any]


def case(told: RequestStatus | None, changed: dict[str, Any] | None = None, **subscriber: Any) -> Case:
    return Case(told=told, changed=changed or {}, subscriber=subscriber)


CASES: Final[dict[Error, Case]] = {
    Error.USER_UNKNOWN: case(RequestStatus.INVEXTID, {"External_Identifier": "nobody@customer.example"}),
    Error.UNAUTHORIZED_REQUESTING_ENTITY: case(RequestStatus.INVEXTID, rights=frozenset()),  # hidden from outside
    Error.UNAUTHORIZED_SERVICE: case(RequestStatus.SERVICEUNAVAILABLE, services=frozenset()),
    Error.MISSING_APPLICATION_DATA: case(None),
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
    assert set(CASES) == set(Error)
    assert set(CAUSES) == {Cause.NONE, *Cause}


def short_message_without_port(network: Whole) -> None:
    """An MO short message that names no application (TS 29.336 5.2.1.2)."""
    s6m = next(each for each in network.iwf_parts.applications if isinstance(each, S6m))
    avps = {
        "User-Identifier": {"User-Name": IMSI},
        "Service-ID": 1,
        "SCS-Identity": encode_number("15550001"),
        "SIR-Flags": 1,
    }
    network.wait(s6m.request("Subscriber-Information", avps, to=HSS, realm=REALM))


@pytest.mark.parametrize("expected", CASES, ids=lambda each: each.name)
def test_the_result(expected: Error, whole: Callable[..., Whole]) -> None:
    one = CASES[expected]
    rights = {(scs, 1) for scs in ("15550001",)} if one.told is None else None
    network = whole(**one.subscriber, **({} if rights is None else {"rights": METER.rights | rights}))
    if one.told is None:
        short_message_without_port(network)
    else:
        assert status(ask(network, **one.changed)) == one.told
    assert network.results("Subscriber-Information-Answer") == [(10415, expected)]
    assert network.requests("Device-Trigger-Request") == []


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
