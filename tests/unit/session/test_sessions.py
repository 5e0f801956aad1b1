"""Many sessions: found, woken in time, ended by a restart of their client."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.errors import ResultCode
from diameter.session import ClientSession, End, ServerSession, ServerSessions, Sessions, Terms
from helpers.sessions import CLIENT, SESSION, answer, request


def serving(*lifetimes: int, state: int = 0) -> ServerSessions:
    """Open sessions with these lifetimes, of a client with this Origin-State-Id."""
    sessions = ServerSessions()
    for number, lifetime in enumerate(lifetimes):
        avps: dict[str, Any] = {"Session_Id": f"{CLIENT};1;{number}"} | ({"Origin_State_Id": state} if state else {})
        asked = request(**avps)
        session = ServerSession(asked)
        sessions.add(session)
        sessions.fed(session, session.authorized(asked, Terms(lifetime_s=lifetime), 0))
    return sessions


def test_a_session_is_found_by_its_id_and_an_unknown_one_answered_5002() -> None:
    sessions: Sessions[ClientSession] = Sessions()
    session = ClientSession(SESSION, realm="home.example")
    sessions.add(session)
    assert sessions.find(request("Abort-Session")) is session
    with pytest.raises(KeyError):
        sessions.add(session)
    asr = request("Abort-Session", Session_Id="nas.example.net;9;9")
    assert sessions.find(asr) is None
    assert sessions.unknown(asr).number("Result-Code") == ResultCode.UNKNOWN_SESSION_ID


def test_timers_run_in_order_and_each_session_ends_once() -> None:
    sessions = serving(30, 10, 20)
    ended = []
    while (due := sessions.deadline()) is not None:
        ended += [(due, session.session_id[-1]) for session, _ in sessions.expire(due)]
    assert ended == [(10, "1"), (20, "2"), (30, "0")]
    assert len(sessions) == 0


def test_a_timer_that_was_moved_does_not_fire_at_its_old_time() -> None:
    sessions = serving(10)
    (session,) = sessions
    sessions.fed(session, session.authorized(request(), Terms(lifetime_s=100), 5))
    assert sessions.deadline() == 105
    assert sessions.expire(10) == []
    assert [out for _, out in sessions.expire(105)] == [
        (End(reason="Authorization-Lifetime (and Auth-Grace-Period) expires"),)
    ]


def test_a_day_of_ten_thousand_sessions_is_soon_over() -> None:
    sessions = serving(*range(1, 10_001))
    assert len(sessions.expire(86_400)) == 10_000
    assert sessions.deadline() is None


def test_a_restarted_client_has_lost_its_sessions() -> None:
    sessions = serving(10, 20, state=7)
    assert sessions.heard(CLIENT, 7, 1) == []
    ended = sessions.heard(CLIENT.upper(), 8, 2)
    assert [outputs for _, outputs in ended] == [(End(reason="the client has restarted"),)] * 2
    assert len(sessions) == 0
    assert sessions.deadline() is None


@pytest.mark.parametrize("state", [0, 6])
def test_nothing_is_inferred_from_zero_or_from_a_lower_number(state: int) -> None:
    sessions = serving(10, state=7)
    sessions.heard(CLIENT, 7, 0)
    assert sessions.heard(CLIENT, state, 1) == []
    assert len(sessions) == 1


def test_sessions_made_after_the_restart_and_those_of_others_stay() -> None:
    sessions = serving(10, state=8)
    assert sessions.heard(CLIENT, 8, 1) == []
    assert sessions.heard("other.example.net", 99, 1) == []
    assert len(sessions) == 1


def test_the_end_is_noticed_by_what_a_session_returns() -> None:
    sessions: Sessions[ClientSession] = Sessions()
    session = ClientSession(SESSION, realm="home.example")
    sessions.add(session)
    sessions.fed(session, session.request_access(0))
    sessions.fed(session, session.answered(answer(Session_Timeout=60), 0))
    assert sessions.deadline() == 60
    sessions.fed(session, session.request_access(1))
    sessions.fed(session, session.answered(answer(5003), 2))
    assert (len(sessions), sessions.deadline()) == (0, None)
