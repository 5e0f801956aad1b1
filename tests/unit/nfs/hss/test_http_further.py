"""By HTTP: files of subscribers, groups and rights, what SCEFs have, terminals, orders."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread, current_thread
from typing import Any

import pytest
from sqlalchemy import Connection

from helpers.inline import InlineReactor
from helpers.provisioned import SEAL, Rig, fits, spawn
from nfs.hss import binding, cards, importing, ordered, tables
from nfs.hss.http.config import ProvisioningTable
from nfs.hss.http.desk import Desk
from nfs.hss.http.imports import Imports
from nfs.hss.http.problems import Problem
from nfs.hss.http.requests import BODY_LIMIT, FILE_LIMIT
from nfs.hss.importing import MOST_FAULTS
from nfs.hss.logic import UserId
from nfs.hss.monitoring import tables as monitoring
from nfs.hss.monitoring.tables import Item

IMSI, OTHER = "001010000000001", "001010000000002"
METER, FLEET = "meter-1@customer.example", "fleet@customer.example"
K, OPC = "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
CSV = f"imsi,msisdn,external_ids,scs,k,opc\n{IMSI},15550100001,{METER},15550001,{K},{OPC}\n{OTHER},,,,,\n".encode()
SCEF = "scef.operator.example"
ROW = {"device": METER, "scef": SCEF, "services": ["location"]}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    rig.ask("PUT", f"subscribers/{IMSI}", {"external_ids": [{"identifier": METER}]})
    yield rig
    rig.close()


def send(rig: Rig, path: str, data: bytes, kind: str = "text/csv; charset=utf-8") -> tuple[int, Any]:
    return rig.ask("POST", path, data, content_type=kind)


def bring(rig: Rig, data: bytes) -> Any:
    """Import a file, to its end; what is then said of it."""
    code, begun = send(rig, "imports", data)
    assert (code, begun["state"]) == (202, "reading")
    fits("Import", begun)
    ((work, over),) = rig.aside
    work()
    over()
    rig.aside.clear()
    code, found = rig.ask("GET", f"imports/{begun['id']}")
    fits("Import", found)
    assert code == 200
    return found


def test_a_file_of_subscribers_comes_in_whole(rig: Rig) -> None:
    found = bring(rig, CSV)
    assert (found["state"], found["rows"], found["errors"]) == ("done", 2, [])
    assert (found["done"], rig.woken) == (found["of"], ["imported"])
    with rig.engine.begin() as connection:
        for imsi in (IMSI, OTHER):
            assert tables.find(connection, UserId(imsi=imsi)) is not None
        _, card = cards.find_many(connection, [IMSI], SEAL)[IMSI]  # type: ignore[misc]
    assert card is not None
    assert card.k.hex() == K


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (CSV.replace(b"15550100001", b"x"), "file:2: MSISDN: "),
        (CSV + CSV.splitlines()[1], "file:4: imsi: "),
        (b"what", "file:1: "),
        (CSV + b"\xff", "file: not UTF-8 at octet "),
        (b'[{"imsi": "1", "nodes": [{"kind": "mme", "number": "1", "name": "\\ud800"}]}]', "file:1: nodes.0.name: "),
    ],
)
def test_a_file_with_a_mistake_changes_nothing(rig: Rig, data: bytes, said: str) -> None:
    found = bring(rig, data)
    assert (found["state"], found["errors"][0][: len(said)]) == ("failed", said)
    with rig.engine.begin() as connection:
        assert tables.find(connection, UserId(imsi=OTHER)) is None
    assert rig.woken == []


def test_one_import_at_a_time_and_none_that_is_not_known(rig: Rig) -> None:
    send(rig, "imports", CSV)
    code, problem = send(rig, "imports", CSV)
    assert (code, problem["title"]) == (409, "another import is under way")
    assert send(rig, "imports", CSV, "application/json")[0] == 415
    for number in ("2", "0", "x", "9" * 12):
        assert rig.ask("GET", f"imports/{number}")[0] == 404


def test_a_defect_ends_one_import_and_not_those_after_it(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise KeyError(K)

    with monkeypatch.context() as patch:
        patch.setattr(importing, "load", fails)
        found = bring(rig, CSV)
    assert (found["state"], len(found["errors"])) == ("failed", 1)
    assert found["errors"][0].startswith("a defect of this program: KeyError at test_http_further.py:")
    assert bring(rig, CSV)["state"] == "done"


def test_the_thread_of_an_import_ends_where_the_reactor_has_stopped(rig: Rig) -> None:
    class Stopped(InlineReactor):
        def callFromThread(self, *_: object) -> None:
            threads.append(current_thread())
            told.set()

    (rig.folder / "token").write_text("0123456789abcdef")
    table = ProvisioningTable(
        port=0, token=rig.folder / "token", physical_protection=True, physical_protection_reason="a test"
    )
    stores, threads, told = (rig.store, rig.reads), list[Thread](), Event()

    def nothing(*_: object) -> None: ...

    desk = Desk(table, Stopped(), stores, SEAL, nothing, spawn, rig.audit, imported=nothing, wake=nothing)
    other = Desk(table, Stopped(), stores, SEAL, nothing, spawn, rig.audit, imported=nothing, wake=nothing)
    assert desk._imports._number != other._imports._number  # nobody takes an import of the one for the other's
    desk._aside(lambda: None, nothing)
    assert told.wait(120)
    threads[0].join(120)
    assert not threads[0].is_alive()


def test_keys_need_a_seal_and_an_end_takes_an_import_back(rig: Rig, tmp_path: Path) -> None:
    work: list[Any] = []
    imports = Imports(rig.engine, None, lambda *both: work.append(both), lambda: None)
    for at in range(22):
        if at == 21:
            imports.stopped = True
        one = imports.begin((tmp_path / "file").open("wb+"))
        (tmp_path / "file").write_bytes(CSV if at < 21 else CSV.replace(K.encode(), b"").replace(OPC.encode(), b""))
        for each in work.pop():
            each()
        wrong = "the HSS is ending: nothing was imported" if at == 21 else "this HSS has no key_file"
        assert (one.state, one.errors[0][: len(wrong)]) == ("failed", wrong)
    with pytest.raises(Problem, match="no such import"):
        imports.find("1")  # the last twenty are kept
    assert imports.find("22") is one


def test_what_a_file_may_be(rig: Rig) -> None:
    class Long:
        args = content = transport = None

        def __init__(self, kind: bytes) -> None:
            self.told = {b"content-type": kind, b"authorization": b"Bearer 0123456789abcdef"}

        def getHeader(self, name: bytes) -> bytes | None:
            return self.told.get(name)

    gate: Any = rig.provisioning.gate
    assert gate(Long(b"text/csv"), BODY_LIMIT + 1) is None
    assert gate(Long(b"application/json"), BODY_LIMIT + 1).status == 413
    assert gate(Long(b"text/csv"), FILE_LIMIT + 1).status == 413


GROUPS = {"schema": 1, "groups": [{"group": FLEET, "members": [METER]}]}


def test_groups_as_a_file_and_who_is_in_one(rig: Rig) -> None:
    data = json.dumps(GROUPS).encode()
    assert send(rig, "files/groups", data) == (200, {"schema": 1, "groups": 1, "devices": 0})
    code, problem = send(rig, "files/groups", data)
    assert (code, problem["errors"][0]["detail"].startswith("file")) == (422, True)
    assert send(rig, "files/groups?replace=true", data)[0] == 200
    code, document = rig.ask("GET", "files/groups")
    assert (code, [each["group"] for each in document["groups"]]) == (200, [FLEET])
    fits("GroupFile", document)
    code, row = rig.ask("GET", f"groups/{FLEET}/members")
    fits("GroupNow", row)
    assert (code, [(each["device"], each["by_rule"]) for each in row["now"]]) == (200, [(METER, False)])
    assert rig.ask("GET", "groups/no@customer.example/members")[0] == 404
    assert send(rig, "files/groups", b"{")[0] == 422
    assert send(rig, "files/groups", b"\xff")[0] == 422
    assert send(rig, "files/groups", data, "application/json")[0] == 415
    wanted = {"service": 1, "plmn": "00101", "local": "07"}
    assert rig.ask("PUT", f"groups/{FLEET}/imsi-group", wanted) == (204, None)
    assert rig.ask("PUT", f"groups/{FLEET}/imsi-group", wanted | {"plmn": "1"})[0] == 422
    assert rig.ask("PUT", f"groups/{FLEET}/imsi-group", wanted | {"local": "0"})[0] == 422
    assert rig.ask("PUT", "groups/no@customer.example/imsi-group", wanted)[0] == 404


def test_the_access_matrix(rig: Rig) -> None:
    code, done = rig.ask("POST", "access", ROW)
    assert (code, done, rig.woken) == (200, {"schema": 1, "changed": 1, "ended": 0}, ["orders"])
    code, document = rig.ask("GET", f"access?identity={METER}")
    fits("AccessFile", document)
    assert [(each["device"], each["services"]) for each in document["access"]] == [(IMSI, ["location"])]
    with rig.engine.begin() as connection:
        item = Item(imsi=IMSI, kind="event", scef=SCEF, reference=7, type=2, detail={"type": 2})
        monitoring.put(connection, item)
    code, shown = rig.ask("GET", "watched")
    fits("Watched", shown)
    assert [(each["what"], each["reference"]) for each in shown["items"]] == [("location", 7)]
    code, done = rig.ask("POST", "access/withdraw", ROW)
    fits("AccessChanged", done)
    assert (done["changed"], done["ended"]) == (1, 1)
    assert rig.ask("GET", f"watched?identity={IMSI}")[1]["items"] == []
    assert rig.ask("POST", "access/withdraw", ROW)[0] == 404
    assert rig.ask("POST", "access", ROW | {"device": "nobody@customer.example"})[0] == 404
    assert rig.ask("POST", "access", ROW | {"device": "@"})[0] == 422
    assert rig.ask("POST", "access", ROW | {"scef": None})[0] == 422
    assert rig.ask("GET", "access?identity=4711")[0] == 404


def test_the_access_matrix_from_a_file_all_or_nothing(rig: Rig) -> None:
    good = f"device,scef,services\n{METER},{SCEF},location;nidd\n".encode()
    code, problem = send(rig, "files/access", good + f"nobody@customer.example,{SCEF},nidd\n".encode())
    assert (code, problem["errors"][0]["detail"]) == (422, "file:3: no subscriber has nobody@customer.example")
    assert rig.ask("GET", "access")[1]["access"] == []
    assert send(rig, "files/access", good) == (200, {"schema": 1, "imported": 1})
    assert rig.ask("GET", "access")[1]["access"][0]["services"] == ["location", "nidd"]
    for wrong in (b"x", b"device\n" + b"1" * 200_000, b'device\n"1', b"device\n1,2"):
        code, problem = send(rig, "files/access", wrong)
        assert (code, problem["errors"][0]["detail"][:5]) == (422, "file:")
    code, problem = send(rig, "files/access", json.dumps([{"device": IMSI, "providers": ["\ud800"]}]).encode())
    assert (code, problem["errors"][0]["detail"].partition(":")[0]) == (422, "file")


def test_a_file_of_rights_looks_at_what_scefs_have_once(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    with rig.engine.begin() as connection:
        item = Item(imsi=IMSI, kind="event", scef=SCEF, reference=7, type=2, detail={"type": 2})
        monitoring.put(connection, item)
    looked = []
    every = monitoring.every

    def look(connection: Connection) -> Iterator[Item]:
        looked.append(1)
        return every(connection)

    monkeypatch.setattr(monitoring, "every", look)
    rows = [ROW, ROW | {"scef": None, "services": [], "never": ["location"]}, ROW]
    assert send(rig, "files/access", json.dumps(rows).encode())[0] == 200
    assert looked == [1]
    assert rig.ask("GET", f"watched?identity={IMSI}")[1]["items"] == []


def test_of_many_mistakes_of_a_file_some_are_named_and_the_others_counted(rig: Rig) -> None:
    code, problem = send(rig, "files/access", b"device\n" + b"1,2\n" * 3)
    assert (code, len(problem["errors"])) == (422, 1)
    rows = [{"device": ""}] * (MOST_FAULTS + 2)
    code, problem = send(rig, "files/access", json.dumps(rows).encode())
    assert (code, len(problem["errors"])) == (422, MOST_FAULTS + 1)
    assert problem["errors"][-1]["detail"] == "2 faults more"


def test_the_terminal_of_a_subscription(rig: Rig) -> None:
    path = f"subscribers/{IMSI}/terminal"
    assert rig.ask("PUT", path, {"imei": "35299708123456", "bar": True}) == (204, None)
    with rig.engine.begin() as connection:
        assert binding.of(connection, IMSI) == binding.Binding(imsi=IMSI, imei="35299708123456", bar=True)
    assert rig.ask("DELETE", path) == (204, None)
    assert rig.ask("DELETE", path)[0] == 404
    assert rig.ask("PUT", path, {"imei": "1"})[0] == 422
    assert rig.ask("PUT", f"subscribers/{OTHER}/terminal", {"imei": "35299708123456"})[0] == 404


def test_an_order_is_placed_asked_after_and_forgotten(rig: Rig) -> None:
    code, placed = rig.ask("POST", "orders", {"verb": "locate", "imsi": IMSI})
    assert (code, rig.woken) == (202, ["orders"])
    path = f"orders/{placed['id']}"
    assert rig.ask("GET", path)[1]["nodes"] is None
    with rig.engine.begin() as connection:
        ((number, order),) = ordered.claim(connection, 100)
        assert (order.verb, order.imsi) == ("locate", IMSI)
        ordered.finish(connection, number, [{"host": "mme.example", "good": True, "result": "2001"}])
    for _ in range(2):  # whoever did not hear it asks again
        code, found = rig.ask("GET", path)
        fits("Outcome", found)
        assert [each["host"] for each in found["nodes"]] == ["mme.example"]
    assert rig.ask("DELETE", path) == (200, {"schema": 1, "taken": True})
    assert rig.ask("GET", path)[0] == 404
    placed = rig.ask("POST", "orders", {"verb": "reset", "users": ["00101"]})[1]
    assert rig.ask("DELETE", f"orders/{placed['id']}") == (200, {"schema": 1, "taken": False})


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"verb": "locate"}, 422),
        ({"verb": "reset", "imsi": IMSI}, 422),
        ({"verb": "remove", "imsi": IMSI}, 422),
        ({"verb": "withdraw", "imsi": IMSI}, 422),
        ({"verb": "withdraw", "imsi": IMSI, "what": ["all"]}, 422),
        ({"verb": "reset", "users": ["x"]}, 422),
        ({"verb": "locate", "imsi": OTHER}, 404),
        ({"verb": "withdraw", "imsi": IMSI, "what": ["sms"], "apns": ["data"]}, 202),
        ({"verb": "detach", "imsi": IMSI, "reattach": True}, 202),
    ],
)
def test_orders_that_cannot_be(rig: Rig, body: dict[str, Any], code: int) -> None:
    assert rig.ask("POST", "orders", body)[0] == code
