"""Behind a gateway of its own only that may bring requests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter import ConfigError
from diameter.config.load import validate
from helpers.network import IWF_TOML, SCS1, SGW, two
from nfs.common.audit import Stage
from nfs.common.tsp import ActionType, RequestStatus
from nfs.mtc_iwf.config import IwfConfig
from nfs.mtc_sgw import behind
from nfs.mtc_sgw.config import GatewayTable
from nfs.mtc_sgw.logic import Offer, ScsProfile
from nfs.mtc_sgw.order import OWN

CHECK = behind.only([SGW])
PROFILE = ScsProfile(
    name="customer",
    hosts=frozenset({SCS1}),
    isdn="15550001",
    domains=frozenset({"customer.example"}),
    commands=frozenset({ActionType.TRIGGER}),
    agents=frozenset({"dra1.customer.example", "dra2.core.example"}),
)


def offer(**more: Any) -> Offer:
    given: dict[str, Any] = {"peer": SGW, "origin": SCS1, "profile": PROFILE, "action": 1, "route": (SCS1,)}
    return Offer(**(given | more))


@pytest.mark.requirement("R-TSP-18", "R-TSP-28")
def test_a_gateway_brings_requests_and_nobody_else_does() -> None:
    assert CHECK(offer()) is None
    assert CHECK(offer(proven=(SGW,))) is None
    assert CHECK(offer(route=(SCS1, "dra1.customer.example", "dra2.core.example"))) is None
    for refused in (
        CHECK(offer(peer=SCS1, route=())),
        CHECK(offer(peer="dra1.customer.example")),
        CHECK(offer(proven=("other.example",))),
        CHECK(offer(route=(SCS1, "dra9.customer.example"))),
    ):
        assert refused is not None
        assert (refused.stage, refused.status) == (Stage.AUTHENTICATION, RequestStatus.INVSCSID)


def test_an_scs_without_a_profile_has_none_behind_the_gateway_either() -> None:
    refused = CHECK(offer(origin="scs9.customer.example", profile=None, route=()))
    assert refused is not None
    assert refused.status is RequestStatus.NOTAUTHORIZED


def test_what_is_counted_in_front_is_not_counted_again_unless_it_is_asked_for() -> None:
    table: dict[str, Any] = {"home_plmns": ["00101"], "gateways": [SGW]}
    left = [name for name in OWN if name not in ("replay", "rate")]
    assert list(GatewayTable.model_validate(table).order) == left
    assert GatewayTable.model_validate(table | {"checks": list(OWN)}).order == OWN
    assert GatewayTable.model_validate({"home_plmns": ["00101"]}).order == OWN


def test_a_gateway_is_a_peer_that_may_bring_requests_of_others(tmp_path: Path) -> None:
    _, tables = two(IWF_TOML)
    tables["sgw"]["gateways"] = ["sgw9.core.example"]
    with pytest.raises(ConfigError, match=r"sgw\.gateways: sgw9\.core\.example: no peer with agent = true"):
        validate(tables, IwfConfig, source="iwf.toml", base=tmp_path)
