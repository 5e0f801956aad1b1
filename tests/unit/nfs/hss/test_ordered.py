"""Orders of an operator: placed in the database, carried out once, their outcome kept for whoever waits."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from diameter.errors import RequestTimeout
from helpers.exposure import NOW, SCEF, Lab, event
from helpers.mobility import HOME, IMSI, MME, NO_EPS
from nfs.cli.subscriber import command
from nfs.hss import ordered, registrations, tables
from nfs.hss.groups import tables as groups
from nfs.hss.groups.logic import Group
from nfs.hss.logic import UserId
from nfs.hss.monitoring.tables import set_imsi_group
from nfs.hss.ordered import Desk, Order, desk_of

HOUR = datetime.fromtimestamp(NOW + 3600, UTC)
METER = "meter-1@customer.example"


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.close()


def _desk(lab: Lab) -> Desk:
    desk = desk_of(lab.s6a, lab.s6a._follow, 1.0, lab.store, lab.clock)
    assert desk is not None
    return desk


def _said(lab: Lab, order: Order) -> Any:
    """The outcome of an order; nothing is left of it."""
    with lab.transaction() as connection:
        number = ordered.place(connection, order)
        assert ordered.outcome(connection, number) is None
    desk = _desk(lab)
    desk.start()
    lab.fake.settle()
    desk.stop()
    with lab.transaction() as connection:
        found = ordered.outcome(connection, number)
        assert connection.execute(ordered.ORDERED.select()).all() == []
    return found


def test_data_go_out_anew_with_what_a_scef_has_set(lab: Lab) -> None:
    lab.at()
    lab.cir(Suggested_Network_Configuration={"SCEF-ID": SCEF, "SCEF-Reference-ID": 1, "Active-Time": 77})
    assert _said(lab, Order(verb="update", imsi=IMSI)) == [{"host": MME, "good": True, "result": "2001"}]
    data = lab.fake.requests[-1]["Subscription-Data"]
    assert (data["Active-Time"], data["UE-Usage-Type"]) == (77, 7)
    assert _said(lab, Order(verb="update", imsi=NO_EPS)) == [{"host": "", "good": False, "result": "no profile"}]


def test_groups_go_out_with_the_data_and_are_withdrawn_when_there_are_none(lab: Lab) -> None:
    lab.at()
    with lab.transaction() as connection:
        groups.make(connection, Group(external_id="mine@customer.example", members=(METER,)))
        set_imsi_group(connection, "mine@customer.example", 1, "00101", b"\x07")
    assert _said(lab, Order(verb="update", imsi=IMSI)) == [{"host": MME, "good": True, "result": "2001"}]
    assert lab.fake.requests[-1]["Subscription-Data"]["IMSI-Group-Id"]["Local-Group-Id"] == b"\x07"
    with lab.transaction() as connection:
        groups.make(connection, Group(external_id="mine@customer.example"), replace=True)
    assert _said(lab, Order(verb="update", imsi=IMSI)) == [{"host": MME, "good": True, "result": "2001"}]
    inserted, deleted = lab.fake.requests[-2:]
    assert "IMSI-Group-Id" not in inserted["Subscription-Data"]
    assert (deleted.command, deleted["DSR-Flags"]) == ("Delete-Subscriber-Data-Request", 1 << 20)


def test_a_device_is_located(lab: Lab) -> None:
    lab.at()
    cell = {"E-UTRAN-Cell-Global-Identity": HOME + (9).to_bytes(4), "Tracking-Area-Identity": HOME + (3).to_bytes(2)}
    place = {"EPS-Location-Information": {"MME-Location-Information": cell}}
    state = {"EPS-User-State": {"MME-User-State": {"User-State": 4}}}
    lab.mme = lambda request: request.answer(2001, {**place, **state})
    (row,) = _said(lab, Order(verb="locate", imsi=IMSI))
    assert (row["state"], row["plmn"], row["tac"], row["cell"]) == (4, "00101", 3, 9)
    cell["Tracking-Area-Identity"] = bytes.fromhex("aabbcc0003")  # no network has these digits
    (row,) = _said(lab, Order(verb="locate", imsi=IMSI))
    assert ("plmn" in row, row["tac"], row["cell"]) == (False, 3, 9)
    lab.mme = lambda request: request.answer(2001)
    assert _said(lab, Order(verb="locate", imsi=IMSI)) == [{"host": MME, "good": True, "result": "2001"}]
    lab.mme = lambda request: request.answer(5001, vendor=10415)
    assert _said(lab, Order(verb="locate", imsi=IMSI)) == [{"host": MME, "good": False, "result": "10415:5001"}]
    lab.mme = RequestTimeout("no answer in 10 s")
    assert _said(lab, Order(verb="locate", imsi=IMSI)) == [{"host": MME, "good": False, "result": "no answer in 10 s"}]


def test_a_device_is_detached_and_nodes_hear_of_a_reset(lab: Lab) -> None:
    lab.at()
    lab._answers["Reset"] = lambda request: request.answer(2001)  # type: ignore[index]
    lab.restart()
    assert _said(lab, Order(verb="reset", detail={"users": ["00101"]})) == [
        {"host": MME, "good": True, "result": "2001"}
    ]
    assert lab.fake.requests[-1]["User-Id"] == "00101"
    _said(lab, Order(verb="detach", imsi=IMSI, detail={"reattach": True}))
    assert (lab.fake.requests[-1]["Cancellation-Type"], lab.fake.requests[-1]["CLR-Flags"]) == (2, 3)
    assert lab.registered() == {}
    assert _said(lab, Order(verb="locate", imsi=IMSI)) == []


def test_data_are_taken_away(lab: Lab) -> None:
    lab.at()
    lab._answers["Delete-Subscriber-Data"] = lambda request: request.answer(2001)  # type: ignore[index]
    lab.restart()
    lab.cir(event(5, 0, Monitoring_Duration=HOUR), event(6, 3, Monitoring_Duration=HOUR))
    detail = {"what": ["sms", "regional", "service-gap"], "apns": ["DATA"], "scef": ""}
    good = [{"host": MME, "good": True, "result": "2001"}]
    assert _said(lab, Order(verb="withdraw", imsi=IMSI, detail=detail)) == good
    asked = lab.fake.requests[-1]
    assert asked["DSR-Flags"] == 1 << 0 | 1 << 3 | 1 << 13 | 1 << 31
    assert (asked.all("TS-Code"), asked.all("Context-Identifier")) == ((b"\x21", b"\x22"), (2,))
    assert [each.reference for each in lab.items()] == [5, 6]
    said = _said(lab, Order(verb="withdraw", imsi=IMSI, detail={"what": [], "apns": [], "scef": SCEF.upper()}))
    assert (said, lab.items()) == (good, [])
    assert (lab.fake.requests[-1]["DSR-Flags"], lab.fake.requests[-1]["SCEF-ID"]) == (1 << 21, SCEF)
    lab.later(0)
    assert [each["Monitoring-Event-Report"]["Event-Handling"] for each in lab.reports()] == [2, 2]
    said = _said(lab, Order(verb="withdraw", imsi=IMSI, detail=detail | {"apns": ["nowhere"]}))
    assert said == [{"host": "", "good": False, "result": "no APN nowhere in its profile"}]


@pytest.mark.parametrize(
    ("arguments", "complaint"), [(("colour",), "colour: one of sms, regional"), ((), "say what goes")]
)
def test_nothing_that_could_be_taken_away(lab: Lab, arguments: tuple[str, ...], complaint: str) -> None:
    result = _cli(lab, "withdraw", METER, *arguments)
    assert (result.exit_code, complaint in result.output) == (2, True)


def test_nodes_let_go_of_a_subscriber_that_is_removed(lab: Lab) -> None:
    """Until each has answered; one that has the IMSI again keeps it."""
    lab.at()
    desk = _desk(lab)

    def look(after_s: float = 0) -> list[Any]:
        lab.clock.advance(after_s)
        desk.wake()
        lab.fake.settle()
        asked = [each for each in lab.fake.requests if each.command == "Cancel-Location-Request"]
        return [(each["User-Name"], each["Cancellation-Type"], each["Destination-Host"]) for each in asked]

    lab.fake.requests.clear()
    lab.mme = RequestTimeout("no answer in 10 s")
    result = _cli(lab, "remove", METER)
    assert (result.output, result.exit_code) == (f"{IMSI} removed\n", 0)
    once = (IMSI, 2, MME)
    assert look() == [once]
    assert look() == [once]
    lab.restart()
    desk = _desk(lab)
    lab.mme = lambda request: request.answer(2001)
    assert look(ordered.AGAIN_S) == [once]
    assert look(ordered.AGAIN_S) == [once]
    with lab.transaction() as connection:
        assert connection.execute(ordered.ORDERED.select()).all() == []
        assert ordered.remove(connection, IMSI, 0) is False


def test_who_has_the_imsi_now_stays_where_he_is(lab: Lab) -> None:
    lab.at()
    with lab.transaction() as connection:
        here = registrations.of(connection, IMSI)
        found = tables.find(connection, UserId(imsi=IMSI))
        assert found is not None
        ordered.remove(connection, IMSI, lab.clock.seconds())
        tables.save(connection, found)
        registrations.put(connection, IMSI, here["mme"], None)
    desk = _desk(lab)
    desk.wake()
    lab.fake.settle()
    assert [each.command for each in lab.fake.requests if each.command_code == 317] == []
    with lab.transaction() as connection:
        assert connection.execute(ordered.ORDERED.select()).all() == []


def test_who_ends_a_removal_late_does_not_touch_the_order_that_has_its_number_now(lab: Lab) -> None:
    """Another HSS took it after a minute, and was quicker."""
    lab.at()
    numbers: list[int] = []

    def late(request: Any) -> Any:
        with lab.transaction() as connection:
            (number,) = connection.execute(ordered.ORDERED.select().with_only_columns(ordered.ORDERED.c.id)).scalars()
            connection.execute(ordered.ORDERED.delete())
            numbers.extend((number, ordered.place(connection, Order(verb="locate", imsi=NO_EPS))))
        return request.answer(2001)

    lab._answers["Cancel-Location"] = late  # type: ignore[index]
    lab.restart()
    with lab.transaction() as connection:
        ordered.remove(connection, IMSI, lab.clock.seconds())
    _desk(lab).wake()
    lab.fake.settle()
    assert numbers[0] == numbers[1]
    with lab.transaction() as connection:
        assert [row.verb for row in connection.execute(ordered.ORDERED.select())] == ["locate"]


def test_an_order_is_taken_once_and_not_kept_for_ever(lab: Lab) -> None:
    now = int(lab.clock.seconds())
    with lab.transaction() as connection:
        ordered.place(connection, Order(verb="reset"))
        assert len(ordered.claim(connection, now)) == 1
        assert ordered.claim(connection, now) == []
        ordered.claim(connection, now + ordered.GIVEN_UP_S)
        assert connection.execute(ordered.ORDERED.select()).all() == []
    assert desk_of(lab.s6a, None, 0, lab.store, lab.clock) is None


def test_a_database_that_fails(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    _ = lab.store.close()
    desk = _desk(lab)
    desk.start()
    lab.fake.settle()
    desk.stop()
    assert desk.failures == 1


def _cli(lab: Lab, *arguments: str) -> Result:
    database = ("--database", str(lab.folder / "hss.db"))
    return CliRunner().invoke(command, [*arguments, *database], catch_exceptions=False)


@pytest.mark.parametrize(
    ("rows", "output", "status"),
    [
        ([{"host": MME, "good": True, "result": "2001", "state": 4, "plmn": "00101", "tac": 3, "cell": 9}],
         f"{MME}  2001  connected  plmn 00101  tac 3  cell 9\n", 0),
        ([{"host": MME, "good": False, "result": "10415:5001"}], f"{MME}  10415:5001\nError: not done\n", 1),
        ([], "Error: no node serves it\n", 1),
    ],
)  # fmt: skip
def test_the_verb_waits_for_the_outcome(lab: Lab, rows: list[dict[str, Any]], output: str, status: int) -> None:
    """An HSS of another process, which answers as soon as there is an order."""
    done = threading.Event()

    def answer() -> None:
        while not done.wait(0.01):
            with lab.transaction() as connection:
                for number, _ in ordered.claim(connection, 1):
                    ordered.finish(connection, number, rows)
                    done.set()

    hss = threading.Thread(target=answer)
    hss.start()
    result = _cli(lab, "locate", METER, "--timeout", "60")
    done.set()
    hss.join()
    assert (result.output, result.exit_code) == (output, status)


@pytest.mark.parametrize(
    "verb",
    [
        ("update", METER),
        ("withdraw", METER, "csg"),
        ("locate", METER),
        ("detach", METER, "--reattach"),
        ("reset", "00101"),
    ],
)
def test_nobody_takes_it(lab: Lab, verb: tuple[str, ...]) -> None:
    result = _cli(lab, *verb, "--timeout", "0.01")
    assert result.exit_code == 1
    assert "is orders_s set in its [hss]?" in result.output
    with lab.transaction() as connection:
        assert connection.execute(ordered.ORDERED.select()).all() == []


def test_what_comes_of_an_order_is_never_taken_for_that_of_another(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """An HSS takes an order and is not done with it when the verb has waited long enough."""
    place, numbers = ordered.place, []

    def taken(connection: Connection, order: Order) -> int:
        numbers.append(place(connection, order))
        ordered.claim(connection, 1)
        return numbers[-1]

    monkeypatch.setattr(ordered, "place", taken)
    result = _cli(lab, "detach", METER, "--timeout", "0.01")
    assert (result.exit_code, "is not done with it" in result.output) == (1, True)
    with lab.transaction() as connection:
        other = place(connection, Order(verb="locate", imsi=IMSI))
        ordered.finish(connection, numbers[0], [{"host": MME, "good": True, "result": "2001"}])
        assert ordered.outcome(connection, other) is None


def test_digits_that_are_none(lab: Lab) -> None:
    assert _cli(lab, "reset", "mme").exit_code == 2
