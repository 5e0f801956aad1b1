"""Members whose reports never came: the SCS hears of each all the same, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter import Dictionary
from helpers.groups import GroupNetwork, name
from nfs.common.tsp import DeliveryOutcome
from nfs.mtc_iwf.triggers import GRACE_S, KEEP_S

ROUND_S = 600.0


def passes(network: GroupNetwork, seconds: float) -> None:
    """Time, in steps that let everything happen."""
    for _ in range(int(seconds / 5)):
        network.clock.advance(5)


@pytest.mark.requirement("S-GRP-42")
def test_a_member_of_whom_nothing_is_heard_is_reported_all_the_same(tmp_path: Path) -> None:
    """Also when the SCS is away at that time; and what the SMS-SC says afterwards is not sent on."""
    network = GroupNetwork(tmp_path, Dictionary.load())
    network.open()
    network.begin_rounds()
    network.ask(Validity_Time=20)
    network.handed(3)
    first, second, third = network.sms_sc.triggers
    assert network.wait(network.sms_sc.report(first, 2)).result == (0, 2001)
    network.scs1.answer_with = 3004
    passes(network, 20 + GRACE_S + 2 * ROUND_S)
    network.scs1.answer_with = 2001
    network.scs1.reports.clear()
    passes(network, ROUND_S)
    assert sorted(network.told()) == [(7, name(number), DeliveryOutcome.UNCONFIRMED) for number in (2, 3)]
    for late in (second, third):
        assert network.wait(network.sms_sc.report(late, 2)).result == (0, 2001)
    assert len(network.told()) == 2
    assert KEEP_S > GRACE_S + 3 * ROUND_S  # it was not forgotten meanwhile
    network.close()
