"""A client's accounting session: records, their numbers, storage, interim intervals, Accounting-Realtime-Required."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.errors import ResultCode
from diameter.session import AccountingClient, End, Outputs, Record, Send, Start, Storage
from diameter.session.accounting import Realtime, RecordType, State
from helpers.sessions import SESSION, answer

EVENT, START, INTERIM, STOP = RecordType
OK = ResultCode.SUCCESS
REFUSED = ResultCode.AUTHORIZATION_REJECTED


def client(room: int = 10, realtime: Realtime | None = None, interim_s: int = 0, **options: Any) -> AccountingClient:
    """A session whose authorization answer ordered this."""
    session = AccountingClient(
        SESSION, realm="home.example", storage=Storage(room), uniform=lambda low, high: (low + high) / 2, **options
    )
    avps: dict[str, Any] = {"Acct_Interim_Interval": interim_s}
    if realtime is not None:
        avps["Accounting_Realtime_Required"] = realtime
    session.obey(answer(**avps))
    return session


def aca(code: int = OK, **avps: Any) -> Any:
    return answer(code, command="Accounting", **avps)


def record(outputs: Outputs) -> tuple[int, int]:
    """Type and number of the record that goes out."""
    sent = outputs[-1]
    assert isinstance(sent, Send)
    assert sent.command == "Accounting"
    return sent.avps["Accounting-Record-Type"], sent.avps["Accounting-Record-Number"]


def opened(**options: Any) -> AccountingClient:
    session = client(**options)
    session.begin(0)
    assert session.answered(aca(), 0) == (Start(),)
    return session


def stored(session: AccountingClient) -> list[tuple[int, int]]:
    return [(each.kind, each.number) for each in session._storage]


def test_two_records_for_a_service_without_interim_accounting() -> None:
    session = client(server="acct.home.example")
    (sent,) = session.begin(0)
    assert sent == Send(
        command="Accounting",
        avps={"Session-Id": SESSION, "Accounting-Record-Type": 2, "Accounting-Record-Number": 0},
        to="acct.home.example",
        realm="home.example",
    )
    assert session.answered(aca(), 0) == (Start(),)
    assert session.deadline() is None
    assert record(session.end(100)) == (STOP, 1)
    assert session.answered(aca(), 101) == (End(reason="accounted for"),)


def test_one_record_for_an_event() -> None:
    session = client()
    assert record(session.event(0)) == (EVENT, 0)
    assert session.answered(aca(), 1) == (End(reason="accounted for"),)
    assert session.state is State.IDLE


def test_interim_records_at_the_interval_and_out_of_turn() -> None:
    session = opened(interim_s=60)
    assert session.deadline() == 60
    assert session.expire(59) == ()
    assert record(session.expire(60)) == (INTERIM, 1)
    assert session.deadline() is None  # one is under way
    assert session.answered(aca(), 61) == ()
    assert session.deadline() == 120
    assert record(session.interim(70)) == (INTERIM, 2)  # a re-authorization
    session.answered(aca(), 71)
    assert session.deadline() == 130
    assert record(session.end(80)) == (STOP, 3)
    assert session.deadline() is None


def test_an_interval_that_elapsed_while_a_record_was_under_way_is_made_up_for() -> None:
    session = opened(interim_s=60)
    session.expire(60)
    session.answered(aca(), 150)
    assert session.deadline() == 120
    assert record(session.expire(150)) == (INTERIM, 2)


def test_interim_times_are_randomized() -> None:
    times = set()
    for seed in range(50):
        session = AccountingClient(SESSION, realm="r", storage=Storage(1), uniform=random.Random(seed).uniform)
        session.obey(answer(Acct_Interim_Interval=1000))
        session.begin(0)
        session.answered(aca(), 0)
        due = session.deadline()
        assert due is not None
        assert 900 <= due <= 1100
        times.add(due)
    assert len(times) == 50


def test_the_accounting_server_may_override_what_the_authorization_server_ordered() -> None:
    session = client(interim_s=60)
    session.begin(0)
    session.answered(aca(Acct_Interim_Interval=30, Accounting_Realtime_Required=Realtime.GRANT_AND_LOSE), 0)
    assert (session.deadline(), session.realtime) == (30, Realtime.GRANT_AND_LOSE)


def test_the_default_is_grant_and_store() -> None:
    assert client().realtime is Realtime.GRANT_AND_STORE


def test_usage_is_asked_for_when_a_record_is_made() -> None:
    octets = {START: 0, STOP: 0}

    def usage(kind: RecordType) -> Mapping[str, Any]:
        return {"User-Name": f"bob-{octets[kind]}"}

    session = opened(usage=usage)
    octets[STOP] = 7
    (sent,) = session.end(1)
    assert isinstance(sent, Send)
    assert sent.avps["User-Name"] == "bob-7"


def test_a_sub_session_says_so() -> None:
    (sent,) = client(sub_session=3).begin(0)
    assert isinstance(sent, Send)
    assert sent.avps["Accounting-Sub-Session-Id"] == 3


@pytest.mark.parametrize(
    ("realtime", "room", "goes_on", "kept"),
    [
        (Realtime.DELIVER_AND_GRANT, 1, False, False),
        (Realtime.DELIVER_AND_GRANT, 0, False, False),
        (Realtime.GRANT_AND_STORE, 1, True, True),
        (Realtime.GRANT_AND_STORE, 0, False, False),
        (Realtime.GRANT_AND_LOSE, 1, True, True),
        (Realtime.GRANT_AND_LOSE, 0, True, False),
    ],
)
@pytest.mark.parametrize("interim", [False, True])
@pytest.mark.parametrize("code", [None, ResultCode.OUT_OF_SPACE, ResultCode.TOO_BUSY, ResultCode.LOOP_DETECTED])
def test_what_cannot_be_delivered(
    code: int | None, interim: bool, realtime: Realtime, room: int, goes_on: bool, kept: bool
) -> None:
    session = opened(realtime=realtime, room=room) if interim else client(realtime=realtime, room=room)
    session.interim(0) if interim else session.begin(0)
    outputs = session.failed(1) if code is None else session.answered(aca(code), 1)
    assert (session.state is State.OPEN) == goes_on
    end = (End(reason="no accounting server", disconnect=True),)
    assert outputs == (() if goes_on and interim else (Start(),) if goes_on else end)
    assert bool(stored(session)) == kept
    assert session.lost == (not kept)


@pytest.mark.parametrize("realtime", [*Realtime])
@pytest.mark.parametrize("interim", [False, True])
def test_a_record_refused_for_good(realtime: Realtime, interim: bool) -> None:
    session = opened(realtime=realtime) if interim else client(realtime=realtime)
    session.interim(0) if interim else session.begin(0)
    outputs = session.answered(aca(REFUSED), 1)
    lenient = realtime is Realtime.GRANT_AND_LOSE
    assert (session.state is State.OPEN) == lenient
    assert not stored(session)
    if not lenient:
        assert outputs == (End(reason="record refused with 5003", disconnect=True),)


def test_a_newer_interim_record_takes_the_place_of_the_stored_one() -> None:
    session = opened(room=1, interim_s=60)
    for now in (60, 120, 180):
        session.expire(now)
        session.failed(now)
    assert stored(session) == [(INTERIM, 3)]


def test_a_stop_that_cannot_be_delivered_is_stored_or_lost() -> None:
    for room, lost in ((1, 0), (0, 1)):
        session = opened(room=room)
        session.end(1)
        assert session.failed(2) == (End(reason="no accounting server"),)
        assert (stored(session), session.lost) == ([(STOP, 1)] * room, lost)


@pytest.mark.parametrize("interim", [False, True])
def test_a_service_that_ends_while_a_record_is_under_way_stops_behind_it(interim: bool) -> None:
    session = opened() if interim else client()
    session.interim(0) if interim else session.begin(0)
    assert session.end(1) == ()
    outputs = session.answered(aca(), 2)
    assert record(outputs) == (STOP, 2 if interim else 1)
    assert session.state is State.PENDING_L


def test_a_stop_behind_a_record_that_ends_the_session_stays_stored() -> None:
    session = client()
    session.begin(0)
    session.end(1)
    session.answered(aca(REFUSED), 2)
    assert (session.state, stored(session)) == (State.IDLE, [(STOP, 1)])
    session = client(room=0)
    session.begin(0)
    session.end(1)
    session.answered(aca(REFUSED), 2)
    assert session.lost == 2


def test_stored_records_are_sent_oldest_first_and_deleted_once_answered() -> None:
    storage = Storage(10)
    for number, kind in enumerate((START, INTERIM, STOP)):
        storage.store(Record(session_id="old;1;1", kind=kind, number=number))
    session = AccountingClient(SESSION, realm="home.example", storage=storage, uniform=lambda low, _high: low)
    assert record(session.drain(0)) == (START, 0)
    assert session.answered(aca(), 1) == ()
    assert record(session.drain(2)) == (INTERIM, 1)
    assert session.failed(3) == ()
    assert record(session.drain(4)) == (INTERIM, 1)  # it has been kept
    session.answered(aca(REFUSED), 5)
    session.drain(6)
    session.answered(aca(), 7)
    assert session.drain(8) == ()
    assert (len(storage), session.lost) == (0, 0)


@given(st.lists(st.sampled_from(["begin", "event", "interim", "end", "ok", "no", "fail", "wait", "drain"])), st.data())
def test_any_order_of_events_loses_no_record_uncounted(events: list[str], data: st.DataObject) -> None:
    session = client(room=data.draw(st.integers(0, 2)), realtime=data.draw(st.sampled_from(Realtime)), interim_s=5)
    now = 0.0
    does: dict[str, Callable[[float], Outputs]] = {
        "begin": session.begin,
        "event": session.event,
        "interim": session.interim,
        "end": session.end,
        "fail": session.failed,
        "wait": session.expire,
        "drain": session.drain,
        "ok": lambda now: session.answered(aca(), now),
        "no": lambda now: session.answered(aca(REFUSED), now),
    }
    numbers = []
    for event in events:
        now += 3
        before = session.state
        outputs = does[event](now)
        if event in ("begin", "event", "interim", "end", "wait"):
            numbers += [record((each,))[1] for each in outputs if isinstance(each, Send)]
        assert sum(isinstance(each, Send) for each in outputs) <= 1
        assert session.state in State
        assert len(session._storage) <= session._storage.limit
        assert before is not State.IDLE or session.state is State.IDLE or outputs
    assert numbers == sorted(set(numbers))
