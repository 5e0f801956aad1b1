"""Who may claim an Origin-Host, and for whom a peer may send."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.config import NodeTable, PeerConfig
from diameter.errors import ResultCode
from diameter.security.identity import lies_in, may_claim, may_send, plain
from diameter.security.link import CLEAR, LinkSecurity

NODE = NodeTable(origin_host="iwf.mno.example", origin_realm="mno.example")
TLS = LinkSecurity(
    mechanism="tls", version="TLSv1.3", peer_names=("scs.asp.example",), key_type="secp256r1", key_bits=256
)


def _peer(**more: Any) -> PeerConfig:
    return PeerConfig.model_validate({"host": "scs.asp.example", "realm": "asp.example", **more})


@pytest.mark.parametrize("host", ["scs.asp.example", "SCS.ASP.Example", "scs.asp.example."])
def test_the_name_in_the_certificate_may_be_claimed(host: str) -> None:
    assert may_claim(_peer(), host, "asp.example", TLS, NODE) is None
    assert may_claim(_peer(), host, None, TLS, NODE) is None


@pytest.mark.requirement("R-TSP-06", "R-TSP-35")
@pytest.mark.parametrize(
    ("names", "host", "rule"),
    [
        (("scs.asp.example",), "other.asp.example", "host"),
        (("other.asp.example",), "scs.asp.example", "certificate"),
        (("asp.example",), "scs.asp.example", "certificate"),
        (("*.asp.example",), "scs.asp.example", "certificate"),
        (("xscs.asp.example", "scs.asp.example.x"), "scs.asp.example", "certificate"),
        ((), "scs.asp.example", "certificate"),
    ],
)
def test_no_other_name_may(names: tuple[str, ...], host: str, rule: str) -> None:
    security = LinkSecurity(mechanism="tls", version="TLSv1.3", peer_names=names, key_type="secp256r1", key_bits=256)
    complaint = may_claim(_peer(), host, "asp.example", security, NODE)
    assert complaint is not None
    assert (complaint.rule, complaint.code) == (rule, ResultCode.UNKNOWN_PEER)


@pytest.mark.parametrize(
    ("wanted", "lacking"),
    [
        (("asp.example",), ""),
        (("ASP.example.", "scs.asp.example"), ""),
        (("asp.example", "hub.example"), "hub.example"),
    ],
)
def test_a_certificate_carries_every_name_that_led_to_it(wanted: tuple[str, ...], lacking: str) -> None:
    names = ("scs.asp.example", "asp.example")
    security = LinkSecurity(mechanism="tls", version="TLSv1.3", peer_names=names, key_type="secp256r1", key_bits=256)
    complaint = may_claim(_peer(certificate_names=wanted), "scs.asp.example", None, security, NODE)
    assert (complaint is None) == (not lacking)
    if complaint is not None:
        assert (complaint.rule, complaint.text) == ("certificate", f"the certificate does not carry {lacking}")


def test_nobody_may_be_ourselves() -> None:
    peer = _peer(host="iwf.mno.example", realm="mno.example")
    complaint = may_claim(peer, "IWF.mno.example", "mno.example", TLS, NODE)
    assert complaint is not None
    assert complaint.text == "IWF.mno.example is our own identity"


@pytest.mark.parametrize(
    ("realm", "fits"),
    [
        ("asp.example", True),
        ("ASP.example.", True),
        ("other.example", True),
        ("scs.asp.example", True),
        ("example", False),
        ("sp.example", False),
        ("mno.example", False),
        ("x.asp.example", False),
    ],
)
def test_the_realm_is_the_configured_one_or_listed_or_within(realm: str, fits: bool) -> None:
    complaint = may_claim(_peer(realms=("other.example",)), "scs.asp.example", realm, TLS, NODE)
    assert (complaint is None) is fits
    if complaint is not None:
        assert (complaint.rule, complaint.code) == ("realm", ResultCode.UNKNOWN_PEER)


@pytest.mark.requirement("R-TSP-13")
def test_a_link_that_is_not_as_agreed_comes_before_any_name() -> None:
    complaint = may_claim(_peer(), "nobody.example", None, CLEAR, NODE)
    assert complaint is not None
    assert complaint.code == ResultCode.NO_COMMON_SECURITY


def test_on_a_protected_wire_the_peer_table_alone_decides() -> None:
    peer = _peer(transport="tcp", physical_protection=True, physical_protection_reason="one rack")
    assert may_claim(peer, "scs.asp.example", "asp.example", CLEAR, NODE) is None


AGENT = _peer(host="dra.hub.example", realm="hub.example", agent=True, agent_realms=("asp.example",))


@pytest.mark.parametrize(
    ("peer", "host", "realm", "route", "rule"),
    [
        (_peer(), "scs.asp.example", "asp.example", (), None),
        (_peer(), "SCS.asp.example.", "ASP.example", (), None),
        (_peer(), "scs.asp.example", "mno.example", (), "origin-realm"),
        (_peer(), "scs.asp.example", "asp.example", ("x.example",), "route-record"),
        (_peer(), "scs2.asp.example", "asp.example", (), "origin-host"),
        (AGENT, "dra.hub.example", "hub.example", (), None),
        (AGENT, "scs.asp.example", "asp.example", ("scs.asp.example",), None),
        (AGENT, "scs.asp.example", "asp.example", ("SCS.asp.example", "dra2.hub.example"), None),
        (AGENT, "iwf.mno.example", "mno.example", ("iwf.mno.example",), "origin-realm"),
        (AGENT, "scs.asp.example", "sub.asp.example", ("scs.asp.example",), "origin-realm"),
        (AGENT, "scs.other.example", "asp.example", ("scs.other.example",), "origin-host"),
        (AGENT, "scs.asp.example", "asp.example", (), "route-record"),
        (AGENT, "scs.asp.example", "asp.example", ("dra2.hub.example", "scs.asp.example"), "route-record"),
        (AGENT, "scs.asp.example", "asp.example", ("scs.asp.example", "DRA.hub.example"), "route-record"),
    ],
)
def test_for_whom_a_peer_may_send(
    peer: PeerConfig, host: str, realm: str, route: tuple[str, ...], rule: str | None
) -> None:
    complaint = may_send(peer, host, realm, route)
    assert (complaint and complaint.rule) == rule
    assert complaint is None or complaint.code == ResultCode.AUTHORIZATION_REJECTED


def test_names_are_compared_by_whole_labels() -> None:
    assert plain("A.B.") == "a.b"
    assert lies_in("a.b.c", "B.c.")
    assert lies_in("b.c", "b.c")
    assert not lies_in("xb.c", "b.c")
    assert not lies_in("b.c", "a.b.c")
    assert not lies_in("b.c", "")
