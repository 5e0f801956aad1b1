"""What the MME answers for its UEs (TS 29.338 clause 7.3)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from nfs.common.sm_failure import FailureCause
from nfs.common.sms import Deliver, DeliverReport, decode_report, split
from nfs.common.sms_layout import SmsAddress
from nfs.mme.logic import AbsentDiagnostic, Mme, Population, Result
from nfs.ue.logic import Behaviour

IMSI = "001010000000009"
TPDU = Deliver(
    originator=SmsAddress(digits="15550000100"),
    scts=datetime(2026, 1, 2, tzinfo=UTC),
    user_data=split(b"wake", port=8000, reference=1)[0],
).encode()


def mme(behaviour: Behaviour = Behaviour.NORMAL, failures: int | None = None) -> Mme:
    return Mme.of([Population(first_imsi=IMSI, count=2, behaviour=behaviour, failures=failures)])


def test_a_population_is_a_run_of_imsis_with_their_zeros() -> None:
    assert list(Population(first_imsi="00101", count=3).imsis()) == ["00101", "00102", "00103"]
    assert list(mme().ues) == ["001010000000009", "001010000000010"]


def test_a_later_population_wins() -> None:
    both = Mme.of(
        [Population(first_imsi=IMSI, count=2), Population(first_imsi=IMSI, count=1, behaviour=Behaviour.BUSY)]
    )
    assert [ue.behaviour for ue in both.ues.values()] == [Behaviour.BUSY, Behaviour.NORMAL]


def test_success_carries_the_deliver_report() -> None:
    core = mme()
    result = core.forward(IMSI, TPDU)
    assert result is not None
    assert (result.code, decode_report(result.report or b"", error=False)) == (2001, DeliverReport())
    assert (core.inbox.count, core.counters) == (1, {"taken": 1})
    core.forward(IMSI, TPDU)
    assert (core.inbox.count, core.counters) == (1, {"taken": 1, "duplicate": 1})


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour.ABSENT, Result(code=5550, absent=AbsentDiagnostic.IMSI_DETACHED)),
        (Behaviour.NO_PAGING, Result(code=5550, absent=AbsentDiagnostic.NO_PAGING_RESPONSE)),
        (Behaviour.BUSY, Result(code=5551)),
        (Behaviour.MEMORY_FULL, Result(code=5555, cause=FailureCause.MEMORY_CAPACITY_EXCEEDED)),
        (Behaviour.SILENT, None),
    ],
)
def test_a_scenario_fails_as_often_as_it_says(behaviour: Behaviour, expected: Result | None) -> None:
    core = mme(behaviour, failures=1)
    assert core.forward(IMSI, TPDU) == expected
    assert core.counters == {behaviour.value: 1}
    after = core.forward(IMSI, TPDU)
    assert after is not None
    assert after.code == 2001


def test_an_unknown_imsi() -> None:
    core = mme()
    assert core.forward("001010000000011", TPDU) == Result(code=5001)
    assert core.counters == {"unknown": 1}


def test_what_the_ue_cannot_read_is_an_equipment_protocol_error() -> None:
    result = mme().forward(IMSI, b"\x44")
    assert result is not None
    assert (result.code, result.cause) == (5555, FailureCause.EQUIPMENT_PROTOCOL_ERROR)
    assert decode_report(result.report or b"", error=True).failure_cause == 0xFF


def test_more_than_two_hundred_octets_are_refused() -> None:
    assert mme().forward(IMSI, bytes(201)) == Result(code=5004)
