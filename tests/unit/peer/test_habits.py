"""Peers that users have: what a node puts up with, what it does not, and which setting says so."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.message import Message
from diameter.peer.capabilities import RELAY, Refusal, check_cea, check_cer, read
from diameter.peer.fsm import State
from diameter.peer.inputs import Close, Failed, Habits, Opened, Restarted, Timers
from diameter.peer.peer import Peer
from diameter.peer.watchdog import State as Dog
from helpers.pair import ADDRESS, base, dictionary, local
from helpers.pair import read as parse
from helpers.peers import OPEN, OURS, R_LINK, THIRD_LINK, Rig, connection, rig_in

TSP = 16777309
WHOLE: dict[str, Any] = {
    "Origin-Host": "dra.example.org",
    "Origin-Realm": "example.org",
    "Host-IP-Address": ADDRESS,
    "Vendor-Id": 10415,
    "Product-Name": "product",
}
NAMED: dict[str, Any] = {"Auth-Application-Id": TSP}


def cer(**changes: Any) -> Message:
    avps = WHOLE | {name.replace("_", "-"): value for name, value in changes.items()}
    return dictionary().request("CER", {name: value for name, value in avps.items() if value is not None})


def cea(result: int = 2001, *, error: bool = False, **changes: Any) -> Message:
    avps = WHOLE | {name.replace("_", "-"): value for name, value in changes.items()}
    kept = {name: value for name, value in avps.items() if value is not None}
    return parse(cer().answer(result, kept, error=error).octets)


def nothing(name: str) -> dict[str, Any]:
    return {name: None}


def judge(message: Message, habits: Habits | None = None) -> Refusal | None:
    return check_cea(message, local(OURS), "dra.example.org", habits or Habits())


def with_habits(rig: Rig, **habits: Any) -> Rig:
    """The same rig with a peer of these habits, not yet begun."""
    rig.peer = Peer(
        rig.remote,
        base(local(OURS)),
        uniform=lambda low, high: 0.0,
        timers=rig.timers,
        habits=Habits(**habits),
        initiate=True,
    )
    return rig


# ---- applications


def test_the_relay_application_counts_for_everything() -> None:
    message = cea(Auth_Application_Id=RELAY)
    assert judge(message) is None
    assert read(message).supports(TSP)


def test_the_relay_application_counts_for_nothing_where_the_peer_lies() -> None:
    habits = Habits(relay_serves_all=False)
    refusal = judge(cea(Auth_Application_Id=RELAY), habits)
    assert refusal is not None
    assert "no application" in refusal.reason
    both = read(cea(Auth_Application_Id=[RELAY, TSP]), habits)
    assert (both.supports(TSP), both.supports(4), both.relay) == (True, False, False)


def test_an_application_may_be_assumed_that_nobody_names() -> None:
    assert judge(cea()) is not None
    habits = Habits(assumed=frozenset({TSP}))
    assert judge(cea(), habits) is None
    assert read(cea(), habits).application_ids == {TSP}


def test_a_relay_without_the_relay_application_may_be_assumed_to_be_one() -> None:
    habits = Habits(assumed=frozenset({RELAY}))
    said = read(cea(Auth_Application_Id=4), habits)
    assert (said.relay, said.supports(TSP)) == (True, True)
    assert check_cer(cer(), local(OURS), "dra.example.org", secure=False, habits=habits) is None


@pytest.mark.parametrize(
    "where",
    [
        NAMED,
        {"Acct-Application-Id": TSP},
        {"Vendor-Specific-Application-Id": {"Vendor-Id": 10415, **NAMED}},
        {"Vendor-Specific-Application-Id": {"Vendor-Id": 0, **NAMED}},
        {"Vendor-Specific-Application-Id": [{"Vendor-Id": 10415, **NAMED}, {"Vendor-Id": 5535, **NAMED}]},
    ],
    ids=["bare", "accounting", "in a vendor's group", "in a group of no vendor", "in two groups"],
)
def test_an_application_counts_wherever_it_stands(where: dict[str, Any]) -> None:
    message = cea(**where)
    assert judge(message) is None
    assert read(message).supports(TSP)


# ---- CEA


@pytest.mark.parametrize("error", [False, True], ids=["without E", "with E"])
@pytest.mark.parametrize("result", [3010, 5010, 5017])
def test_a_refusal_in_a_cea_is_one_with_and_without_the_e_bit(result: int, error: bool) -> None:
    refusal = judge(cea(result, error=error, Error_Message="go away"))
    assert refusal == Refusal(result, f"refused by the peer with {result}: go away", by_peer=True)


@pytest.mark.parametrize("lacking", ["Host_IP_Address", "Vendor_Id", "Product_Name"])
def test_a_cea_may_lack_what_is_not_needed(lacking: str) -> None:
    message = cea(**NAMED, **nothing(lacking))
    assert judge(message) is None
    strict = judge(message, Habits(incomplete_cea=False))
    assert strict is not None
    assert lacking.replace("_", "-") in strict.reason


def test_a_cea_may_lack_all_of_it_at_once() -> None:
    said = read(cea(**NAMED, Host_IP_Address=None, Vendor_Id=None, Product_Name=None))
    assert (said.product_name, said.vendor_id, said.addresses) == ("", 0, ())


@pytest.mark.parametrize("lacking", ["Origin_Host", "Origin_Realm"])
def test_a_cea_says_who_it_is_from(lacking: str) -> None:
    assert judge(cea(**NAMED, **nothing(lacking))) is not None


def test_identities_are_compared_without_case() -> None:
    assert judge(cea(**NAMED, Origin_Host="DRA.Example.ORG")) is None


# ---- a second connection of one host


@pytest.mark.parametrize("state", OPEN)
def test_a_second_connection_takes_the_place_of_the_open_one_where_it_may(state: State) -> None:
    rig = rig_in(state)
    old = rig.link()
    rig.peer._habits = Habits(replace=True)
    rig.peer.accept(connection(THIRD_LINK), rig.cer(), rig.now)
    out = rig.out()
    assert [(one.link, one.abort) for one in out if isinstance(one, Close)] == [(old, True)]
    assert [one.link for one in out if isinstance(one, Failed)] == [old]
    assert [one.link for one in out if isinstance(one, Opened)] == [THIRD_LINK]
    assert (rig.peer.open_link, rig.dog()) == (THIRD_LINK, Dog.REOPEN)


def test_a_second_connection_that_is_refused_replaces_nothing() -> None:
    rig = rig_in(State.R_OPEN)
    rig.peer._habits = Habits(replace=True)
    rig.peer.accept(connection(THIRD_LINK), rig.cer(applications=()), rig.now)
    assert rig.peer.open_link == R_LINK


# ---- Origin-State-Id


def dwr_with(rig: Rig, number: int) -> Message:
    return parse(base(local(rig.remote, origin_state_id=number)).dwr()[0])


@pytest.mark.parametrize("number", [8, 6])
def test_a_changed_origin_state_id_is_tolerated(number: int) -> None:
    rig = Rig(origin_state_id=7)
    rig.accept()
    rig.out()
    rig.receive(R_LINK, dwr_with(rig, number))
    assert any(isinstance(one, Restarted) for one in rig.out()) is (number > 7)
    assert rig.state() is State.R_OPEN


@pytest.mark.parametrize("number", [8, 6])
def test_a_changed_origin_state_id_ends_the_link_where_that_is_wanted(number: int) -> None:
    rig = with_habits(Rig(origin_state_id=7), strict_state=True)
    rig.accept()
    rig.receive(R_LINK, dwr_with(rig, 7))
    rig.receive(R_LINK, dwr_with(rig, 0))
    rig.out()
    assert rig.state() is State.R_OPEN
    rig.receive(R_LINK, dwr_with(rig, number))
    assert rig.state() is State.CLOSED
    assert "Origin-State-Id" in rig.first(Failed).reason


def test_a_new_link_may_bring_a_new_origin_state_id() -> None:
    rig = with_habits(Rig(origin_state_id=7), strict_state=True)
    rig.accept()
    rig.lose(R_LINK)
    rig.accept(rig.cer(origin_state_id=9), link=THIRD_LINK)
    assert rig.first(Restarted).origin_state_id == 9
    assert rig.state() is State.R_OPEN


# ---- DWR without an answer


def test_a_peer_that_answers_no_dwr_may_be_left_without() -> None:
    rig = Rig(timers=Timers(watch=False))
    rig.accept()
    rig.out()
    assert rig.peer.deadline() is None
    rig.wait(86_400)
    rig.peer.probe(rig.now)
    assert rig.out() == []
    assert rig.usable()
    rig.receive(R_LINK, rig.dwr())
    assert rig.answers() == [("Device-Watchdog-Answer", R_LINK, 2001)]


def test_without_dwr_a_peer_that_comes_back_is_trusted_at_once() -> None:
    rig = Rig(timers=Timers(watch=False), initiate=False)
    rig.accept()
    rig.lose(R_LINK)
    rig.accept(link=THIRD_LINK)
    assert (rig.usable(), rig.dog()) == (True, Dog.OKAY)


# ---- idle, and coming back


def test_an_idle_peer_never_expires() -> None:
    """A day without a request: DWR and DWA go on, and the peer stays open."""
    rig = rig_in(State.R_OPEN)
    asked, end = 0, rig.now + 86_400
    while rig.now < end:
        rig.due()
        for link, message in rig.written():
            asked += 1
            rig.receive(link, rig.answer(message))
    assert rig.usable()
    assert 86_400 / 33 < asked < 86_400 / 27


def test_a_peer_says_when_it_will_be_tried_again() -> None:
    rig = rig_in(State.I_OPEN, timers=Timers(tc_s=7, tc_jitter=0))
    assert rig.peer.retry_at is None
    rig.lose(rig.link())
    assert rig.peer.retry_at == rig.now + 7
