"""What a link must have, threshold by threshold."""

from __future__ import annotations

from typing import Any

import pytest

from diameter.config import LinkProfile, PeerConfig, SecurityConfig
from diameter.errors import ResultCode
from diameter.security.link import CLEAR, LinkSecurity
from diameter.security.policy import Level, check_link, level, profile_of, strength

CLEAR_PEER = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "one rack"}


def _peer(**more: Any) -> PeerConfig:
    return PeerConfig.model_validate({"host": "scs.asp.example", "realm": "asp.example", **more})


def _tls(version: str = "TLSv1.3", kind: str = "secp256r1", bits: int = 256, mechanism: str = "tls") -> LinkSecurity:
    return LinkSecurity(mechanism=mechanism, version=version, key_type=kind, key_bits=bits)


def _policy(**thresholds: Any) -> SecurityConfig:
    return SecurityConfig.model_validate({"outside": thresholds})


@pytest.mark.requirement("R-TSP-13", "S-TSP-23")
@pytest.mark.parametrize(
    ("peer", "security", "text"),
    [
        (_peer(), _tls(), ""),
        (_peer(), CLEAR, "the link is in clear, but tls is agreed with scs.asp.example"),
        (_peer(), _tls(mechanism="dtls"), "the link is dtls, but tls is agreed with scs.asp.example"),
        (_peer(**CLEAR_PEER), CLEAR, ""),
        (_peer(**CLEAR_PEER), _tls(), "the link is tls, but tcp is agreed with scs.asp.example"),
        (
            PeerConfig.model_construct(host="scs.asp.example", transport="tcp", placement="outside"),
            CLEAR,
            "the link to scs.asp.example is in clear and not declared physically protected",
        ),
    ],
)
def test_the_kind_of_protection(peer: PeerConfig, security: LinkSecurity, text: str) -> None:
    complaint = check_link(peer, security, SecurityConfig())
    assert (complaint.text if complaint else "") == text
    assert complaint is None or (complaint.rule, complaint.code) == ("link", ResultCode.NO_COMMON_SECURITY)


@pytest.mark.requirement("E-TSP-12", "R-TSP-11")
@pytest.mark.parametrize(
    ("policy", "security", "text"),
    [
        (_policy(minimum_tls="1.3"), _tls("TLSv1.3"), ""),
        (_policy(minimum_tls="1.3"), _tls("TLSv1.2"), "TLSv1.2 is below 1.3"),
        (_policy(rsa_bits=3072), _tls(kind="RSA", bits=3072), ""),
        (_policy(rsa_bits=3072), _tls(kind="RSA", bits=2048), "RSA key of 2048 bits is shorter than 3072"),
        (_policy(ec_bits=384), _tls(kind="secp384r1", bits=384), ""),
        (_policy(ec_bits=384), _tls(bits=256), "elliptic curve key of 256 bits is shorter than 384"),
    ],
)
def test_each_threshold(policy: SecurityConfig, security: LinkSecurity, text: str) -> None:
    complaint = check_link(_peer(), security, policy)
    assert (complaint.text if complaint else "") == text
    assert check_link(_peer(placement="inside"), security, policy) is None


def test_a_policy_may_forbid_clear_text_whatever_is_declared() -> None:
    complaint = check_link(_peer(**CLEAR_PEER), CLEAR, _policy(physical_protection=False))
    assert complaint is not None
    assert complaint.text == "no link to a peer outside may be in clear, protected or not"


def test_a_profile_goes_by_placement() -> None:
    policy = _policy(rsa_bits=4096)
    assert profile_of(_peer(), policy).rsa_bits == 4096
    assert profile_of(_peer(placement="inside"), policy).rsa_bits == 2048


@pytest.mark.requirement("S-EXP-15")
@pytest.mark.parametrize(("placement", "complains"), [("outside", True), ("inside", False)])
def test_where_ipsec_is_asked_for_nothing_else_will_do(placement: str, complains: bool) -> None:
    """Of a peer, too, that the configuration does not know: one found by a redirect, or let in by its realm."""
    policy = SecurityConfig(outside=LinkProfile(nds_ip=True))
    peer = _peer(placement=placement)
    complaint = check_link(peer, LinkSecurity(mechanism="tls", version="TLSv1.3", key_type="EC", key_bits=256), policy)
    text = f"the link is tls, and every link to a peer {placement} has to be under IPsec"
    assert (complaint.text if complaint else "") == (text if complains else "")
    under = _peer(placement=placement, transport="sctp", security="ipsec")
    assert check_link(under, LinkSecurity(mechanism="ipsec", version="IKEv2", group="ECP_256"), policy) is None


@pytest.mark.parametrize(
    ("security", "bits", "reached"),
    [
        (_tls(kind="RSA", bits=2048), 112, Level.PROTECTED),
        (_tls(kind="RSA", bits=1024), 0, Level.PROTECTED),
        (_tls(kind="RSA", bits=3072), 128, Level.MODERN),
        (_tls(kind="RSA", bits=15360), 256, Level.MODERN),
        (_tls("TLSv1.2"), 128, Level.STRONG),
        (_tls("DTLSv1.2", "secp384r1", 384, "dtls"), 192, Level.STRONG),
        (_tls("TLSv1.3"), 128, Level.MODERN),
    ],
)
def test_levels(security: LinkSecurity, bits: int, reached: Level) -> None:
    assert strength(security) == bits
    assert level(security) is reached


def test_levels_in_clear_and_their_order() -> None:
    assert level(CLEAR) is Level.CLEAR
    assert level(CLEAR, physical=True) is Level.PHYSICAL
    assert sorted(Level) == [Level.CLEAR, Level.PHYSICAL, Level.PROTECTED, Level.STRONG, Level.MODERN]


@pytest.mark.requirement("S-TSP-22", "S-TSP-23")
@pytest.mark.parametrize(
    ("more", "security", "text"),
    [
        ({}, {}, ""),
        ({"key_type": "RSA", "key_bits": 1024}, {}, "RSA key of 1024 bits is shorter than 2048"),
        ({"mechanism": "tls"}, {}, "the link is tls, but ipsec is agreed with scs.asp.example"),
        ({"mechanism": "none"}, {}, "the link is in clear, but ipsec is agreed with scs.asp.example"),
        ({}, {"security": None, **CLEAR_PEER}, "the link is ipsec, but tcp is agreed with scs.asp.example"),
    ],
)
def test_a_link_under_ipsec(more: dict[str, Any], security: dict[str, Any], text: str) -> None:
    """What a daemon does not say of the peer's key is not held against it; what it says is."""
    peer = _peer(**{"transport": "tcp", "security": "ipsec", **security})
    link = LinkSecurity(**{"mechanism": "ipsec", "version": "IKEv2", "group": "ECP_256", **more})
    complaint = check_link(peer, link, _policy(minimum_tls="1.3"))
    assert (complaint.text if complaint else "") == text


@pytest.mark.parametrize(
    ("security", "bits", "reached"),
    [
        (LinkSecurity(mechanism="ipsec", version="IKEv2", group="ECP_256"), 128, Level.STRONG),
        (LinkSecurity(mechanism="ipsec", version="IKEv2", group="MODP_2048"), 112, Level.PROTECTED),
        (LinkSecurity(mechanism="ipsec", version="manual"), 128, Level.STRONG),
        (LinkSecurity(mechanism="ipsec", version="IKEv2", key_type="RSA", key_bits=2048), 112, Level.PROTECTED),
    ],
)
def test_the_strength_of_ipsec(security: LinkSecurity, bits: int, reached: Level) -> None:
    assert (strength(security), level(security)) == (bits, reached)
