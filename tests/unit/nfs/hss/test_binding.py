"""Which terminal a subscription belongs in: another one raises an alarm, or is not let in."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.mobility import IMSI, TGPP, Rig
from nfs.common.identities import IdentityError
from nfs.hss import binding
from nfs.hss.binding import Binding

OURS, OTHER = {"IMEI": "35299708123456"}, {"IMEI": "11111111111111"}


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    rig = Rig(tmp_path)
    yield rig
    rig.close()


def _bind(rig: Rig, *, bar: bool) -> None:
    with rig.transaction() as connection:
        binding.bind(connection, Binding(imsi=IMSI, imei="352997081234567", bar=bar))


@pytest.mark.requirement("R-LOC-03")
def test_a_device_in_another_terminal_raises_an_alarm(rig: Rig) -> None:
    _bind(rig, bar=False)
    assert rig.ulr(Terminal_Information=OURS).result == (0, 2001)
    assert rig.ulr().result == (0, 2001)
    assert (rig.folder / "audit").read_text() == ""
    assert rig.ulr(Terminal_Information=OTHER).result == (0, 2001)
    (line,) = rig.refusals()
    assert (line["check"], line["result"], line["alarm"]) == ("binding", "let in", True)
    assert rig.ask("Notify", {"User-Name": IMSI, "Terminal-Information": OTHER}).result == (0, 2001)
    assert len(rig.refusals()) == 2


@pytest.mark.requirement("R-LOC-03")
def test_a_barred_pair_is_not_let_in(rig: Rig) -> None:
    _bind(rig, bar=True)
    assert rig.ulr(Terminal_Information=OTHER).result == (TGPP, 5004)
    assert rig.registered() == {}
    assert rig.refusals()[0]["reason"] == binding.OTHER
    assert rig.ulr(Terminal_Information=OURS).result == (0, 2001)
    with rig.transaction() as connection:
        assert binding.release(connection, IMSI)
        assert not binding.release(connection, IMSI)
    assert rig.ulr(Terminal_Information=OTHER).result == (0, 2001)


def test_a_binding_outlives_its_subscription_only_until_somebody_tidies(rig: Rig) -> None:
    with rig.transaction() as connection:
        binding.bind(connection, Binding(imsi="001019999999999", imei="35299708123456"))
        binding.tidy(connection)
        assert binding.of(connection, "001019999999999") is None


@pytest.mark.parametrize("imei", ["", "123", "3529970812345x", "35299708123456789"])
def test_an_imei_that_is_none(imei: str) -> None:
    with pytest.raises(IdentityError):
        Binding(imsi=IMSI, imei=imei)
