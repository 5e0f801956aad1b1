"""A scenario in an MME: its acts as messages, and a whole one against our HSS."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from diameter.config import parse
from diameter.errors import ConfigError, RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.attaching import NUMBER, Core, answered, mme
from helpers.messages import dictionary
from helpers.mobility import IMSI, TUAK_IMSI
from helpers.private import private
from nfs.common.sms import Deliver, split
from nfs.common.sms_layout import SmsAddress
from nfs.mme.acts import Alerts, Doing
from nfs.mme.config import MmeConfig
from nfs.mme.logic import Meeting, Mme, Population, Waiter
from nfs.mme.mo_sms import Sender
from nfs.mme.playing import Playing, populations_of, scenario_of
from nfs.mme.scenario.engine import Notice
from nfs.mme.scenario.model import EventTable
from nfs.mme.sgd import Sgd
from nfs.ue.logic import Behaviour

TPDU = Deliver(
    originator=SmsAddress(digits="15550000100"),
    scts=datetime(2026, 1, 2, tzinfo=UTC),
    user_data=split(b"wake", port=8000, reference=1)[0],
).encode()
WAITER = Waiter(latest=2e9, number=bytes.fromhex("515500002000"), host="sc.example", realm="example")
SCENARIO = f"""
schema = 1
[[population]]
name = "two"
first_imsi = "{IMSI}"
count = 2
attach = 1
tacs = [500]
[[event]]
do = "absent"
at_s = 5
for_s = 10
"""
CONFIG = f"""
[node]
origin_host = "mme.visited.example"
origin_realm = "visited.example"
[hss]
realm = "core.example"
[mme]
number = "{NUMBER}"
cards = "cards.csv"
scenario = "scenario.toml"
"""


@pytest.fixture
def first() -> Any:
    return mme(NUMBER)


@pytest.fixture
def core(tmp_path: Path, first: Any) -> Iterator[Core]:
    core = Core(tmp_path, first[0], mme()[0])
    yield core
    core.close()


def test_a_scenario_against_our_hss(core: Core, first: Any, tmp_path: Path) -> None:
    """Both attach; one misses a message while absent; the HSS hears of it when it is back, and of no other."""
    (tmp_path / "scenario.toml").write_text(SCENARIO)
    private(tmp_path / "cards.csv", "imsi\n")
    config = parse(CONFIG, MmeConfig, source="mme.toml", base=tmp_path)
    scenario = scenario_of(config)
    assert scenario is not None
    s6a, told = first
    ues = Mme.of(populations_of(scenario))
    playing = Playing(scenario, config, (ues, s6a, Sgd(ues)), core.rig.clock)
    back: list[tuple[str, str | None]] = []
    core.hss._back = lambda imsi, kind: back.append((imsi, kind))
    playing.engine.start()
    core.rig.clock.pump([0.1] * 30)
    assert sorted(outcome.imsi for outcome in told if outcome.good) == [IMSI, TUAK_IMSI]
    assert sorted(back) == [(IMSI, "mme"), (TUAK_IMSI, "mme")]
    where = answered(core.wait(core.hss.orders.insert(IMSI, {}, 1 << 3)))["EPS-Location-Information"]
    assert where["MME-Location-Information"]["Tracking-Area-Identity"].hex() == "00f11001f4"
    core.rig.clock.pump([0.1] * 30)
    absent = ues.forward(IMSI, TPDU)
    assert absent is not None
    assert absent.code == 5550
    core.rig.clock.pump([1.0] * 10 + [0.1] * 30)
    assert back[2:] == [(IMSI, "mme")]
    answered(core.wait(core.hss.orders.insert(TUAK_IMSI, {}, 1 << 0)))  # UE-Reachability-Request
    core.rig.clock.pump([0.5] * 5)
    assert back[3:] == [(TUAK_IMSI, "mme")]
    taken = ues.forward(IMSI, TPDU)
    assert taken is not None
    assert taken.code == 2001
    answered(core.wait(core.hss.orders.withdraw(IMSI)))
    assert [outcome.event for outcome in told] == ["attach", "attach", "cancelled"]
    assert playing.steer(b'{"do": "busy", "population": "two"}') == {"ues": 2}
    page = playing.steer(None)
    assert (page["counters"]["attach"], IMSI in json.dumps(page)) == (2, False)
    for body in (b"x", b"\xff", b"[" * 5000, b'{"do": "x"}'):
        with pytest.raises(ConfigError, match="order: "):
            playing.steer(body)
    playing.engine.stop()


def acts(answers: dict[str, Any], sender: Sender | None = None) -> tuple[Doing, FakeRequester, FakeRequester]:
    s6a, _ = mme()
    alerts = Alerts()
    fakes = [FakeRequester(each, dictionary(), answers) for each in (s6a, alerts)]
    return Doing(s6a, alerts, sender), fakes[0], fakes[1]


def test_what_the_hss_is_told() -> None:
    doing, hss, _ = acts({"Notify": lambda request: request.answer(2001)})
    for notice in (
        Notice(imsi=IMSI, sms=True),
        Notice(imsi=IMSI, sms=True, memory=True),
        Notice(imsi=IMSI, until=1_800_000_000.5),
    ):
        assert run(doing.notify(notice))
    ready, memory, reachable = hss.requests
    assert (ready["Alert-Reason"], ready["NOR-Flags"]) == (0, 1 << 8 | 1 << 6 | 1 << 3)
    assert memory["Alert-Reason"] == 1
    assert ("Alert-Reason" in reachable, reachable["NOR-Flags"]) == (False, 1 << 8 | 1 << 3)
    assert reachable["Maximum-UE-Availability-Time"].timestamp() == 1_800_000_000
    assert not run(acts({"Notify": lambda request: request.answer(5012)})[0].notify(Notice(imsi=IMSI)))


def test_what_a_service_centre_is_told() -> None:
    doing, _, centre = acts({"Alert-Service-Centre": lambda request: request.answer(2001)})
    assert run(doing.alert(IMSI, WAITER))
    (alert,) = centre.requests
    assert (alert["User-Identifier"]["User-Name"], alert["SMS-GMSC-Alert-Event"]) == (IMSI, 1)
    assert (alert.raw("SC-Address"), centre.sent[0][2:]) == (WAITER.number, ("sc.example", "example"))
    assert not run(acts({"Alert-Service-Centre": RequestTimeout("x")})[0].alert(IMSI, WAITER))


def test_updates_without_need_and_messages_without_a_centre() -> None:
    doing, hss, _ = acts({"Purge-UE": lambda request: request.answer(2001)})
    assert run(doing.update(IMSI))
    assert run(doing.detach(IMSI))
    assert not doing.attached(IMSI)
    assert not run(doing.send(IMSI, EventTable(do="send", at_s=0.0, to="123")))
    assert len(hss.requests) == 1
    sgd = Sgd(Mme.of([]))
    sgd.sender = Sender(sgd, ("sc.example", "example", "15550000200"))
    FakeRequester(sgd, dictionary(), {"MO-Forward-Short-Message": lambda request: request.answer(2001)})
    doing, _, _ = acts({}, sgd.sender)
    assert run(doing.send(IMSI, EventTable(do="send", at_s=0.0, to="123", payload="up")))


class Night:
    """Everybody sleeps; whoever waits is told until when."""

    def __init__(self) -> None:
        self.waiters: list[Waiter | None] = []

    def meet(self, imsi: str, waiter: Waiter | None) -> Meeting:
        self.waiters.append(waiter)
        return Meeting(Behaviour.ASLEEP, None if waiter is None else 1_800_000_000.2)

    def delivered(self, imsi: str) -> None:
        raise AssertionError


def test_when_to_come_again() -> None:
    ues, night = Mme.of([Population(first_imsi=IMSI, count=1)]), Night()
    ues.field = night
    fake = FakeRequester(Sgd(ues), dictionary())
    avps = {"Destination-Host": "mme.example", "User-Name": IMSI, "SC-Address": b"\x51\xf5", "SM-RP-UI": TPDU}
    waits = {
        "Maximum-Retransmission-Time": datetime(2030, 1, 1, tzinfo=UTC),
        "SMS-GMSC-Address": WAITER.number,
    }
    plain = fake.deliver("MT-Forward-Short-Message", avps)
    assert (plain.result, plain["Absent-User-Diagnostic-SM"]) == ((10415, 5550), 13)
    assert "Requested-Retransmission-Time" not in plain
    told = fake.deliver("MT-Forward-Short-Message", avps | waits)
    assert told.result == (10415, 5550)
    assert told["Requested-Retransmission-Time"].timestamp() == 1_800_000_001
    waiter = night.waiters[1]
    assert waiter is not None
    assert (waiter.number, waiter.host) == (WAITER.number, "peer.example.net")
