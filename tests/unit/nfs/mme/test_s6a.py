"""S6a as the MME speaks it: attach and detach, against our HSS and against others that do as they like."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import ConfigError, RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.attaching import HSS, NUMBER, Core, answered, mme
from helpers.messages import dictionary
from helpers.mobility import IMSI, MME, NO_EPS, OLD, TUAK_IMSI
from helpers.private import private
from nfs.common.nodes import NodeKind
from nfs.hss import registrations, tables
from nfs.hss.logic import UserId
from nfs.hss.registrations import Watch
from nfs.mme.cards import read_usims
from nfs.mme.mobility import Context, Outcome

TGPP = 10415
USER_STATE, LOCATION = 1 << 2, 1 << 3


@pytest.fixture
def first() -> Any:
    return mme(NUMBER)


@pytest.fixture
def second() -> Any:
    return mme()


@pytest.fixture
def core(tmp_path: Path, first: Any, second: Any) -> Iterator[Core]:
    core = Core(tmp_path, first[0], second[0])
    yield core
    core.close()


@pytest.mark.parametrize("imsi", [IMSI, TUAK_IMSI])
def test_attach_and_detach(core: Core, first: Any, imsi: str) -> None:
    s6a, told = first
    outcome = core.wait(s6a.attach(imsi))
    assert (outcome.good, outcome.step, outcome.code) == (True, "attached", 2001)
    assert outcome.resynchronised  # a new USIM stands at zero, the HSS at the time
    assert outcome.apns[0] == "internet"
    assert s6a.ues.contexts[imsi].sms
    with core.rig.transaction() as connection:
        found = tables.find(connection, UserId(imsi=imsi))
    assert found is not None
    assert [(node.kind, node.number, node.name) for node in found.nodes] == [(NodeKind.MME, NUMBER, MME)]
    assert not core.wait(s6a.attach(imsi)).resynchronised
    assert core.wait(s6a.detach(imsi)).good
    assert core.rig.registered(imsi)["mme"].purged
    assert s6a.ues.contexts == {}
    assert [each.event for each in told] == ["attach", "attach", "detach"]


def test_the_old_mme_lets_go(core: Core, first: Any, second: Any) -> None:
    core.wait(second[0].attach(IMSI))
    core.wait(first[0].attach(IMSI))
    core.rig.clock.pump([0.01] * 20)
    assert second[0].ues.contexts == {}
    assert second[1][-1].event == "cancelled"
    assert set(first[0].ues.contexts) == {IMSI}
    refused = core.wait(second[0].detach(IMSI))
    assert (refused.good, refused.vendor, refused.code) == (False, TGPP, 5423)


@pytest.mark.requirement("R-GEN-11", "T-ACC-01")
def test_who_may_not_attach_is_told_why(core: Core, first: Any) -> None:
    s6a, _ = first
    s6a.ues.usims[NO_EPS] = s6a.ues.usims[IMSI]
    outcome = core.wait(s6a.attach(NO_EPS))
    assert (outcome.good, outcome.step, outcome.vendor, outcome.code) == (False, "authentication", TGPP, 5420)
    outcome = core.wait(s6a.attach("001010000000099"))
    assert (outcome.step, outcome.why) == ("usim", "no keys")
    s6a.ues.usims[TUAK_IMSI] = s6a.ues.usims[IMSI]
    outcome = core.wait(s6a.attach(TUAK_IMSI))
    assert (outcome.step, outcome.good) == ("authentication", False)
    assert "MAC" in outcome.why


def test_an_attach_refused_at_the_location_update(tmp_path: Path, second: Any) -> None:
    s6a, _ = mme(rat=1007)
    core = Core(tmp_path, s6a, second[0])
    outcome = core.wait(s6a.attach(IMSI))
    assert (outcome.step, outcome.code) == ("update-location", 5421)
    assert s6a.ues.contexts == {}
    core.close()


def test_many_at_once(core: Core, first: Any) -> None:
    s6a, told = first
    core.wait(s6a.all(type(s6a).attach, [IMSI, TUAK_IMSI, IMSI], 2))
    assert [each.good for each in told] == [True] * 3


def test_data_come_and_go(core: Core, first: Any) -> None:
    s6a, _ = first
    core.wait(s6a.attach(IMSI))
    context = s6a.ues.contexts[IMSI]
    apn = dict(context.data["APN-Configuration-Profile"]["APN-Configuration"][0])
    profile = {
        "Context-Identifier": 1,
        "All-APN-Configurations-Included-Indicator": 1,
        "APN-Configuration": [{**apn, "Context-Identifier": 9, "Service-Selection": "more"}],
    }
    answered(core.wait(core.hss.orders.insert(IMSI, {"APN-Configuration-Profile": profile, "Active-Time": 3})))
    assert context.apns == ("internet", "data", "more")
    assert context.data["Active-Time"] == 3
    answered(core.wait(core.hss.orders.delete(IMSI, 1 << 3 | 1 << 29, {"Context-Identifier": [2]})))
    assert context.apns == ("internet", "more")
    assert "Active-Time" not in context.data
    answered(core.wait(core.hss.orders.delete(IMSI, 1 << 1 | 1 << 13)))
    assert (context.apns, context.sms) == ((), False)


def test_state_and_location(core: Core, first: Any) -> None:
    core.wait(first[0].attach(IMSI))
    answer = answered(core.wait(core.hss.orders.insert(IMSI, {}, USER_STATE | LOCATION)))
    assert answer["EPS-User-State"]["MME-User-State"]["User-State"] == 4
    where = answer["EPS-Location-Information"]["MME-Location-Information"]
    assert where["Tracking-Area-Identity"].hex() == "00f1100001"
    assert where["E-UTRAN-Cell-Global-Identity"].hex() == "00f11000000001"
    (nothing,) = core.wait(core.hss.orders.insert(IMSI, {}))
    assert nothing.result == (0, 5012)


def test_events_are_watched_for(core: Core, first: Any) -> None:
    s6a, _ = first
    core.wait(s6a.attach(IMSI))
    once = Watch(scef="scef.example", reference=7, event=2, detail={"Maximum-Number-of-Reports": 1})
    answer = answered(core.wait(core.hss.orders.watch(IMSI, once)))
    assert answer["Monitoring-Event-Report"]["EPS-Location-Information"]["MME-Location-Information"]
    assert answer["Monitoring-Event-Config-Status"]["SCEF-Reference-ID"] == 7
    answer = answered(core.wait(core.hss.orders.watch(IMSI, Watch(scef="scef.example", reference=8, event=10))))
    result = answer["Monitoring-Event-Config-Status"]["Service-Report"]["Service-Result"]
    assert result["Service-Result-Code"] == 5012
    context = s6a.ues.contexts[IMSI]
    assert set(context.watches) == {("scef.example", 7), ("scef.example", 8)}
    core.wait(core.hss.orders.unwatch(IMSI, "scef.example", 8))
    assert set(context.watches) == {("scef.example", 7)}
    core.wait(s6a.attach(IMSI))  # a new attach learns the rest from ULA
    assert set(s6a.ues.contexts[IMSI].watches) == {("scef.example", 7)}
    core.wait(core.hss.orders.unwatch(IMSI, "scef.example"))
    assert s6a.ues.contexts[IMSI].watches == {}


def test_a_reset_marks_whom_it_names(core: Core, first: Any) -> None:
    s6a, _ = first
    for imsi in (IMSI, TUAK_IMSI):
        core.wait(s6a.attach(imsi))
    answered(core.wait(core.hss.orders.reset([IMSI])))
    assert [each.stale for each in s6a.ues.contexts.values()] == [True, False]
    answered(core.wait(core.hss.orders.reset()))
    assert all(each.stale for each in s6a.ues.contexts.values())


def test_a_subscription_that_is_withdrawn(core: Core, first: Any) -> None:
    s6a, told = first
    core.wait(s6a.attach(IMSI))
    answered(core.wait(core.hss.orders.withdraw(IMSI)))
    assert (s6a.ues.contexts, told[-1].event) == ({}, "cancelled")
    assert core.rig.registered() == {}


def test_who_is_not_here_is_unknown(core: Core, first: Any) -> None:
    s6a, _ = first
    core.wait(s6a.attach(IMSI))
    s6a.ues.contexts.clear()
    for asked in (core.hss.orders.insert(IMSI, {}), core.hss.orders.delete(IMSI, 1)):
        (outcome,) = core.wait(asked)
        assert outcome.result == (TGPP, 5001)
    with core.rig.transaction() as connection:
        where = registrations.of(connection, IMSI)["mme"]
    outcome = core.wait(core.hss.orders.cancel(IMSI, where, 2))  # type: ignore[arg-type]  # the plain number
    assert outcome.good


def test_no_key_is_in_what_the_mme_tells(core: Core, first: Any) -> None:
    s6a, told = first
    core.wait(s6a.attach(IMSI))
    context = s6a.ues.contexts[IMSI]
    assert context.kasme.hex() not in repr(context) + repr(told)
    assert repr(context.kasme) not in repr(context)


def _against(answers: dict[str, Any]) -> Outcome:
    s6a, _ = mme()
    fake = FakeRequester(s6a, dictionary(), answers)
    outcome: Outcome = run(s6a.attach(IMSI))
    fake.settle()
    return outcome


@pytest.mark.parametrize(
    ("air", "why"),
    [
        (lambda r: r.answer(2001), "no E-UTRAN-Vector"),
        (lambda r: r.answer(5012), "refused"),
        (RequestTimeout("no answer in 10 s"), "no answer in 10 s"),
        (
            lambda r: r.answer(
                2001,
                {
                    "Authentication-Info": {
                        "E-UTRAN-Vector": {"RAND": bytes(16), "XRES": bytes(8), "AUTN": bytes(16), "KASME": bytes(32)}
                    }
                },
            ),
            "MAC",
        ),
    ],
)
def test_an_hss_that_does_as_it_likes(air: Any, why: str) -> None:
    outcome = _against({"Authentication-Information": air})
    assert (outcome.good, outcome.step) == (False, "authentication")
    assert why in outcome.why


def test_contexts_without_a_profile_have_no_apns() -> None:
    context = Context(imsi=IMSI, data={}, kasme=b"")
    context.delete(1 << 1 | 1 << 3, (1,), None)
    assert context.apns == ()


def test_what_an_hss_must_not_leave_out_is_met_without_an_error() -> None:
    """Service-Selection of an APN-Configuration, and whose a monitoring event is."""
    context = Context(imsi=IMSI, data={}, kasme=b"")
    context.insert({"APN-Configuration-Profile": {"APN-Configuration": [{"Context-Identifier": 1}]}})
    assert context.apns == ("",)
    context.insert({"Monitoring-Event-Configuration": ({"Monitoring-Type": 1},)})
    assert context.watches == {}


KEYS = "465b5ce8b199b49faa5f0a2ee238a6bc,cd63cb71954a9f4e48a5994e37a02baf"


def test_cards_of_a_file(tmp_path: Path) -> None:
    path = private(tmp_path / "cards.csv", f"imsi,k,opc,sqn\n{IMSI},{KEYS},0000000000ff\n{TUAK_IMSI},{KEYS},\n")
    assert set(read_usims(path)) == {IMSI, TUAK_IMSI}


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("k\n", "columns imsi"),
        ("imsi,colour\n", "columns imsi"),
        (f"imsi,k,opc\nx,{KEYS}\n", ":2: IMSI"),
        (f"imsi,k,opc\n{IMSI},{KEYS}\n{IMSI},{KEYS}\n", ":3: imsi: there already"),
        (f"imsi,k,opc,sqn\n{IMSI},{KEYS},xyz\n", ":2: sqn"),
        (f"imsi,k\n{IMSI},00\n", ":2: keys: k with op or opc"),
        (f"imsi,opc\n{IMSI},00\n", ":2: k: Field required"),
        ('imsi,k\n"', "not CSV"),
    ],
)
def test_cards_that_are_none(tmp_path: Path, text: str, complaint: str) -> None:
    path = private(tmp_path / "cards.csv", text)
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_usims(path)
    assert KEYS not in json.dumps(str(caught.value))
    assert HSS != OLD
