"""`mtc s6a`: the steps against our HSS, and what is said of one that does as it likes."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import RequestTimeout
from diameter.testing import FakeRequester, run
from helpers.attaching import HSS, NUMBER, Core, answered, mme
from helpers.messages import dictionary
from helpers.mobility import CARD, HOME, IMSI, TUAK_CARD, TUAK_IMSI
from helpers.schemas import assert_fits
from nfs.cli import s6a as verb
from nfs.common.aka import autn, kasme
from nfs.common.cards import Card
from nfs.mme import checks
from nfs.mme.proving import STEPS, USUAL, Prover, Step
from nfs.mme.s6a import Site


def prover(card: Card = CARD, imsi: str = IMSI, **more: Any) -> tuple[Prover, list[Step]]:
    told: list[Step] = []
    site = Site(plmn="00101", realm="core.example", host=HSS, number=NUMBER)
    given: dict[str, Any] = {"sqn": None, "vectors": 1, "clock": lambda: 0.0} | more
    return Prover(site, imsi, card.functions(), told=told.append, **given), told


@pytest.fixture
def first() -> Any:
    return prover(vectors=3)


@pytest.fixture
def core(tmp_path: Path, first: Any) -> Iterator[Core]:
    core = Core(tmp_path, first[0], mme()[0])
    yield core
    core.close()


def wrong(told: list[Step]) -> list[tuple[str, str]]:
    return [(step.step, check.what) for step in told for check in step.checks if check.verdict == "wrong"]


def test_our_hss_is_found_to_be_good(core: Core, first: Any) -> None:
    prover, told = first
    for step in ("air", "resync", "forged", "ulr", "nor"):
        core.wait(prover.take(step))
    assert wrong(told) == []
    heard: list[int] = []
    prover.ordered = lambda: heard.append(prover.orders)
    answered(core.wait(core.hss.orders.insert(IMSI, {"Active-Time": 3})))
    answered(core.wait(core.hss.orders.delete(IMSI, 1 << 29)))
    answered(core.wait(core.hss.orders.reset([IMSI])))
    answered(core.wait(core.hss.orders.withdraw(IMSI)))
    core.wait(prover.take("pur"))
    orders = ["Insert-Subscriber-Data", "Delete-Subscriber-Data", "Reset", "Cancel-Location"]
    assert [step.command for step in told if step.step == "order"] == orders
    assert heard == [1, 2, 3, 4]
    assert wrong(told) == [("pur", "result")]  # it was cancelled
    assert told[-1].result == (10415, 5423)
    document = {"schema": 1, "ok": False, "peer": HSS, "imsi": IMSI, "trouble": ""}
    assert_fits("s6a", document | {"steps": [step.form() for step in told]})
    assert CARD.k.hex() not in repr(told)


def test_a_usim_that_is_elsewhere_and_other_keys(tmp_path: Path) -> None:
    strict, said = prover(sqn=0)
    other, heard = prover(TUAK_CARD, imsi=IMSI)
    core = Core(tmp_path, strict, other)
    core.wait(strict.take("air"))
    assert wrong(said) == [("air", "SQN")]
    for step in ("air", "resync", "forged"):
        core.wait(other.take(step))
    assert {what for _, what in wrong(heard)} == {"AUTN"}
    core.close()


def test_tuak(tmp_path: Path) -> None:
    tuak, told = prover(TUAK_CARD, imsi=TUAK_IMSI)
    core = Core(tmp_path, tuak, mme()[0])
    for step in USUAL:
        core.wait(tuak.take(step))
    assert wrong(told) == []
    core.close()


def against(step: str, **answers: Any) -> list[tuple[str, str]]:
    made, told = prover()
    fake = FakeRequester(made, dictionary(), {name.replace("_", "-"): each for name, each in answers.items()})
    run(made.take(step))
    fake.settle()
    return wrong(told)


def vector(**changes: bytes) -> dict[str, Any]:
    return {"RAND": bytes(16), "XRES": bytes(8), "AUTN": bytes(16), "KASME": bytes(32)} | changes


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        ({}, ["vectors"]),
        ({"Authentication-Info": {"E-UTRAN-Vector": [vector(), vector()]}}, ["vectors", "AUTN", "AUTN"]),
        ({"Authentication-Info": {"E-UTRAN-Vector": vector(KASME=bytes(16))}}, ["lengths of RAND, AUTN, XRES, KASME"]),
    ],
)
def test_vectors_that_are_none(answer: dict[str, Any], found: list[str]) -> None:
    said = against("air", Authentication_Information=lambda request: request.answer(2001, answer))
    assert [what for _, what in said] == found


def taken() -> dict[str, Any]:
    """A vector whose AUTN is of our keys: SQN 2^30, AMF without its bit."""
    functions, sqn = CARD.functions(), (1 << 30).to_bytes(6)
    out = functions.outputs(bytes(16), sqn, bytes(2))
    autn = bytes(a ^ b for a, b in zip(sqn, out.ak, strict=True)) + bytes(2) + out.mac_a
    return {"Authentication-Info": {"E-UTRAN-Vector": vector(AUTN=autn)}}


def test_an_hss_that_begins_with_nought() -> None:
    """SQN 0, and 100 then: a card whose place is not known takes both, and says what one without any SQN would do."""
    made, told = prover()
    out = [CARD.functions().outputs(bytes(16), sqn.to_bytes(6), b"\x80\0") for sqn in (0, 100)]
    answers = iter(
        {"Authentication-Info": {"E-UTRAN-Vector": vector(XRES=each.res, AUTN=token, KASME=key)}}
        for sqn, each in zip((0, 100), out, strict=True)
        for token in [autn(each, sqn.to_bytes(6), b"\x80\0")]
        for key in [kasme(each.ck, each.ik, HOME, token[:6])]
    )
    said: dict[str, Any] = {"Authentication-Information": lambda request: request.answer(2001, next(answers))}
    fake = FakeRequester(made, dictionary(), said)
    for _ in range(2):
        run(made.take("air"))
    fake.settle()
    assert wrong(told) == []
    found = [(one.verdict, one.detail[:14]) for step in told for one in step.checks if one.what == "SQN"]
    assert found == [("note", "0x000000000000"), ("ok", "0x000000000064")]


@pytest.mark.parametrize("step", ["resync", "forged"])
@pytest.mark.parametrize(
    "later", [{}, {"Authentication-Info": {}}, {"Authentication-Info": {"E-UTRAN-Vector": vector(RAND=bytes(3))}}]
)
def test_an_hss_that_has_no_vectors_any_more(step: str, later: dict[str, Any]) -> None:
    made, told = prover()
    answers = iter([taken(), later])
    said: dict[str, Any] = {"Authentication-Information": lambda request: request.answer(2001, next(answers))}
    fake = FakeRequester(made, dictionary(), said)
    for each in ("air", step):
        run(made.take(each))
    fake.settle()
    assert [step.step for step in told] == ["air", step]
    assert not told[-1].good


def test_what_the_mme_checks_of_a_vector() -> None:
    """AMF without its bit, XRES and KASME of somebody else."""
    functions, answer = CARD.functions(), taken()
    autn = answer["Authentication-Info"]["E-UTRAN-Vector"]["AUTN"]
    said = against("air", Authentication_Information=lambda request: request.answer(2001, answer))
    assert [what for _, what in said] == ["AMF separation bit", "XRES", "KASME"]
    assert checks.sqn_of(functions, bytes(16), autn) == 1 << 30
    card = checks.Authentication(functions, HOME)
    assert (card.usim, card.highest) == (None, 0)


APN = {
    "Context-Identifier": 1,
    "PDN-Type": 0,
    "Service-Selection": "iot",
}
PROFILE = {"Context-Identifier": 2, "All-APN-Configurations-Included-Indicator": 0, "APN-Configuration": [APN, APN]}


@pytest.mark.parametrize(
    ("avps", "found"),
    [
        ({}, ["ULA-Flags", "Subscription-Data"]),
        ({"ULA-Flags": 0, "Subscription-Data": {}}, ["AMBR of the subscriber", "APN-Configuration-Profile"]),
        (
            {"ULA-Flags": 1, "Subscription-Data": {"MSISDN": b"\xaa", "APN-Configuration-Profile": PROFILE}},
            ["MSISDN", "AMBR of the subscriber", "Context-Identifiers", "default APN", "EPS-Subscribed-QoS-Profile"],
        ),
        (
            {"ULA-Flags": 1, "Subscription-Data": {"Monitoring-Event-Configuration": b""}},
            ["ABNF", "AMBR of the subscriber", "APN-Configuration-Profile"],
        ),
    ],
)
def test_subscriptions_that_will_not_do(avps: dict[str, Any], found: list[str]) -> None:
    said = against("ulr", Update_Location=lambda request: request.answer(2001, avps))
    assert [what for _, what in said] == found


def test_who_refuses_or_is_silent() -> None:
    assert against("nor", Notify=lambda request: request.answer(5012)) == [("nor", "result")]
    assert against("pur", Purge_UE=RequestTimeout("no answer in 5 s")) == [("pur", "answer")]
    forged = [("forged", "vectors")]
    assert against("forged", Authentication_Information=lambda request: request.answer(2001)) == forged


def test_steps_are_those_of_the_verb() -> None:
    assert (verb.STEPS, verb.USUAL) == (STEPS, USUAL)
