"""A client's authorization session: what it sends, what it obeys, and when."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import ResultCode
from diameter.session import Binding, Cause, ClientSession, Continue, End, Failover, Outputs, Prompt, Reply, Send, Start
from diameter.session.authorization import State
from helpers.sessions import CLIENT, SERVER, SESSION, answer, request

NO_STATE = 1


def made(**options: Any) -> ClientSession:
    return ClientSession(SESSION, realm="home.example", **options)


def opened(now: float = 0.0, **avps: Any) -> ClientSession:
    """A session in Open after an answer with these AVPs."""
    session = made(user_name="bob")
    session.request_access(now)
    assert session.answered(answer(**avps), now) == (Start(),)
    return session


def sent(outputs: Outputs) -> Send:
    (only,) = outputs
    assert isinstance(only, Send)
    return only


def code(outputs: Outputs) -> int:
    """Result-Code of the first reply."""
    reply = outputs[0]
    assert isinstance(reply, Reply)
    return reply.answer.number("Result-Code")


def test_access_is_asked_for_and_granted() -> None:
    session = made(user_name="bob")
    asked = sent(session.request_access(0))
    assert (asked.command, asked.to, asked.realm) == ("", None, "home.example")
    assert asked.avps == {"Session-Id": SESSION, "User-Name": "bob"}
    assert session.answered(answer(), 0) == (Start(),)
    assert (session.state, session.stateless, session.deadline()) == (State.OPEN, False, None)


def test_a_refusal_ends_it() -> None:
    session = made()
    session.request_access(0)
    (end,) = session.answered(answer(ResultCode.AUTHORIZATION_REJECTED), 0)
    assert end == End(reason="refused with 5003")
    assert session.state is State.IDLE


def test_the_end_of_the_service_sends_str_to_the_server_that_granted_it() -> None:
    session = opened(Class=[b"one", b"two"])
    asked = sent(session.end_service(5, Cause.USER_MOVED))
    assert (asked.command, asked.to, asked.realm) == ("Session-Termination", SERVER, "home.example")
    assert asked.avps == {
        "Session-Id": SESSION,
        "Termination-Cause": 7,
        "User-Name": "bob",
        "Class": (b"one", b"two"),
    }
    assert session.terminated(answer(command="Session-Termination"), 6) == (End(reason="terminated", disconnect=True),)
    assert session.state is State.IDLE


def test_class_of_a_later_answer_takes_the_place_of_the_earlier() -> None:
    session = opened(Class=[b"one", b"two"])
    session.request_access(1)
    session.answered(answer(Class=[b"three"]), 1)
    assert sent(session.end_service(2)).avps["Class"] == (b"three",)


def test_class_of_too_many_octets_ends_the_session() -> None:
    session = made()
    session.request_access(0)
    asked = sent(session.answered(answer(Class=[b"x" * 4000, b"y" * 97]), 0))
    assert asked.avps["Termination-Cause"] == Cause.BAD_ANSWER
    assert session.state is State.DISCON


def test_no_state_maintained_means_no_str() -> None:
    session = made(stateless=True)
    assert sent(session.request_access(0)).avps["Auth-Session-State"] == NO_STATE
    assert session.answered(answer(Auth_Session_State=NO_STATE, Session_Timeout=60), 0) == (Start(),)
    assert session.deadline() == 60
    assert session.expire(59.9) == ()
    assert session.expire(60) == (End(reason="Session-Timeout expires", disconnect=True),)


def test_the_servers_word_on_the_state_is_binding() -> None:
    session = made(stateless=True)
    session.request_access(0)
    session.answered(answer(), 0)  # the hint is not taken
    assert not session.stateless
    assert sent(session.end_service(1)).command == "Session-Termination"


def test_the_hint_is_not_repeated_when_authorizing_again() -> None:
    session = made(stateless=True)
    session.request_access(0)
    session.answered(answer(), 0)
    assert "Auth-Session-State" not in sent(session.request_access(1)).avps


def test_it_asks_again_before_the_authorization_ends_and_gives_up_after_its_grace() -> None:
    session = opened(Authorization_Lifetime=100, Auth_Grace_Period=20, Re_Auth_Request_Type=0)
    assert session.deadline() == 100
    asked = sent(session.expire(100))
    assert (asked.command, asked.to) == ("", SERVER)
    assert session.answered(answer(Authorization_Lifetime=50, Re_Auth_Request_Type=0), 101) == (Continue(),)
    assert session.deadline() == 101 + 45  # no grace: asked a little earlier than the server lets go
    sent(session.expire(146))
    assert session.deadline() == 151
    assert sent(session.expire(151)).avps["Termination-Cause"] == Cause.AUTH_EXPIRED
    assert session.state is State.DISCON


@pytest.mark.parametrize("lifetime", [None, 0xFFFFFFFF])
def test_without_lifetime_or_with_all_ones_nobody_asks_again(lifetime: int | None) -> None:
    avps = {} if lifetime is None else {"Authorization_Lifetime": lifetime}
    assert opened(**avps).deadline() is None


def test_a_lifetime_of_zero_asks_at_once() -> None:
    session = opened(Authorization_Lifetime=0)
    assert session.deadline() == 0
    assert sent(session.expire(0)).command == ""
    assert session.deadline() is None


def test_session_timeout_of_zero_is_no_timeout() -> None:
    assert opened(Session_Timeout=0).deadline() is None


def test_session_timeout_sends_str() -> None:
    session = opened(Session_Timeout=60)
    assert sent(session.expire(60)).avps["Termination-Cause"] == Cause.SESSION_TIMEOUT


def test_a_timeout_below_the_lifetime_cannot_be_processed() -> None:
    session = made()
    session.request_access(0)
    asked = sent(session.answered(answer(Session_Timeout=10, Authorization_Lifetime=20), 0))
    assert asked.avps["Termination-Cause"] == Cause.BAD_ANSWER


def test_a_service_that_is_not_given_is_given_back() -> None:
    session = made()
    session.request_access(0)
    asked = sent(session.answered(answer(), 0, provide=False))
    assert asked.avps["Termination-Cause"] == Cause.SERVICE_NOT_PROVIDED


def test_a_user_who_left_before_the_answer_gets_no_service() -> None:
    session = made()
    session.request_access(0)
    assert session.end_service(1) == ()
    assert sent(session.answered(answer(), 2)).avps["Termination-Cause"] == Cause.SERVICE_NOT_PROVIDED


@pytest.mark.parametrize("busy", [ResultCode.TOO_BUSY, ResultCode.LOOP_DETECTED])
def test_a_busy_server_counts_as_no_answer(busy: int) -> None:
    session = opened(Session_Server_Failover=Failover.ALLOW_SERVICE)
    session.request_access(1)
    assert session.answered(answer(busy), 2) == (Continue(),)
    assert session.state is State.OPEN


def test_rounds_of_authentication() -> None:
    session = made()
    session.request_access(0)
    more = session.answered(answer(ResultCode.MULTI_ROUND_AUTH, Multi_Round_Time_Out=30), 0)
    assert more == (Prompt(within_s=30),)
    assert session.deadline() == 30
    assert sent(session.request_access(10)).to == SERVER
    assert session.deadline() is None
    assert session.answered(answer(), 11) == (Start(),)


def test_a_round_that_takes_too_long_ends_it() -> None:
    session = made()
    session.request_access(0)
    session.answered(answer(ResultCode.MULTI_ROUND_AUTH, Multi_Round_Time_Out=30), 0)
    assert session.expire(30) == (End(reason="Multi-Round-Time-Out expires"),)


def test_re_auth_asked_for_by_the_server() -> None:
    session = opened()
    reply, again = session.asked_again(request("Re-Auth"), 1)
    assert code((reply,)) == ResultCode.SUCCESS
    assert isinstance(again, Send)
    assert again.command == ""
    refused = session.asked_again(request("Re-Auth"), 2, willing=False)
    assert code(refused) == ResultCode.UNABLE_TO_COMPLY
    assert refused[1:] == (End(reason="re-authorization refused", disconnect=True),)


def test_abort_is_complied_with_or_not() -> None:
    session = opened()
    assert code(session.aborted(request("Abort-Session"), 1, willing=False)) == ResultCode.UNABLE_TO_COMPLY
    reply, last = session.aborted(request("Abort-Session"), 2)
    assert code((reply,)) == ResultCode.SUCCESS
    assert isinstance(last, Send)
    assert last.avps["Termination-Cause"] == Cause.ADMINISTRATIVE
    assert code(session.aborted(request("Abort-Session"), 3)) == ResultCode.SUCCESS  # it crosses our STR
    assert code(session.asked_again(request("Re-Auth"), 3)) == ResultCode.UNABLE_TO_COMPLY


@pytest.mark.parametrize("pending", [False, True])
def test_requests_for_a_session_that_is_not_active_are_answered_5002(pending: bool) -> None:
    session = made()
    if pending:
        session.request_access(0)
    assert code(session.aborted(request("Abort-Session"), 1)) == ResultCode.UNKNOWN_SESSION_ID
    assert code(session.asked_again(request("Re-Auth"), 1)) == ResultCode.UNKNOWN_SESSION_ID


def test_session_binding_decides_what_names_the_server() -> None:
    session = opened(Session_Binding=Binding.RE_AUTH)
    assert sent(session.request_access(1)).to is None
    assert sent(session.end_service(2)).to == SERVER
    assert sent(opened(Session_Binding=Binding.STR).end_service(2)).to is None


@pytest.mark.parametrize(
    ("failover", "again", "at_the_end"),
    [
        (None, False, End(reason="no answer", disconnect=True)),
        (Failover.REFUSE_SERVICE, False, End(reason="no answer", disconnect=True)),
        (Failover.TRY_AGAIN, True, End(reason="no answer", disconnect=True)),
        (Failover.ALLOW_SERVICE, False, Continue()),
        (Failover.TRY_AGAIN_ALLOW_SERVICE, True, Continue()),
    ],
)
def test_failover_of_a_re_authorization(failover: Failover | None, again: bool, at_the_end: object) -> None:
    session = opened(**({} if failover is None else {"Session_Server_Failover": failover}))
    assert sent(session.request_access(1)).to == SERVER
    if again:
        assert sent(session.failed(2)).to is None
    assert session.failed(3) == (at_the_end,)


@pytest.mark.parametrize("failover", [*Failover])
def test_an_str_that_cannot_be_delivered_ends_the_session_all_the_same(failover: Failover) -> None:
    session = opened(Session_Server_Failover=failover)
    session.end_service(1)
    if failover.again:
        assert sent(session.failed(2)).command == "Session-Termination"
    busy = answer(ResultCode.TOO_BUSY, command="Session-Termination")
    assert session.terminated(busy, 3) == (End(reason="no answer", disconnect=True),)


def test_what_comes_too_late_changes_nothing() -> None:
    session = opened()
    session.request_access(1)
    session.end_service(2)
    assert session.answered(answer(ResultCode.TOO_BUSY), 3) == ()
    assert session.state is State.DISCON
    assert made().answered(answer(), 0) == ()


@given(st.lists(st.sampled_from(["ask", "end", "grant", "refuse", "busy", "fail", "rar", "asr", "sta", "wait"])))
def test_any_order_of_events_stays_in_the_machine(events: list[str]) -> None:
    session, now = made(user_name=CLIENT), 0.0
    replies = {
        "grant": lambda: session.answered(answer(Session_Timeout=30), now),
        "refuse": lambda: session.answered(answer(5003), now),
        "busy": lambda: session.answered(answer(3004), now),
        "ask": lambda: session.request_access(now),
        "end": lambda: session.end_service(now),
        "fail": lambda: session.failed(now),
        "rar": lambda: session.asked_again(request("Re-Auth"), now),
        "asr": lambda: session.aborted(request("Abort-Session"), now),
        "sta": lambda: session.terminated(answer(command="Session-Termination"), now),
        "wait": lambda: session.expire(now),
    }
    for event in events:
        now += 20
        outputs = replies[event]()
        assert any(isinstance(each, Reply) for each in outputs) == (event in ("rar", "asr"))
        assert session.state in State
        if session.state in (State.IDLE, State.DISCON):
            assert session.deadline() is None
