"""The HSS behind what is known of it: what a question costs that comes to nothing."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from diameter.testing import run
from nfs.mtc_iwf.groups.guarded import GuardedGroups
from nfs.mtc_iwf.groups.ports import Member, NoGroups
from nfs.mtc_iwf.guarded import GuardedHss
from nfs.mtc_iwf.ports import Device, Found, OverBudget, Unavailable
from nfs.mtc_sgw.known import Known, KnownLimits
from nfs.mtc_sgw.logic import Rate


class Away:
    """An HSS that gives no answer."""

    async def ask(self, device: Device, *, scs: str, priority: bool) -> Found:
        raise Unavailable("HSS: no answer")

    def forget(self, device: Device, *, scs: str) -> None:
        """Nothing is remembered."""


def test_a_question_without_an_answer_spends_its_token() -> None:
    known: Known[Found] = Known(KnownLimits(budget=Rate(per_s=0.001, burst=2)), remembered=10)
    hss = GuardedHss(Away(), known, lambda: 1_700_000_000.0)
    device = Device(external_id="meter-1@customer.example")
    for expected in (Unavailable, Unavailable, OverBudget):
        with pytest.raises(expected):
            run(hss.ask(device, scs="15550001", priority=False))
    known.granted(("15550001", "meter-1@customer.example"), 1_700_000_000.0, Found(imsi="001"), priority=False)
    assert not known.may_ask(("15550001", "meter-2@customer.example"), 1_700_000_000.0)


class Unsure:
    """An HSS that answers of groups as it is told."""

    def __init__(self, says: Callable[[], tuple[Member, ...]]) -> None:
        self.says = says

    async def members(self, group: str, *, scs: str) -> tuple[Member, ...]:
        return self.says()


@pytest.mark.parametrize("error", [Unavailable("HSS: no answer"), NoGroups("an answer about a device"), KeyError("x")])
def test_a_question_about_a_group_without_an_answer_spends_its_token(error: Exception) -> None:
    def no_answer() -> tuple[Member, ...]:
        raise error

    hss = Unsure(no_answer)
    limits = KnownLimits(budget=Rate(per_s=0.001, burst=3))
    groups = GuardedGroups(
        hss, limits=lambda: limits, remembered=10, clock=lambda: 1_700_000_000.0, blocks=lambda device, scs: ""
    )

    def ask(name: str) -> tuple[Member, ...]:
        return run(groups.members(name, scs="15550001"))

    for _ in range(2):
        with pytest.raises(type(error)):
            ask("fleet@customer.example")
    hss.says = tuple
    assert ask("fleet@customer.example") == ()  # its own token comes back, and no other
    hss.says = no_answer
    with pytest.raises(type(error)):
        ask("other@customer.example")
    with pytest.raises(OverBudget):
        ask("third@customer.example")
