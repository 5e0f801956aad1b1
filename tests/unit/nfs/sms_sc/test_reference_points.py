"""T4 and SGd as the SMS-SC speaks them, and the delivery between them (TS 29.337, TS 29.338)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message, RequestTimeout, Undeliverable
from diameter.app import Neighbour
from diameter.testing import FakeRequester, run
from nfs.common.identities import Address
from nfs.common.nodes import NodeKind, ServingNode, to_avps
from nfs.common.sms import decode_deliver
from nfs.common.store import StoreError
from nfs.sms_sc.delivery import FIRST_REPEAT_S, TIDY_S, Delivery
from nfs.sms_sc.keep import Written
from nfs.sms_sc.logic import Attempt, Policy, ServiceCentre, Trigger
from nfs.sms_sc.outcomes import Delivered, Diagnostic, Failure, Outcome
from nfs.sms_sc.sgd import Sgd
from nfs.sms_sc.t4 import T4

DICTIONARY = Dictionary.load()
IWF = Neighbour(host="iwf.example.org", realm="example.org")
IMSI = "001010000000001"
MME = ServingNode(kind=NodeKind.MME, number="15550000300", name="mme.example.org", realm="example.org")
OK = Delivered()
AGAIN = Delivered(failure=Failure.TEMPORARY)


class FakeKeep:
    """Remembers what was written; `broken` makes every write fail."""

    shared = broken = False

    def __init__(self) -> None:
        self.rows: dict[str, Trigger] = {}
        self.writes: list[tuple[str, str]] = []

    async def add(self, trigger: Trigger) -> Written:
        return await self._write("add", trigger)

    async def put(self, trigger: Trigger) -> Written:
        return await self._write("put", trigger)

    async def settle(self, trigger: Trigger) -> None:
        await self._write("settle", trigger)

    async def remove(self, keys: tuple[str, ...], before: float) -> None:
        self.rows = {key: row for key, row in self.rows.items() if key not in keys}

    async def _write(self, how: str, trigger: Trigger) -> Written:
        if self.broken:
            raise StoreError("disk full")
        self.writes.append((how, trigger.key))
        self.rows[trigger.key] = trigger
        return Written(trigger)


class FakeSgd:
    """Answers attempts from a script, with success once that is used up."""

    def __init__(self) -> None:
        self.script: list[Delivered] = []
        self.attempts: list[Attempt] = []

    async def deliver(self, attempt: Attempt) -> Delivered:
        self.attempts.append(attempt)
        return self.script.pop(0) if self.script else OK


class Rig:
    """An SMS-SC without network: T4 by a fake node, SGd by a script, time in hand."""

    def __init__(self, **policy: Any) -> None:
        self.clock = Clock()
        self.clock.rightNow = 1_767_323_045.0
        self.centre, self.keep, self.sgd = ServiceCentre(Policy(**policy)), FakeKeep(), FakeSgd()
        self.t4 = T4(self.centre, self.keep, self.clock.seconds)  # type: ignore[arg-type]  # FakeKeep
        self.reports, self.iwf = list[Any](), list[Any]()
        self.fake = FakeRequester(
            self.t4,
            DICTIONARY,
            {"Delivery-Report-Request": lambda request: self._taken(request)},
            neighbour=IWF,
            clock=self.clock,
        )
        self.delivery = self.t4.delivery = Delivery(
            self.centre,
            self.keep,  # type: ignore[arg-type]  # FakeKeep
            self.t4,
            self.sgd,
            clock=self.clock.seconds,
            call_later=self.clock.callLater,
        )

    def _taken(self, request: Message) -> Message:
        self.reports.append(request)
        answer = self.iwf.pop(0) if self.iwf else (0, 2001)
        return request.answer(answer[1], vendor=answer[0])

    def submit(self, **changes: Any) -> Message:
        avps: dict[str, Any] = {
            "User-Identifier": {"User-Name": IMSI, "External-Identifier": "meter-1@customer.example"},
            "SM-RP-SMEA": Address("15550000100").encode(),
            "Payload": b"wake",
            "Serving-Node": to_avps(MME),
            "Reference-Number": 7,
            "Validity-Time": 3600,
            "Application-Port-Identifier": 16000,
            **changes,
        }
        given = {name: value for name, value in avps.items() if value is not None}
        return self.fake.deliver("Device-Trigger", given)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.fake.settle()


def test_a_trigger_is_stored_answered_delivered_and_reported() -> None:
    rig = Rig()
    answer = rig.submit()
    assert (answer.result, answer.faults) == ((0, 2001), ())
    (attempt,) = rig.sgd.attempts
    assert (attempt.serving, attempt.deliver.user_data.data, attempt.deliver.user_data.port) == (MME, b"wake", 16000)
    (report,) = rig.reports
    assert report.faults == ()
    assert (report["Destination-Host"], report["Destination-Realm"]) == ("iwf.example.org", "example.org")
    user = report["User-Identifier"]
    assert (user["User-Name"], user["External-Identifier"]) == (IMSI, "meter-1@customer.example")
    assert Address.decode(report.raw("SM-RP-SMEA")) == Address("15550000100")
    assert (report["SM-Delivery-Outcome-T4"], report["Reference-Number"]) == (2, 7)
    assert "Absent-Subscriber-Diagnostic-T4" not in report
    assert [how for how, _ in rig.keep.writes] == ["add", "settle"]
    (row,) = rig.keep.rows.values()
    assert (row.iwf_host, row.outcome, row.finished_at) == (
        "iwf.example.org", Outcome.SUCCESSFUL_TRANSFER, rig.clock.seconds(),
    )  # fmt: skip


def test_an_msisdn_comes_back_in_the_report() -> None:
    rig = Rig()
    rig.submit(**{"User-Identifier": {"User-Name": IMSI, "MSISDN": bytes.fromhex("5155214365f7")}})
    user = rig.reports[0]["User-Identifier"]
    assert user.raw("MSISDN").hex() == "5155214365f7"
    assert "External-Identifier" not in user


def test_a_trigger_that_cannot_be_stored_is_not_taken() -> None:
    rig = Rig()
    rig.keep.broken = True
    assert rig.submit().result == (10415, 5531)
    assert (rig.centre.pending, rig.sgd.attempts) == ({}, [])


def test_a_repeat_that_cannot_be_stored_leaves_what_is_there() -> None:
    rig = Rig()
    rig.sgd.script = [AGAIN]
    rig.submit()
    rig.keep.broken = True
    assert rig.submit().result == (10415, 5531)
    assert len(rig.centre.pending) == 1


@pytest.mark.parametrize(
    ("changes", "result"),
    [
        ({"User-Identifier": {"External-Identifier": "a@customer.example"}}, (0, 5005)),
        ({"User-Identifier": {"User-Name": "not digits"}}, (0, 5004)),
        ({"User-Identifier": {"User-Name": IMSI, "MSISDN": b"\xff\xff"}}, (0, 5004)),
        ({"SM-RP-SMEA": b"\x00"}, (10415, 5530)),
        ({"SM-RP-SMEA": Address("15550000100", ton=2).encode()}, (10415, 5530)),
        ({"SM-RP-SMEA": Address("15550000199").encode()}, (10415, 5530)),
        ({"Application-Port-Identifier": 70000}, (10415, 5532)),
        ({"Payload": bytes(40_000)}, (10415, 5532)),
        ({"Serving-Node": {"MME-Name": "mme.example.org"}}, (0, 5004)),
        ({"Trigger-Action": 1, "Old-Reference-Number": 6}, (10415, 5535)),
        (
            {"Trigger-Action": 1, "Old-Reference-Number": 6, "SM-RP-SMEA": Address("15550000199").encode()},
            (10415, 5530),
        ),
        (
            {"Trigger-Action": 2, "Old-Reference-Number": 6, "SM-RP-SMEA": Address("15550000199").encode()},
            (10415, 5530),
        ),
        ({"Trigger-Action": 1}, (0, 5005)),
        ({"Trigger-Action": 2}, (0, 5005)),
        ({"Trigger-Action": 2, "Old-Reference-Number": 7}, (0, 5004)),
        ({"Trigger-Action": 2, "Old-Reference-Number": 6, "Payload": bytes(40_000)}, (10415, 5533)),
        ({"Trigger-Action": 3}, (0, 5004)),
    ],
)
def test_what_is_refused(changes: dict[str, Any], result: tuple[int, int]) -> None:
    rig = Rig(scs=frozenset({"15550000100"}))
    answer = rig.submit(**changes)
    assert (answer.result, answer.faults) == (result, ())
    assert (rig.keep.rows, rig.sgd.attempts, rig.reports) == ({}, [], [])


def test_a_refused_replace_says_what_was_not_done() -> None:
    answer = Rig().submit(**{"Trigger-Action": 2, "Old-Reference-Number": 6, "Payload": bytes(40_000)})
    assert (answer["Trigger-Action"], answer["Old-Reference-Number"], answer["MTC-Error-Diagnostic"]) == (2, 6, 1)


def test_a_full_sms_sc() -> None:
    rig = Rig(capacity=1)
    rig.sgd.script = [AGAIN]
    rig.submit()
    assert rig.submit(**{"Reference-Number": 8}).result == (10415, 5531)


def test_the_first_reachable_node_counts() -> None:
    rig = Rig()
    msc = {"MSC-Number": bytes.fromhex("515500004000")}
    rig.submit(**{"Serving-Node": msc, "Additional-Serving-Node": to_avps(MME)})
    assert rig.sgd.attempts[0].serving == MME
    rig.submit(**{"Reference-Number": 8, "Serving-Node": msc})
    assert len(rig.sgd.attempts) == 1


def test_a_device_without_serving_node_waits_until_its_time_is_over() -> None:
    rig = Rig()
    assert rig.submit(**{"Serving-Node": None}).result == (0, 2001)
    assert rig.sgd.attempts == []
    rig.advance(3600)
    assert rig.reports[0]["SM-Delivery-Outcome-T4"] == 3


def test_retries_and_expiry() -> None:
    rig = Rig(retry_s=(10,))
    rig.sgd.script = [AGAIN, AGAIN, OK]
    rig.submit()
    rig.advance(10)
    assert rig.reports == []
    rig.advance(10)
    assert [report["SM-Delivery-Outcome-T4"] for report in rig.reports] == [2]
    rig.sgd.script = [AGAIN] * 1000
    rig.submit(**{"Reference-Number": 8, "Validity-Time": 25})
    for _ in range(3):
        rig.advance(10)
    assert len(rig.sgd.attempts) == 6
    assert [report["SM-Delivery-Outcome-T4"] for report in rig.reports] == [2, 3]


def test_validity_zero_is_one_attempt_and_its_diagnostic_is_reported() -> None:
    rig = Rig()
    rig.sgd.script = [Delivered(failure=Failure.ABSENT, diagnostic=Diagnostic.UE_DETACHED)]
    rig.submit(**{"Validity-Time": 0})
    (report,) = rig.reports
    assert (report["SM-Delivery-Outcome-T4"], report["Absent-Subscriber-Diagnostic-T4"]) == (0, 1)
    rig.advance(10_000)
    assert len(rig.sgd.attempts) == 1


def test_segments_follow_each_other() -> None:
    rig = Rig()
    rig.submit(Payload=bytes(300))
    assert [attempt.segment for attempt in rig.sgd.attempts] == [0, 1, 2]
    assert len(rig.reports) == 1


def test_a_report_that_is_not_acknowledged_is_sent_again() -> None:
    rig = Rig()
    rig.iwf = [(0, 3004), (0, 2001)]
    rig.submit()
    assert [how for how, _ in rig.keep.writes] == ["add", "settle"]  # the outcome, for a restart
    assert next(iter(rig.keep.rows.values())).finished_at is None
    rig.advance(FIRST_REPEAT_S)
    assert len(rig.reports) == 2
    assert next(iter(rig.keep.rows.values())).finished_at is not None


@pytest.mark.parametrize("error", [RequestTimeout("no answer"), Undeliverable("no peer")])
def test_a_report_without_an_answer_is_sent_again_later_and_later(error: Exception) -> None:
    rig = Rig()
    rig.fake._answers["Delivery-Report-Request"] = [error, error, lambda request: rig._taken(request)]
    rig.submit()
    rig.advance(FIRST_REPEAT_S)
    rig.advance(FIRST_REPEAT_S)
    assert rig.reports == []
    rig.advance(FIRST_REPEAT_S)
    assert len(rig.reports) == 1


def test_a_report_that_nobody_wants_is_over() -> None:
    rig = Rig()
    rig.iwf = [(10415, 5001)]
    rig.submit()
    rig.advance(10_000)
    assert len(rig.reports) == 1


def test_the_same_trigger_again_is_delivered_once_and_reported_again() -> None:
    rig = Rig()
    rig.submit()
    assert rig.submit().result == (0, 2001)
    assert (len(rig.sgd.attempts), len(rig.reports)) == (1, 2)


def test_another_trigger_under_a_finished_number() -> None:
    rig = Rig()
    rig.submit()
    assert rig.submit(Payload=b"other").result == (0, 2001)
    assert [how for how, _ in rig.keep.writes] == ["add", "settle", "put", "settle"]


def test_a_restart_delivers_and_reports_what_was_left() -> None:
    first = Rig()
    first.sgd.script = [AGAIN]
    first.submit()
    first.iwf = [(0, 3004)]
    first.submit(**{"Reference-Number": 8})
    first.delivery.stop()
    first.advance(100)  # nothing more happens
    assert (len(first.sgd.attempts), len(first.reports)) == (2, 1)

    second = Rig()
    second.centre.restore(first.keep.rows.values())
    second.keep.rows = dict(first.keep.rows)
    second.delivery.resume()
    second.fake.settle()
    assert [attempt.trigger.reference for attempt in second.sgd.attempts] == [7]
    assert sorted(report["Reference-Number"] for report in second.reports) == [7, 8]


def test_finished_triggers_are_tidied_away() -> None:
    rig = Rig(keep_finished_s=60)
    rig.delivery.resume()
    rig.submit()
    assert len(rig.keep.rows) == 1
    rig.advance(TIDY_S)
    assert len(rig.keep.rows) == 1
    rig.advance(TIDY_S)
    assert rig.keep.rows == {}
    rig.delivery.stop()
    assert not [call for call in rig.clock.getDelayedCalls() if call.getTime() < rig.clock.seconds() + TIDY_S]


def sgd(answer: Any, attempt: Attempt) -> tuple[Delivered, Message]:
    app = Sgd("15550000200")
    fake = FakeRequester(app, DICTIONARY, {"MT-Forward-Short-Message-Request": answer})
    assert attempt.serving is not None
    delivered = run(app.deliver(attempt, attempt.serving))
    assert fake.requests[0].faults == ()
    return delivered, fake.requests[0]


def attempt(**changes: Any) -> Attempt:
    rig = Rig()
    rig.submit(**changes)
    return rig.sgd.attempts[0]


def test_the_short_message_on_sgd() -> None:
    wanted = attempt()
    delivered, request = sgd(lambda r: r.answer(2001), wanted)
    assert delivered == OK
    assert (request["Destination-Host"], request["Destination-Realm"], request["User-Name"]) == (
        "mme.example.org", "example.org", IMSI,
    )  # fmt: skip
    assert request.raw("SC-Address").hex() == "5155000002f0"
    assert request.raw("MME-Number-for-MT-SMS").hex() == "5155000003f0"
    assert decode_deliver(request.raw("SM-RP-UI")) == wanted.deliver
    assert "TFR-Flags" not in request


def test_more_messages_to_send() -> None:
    _, request = sgd(lambda r: r.answer(2001), attempt(Payload=bytes(300)))
    assert request["TFR-Flags"] == 1


def test_an_sgsn_is_addressed_by_its_own_number() -> None:
    sgsn = ServingNode(kind=NodeKind.SGSN, number="15550000500", name="sgsn.example.org", realm="example.org")
    _, request = sgd(lambda r: r.answer(2001), attempt(**{"Serving-Node": to_avps(sgsn)}))
    assert request.raw("SGSN-Number").hex() == "5155000005f0"
    assert "MME-Number-for-MT-SMS" not in request


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (
            lambda r: r.answer(5550, {"Absent-User-Diagnostic-SM": 1}, vendor=10415),
            Delivered(failure=Failure.ABSENT, diagnostic=Diagnostic.UE_DETACHED, absent=1),
        ),
        (
            lambda r: r.answer(
                5555, {"SM-Delivery-Failure-Cause": {"SM-Enumerated-Delivery-Failure-Cause": 0}}, vendor=10415
            ),
            Delivered(failure=Failure.MEMORY_FULL),
        ),
        (RequestTimeout("no answer"), AGAIN),
        (Undeliverable("no peer"), AGAIN),
    ],
)
def test_answers_of_the_mme(answer: Callable[[Message], Message] | Exception, expected: Delivered) -> None:
    assert sgd(answer, attempt())[0] == expected
