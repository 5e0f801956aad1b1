"""The accounting server: records in any order, or sessions under supervision; duplicates."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message
from diameter.errors import ResultCode
from diameter.session import AccountingServer
from diameter.session.accounting import Realtime, RecordType
from helpers.sessions import SESSION, request

EVENT, START, INTERIM, STOP = RecordType


def acr(kind: int, number: int, **avps: Any) -> Message:
    return request("Accounting", Accounting_Record_Type=kind, Accounting_Record_Number=number, **avps)


def take(server: AccountingServer, kind: int, number: int, now: float = 0, **how: Any) -> tuple[int, bool]:
    """Result-Code, and whether the record is to be kept."""
    space = how.pop("space", True)
    taken = server.received(acr(kind, number, **how), now, space=space)
    return taken.answer.number("Result-Code"), taken.keep


def test_a_stateless_server_takes_records_in_any_order() -> None:
    server = AccountingServer()
    for kind, number in ((STOP, 3), (INTERIM, 1), (START, 0), (EVENT, 9), (INTERIM, 2)):
        assert take(server, kind, number) == (ResultCode.SUCCESS, True)
    assert server.open == {}
    assert server.deadline() is None


def test_the_answer_repeats_what_names_the_record_and_gives_orders() -> None:
    server = AccountingServer(interim_s=60, realtime=Realtime.DELIVER_AND_GRANT)
    answer = server.received(acr(START, 0, Accounting_Sub_Session_Id=7), 0).answer
    shown = ("Session-Id", "Accounting-Record-Type", "Accounting-Record-Number", "Accounting-Sub-Session-Id")
    assert [answer[name] for name in shown] == [SESSION, 2, 0, 7]
    assert (answer["Acct-Interim-Interval"], answer["Accounting-Realtime-Required"]) == (60, 1)


@pytest.mark.parametrize("stateful", [False, True])
def test_without_space_the_client_is_told(stateful: bool) -> None:
    server = AccountingServer(stateful=stateful)
    assert take(server, START, 0, space=False) == (ResultCode.OUT_OF_SPACE, False)
    assert take(server, START, 0) == (ResultCode.SUCCESS, True)  # it was not kept, so it is no duplicate
    assert take(server, INTERIM, 1, space=False) == (ResultCode.OUT_OF_SPACE, False)
    assert server.open == {}


@pytest.mark.parametrize("stateful", [False, True])
def test_a_record_sent_twice_is_answered_and_kept_once(stateful: bool) -> None:
    server = AccountingServer(stateful=stateful)
    assert take(server, START, 0) == (ResultCode.SUCCESS, True)
    assert take(server, START, 0) == (ResultCode.SUCCESS, False)
    assert take(server, START, 0, Accounting_Sub_Session_Id=1) == (ResultCode.SUCCESS, True)
    assert take(server, START, 0, Session_Id="nas.example.net;1;2") == (ResultCode.SUCCESS, True)


def test_only_so_many_records_are_remembered() -> None:
    server = AccountingServer(remembered=2)
    for number in (1, 2, 3):
        take(server, INTERIM, number)
    assert [take(server, INTERIM, number)[1] for number in (3, 2, 1)] == [False, False, True]


def test_a_record_type_that_is_none_is_refused() -> None:
    assert take(AccountingServer(), 9, 0) == (ResultCode.INVALID_AVP_VALUE, False)


def test_a_stateful_server_supervises_with_twice_the_interval() -> None:
    server = AccountingServer(stateful=True, interim_s=60)
    take(server, START, 0, 0)
    assert server.deadline() == 120
    take(server, INTERIM, 1, 60)
    assert server.deadline() == 180
    assert server.expire(179) == ()
    assert server.expire(180) == ((SESSION, None),)
    assert take(server, INTERIM, 2, 181) == (ResultCode.UNKNOWN_SESSION_ID, False)
    assert take(server, STOP, 3, 182) == (ResultCode.UNKNOWN_SESSION_ID, False)
    assert server.deadline() is None


def test_ts_may_be_set_and_may_be_absent() -> None:
    server = AccountingServer(stateful=True, interim_s=60, ts_s=500)
    take(server, START, 0, 0)
    assert server.deadline() == 500
    server = AccountingServer(stateful=True)
    take(server, START, 0, 0)
    assert server.deadline() is None
    assert server.open == {(SESSION, None): None}


def test_a_session_begins_once_and_ends_with_its_stop() -> None:
    server = AccountingServer(stateful=True)
    take(server, START, 0)
    assert take(server, START, 1) == (ResultCode.UNABLE_TO_COMPLY, False)
    assert take(server, EVENT, 2) == (ResultCode.UNABLE_TO_COMPLY, False)
    assert take(server, STOP, 3) == (ResultCode.SUCCESS, True)
    assert server.open == {}
    assert take(server, EVENT, 4) == (ResultCode.SUCCESS, True)


def test_a_stop_without_sub_session_ends_all_of_them() -> None:
    server = AccountingServer(stateful=True)
    for sub in (1, 2, 3):
        take(server, START, 0, Accounting_Sub_Session_Id=sub)
    take(server, STOP, 1, Accounting_Sub_Session_Id=2)
    assert len(server.open) == 2
    assert take(server, STOP, 1) == (ResultCode.SUCCESS, True)
    assert server.open == {}
