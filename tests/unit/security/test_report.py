"""The report: the numbers in force of each link."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from diameter.config import NodeConfig
from diameter.security.report import Report
from diameter.security.tls import TlsContext
from helpers.certificates import Ca, pem

CA = Ca()
LEAF = CA.issue("iwf.example")
BARE = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "one rack"}
SCS: dict[str, Any] = {"host": "scs.asp.example", "realm": "asp.example"}
HSS: dict[str, Any] = {"host": "hss.example", "realm": "example", "placement": "inside"}
TLS = {"certificate": "a.pem", "key": "a.key", "trust": ["ca.pem"]}


def document(*peers: dict[str, Any], now: datetime | None = None, **node: Any) -> dict[str, Any]:
    """The report of a node with these peers."""
    table = {"origin_host": "iwf.example", "origin_realm": "example", "tls": TLS, "peer": list(peers), **node}
    config = NodeConfig.model_validate(table)
    context = TlsContext(LEAF.credentials(crls=[pem(CA.crl())]))
    return Report(config, context, now or datetime.now(UTC)).document()


@pytest.mark.requirement("E-TSP-12")
@pytest.mark.parametrize(
    ("outside", "level", "keys"),
    [
        ({}, "protected", ("TLS 1.2", 2048, 256)),
        ({"rsa_bits": 3072}, "strong", ("TLS 1.2", 3072, 256)),
        ({"rsa_bits": 3072, "ec_bits": 384, "minimum_tls": "1.3"}, "modern", ("TLS 1.3", 3072, 384)),
    ],
)
def test_thresholds_and_the_level_that_follows(outside: dict[str, Any], level: str, keys: tuple[str, int, int]) -> None:
    (link,) = document({**SCS, "certificate_names": ["asp.example"]}, security={"outside": outside})["links"]
    assert (link["lowest_version"], link["rsa_bits"], link["ec_bits"]) == keys
    assert (link["level"], link["mechanism"], link["placement"]) == (level, "tls", "outside")
    assert link["names"] == ["scs.asp.example", "asp.example"]
    assert link["accepts"] == ["every application, for asp.example"]
    older = [suite for suite in link["suites"] if not suite.startswith("TLS_")]
    assert bool(older) == (keys[0] == "TLS 1.2")
    assert "secp256r1" in link["groups"]


@pytest.mark.requirement("S-EXP-17", "R-TSP-13")
def test_clear_text_is_shown_with_the_decision_that_allows_it() -> None:
    (link,) = document({**HSS, **BARE})["links"]
    assert (link["level"], link["physical_protection_reason"], link["mechanism"]) == ("physical", "one rack", "none")
    assert (link["suites"], link["rsa_bits"], link["lowest_version"]) == ([], None, None)


def test_dtls_has_its_one_version_and_sctp_auth() -> None:
    wanted = {"transport": "dtls", "association": {"auth": "wanted"}}
    first, second = document({**SCS, "transport": "dtls"}, {**HSS, **wanted})["links"]
    assert (first["lowest_version"], first["highest_version"], first["sctp_auth"]) == (
        "DTLS 1.2",
        "DTLS 1.2",
        "required",
    )
    assert second["sctp_auth"] == "wanted"
    assert first["suites"]
    assert not [suite for suite in first["suites"] if suite.startswith("TLS_")]


def test_a_listener_takes_its_peers_at_the_weakest_of_their_thresholds() -> None:
    security = {"outside": {"rsa_bits": 4096}}
    agent = {**HSS, "agent": True, "agent_realms": ["far.example"], "applications": ["S6m"]}
    found = document(agent, SCS, security=security, listen=[{"port": 5868}, {**BARE, "port": 3868}])
    first, second, inner, outer = found["links"]
    assert (first["rsa_bits"], inner["rsa_bits"], outer["rsa_bits"]) == (2048, 2048, 4096)
    assert first["accepts"] == ["hss.example", "scs.asp.example"]
    assert (second["accepts"], second["level"]) == ([], "physical")
    assert inner["accepts"] == ["S6m, for example", "as an agent for far.example"]


def test_what_is_ours_and_when_it_runs_out() -> None:
    own = document()["own"]
    assert (own["subject"], own["key_type"], own["names"]) == ("CN=iwf.example", "secp256r1", ["iwf.example"])
    assert own["carries_origin_host"]
    assert [one["subject"] for one in own["trust"]] == ["CN=Lab CA"]
    assert [one["revoked"] for one in own["crls"]] == [0]
    assert [one["warning"] for one in own["runs_out"]] == [False, False, False]
    late = document(now=datetime.now(UTC) + timedelta(days=25))["own"]
    assert all(one["warning"] for one in late["runs_out"])
    assert not document(origin_host="other.example")["own"]["carries_origin_host"]


def test_without_keys_there_is_nothing_of_ours() -> None:
    config = NodeConfig.model_validate({"origin_host": "iwf.example", "origin_realm": "example"})
    assert Report(config, None, datetime.now(UTC)).document()["own"] is None


@pytest.mark.requirement("S-TSP-22")
def test_ipsec_is_shown_with_what_it_proposes() -> None:
    under = {"transport": "sctp", "security": "ipsec"}
    first, second = document(
        {**SCS, **under}, {**HSS, **under, "ipsec": {"profile": "ts33210-256", "esp_proposals": ["aes256gcm16"]}}
    )["links"]
    assert (first["mechanism"], first["lowest_version"], first["level"]) == ("ipsec", "IKEv2", "protected")
    assert first["groups"] == ["ecp256", "ecp384", "modp2048"]
    assert (second["suites"], second["groups"], second["level"]) == (["aes256gcm16"], ["ecp384"], "protected")
    assert [(each["rsa_bits"], each["ec_bits"]) for each in (first, second)] == [(2048, 256)] * 2


@pytest.mark.requirement("E-TSP-12", "R-TSP-11")
def test_the_keys_that_ipsec_asks_for_are_those_of_the_policy() -> None:
    """By a listener may come who is outside, unless all under IPsec are inside."""
    under = {"transport": "sctp", "security": "ipsec", "ipsec": {"profile": "ts33210-256"}}
    listen = [{"transport": "sctp", "security": "ipsec", "ipsec": {"profile": "ts33210-256"}}]
    policy = {"inside": {"rsa_bits": 3072}, "outside": {"rsa_bits": 4096, "ec_bits": 384}}
    for peers, keys in (([SCS, HSS], (4096, 384)), ([HSS], (3072, 256))):
        listener, *rows = document(*({**each, **under} for each in peers), listen=listen, security=policy)["links"]
        assert (listener["rsa_bits"], listener["ec_bits"], listener["level"]) == (*keys, "strong")
        assert (rows[-1]["rsa_bits"], rows[-1]["ec_bits"]) == (3072, 256)
