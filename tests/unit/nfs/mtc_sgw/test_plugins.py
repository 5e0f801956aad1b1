"""Checks of other packages, and orders of checks."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from diameter.errors import ConfigError
from nfs.common.audit import Stage
from nfs.common.tsp import RequestStatus
from nfs.mtc_sgw.bounds import Bounds
from nfs.mtc_sgw.config import GatewayTable
from nfs.mtc_sgw.gateway import CHECKS
from nfs.mtc_sgw.logic import Offer, Refuse, run
from nfs.mtc_sgw.order import FIRST, OWN, complaint, pipeline
from nfs.mtc_sgw.plugins import group, installed

TABLE = GatewayTable(home_plmns=("00101",))
EVERY = (*CHECKS, *Bounds.of(TABLE).checks)
OFFER = Offer(peer="x", origin="x", profile=None, action=1)


@dataclass(frozen=True)
class Entry:
    name: str
    what: Any = None

    def load(self) -> object:
        if isinstance(self.what, Exception):
            raise self.what
        return self.what


def night(_offer: Offer) -> Refuse:
    return Refuse(stage=Stage.AUTHORISATION, reason="night", status=RequestStatus.TEMPORARYERROR)


def test_the_order_without_a_configuration_is_that_of_the_checks_there_are() -> None:
    assert tuple(name for name, _ in EVERY) == OWN == TABLE.checks
    assert pipeline(OWN, EVERY) == EVERY


@pytest.mark.requirement("E-GEN-10")
def test_a_check_of_a_package_is_asked_at_its_place() -> None:
    made = pipeline((FIRST, "night", "rate"), EVERY, lambda _: [Entry("night", night), Entry("other", ImportError())])
    assert [name for name, _ in made] == [FIRST, "night", "rate"]
    assert run(OFFER, made[1:]) == ("night", night(OFFER))


def test_nobody_replaces_a_check_of_the_gateway() -> None:
    made = pipeline((FIRST, "rate", "night"), EVERY, lambda _: [Entry(FIRST, night), Entry("night", night)])
    assert made[0] == EVERY[0]


@pytest.mark.parametrize(
    ("names", "wrong"),
    [
        ((), "peer-identity comes first"),
        (("rate",), "peer-identity comes first"),
        (("rate", FIRST), "peer-identity comes first"),
        ((FIRST, "rats"), "rats: no such check for Tsp; known are command-rights, completeness, external-identifier, "),
        ((FIRST, "rate", "rate"), "rate: named twice"),
    ],
)
def test_what_is_wrong_with_an_order(names: tuple[str, ...], wrong: str) -> None:
    assert complaint(names).startswith(wrong)
    with pytest.raises(ConfigError, match=f"sgw.checks: {wrong}"):
        pipeline(names, EVERY)


@pytest.mark.parametrize(
    ("what", "wrong"),
    [
        (ImportError("no module"), "night cannot be loaded: no module"),
        (AttributeError("no check"), "night cannot be loaded: no check"),
        (ZeroDivisionError("at import"), "night cannot be loaded: at import"),
        (7, "night is no function of an Offer"),
    ],
)
def test_a_package_that_is_broken_is_named(what: Any, wrong: str) -> None:
    with pytest.raises(ConfigError, match=wrong):
        pipeline((FIRST, "night"), EVERY, lambda _: [Entry("night", what)])


def faulty(_offer: Offer) -> None:
    raise KeyError("meter-1@customer.example")


@pytest.mark.parametrize(("what", "reason"), [(faulty, "it raised KeyError at test_plugins.py:"), (bool, "it said a ")])
def test_a_check_that_fails_lets_nothing_pass_and_names_nobody(what: Any, reason: str) -> None:
    made = pipeline((FIRST, "night"), EVERY, lambda _: [Entry("night", what)])
    refused = run(OFFER, made[1:])
    assert refused is not None
    name, said = refused
    assert (name, said.result, said.status, said.stage) == ("night", 5012, None, Stage.AUTHORISATION)
    assert said.reason.startswith(reason)
    assert "meter" not in said.reason


def test_packages_are_found_by_their_entry_points(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "customer_checks-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: customer-checks\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[{group('Tsp')}]\nnight = {__name__}:night\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert [entry.name for entry in installed("Tsp")] == ["night"]
    assert complaint((FIRST, "night")) == ""
