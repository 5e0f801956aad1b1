"""A server's authorization session: terms, re-authorization, abort, termination."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.errors import ResultCode
from diameter.session import Continue, End, Outputs, Reply, Respond, Send, ServerSession, Terms
from diameter.session.authorization import State
from diameter.session.terms import of_message
from helpers.sessions import CLIENT, SESSION, answer, request

TERMS = Terms(lifetime_s=100, grace_s=20, timeout_s=300)


def opened(terms: Terms = TERMS, **avps: Any) -> ServerSession:
    asked = request(User_Name="bob", **avps)
    session = ServerSession(asked)
    session.authorized(asked, terms, 0)
    return session


def sent(outputs: Outputs) -> Send:
    (only,) = outputs
    assert isinstance(only, Send)
    return only


def test_a_grant_says_for_how_long() -> None:
    asked = request()
    session = ServerSession(asked)
    (grant,) = session.authorized(asked, TERMS, 0)
    assert grant == Respond(
        success=True,
        avps={
            "Auth-Session-State": 0,
            "Authorization-Lifetime": 100,
            "Auth-Grace-Period": 20,
            "Re-Auth-Request-Type": 0,
            "Session-Timeout": 300,
        },
    )
    assert (session.state, session.deadline()) == (State.OPEN, 120)
    assert of_message(answer(**{k.replace("-", "_"): v for k, v in grant.avps.items()})) == TERMS


def test_never_longer_than_the_client_hints() -> None:
    session = opened(Authorization_Lifetime=50, Session_Timeout=80)
    assert session.terms == Terms(lifetime_s=50, grace_s=20, timeout_s=80)
    assert opened(Session_Timeout=80).terms == Terms(lifetime_s=80, grace_s=20, timeout_s=80)
    assert opened(Terms(), Session_Timeout=80).terms == Terms(timeout_s=80, lifetime_s=80)


def test_terms_that_contradict_themselves_are_refused() -> None:
    with pytest.raises(ValueError, match="below Authorization-Lifetime"):
        Terms(lifetime_s=20, timeout_s=10).avps()


def test_a_refusal_leaves_nothing() -> None:
    session = ServerSession(request())
    assert session.refused(0) == (Respond(success=False),)
    assert session.state is State.IDLE
    session = opened()
    assert session.refused(1) == (Respond(success=False), End(reason="not authorized"))
    assert session.deadline() is None


def test_the_end_of_lifetime_and_grace_cleans_up() -> None:
    session = opened()
    assert session.expire(119) == ()
    assert session.expire(120) == (End(reason="Authorization-Lifetime (and Auth-Grace-Period) expires"),)
    assert session.state is State.IDLE


def test_authorizing_again_moves_the_end_until_the_session_timeout() -> None:
    session = opened(Terms(lifetime_s=100, timeout_s=150))
    session.authorized(request(), Terms(lifetime_s=100, timeout_s=100), 50)
    assert session.deadline() == 150
    assert session.expire(150) == (End(reason="Session-Timeout expires"),)


def test_confirmation_by_re_auth() -> None:
    session = opened(Terms(lifetime_s=100, reauthenticate=True))
    asked = sent(session.confirm(1))
    assert (asked.command, asked.to, asked.realm) == ("Re-Auth", CLIENT, "example.net")
    assert asked.avps == {"Session-Id": SESSION, "Re-Auth-Request-Type": 1, "User-Name": "bob"}
    assert session.confirmed(answer(command="Re-Auth"), 2) == (Continue(),)
    session.confirm(3)
    failed = session.confirmed(answer(ResultCode.UNABLE_TO_COMPLY, command="Re-Auth"), 4)
    assert failed == (End(reason="re-authorization refused"),)


@pytest.mark.parametrize("busy", [False, True])
def test_a_question_nobody_heard_changes_nothing(busy: bool) -> None:
    session = opened()
    session.confirm(1)
    raa = answer(ResultCode.TOO_BUSY, command="Re-Auth")
    assert (session.confirmed(raa, 2) if busy else session.confirm_failed(2)) == ()
    assert (session.state, session.deadline()) == (State.OPEN, 120)


def test_an_abort_that_cannot_be_sent_is_sent_again() -> None:
    session = opened(Terms())
    assert sent(session.abort(1)).command == "Abort-Session"
    assert session.abort_failed(2) == ()
    assert session.deadline() == 32
    assert session.expire(31) == ()
    assert sent(session.expire(32)).command == "Abort-Session"
    assert session.abort_answered(answer(ResultCode.TOO_BUSY, command="Abort-Session"), 33) == ()
    assert session.abort_answered(answer(command="Abort-Session"), 34) == (End(reason="aborted"),)
    assert session.deadline() is None


def test_an_abort_ends_with_the_session_at_the_latest() -> None:
    session = opened(Terms(timeout_s=20))
    session.abort(1)
    session.abort_failed(2)
    assert session.expire(20) == (End(reason="Session-Timeout expires"),)


@pytest.mark.parametrize("before", ["", "confirm", "abort"])
def test_str_ends_it_in_every_state(before: str) -> None:
    session = opened()
    if before:
        getattr(session, before)(1)
    reply, end = session.terminated(request("Session-Termination"), 2)
    assert isinstance(reply, Reply)
    assert reply.answer.number("Result-Code") == ResultCode.SUCCESS
    assert end == End(reason="terminated by the client")
    assert session.state is State.IDLE


def test_a_request_that_crosses_the_abort_is_refused() -> None:
    session = opened()
    session.abort(1)
    assert session.authorized(request(), TERMS, 2) == (Respond(success=False),)
    assert session.deadline() == 120


def test_without_state_every_request_stands_alone() -> None:
    asked = request(Auth_Session_State=1)
    session = ServerSession(asked, stateless=True)
    assert session.authorized(asked, Terms(), 0) == (Respond(success=True, avps={"Auth-Session-State": 1}),)
    assert session.refused(0) == (Respond(success=False),)
    (reply,) = session.terminated(request("Session-Termination"), 1)
    assert isinstance(reply, Reply)
    assert reply.answer.number("Result-Code") == ResultCode.UNKNOWN_SESSION_ID
    assert session.confirm(1) == session.abort(1) == ()
    assert session.state is State.IDLE
