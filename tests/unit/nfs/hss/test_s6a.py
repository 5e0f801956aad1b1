"""S6a at the HSS, authentication: vectors that a USIM takes, resynchronisation, each refusal for its reason."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from helpers.mobility import (
    ABROAD,
    BARE,
    CARD,
    E_UTRAN,
    HOME,
    IMSI,
    NO_EPS,
    TGPP,
    TUAK_CARD,
    TUAK_IMSI,
    UTRAN,
    Rig,
    accept,
    usim,
)
from helpers.smpp import T4Stub
from nfs.common.aka import Seal, auts, kasme
from nfs.common.store import StoreError
from nfs.hss import authentication, cards, tables
from nfs.hss.sqn import number


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


@pytest.mark.parametrize(("imsi", "card"), [(IMSI, CARD), (TUAK_IMSI, TUAK_CARD)])
def test_a_vector_that_the_usim_takes(rig: Rig, imsi: str, card: Any) -> None:
    answer = rig.air(imsi)
    assert answer.result == (0, 2001)
    vector = answer["Authentication-Info"]["E-UTRAN-Vector"]
    sqn, out = accept(usim(card), vector["RAND"], vector["AUTN"])
    assert vector["AUTN"][6] & 0x80  # the separation bit
    assert vector["XRES"] == out.res
    assert vector["KASME"] == kasme(out.ck, out.ik, HOME, vector["AUTN"][:6])
    assert "Item-Number" not in vector
    assert int.from_bytes(sqn) >> 5 == 17_000_000_000
    assert card.k not in answer.octets
    assert card.top not in answer.octets


def test_several_vectors_of_both_kinds_have_rising_numbers(rig: Rig) -> None:
    asked = {"Number-Of-Requested-Vectors": 3, "Immediate-Response-Preferred": 0}
    info = rig.air(avps={E_UTRAN: asked, UTRAN: {"Number-Of-Requested-Vectors": 9}})["Authentication-Info"]
    e_utran, utran = info.all("E-UTRAN-Vector"), info.all("UTRAN-Vector")
    assert (len(e_utran), len(utran)) == (3, 5)
    every = [*e_utran, *utran]
    numbers = [accept(usim(), vector["RAND"], vector["AUTN"])[0] for vector in every]
    assert numbers == sorted(set(numbers))
    assert [vector["Item-Number"] for vector in every] == list(range(1, 9))
    assert len({vector["RAND"] for vector in every}) == 8
    assert not utran[0]["AUTN"][6] & 0x80
    _, out = accept(usim(), utran[0]["RAND"], utran[0]["AUTN"])
    assert (utran[0]["Confidentiality-Key"], utran[0]["Integrity-Key"]) == (out.ck, out.ik)


def test_the_number_of_vectors_has_a_default_and_a_floor(rig: Rig) -> None:
    for asked in ({}, {"Number-Of-Requested-Vectors": 0}):
        assert len(rig.air(avps={E_UTRAN: asked})["Authentication-Info"].all("E-UTRAN-Vector")) == 1


@pytest.mark.parametrize("ahead", [1_000_000, 1 << 40, -(1 << 30)])
@pytest.mark.parametrize("name", [E_UTRAN, UTRAN])
def test_a_usim_that_is_not_met_says_so_and_is_followed(rig: Rig, ahead: int, name: str) -> None:
    first = rig.air()["Authentication-Info"]["E-UTRAN-Vector"]
    own = number(17_000_000_000 + ahead, 0, 0, 0)
    info = first["RAND"] + auts(usim(), first["RAND"], own)
    answer = rig.air(avps={name: {"Number-Of-Requested-Vectors": 1, "Re-Synchronization-Info": info}})
    vector = answer["Authentication-Info"]["E-UTRAN-Vector"]
    sqn, _ = accept(usim(), vector["RAND"], vector["AUTN"])
    seq, seq_ms = int.from_bytes(sqn) >> 5, int.from_bytes(own) >> 5
    assert seq_ms < seq < seq_ms + (1 << 28)
    rig.clock.advance(5.0)  # what was learnt is in the database
    later, _ = accept(usim(), *_of(rig.air()["Authentication-Info"]["E-UTRAN-Vector"]))
    assert sqn < later


def _of(vector: Any) -> tuple[bytes, bytes]:
    return vector["RAND"], vector["AUTN"]


def test_no_transaction_for_a_vector(rig: Rig) -> None:
    rig.air()
    before = rig.store.tasks
    for _ in range(20):
        rig.air()
    assert rig.store.tasks == before


def test_a_hss_that_was_killed_gives_no_number_again(rig: Rig) -> None:
    numbers = []
    for _ in range(6):
        numbers += [accept(usim(), *_of(rig.air()["Authentication-Info"]["E-UTRAN-Vector"]))[0] for _ in range(10)]
        rig.restart()  # in the same tenth of a second
    assert len(set(numbers)) == 60


@pytest.mark.requirement("R-GEN-11", "T-ACC-01")
@pytest.mark.parametrize(
    ("user", "changes", "result", "diagnostic"),
    [
        ("999990000000009", {}, 5001, None),
        ("nobody", {}, 5001, None),
        (NO_EPS, {}, 5420, 1),
        (BARE, {}, 4181, None),
        (IMSI, {"Visited-PLMN-Id": ABROAD}, 5004, None),
        (IMSI, {E_UTRAN: {"Re-Synchronization-Info": bytes(30)}}, 4181, None),
    ],
)
def test_authentication_refused(rig: Rig, user: str, changes: Any, result: int, diagnostic: int | None) -> None:
    answer = rig.air(user, avps=changes)
    assert answer.result == (TGPP, result)
    assert answer.get("Error-Diagnostic") == diagnostic
    assert "Authentication-Info" not in answer
    (line,) = rig.refusals()
    assert (line["check"], line["stage"]) == ("authentication-information", "authentication")
    assert user not in str(line) or user == "nobody"


@pytest.mark.parametrize(
    ("changes", "code", "named"),
    [
        ({E_UTRAN: None}, 5005, E_UTRAN),
        ({E_UTRAN: {"Re-Synchronization-Info": bytes(29)}}, 5014, E_UTRAN),
        ({"Visited-PLMN-Id": b"\x00\xf1"}, 5004, "Visited-PLMN-Id"),
    ],
)
def test_a_request_that_cannot_be(rig: Rig, changes: Any, code: int, named: str) -> None:
    answer = rig.air(avps=changes)
    assert answer.result == (0, code)
    assert named in answer["Failed-AVP"]


def test_keys_under_another_seal_are_no_keys(tmp_path: Path) -> None:
    for folder, seal in (("other", Seal(bytes(32))), ("none", None)):
        (tmp_path / folder).mkdir()
        rig = Rig(tmp_path / folder, seal=seal)
        assert rig.air().result == (TGPP, 4181)
        rig.close()


def test_a_database_that_fails(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    monkeypatch.setattr(cards, "find_many", gone)
    monkeypatch.setattr(tables, "find", gone)
    assert rig.air().result == (TGPP, 4181)
    assert rig.ulr().result == (0, 5012)


def test_all_who_wait_for_a_block_hear_at_once_that_there_is_none(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[None] = []
    failed: list[None] = []

    def gone(*_: object) -> None:
        tried.append(None)
        raise OperationalError("SELECT", {}, RuntimeError("disk I/O error"))

    async def ask() -> None:
        with pytest.raises(StoreError):
            await rig.centre._sqn(IMSI, 0, "mme.example")
        failed.append(None)

    with monkeypatch.context() as patch:
        patch.setattr(cards, "reserve", gone)
        beside = T4Stub(rig.clock)
        for _ in range(20):
            beside.spawn(ask())
        while any(call.getTime() <= rig.clock.seconds() for call in rig.clock.getDelayedCalls()):
            rig.clock.advance(0)
    assert (len(tried), len(failed)) == (1, 20)
    assert rig.air().result == (0, 2001)


def test_asking_for_vectors_without_end_does_not_take_everybody_ahead(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(authentication, "FAR_AHEAD", 500)
    five = {E_UTRAN: {"Number-Of-Requested-Vectors": 5}}
    results = [rig.air(avps=five).result for _ in range(150)]
    assert results[:100] == [(0, 2001)] * 100
    assert results[-1] == (TGPP, 4181)
    assert "more vectors" in rig.refusals()[-1]["reason"]
    assert rig.air(TUAK_IMSI).result == (0, 2001)
    rig.clock.advance(60)
    assert rig.air(avps=five).result == (0, 2001)


def test_vectors_go_on_from_memory_while_the_database_is_away(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as what was read counts as fresh, and with numbers that were reserved before; then 4181."""
    assert rig.air().result == (0, 2001)

    def gone(*_: object) -> None:
        raise OperationalError("SELECT", {}, RuntimeError("server closed the connection"))

    with monkeypatch.context() as patched:
        for module, name in ((cards, "find_many"), (cards, "reserve")):
            patched.setattr(module, name, gone)
        assert rig.air().result == (0, 2001)
        rig.clock.advance(1.5)
        assert rig.air().result == (TGPP, 4181)
    assert rig.air().result == (0, 2001)
