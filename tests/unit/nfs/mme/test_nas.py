"""The hop between MME and UE under NAS security, with keys of the HSS at one end and of the USIM at the other."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from helpers.attaching import NUMBER, Core, mme
from helpers.mobility import IMSI, TUAK_IMSI
from nfs.common.nas_security import Direction
from nfs.common.sms import Deliver, split
from nfs.common.sms_layout import SmsAddress
from nfs.mme.logic import Mme, Population, Result
from nfs.mme.nas import Hop

CONTENT = b"open the valve at noon"


def message(number: int) -> bytes:
    return Deliver(
        originator=SmsAddress(digits="15550000100"),
        scts=datetime(2026, 1, 2, 3, 4, number, tzinfo=UTC),
        user_data=split(CONTENT, port=8000, reference=1)[0],
    ).encode()


class Air:
    """Who listens to the radio, and does with messages what he likes."""

    def __init__(self) -> None:
        self.heard: list[tuple[Direction, bytes]] = []
        self.change: dict[Direction, Any] = {}

    def __call__(self, way: Direction, octets: bytes) -> bytes | None:
        if octets[:1] != b"\x27":  # what comes before there are keys, and pagings
            return octets
        self.heard.append((way, octets))
        changed: bytes | None = self.change.get(way, lambda each: each)(octets)
        return changed


class Lab:
    """An HSS and an MME that attached two UEs, and whom their messages go through."""

    def __init__(self, folder: Path) -> None:
        self.s6a, _ = mme(NUMBER)
        self.core = Core(folder, self.s6a, mme()[0])
        self.air = Air()
        self.hop = self.s6a.radio
        self.hop.hop = Hop(self.air, secured=True, attached=lambda imsi: imsi in self.s6a.ues.contexts)
        self.mme = Mme.of([Population(first_imsi=IMSI, count=2)])
        self.mme.hop = self.hop

    def attach(self, imsi: str = IMSI) -> None:
        assert self.core.wait(self.s6a.attach(imsi)).good
        assert [way for way, _ in self.air.heard[-2:]] == [Direction.DOWNLINK, Direction.UPLINK]
        self.accepted = self.air.heard[-2:]  # with the name that the UE has now
        del self.air.heard[-2:]

    def forward(self, number: int, imsi: str = IMSI) -> int:
        """The code that the SMS-SC is answered with."""
        result = self.mme.forward(imsi, message(number))
        assert isinstance(result, Result)
        return result.code

    @property
    def got(self) -> int:
        return self.mme.inbox.count


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.core.close()


@pytest.mark.requirement("R-GRP-39", "S-GRP-40")
def test_nothing_of_a_short_message_is_on_the_air(lab: Lab) -> None:
    for imsi in (IMSI, TUAK_IMSI):
        lab.attach(imsi)
        assert [lab.forward(number, imsi) for number in range(3)] == [2001] * 3
    assert lab.got == 6
    assert [way for way, _ in lab.air.heard] == [Direction.DOWNLINK, Direction.UPLINK] * 6
    for _, octets in lab.air.heard:
        assert octets[0] == 0x27
        assert CONTENT[:8] not in octets
        assert message(0)[:8] not in octets
    assert lab.hop.counters == {"taken": 6}


@pytest.mark.requirement("R-GRP-39", "S-GRP-40")
def test_what_somebody_changes_repeats_or_makes_up_is_dropped(lab: Lab) -> None:
    lab.attach()
    assert lab.forward(1) == 2001
    old = lab.air.heard[0][1]
    ue = lab.mme.ues[IMSI]
    for change, reason in (
        (lambda octets: octets[:-1] + bytes((octets[-1] ^ 1,)), "integrity"),
        (lambda _: old, "a replay"),
        (lambda _: b"\x07\x62" + bytes((len(message(2)),)) + message(2), "not protected"),
        (lambda _: None, "lost"),
    ):
        lab.air.change = {Direction.DOWNLINK: change}
        before = lab.hop.counters.get(f"dropped: {reason}", 0)
        assert lab.forward(2) == 5550  # the UE does not answer; the SMS-SC comes again
        assert lab.hop.counters[f"dropped: {reason}"] == before + 1
    assert lab.got == 1
    assert lab.hop.hear(ue, old) is None  # on the air without any request
    assert lab.got == 1
    lab.air.change = {Direction.UPLINK: lambda octets: octets[:-1] + b"\0" + octets[-1:]}
    assert lab.forward(2) == 5550  # the UE took it, and its report is not to be believed
    assert lab.got == 2
    lab.air.change = {}
    assert lab.forward(2) == 2001
    assert lab.got == 2  # the UE knew it again
    assert lab.mme.counters["no-answer"] == 5


def test_who_has_no_keys_is_not_reached(lab: Lab) -> None:
    assert lab.forward(1) == 5550
    lab.attach()
    assert lab.forward(1) == 2001
    old = [octets for _, octets in lab.air.heard]
    lab.attach()  # new keys: nothing of before counts
    assert lab.hop.hear(lab.mme.ues[IMSI], old[0]) is None
    assert lab.forward(2) == 2001
    lab.hop.hop.keyed(IMSI, bytes(32), bytes(range(32)))  # a UE with another K
    assert lab.forward(3) == 5550
    assert lab.hop.counters == {"not authenticated": 1, "taken": 2, "dropped: integrity": 2}
    assert lab.hop.hear(lab.mme.ues[TUAK_IMSI], old[0]) is None


def test_who_is_let_go_is_not_reached_until_he_is_back(lab: Lab) -> None:
    lab.attach()
    assert lab.forward(1) == 2001
    assert lab.s6a.ues.cancel(IMSI)
    assert lab.forward(2) == 5550
    assert lab.hop.hear(lab.mme.ues[IMSI], lab.air.heard[0][1]) is None
    assert lab.got == 1
    lab.attach()
    assert lab.forward(2) == 2001
    assert lab.hop.counters == {"taken": 2, "not authenticated": 1, "dropped: not authenticated": 1}
