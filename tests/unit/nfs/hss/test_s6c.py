"""S6c at the HSS: the way to a device, what is waited for, alerts, and every result code for its reason."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from diameter import Dictionary, Message, RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine
from nfs.common.identities import encode_number
from nfs.common.nodes import NodeKind, ServingNode
from nfs.common.store import Cache, Store
from nfs.hss import tables, waiting_tables
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.s6c import FIRST_ALERT_AGAIN_S, S6c

MME = ServingNode(kind=NodeKind.MME, number="15559001", name="mme1.example", realm="example")
SGSN = ServingNode(kind=NodeKind.SGSN, number="15559003", name="sgsn1.example", realm="example")
METER = Subscriber(imsi="001010000000001", msisdn="15550100001", nodes=(MME, SGSN))
BARE = Subscriber(imsi="001010000000002")
DEAF = Subscriber(imsi="001010000000003", sms=False, barred=True)
BARRED = Subscriber(imsi="001010000000004", barred=True)
SC, OTHER = encode_number("15550000200"), encode_number("15550000201")
ABSENT, FULL, SUCCESS = {"SM-Delivery-Cause": 1}, {"SM-Delivery-Cause": 0}, {"SM-Delivery-Cause": 2}


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


class Rig:
    def __init__(self, folder: Path, dictionary: Dictionary) -> None:
        self.folder, self.dictionary = folder, dictionary
        self.clock = InlineReactor()
        self.engine = open_engine(database_url("hss.db", folder), migrations="nfs.hss:migrations", name="hss")
        with self.engine.begin() as connection:
            for each in (METER, BARE, DEAF, BARRED):
                tables.save(connection, each)
        self.store = Store(self.engine, self.clock, InlineThreads())
        self.cache: Cache[UserId, Subscriber | None] = Cache(10, 100.0, self.clock.seconds)
        self.audit = AuditLog(folder / "audit", "hss.example")
        self.alerts: list[Message] = []
        self.answers: list[Callable[[Message], Message] | Exception] = []
        self.start()

    def start(self, limit: int = 2) -> None:
        """Another process on the same database."""
        self.s6c = S6c(self.store, self.cache, self.audit, limit=limit, call_later=self.clock.callLater)
        self.fake = FakeRequester(
            self.s6c, self.dictionary, {"Alert-Service-Centre-Request": self._alerted}, clock=self.clock
        )

    def _alerted(self, request: Message) -> Message:
        self.alerts.append(request)
        answer = self.answers.pop(0) if self.answers else lambda r: r.answer(2001)
        if isinstance(answer, Exception):
            raise answer
        return answer(request)

    def route(self, **changed: Any) -> Message:
        avps: dict[str, Any] = {"MSISDN": encode_number("15550100001"), "SC-Address": SC, "SRR-Flags": 1, **changed}
        return self.fake.deliver("Send-Routing-Info-for-SM", {k.replace("_", "-"): v for k, v in _given(avps)})

    def report(self, outcome: dict[str, Any], **changed: Any) -> Message:
        avps: dict[str, Any] = {
            "User-Identifier": {"User-Name": METER.imsi},
            "SC-Address": SC,
            "SM-Delivery-Outcome": outcome,
            **changed,
        }
        answer = self.fake.deliver("Report-SM-Delivery-Status", {k.replace("_", "-"): v for k, v in _given(avps)})
        self.fake.settle()
        return answer

    def back(self, kind: NodeKind | None) -> None:
        run(self.s6c.back(METER.imsi, kind), self.clock)
        self.fake.settle()

    def nodes(self) -> dict[NodeKind, bool]:
        with self.engine.begin() as connection:
            found = tables.find(connection, UserId(imsi=METER.imsi))
        assert found is not None
        return {node.kind: node.reachable for node in found.nodes}

    def centres(self) -> list[str]:
        with self.engine.begin() as connection:
            return [each.address for each in waiting_tables.read(connection, METER.imsi).centres]


def _given(avps: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(name, value) for name, value in avps.items() if value is not None]


@pytest.fixture
def rig(tmp_path: Path, dictionary: Dictionary) -> Iterator[Rig]:
    rig = Rig(tmp_path, dictionary)
    yield rig
    _ = rig.store.close()
    rig.audit.close()


def test_the_way_to_a_device(rig: Rig) -> None:
    answer = rig.route()
    assert (answer.result, answer.faults) == ((0, 2001), ())
    assert answer["User-Name"] == METER.imsi
    assert answer["Serving-Node"]["MME-Name"] == "mme1.example"
    assert answer["Additional-Serving-Node"]["SGSN-Name"] == "sgsn1.example"
    assert "MWD-Status" not in answer
    by_imsi = rig.route(MSISDN=None, User_Name=METER.imsi, SRR_Flags=0)
    assert by_imsi["Serving-Node"] == answer["Serving-Node"]
    assert "Additional-Serving-Node" not in by_imsi


def test_only_the_imsi(rig: Rig) -> None:
    answer = rig.route(MSISDN=None, User_Name=BARE.imsi, SM_Delivery_Not_Intended=0)
    assert (answer.result, answer["User-Name"]) == ((0, 2001), BARE.imsi)
    assert "Serving-Node" not in answer


@pytest.mark.parametrize(
    ("changed", "result"),
    [
        ({"MSISDN": encode_number("15559999999")}, (10415, 5001)),
        ({"MSISDN": b"\xfe"}, (10415, 5001)),
        ({"MSISDN": None, "User_Name": "x"}, (10415, 5001)),
        ({"MSISDN": None, "User_Name": DEAF.imsi}, (10415, 5556)),
        ({"MSISDN": None, "User_Name": BARRED.imsi}, (10415, 5557)),
        ({"SM_Delivery_Not_Intended": 1}, (10415, 5552)),
        ({"SMSMI_Correlation_ID": {"HSS-ID": "h"}}, (10415, 5552)),
    ],
)
def test_refusals_of_a_way_are_audited(rig: Rig, changed: dict[str, Any], result: tuple[int, int]) -> None:
    answer = rig.route(**changed)
    assert (answer.result, answer.faults) == (result, ())
    (line,) = [json.loads(text) for text in (rig.folder / "audit").read_text().splitlines()]
    assert (line["check"], line["area"], line["reason"]) == ("routing-information", "core", str(result[1]))


@pytest.mark.parametrize(
    ("changed", "result"),
    [({"MSISDN": None}, 5005), ({"SC_Address": b"\xfe"}, 5004)],
)
def test_a_question_without_sense(rig: Rig, changed: dict[str, Any], result: int) -> None:
    assert rig.route(**changed).result == (0, result)


def test_an_absent_device_is_waited_for(rig: Rig) -> None:
    answer = rig.route(MSISDN=None, User_Name=BARE.imsi)
    assert (answer.result, answer.faults) == ((10415, 5550), ())
    assert (answer["MWD-Status"], answer["MME-Absent-User-Diagnostic-SM"]) == (2, 1)
    run(rig.s6c.back(BARE.imsi, NodeKind.MME), rig.clock)
    (alert,) = rig.alerts
    assert (alert["Destination-Host"], alert["User-Identifier"]["User-Name"]) == ("peer.example.net", BARE.imsi)
    assert (alert.raw("SC-Address"), "MSISDN" in alert["User-Identifier"]) == (SC, False)


def test_a_single_attempt_is_not_waited_for(rig: Rig) -> None:
    answer = rig.route(MSISDN=None, User_Name=BARE.imsi, SRR_Flags=4)
    assert (answer.result, answer["MWD-Status"]) == ((10415, 5550), 3)
    run(rig.s6c.back(BARE.imsi, NodeKind.MME), rig.clock)
    assert rig.alerts == []


def test_a_report_of_absence_closes_the_node_until_the_device_is_back(rig: Rig) -> None:
    absent = {**ABSENT, "Absent-User-Diagnostic-SM": 0}
    sgsn = {**ABSENT, "Absent-User-Diagnostic-SM": 6}
    answer = rig.report({"MME-SM-Delivery-Outcome": absent, "SGSN-SM-Delivery-Outcome": sgsn})
    assert (answer.result, answer.faults) == ((0, 2001), ())
    assert answer["User-Identifier"].raw("MSISDN") == encode_number("15550100001")
    assert rig.nodes() == {NodeKind.MME: False, NodeKind.SGSN: False}
    refused = rig.route()
    assert (refused.result, refused["MWD-Status"]) == ((10415, 5550), 10)
    assert (refused["MME-Absent-User-Diagnostic-SM"], refused["SGSN-Absent-User-Diagnostic-SM"]) == (0, 6)
    urgent = rig.route(SRR_Flags=3)
    assert (urgent.result, urgent["MWD-Status"], "Additional-Serving-Node" in urgent) == ((0, 2001), 10, True)
    rig.back(NodeKind.MME)
    assert rig.nodes() == {NodeKind.MME: True, NodeKind.SGSN: False}
    assert [alert["User-Identifier"].raw("MSISDN") for alert in rig.alerts] == [encode_number("15550100001")]
    assert rig.route()["Serving-Node"]["MME-Name"] == "mme1.example"
    rig.back(NodeKind.SGSN)
    assert len(rig.alerts) == 1  # the list is empty


def test_a_full_memory_is_waited_for(rig: Rig) -> None:
    assert rig.report({"MME-SM-Delivery-Outcome": FULL}).result == (0, 2001)
    assert rig.route()["MWD-Status"] == 4  # the way is told all the same
    rig.back(NodeKind.MME)
    assert rig.alerts == []
    rig.back(None)
    assert len(rig.alerts) == 1
    assert "MWD-Status" not in rig.route()


def test_a_success_clears_the_flags_and_alerts_the_others(rig: Rig) -> None:
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    rig.report({"MME-SM-Delivery-Outcome": FULL}, SC_Address=OTHER)
    assert rig.centres() == ["15550000200", "15550000201"]
    rig.report({"MME-SM-Delivery-Outcome": SUCCESS}, SC_Address=SC)
    assert [alert.raw("SC-Address") for alert in rig.alerts] == [OTHER]
    assert (rig.centres(), rig.nodes()[NodeKind.MME]) == ([], True)


def test_a_full_list(rig: Rig) -> None:
    everywhere = {"MME-SM-Delivery-Outcome": ABSENT, "SGSN-SM-Delivery-Outcome": ABSENT}
    for number in range(3):
        answer = rig.report(everywhere, SC_Address=encode_number(f"1555000030{number}"))
    assert (answer.result, answer.faults) == ((10415, 5558), ())
    refused = rig.route()
    assert (refused.result, refused["MWD-Status"]) == ((10415, 5550), 11)
    once = rig.report({"MME-SM-Delivery-Outcome": ABSENT}, SC_Address=SC, RDR_Flags=1)
    assert once.result == (0, 2001)


@pytest.mark.parametrize(
    ("changed", "result"),
    [
        ({"User_Identifier": {"User-Name": "001019999999999"}}, (10415, 5001)),
        ({"User_Identifier": {"MSISDN": b"\xfe"}}, (10415, 5001)),
        ({"User_Identifier": {"External-Identifier": "a@b.example"}}, (0, 5005)),
        ({"SC_Address": b"\xfe"}, (0, 5004)),
        ({"SM_Delivery_Outcome": {}}, (0, 5005)),
        ({"SM_Delivery_Outcome": {"MME-SM-Delivery-Outcome": {}}}, (0, 5004)),
        ({"SM_Delivery_Outcome": {"MME-SM-Delivery-Outcome": FULL, "MSC-SM-Delivery-Outcome": FULL}}, (0, 5007)),
    ],
)
def test_refused_reports(rig: Rig, changed: dict[str, Any], result: tuple[int, int]) -> None:
    outcome = changed.pop("SM_Delivery_Outcome", {"MME-SM-Delivery-Outcome": ABSENT})
    assert rig.report(outcome, **changed).result == result
    assert (rig.centres(), rig.nodes()[NodeKind.MME]) == ([], True)


def test_an_alert_without_an_answer_goes_out_again_also_after_a_restart(rig: Rig) -> None:
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    silence = RequestTimeout("no answer")
    rig.answers = [silence, silence, lambda r: r.answer(3004)]
    rig.back(NodeKind.MME)
    rig.clock.advance(FIRST_ALERT_AGAIN_S)
    rig.fake.settle()
    assert (len(rig.alerts), rig.centres()) == (2, ["15550000200"])
    rig.s6c.stopped = True
    rig.clock.advance(10_000)
    rig.fake.settle()
    assert len(rig.alerts) == 2
    rig.start()
    run(rig.s6c.resume(), rig.clock)
    rig.fake.settle()
    assert (len(rig.alerts), rig.centres()) == (3, ["15550000200"])
    rig.clock.advance(FIRST_ALERT_AGAIN_S)
    rig.fake.settle()
    assert (len(rig.alerts), rig.centres()) == (4, [])


def test_a_device_that_comes_back_often_adds_no_repetitions(rig: Rig) -> None:
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    rig.answers = [RequestTimeout("no answer")] * 12
    for _ in range(10):
        rig.back(NodeKind.MME)
    assert len(rig.alerts) == 10
    assert len(rig.clock.getDelayedCalls()) == 1
    rig.clock.advance(FIRST_ALERT_AGAIN_S)
    rig.fake.settle()
    assert (len(rig.alerts), rig.centres()) == (11, ["15550000200"])


def test_a_database_that_fails_does_not_end_the_repetitions(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    rig.answers = [RequestTimeout("no answer")]
    rig.back(NodeKind.MME)
    with monkeypatch.context() as patch:
        patch.setattr(tables, "find", _broken)
        rig.clock.advance(FIRST_ALERT_AGAIN_S)
        rig.fake.settle()
    assert len(rig.alerts) == 1
    rig.clock.advance(2 * FIRST_ALERT_AGAIN_S)
    rig.fake.settle()
    assert (len(rig.alerts), rig.centres()) == (2, [])


def _broken(*_: Any) -> Any:
    raise OperationalError("select", None, RuntimeError("disk I/O error"))


def test_what_is_waited_for_outlives_new_provisioning_but_not_the_subscriber(rig: Rig) -> None:
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    with rig.engine.begin() as connection:
        tables.save(connection, replace(METER, nodes=()))
    run(rig.s6c.resume(), rig.clock)
    assert rig.centres() == ["15550000200"]
    with rig.engine.begin() as connection:
        tables.remove(connection, METER.imsi)
    run(rig.s6c.resume(), rig.clock)
    assert rig.centres() == []
    run(rig.s6c.back(METER.imsi, NodeKind.MME), rig.clock)
    assert rig.alerts == []


def test_s6m_reads_anew_who_is_reachable(rig: Rig) -> None:
    rig.cache.put(UserId(imsi=METER.imsi), METER)
    rig.cache.put(UserId(msisdn=METER.msisdn), METER)
    rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    assert len(rig.cache) == 0


@pytest.mark.parametrize("ask", ["route", "report"])
def test_a_database_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch, ask: str) -> None:
    def broken(*_: Any) -> Any:
        raise OperationalError("select", None, RuntimeError("disk I/O error"))

    monkeypatch.setattr(tables, "find", broken)
    answer = rig.route() if ask == "route" else rig.report({"MME-SM-Delivery-Outcome": ABSENT})
    assert answer.result == (0, 5012)
