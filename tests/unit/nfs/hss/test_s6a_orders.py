"""What the HSS asks of MMEs and SGSNs: CLR, IDR with monitoring events, DSR, RSR; what becomes of their answers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter import Message
from diameter.errors import RequestTimeout
from helpers.mobility import IMSI, MME, OLD, SGSN, TUAK_IMSI, Rig
from nfs.hss import registrations
from nfs.hss.registrations import Watch

LOCATION = 1 << 3
EVENT = Watch(scef="scef.example", reference=7, event=2, detail={"Maximum-Number-of-Reports": 1})


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.ulr()
    yield rig
    rig.close()


def _last(rig: Rig) -> Message:
    return rig.fake.requests[-1]


def test_data_are_inserted_where_the_subscriber_is(rig: Rig) -> None:
    (outcome,) = rig.wait(rig.s6a.orders.insert(IMSI, {"Access-Restriction-Data": 1}))
    assert outcome.good
    assert (outcome.host, outcome.result) == (MME, (0, 2001))
    request = _last(rig)
    assert (request.command, request["Destination-Host"], request["User-Name"]) == (
        "Insert-Subscriber-Data-Request",
        MME,
        IMSI,
    )
    assert request["Subscription-Data"]["Access-Restriction-Data"] == 1
    assert "IDR-Flags" not in request


def test_state_is_asked_for(rig: Rig) -> None:
    rig.wait(rig.s6a.orders.insert(IMSI, {}, LOCATION))
    assert _last(rig)["IDR-Flags"] == LOCATION
    assert _last(rig).faults == ()


def test_nobody_is_asked_about_who_is_nowhere(rig: Rig) -> None:
    assert rig.wait(rig.s6a.orders.insert(TUAK_IMSI, {})) == []
    rig.ask("Purge-UE", {"User-Name": IMSI})
    assert rig.wait(rig.s6a.orders.insert(IMSI, {})) == []
    assert rig.fake.sent == []


def test_an_event_is_watched_for_and_kept(rig: Rig) -> None:
    (outcome,) = rig.wait(rig.s6a.orders.watch(IMSI, EVENT))
    assert outcome.good
    event = _last(rig)["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert (event["SCEF-Reference-ID"], event["Monitoring-Type"], event["Maximum-Number-of-Reports"]) == (7, 2, 1)
    with rig.transaction() as connection:
        assert registrations.watched(connection, IMSI) == (EVENT,)


def test_an_event_of_m_clear(rig: Rig) -> None:
    """The AVPs of TS 29.336 go with the M bit clear on S6a (TS 29.272 7.3.1)."""
    rig.wait(rig.s6a.orders.watch(IMSI, EVENT))
    at = _last(rig).octets.index((3122).to_bytes(4))
    assert _last(rig).octets[at + 4] == 0x80


def test_one_event_is_withdrawn_and_then_all_of_an_scef(rig: Rig) -> None:
    for reference in (7, 8, 9):
        rig.wait(rig.s6a.orders.watch(IMSI, Watch(scef="scef.example", reference=reference, event=1)))
    rig.wait(rig.s6a.orders.unwatch(IMSI, "scef.example", 8))
    event = _last(rig)["Subscription-Data"]["Monitoring-Event-Configuration"]
    assert event["SCEF-Reference-ID-for-Deletion"] == 8
    with rig.transaction() as connection:
        assert [each.reference for each in registrations.watched(connection, IMSI)] == [7, 9]
    rig.wait(rig.s6a.orders.unwatch(IMSI, "scef.example"))
    assert (_last(rig)["DSR-Flags"], _last(rig)["SCEF-ID"]) == (1 << 21, "scef.example")
    with rig.transaction() as connection:
        assert registrations.watched(connection, IMSI) == ()


def test_a_subscription_is_withdrawn_everywhere(rig: Rig) -> None:
    rig.ulr(host=SGSN, ULR_Flags=0)
    outcomes = rig.wait(rig.s6a.orders.withdraw(IMSI, reattach=True))
    assert {outcome.host for outcome in outcomes} == {MME, SGSN}
    assert {(each["Cancellation-Type"], each["CLR-Flags"]) for each in rig.fake.requests} == {(2, 3), (2, 2)}
    assert rig.registered() == {}


def test_every_node_hears_of_a_reset_once(rig: Rig) -> None:
    rig.ulr(TUAK_IMSI)
    rig.ulr(TUAK_IMSI, SGSN, ULR_Flags=0)
    rig.wait(rig.s6a.orders.reset(["00101"]))
    assert sorted(request["Destination-Host"] for request in rig.fake.requests) == [MME, SGSN]
    assert _last(rig)["User-Id"] == "00101"
    rig.wait(rig.s6a.orders.reset())
    assert "User-Id" not in _last(rig)


def test_what_a_node_refuses_or_never_answers_is_said(tmp_path: Path) -> None:
    folder = tmp_path / "other"
    folder.mkdir()
    script = [lambda r: r.answer(5001, vendor=10415), RequestTimeout("no answer in 10 s")]
    rig = Rig(folder, {"Insert-Subscriber-Data": script, "Cancel-Location": RequestTimeout("no answer in 10 s")})
    rig.ulr(host=OLD)
    (refused,) = rig.wait(rig.s6a.orders.insert(IMSI, {}))
    assert (refused.good, refused.result) == (False, (10415, 5001))
    (silent,) = rig.wait(rig.s6a.orders.insert(IMSI, {}))
    assert (silent.good, silent.result, silent.why) == (False, None, "no answer in 10 s")
    assert rig.ulr().result == (0, 2001)  # an old MME that is gone holds up nobody
    assert rig.registered()["mme"].host == MME
    rig.close()
