"""SGd as the MME speaks it (TS 29.338 clauses 6.3.2.5 and 6.3.2.6)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from twisted.internet.task import Clock

from diameter import Dictionary, Message
from diameter.testing import FakeRequester
from nfs.common.sms import Deliver, DeliverReport, decode_report, split
from nfs.common.sms_layout import SmsAddress
from nfs.mme import sgd
from nfs.mme.logic import Mme, Population
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Behaviour

DICTIONARY = Dictionary.load()
IMSI = "001010000000001"
TPDU = Deliver(
    originator=SmsAddress(digits="15550000100"),
    scts=datetime(2026, 1, 2, tzinfo=UTC),
    user_data=split(b"wake", port=8000, reference=1)[0],
).encode()


def forward(behaviour: Behaviour = Behaviour.NORMAL, imsi: str = IMSI, tpdu: bytes = TPDU) -> Message:
    mme = Mme.of([Population(first_imsi=IMSI, count=1, behaviour=behaviour)])
    answer = FakeRequester(Sgd(mme), DICTIONARY).deliver("MT-Forward-Short-Message", avps(imsi, tpdu))
    assert answer.faults == ()
    return answer


def avps(imsi: str = IMSI, tpdu: bytes = TPDU) -> dict[str, object]:
    return {
        "Destination-Host": "mme.example.org",
        "User-Name": imsi,
        "SC-Address": bytes.fromhex("515500002000"),
        "SM-RP-UI": tpdu,
    }


def test_success_carries_the_deliver_report() -> None:
    answer = forward()
    assert answer.result == (0, 2001)
    assert decode_report(answer.raw("SM-RP-UI"), error=False) == DeliverReport()


@pytest.mark.parametrize(("behaviour", "diagnostic"), [(Behaviour.ABSENT, 1), (Behaviour.NO_PAGING, 0)])
def test_an_absent_user(behaviour: Behaviour, diagnostic: int) -> None:
    answer = forward(behaviour)
    assert (answer.result, answer["Absent-User-Diagnostic-SM"]) == ((10415, 5550), diagnostic)
    assert "SM-RP-UI" not in answer


def test_a_full_memory() -> None:
    answer = forward(Behaviour.MEMORY_FULL)
    assert answer.result == (10415, 5555)
    assert answer["SM-Delivery-Failure-Cause"]["SM-Enumerated-Delivery-Failure-Cause"] == 0


def test_a_protocol_error_shows_the_report_of_the_ue() -> None:
    cause = forward(tpdu=b"\x44")["SM-Delivery-Failure-Cause"]
    assert cause["SM-Enumerated-Delivery-Failure-Cause"] == 1
    assert decode_report(cause.raw("SM-Diagnostic-Info"), error=True).failure_cause == 0xFF


def test_other_results() -> None:
    assert forward(Behaviour.BUSY).result == (10415, 5551)
    assert forward(imsi="001010000000002").result == (10415, 5001)
    assert forward(tpdu=bytes(201)).result == (0, 5004)


def test_a_bare_acknowledgement() -> None:
    mme = Mme.of([Population(first_imsi=IMSI, count=1, report=False)])
    answer = FakeRequester(Sgd(mme), DICTIONARY).deliver("MT-Forward-Short-Message", avps())
    assert (answer.result, "SM-RP-UI" in answer) == ((0, 2001), False)


def test_a_silent_ue_is_answered_for_only_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sgd, "KEPT_WAITING", 0)
    assert forward(Behaviour.SILENT).result == (0, 5012)


def test_a_silent_ue_is_answered_for_when_the_node_stops() -> None:
    app = Sgd(Mme.of([Population(first_imsi=IMSI, count=1, behaviour=Behaviour.SILENT)]))
    clock = Clock()
    fake = FakeRequester(app, DICTIONARY, clock=clock)
    clock.callLater(5.0, app.release)
    assert fake.deliver("MT-Forward-Short-Message", avps()).result == (0, 5012)
