"""A list of security associations proves that a flow is protected, or says why it does not."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.config import IpsecConfig
from diameter.security.link import ProtectionFailed
from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.sas import NothingThere, Proof, children, prove, selector
from helpers.charon_says import child, sa


def flow(mode: str = "transport", profile: str = "ts33210", **more: Any) -> Flow:
    filled: dict[str, Any] = {
        "peer": "b.example", "identity": "b.example", "local_identity": "a.example", "local": ("10.1.1.1",),
        "remote": ("10.1.1.2",), "protocol": "tcp", "local_port": 0, "remote_port": 3868, "dialled": True, **more,
    }  # fmt: skip
    return Flow(options=IpsecConfig.model_validate({"mode": mode, "profile": profile}), **filled)


def proof(*listed: dict[str, Any], **wanted: Any) -> Proof:
    return prove(children(listed), flow(**wanted))


def test_what_protects_a_flow() -> None:
    found = proof(sa())
    assert found.security.mechanism == "ipsec"
    assert (found.security.version, found.security.cipher, found.security.group) == (
        "IKEv2", "AES_GCM_16_128", "ECP_256",
    )  # fmt: skip
    assert found.security.peer_names == ("b.example",)
    assert found.serials == {"c5e02a8f/c5429202"}


def test_cipher_block_chaining_has_an_integrity_of_its_own() -> None:
    found = proof(sa(child(encr_alg="AES_CBC", integ_alg="HMAC_SHA2_256_128", dh_group="MODP_2048")))
    assert (found.security.cipher, found.security.group) == ("AES_CBC_128/HMAC_SHA2_256_128", "MODP_2048")


def test_the_identity_is_that_of_ike_where_any_will_do() -> None:
    assert proof(sa(remote_id="Gw.Example."), identity="").security.peer_names == ("gw.example",)
    assert proof(sa(remote_id="B.EXAMPLE")).security.peer_names == ("b.example",)


@pytest.mark.parametrize(
    ("ike", "esp", "why"),
    [
        ({"state": "CONNECTING"}, {}, "of an IKE SA that is CONNECTING"),
        ({"state": "DELETING"}, {}, "of an IKE SA that is DELETING"),
        ({"state": None}, {}, "of an IKE SA that is in no state"),
        ({}, {"state": "ROUTED"}, "is ROUTED"),
        ({}, {"state": "REKEYED"}, "is REKEYED"),
        ({}, {"state": None}, "is in no state"),
        ({}, {"local_ts": ["10.1.1.9/32"]}, "no child SA covers 10.1.1.1 to 10.1.1.2, tcp from port any to 3868"),
        ({}, {"remote_ts": ["10.1.1.9/32"]}, "no child SA covers"),
        ({}, {"remote_ts": ["10.1.1.2/32[tcp/5868]"]}, "no child SA covers"),
        ({}, {"remote_ts": ["10.1.1.2/32[sctp/3868]"]}, "no child SA covers"),
        ({}, {"local_ts": ["10.1.1.1/32[tcp/3868]"]}, "no child SA covers"),
        ({}, {"local_ts": None}, "no child SA covers"),
        ({}, {"remote_ts": "10.1.1.2/32"}, "no child SA covers"),
        ({}, {"remote_ts": ["nonsense", "fe80::/64", "10.1.1.2/32[nosuch]"]}, "no child SA covers"),
    ],
)
def test_nothing_is_there(ike: dict[str, Any], esp: dict[str, Any], why: str) -> None:
    with pytest.raises(NothingThere) as refused:
        proof(sa(child(**esp), **ike))
    assert why in str(refused.value)


@pytest.mark.requirement("S-TSP-31")
@pytest.mark.parametrize(
    ("ike", "esp", "why"),
    [
        ({"remote_id": "mallory.example"}, {}, "the other end is mallory.example, not b.example"),
        ({"remote_id": None}, {}, "the other end is nobody, not b.example"),
        ({"version": "1"}, {}, "it is by IKEv1, not IKEv2"),
        ({"encr_alg": "3DES_CBC", "encr_keysize": None}, {}, "IKE with the cipher 3DES_CBC"),
        ({"prf_alg": "PRF_HMAC_SHA1"}, {}, "IKE with the pseudo-random function PRF_HMAC_SHA1"),
        ({"dh_group": "MODP_1024"}, {}, "IKE with the group MODP_1024"),
        ({"dh_group": None}, {}, "IKE with the group none"),
        ({"encr_alg": "AES_CBC", "integ_alg": "HMAC_SHA1_96"}, {}, "IKE with HMAC_SHA1_96 integrity"),
        ({}, {"protocol": "AH"}, "it is AH, not ESP"),
        ({}, {"mode": "TUNNEL"}, "it is in tunnel mode, not transport"),
        ({}, {"mode": None}, "it is in no mode, not transport"),
        ({}, {"encr_alg": "NULL", "encr_keysize": None, "integ_alg": "HMAC_SHA2_256_128"}, "ESP with the cipher NULL"),
        ({}, {"encr_alg": None}, "ESP with the cipher NULL"),
        ({}, {"encr_keysize": "64"}, "ESP with a key of 64 bits"),
        ({}, {"encr_keysize": "many"}, "ESP with a key of 0 bits"),
        ({}, {"encr_alg": "AES_CBC"}, "ESP with no integrity"),
        ({}, {"encr_alg": "AES_CBC", "integ_alg": "HMAC_MD5_96"}, "ESP with HMAC_MD5_96 integrity"),
        ({}, {"dh_group": "MODP_1536"}, "ESP with the group MODP_1536"),
    ],
)
def test_something_is_there_and_not_as_wanted(ike: dict[str, Any], esp: dict[str, Any], why: str) -> None:
    with pytest.raises(ProtectionFailed) as refused:
        proof(sa(child(**esp), **ike))
    assert not isinstance(refused.value, NothingThere)
    assert why in str(refused.value)


def test_a_profile_of_256_bits() -> None:
    strong = {"encr_keysize": "256", "dh_group": "ECP_384", "prf_alg": "PRF_HMAC_SHA2_384"}
    assert proof(sa(child(encr_keysize="256"), **strong), profile="ts33210-256").security.group == "ECP_384"
    for ike, esp, why in (
        (strong, {}, "ESP with a key of 128 bits"),
        ({**strong, "dh_group": "ECP_256"}, {"encr_keysize": "256"}, "IKE with the group ECP_256"),
    ):
        with pytest.raises(ProtectionFailed, match=why):
            proof(sa(child(**esp), **ike), profile="ts33210-256")


def test_one_that_is_not_as_wanted_spoils_the_others() -> None:
    """Packets may come by any of them."""
    weak = sa(child(spi_in="1", encr_alg="NULL"), name="operator", remote_id="b.example")
    other = sa(child(spi_in="2"), name="neighbour", remote_id="c.example")
    elsewhere = sa(child(spi_in="3", encr_alg="NULL", remote_ts=["10.9.9.9/32"]), name="elsewhere")
    assert proof(sa(), elsewhere).serials == {"c5e02a8f/c5429202"}
    with pytest.raises(ProtectionFailed, match="child SA of operator: weaker"):
        proof(sa(), weak)
    for identity in ("b.example", ""):
        with pytest.raises(ProtectionFailed, match="child SA of neighbour: the other end is c.example"):
            proof(sa(), other, identity=identity)


def test_while_it_is_replaced_the_old_one_counts_until_the_new_one_does() -> None:
    old, new = child(state="REKEYING"), child(spi_in="2", spi_out="3")
    assert proof(sa(old)).serials == {"c5e02a8f/c5429202"}
    assert proof(sa(child(state="REKEYED"), new), sa(state="DELETING")).serials == {"2/3"}
    assert proof(sa(old, state="REKEYING")).serials == {"c5e02a8f/c5429202"}


def test_every_address_of_an_association_is_covered() -> None:
    both = {"local": ("10.1.1.1", "10.1.2.1"), "remote": ("10.1.1.2", "10.1.2.2"), "protocol": "sctp"}
    second = child(spi_in="2", local_ts=["10.1.2.1/32"], remote_ts=["10.1.2.2/32"])
    assert proof(sa(child(), second), **both).serials == {"c5e02a8f/c5429202", "2/c5429202"}
    with pytest.raises(NothingThere, match="no child SA covers 10.1.2.1 to 10.1.1.2"):
        proof(sa(), **both)
    six = child(spi_in="6", local_ts=["fd00::1/128"], remote_ts=["fd00::/64"])
    mixed = {"local": ("10.1.1.1", "fd00::1%eth0"), "remote": ("10.1.1.2", "fd00::2")}
    assert len(proof(sa(child(), six), **mixed).serials) == 2


def test_addresses_of_different_kinds_are_no_pair() -> None:
    for local in ((), ("fd00::1",)):
        with pytest.raises(NothingThere, match="no child SA covers no address to 10.1.1.2"):
            proof(sa(), local=local)


@pytest.mark.parametrize(
    ("words", "host", "protocol", "port", "covered"),
    [
        ("10.1.0.0/16", "10.1.200.3", 6, 0, True),
        ("10.1.0.0/16", "10.2.0.1", 6, 0, False),
        ("10.1.0.1..10.1.0.9", "10.1.0.9", 132, 3868, True),
        ("10.1.0.1..10.1.0.9", "10.1.0.10", 132, 3868, False),
        ("10.1.0.1/32[tcp]", "10.1.0.1", 6, 0, True),
        ("10.1.0.1/32[tcp]", "10.1.0.1", 132, 0, False),
        ("10.1.0.1/32[132/3868]", "10.1.0.1", 132, 3868, True),
        ("10.1.0.1/32[tcp/3868]", "10.1.0.1", 6, 3868, True),
        ("10.1.0.1/32[tcp/3868]", "10.1.0.1", 6, 0, False),
        ("10.1.0.1/32[tcp/3000-4000]", "10.1.0.1", 6, 3868, True),
        ("10.1.0.1/32[tcp/3000-4000]", "10.1.0.1", 6, 4001, False),
        ("10.1.0.1/32[tcp/http]", "10.1.0.1", 6, 80, True),
        ("10.1.0.1/32[udp/domain]", "10.1.0.1", 17, 53, True),
        ("fd00::/64", "fd00::17", 6, 0, True),
        ("::/0", "10.1.0.1", 6, 0, False),
    ],
)
def test_selectors(words: str, host: str, protocol: int, port: int, covered: bool) -> None:
    found = selector(words)
    assert found is not None
    assert found.covers(host, protocol, port) is covered


@pytest.mark.parametrize(
    "words", ["dynamic", "", "10.1.0.1/33", "10.1.0.1/24", "10.1.0.1/32[tcp/nosuchservice]", "1.2.3.4..fd00::1x"]
)
def test_what_is_no_selector(words: str) -> None:
    assert selector(words) is None


@given(st.text(alphabet="0123456789abcdef.:/[]tcpudsn-", max_size=40))
def test_any_words_are_a_selector_or_none(words: str) -> None:
    selector(words)


TREES = st.recursive(
    st.text(max_size=8) | st.lists(st.text(max_size=8), max_size=3),
    lambda inner: st.dictionaries(st.sampled_from(["child-sas", "state", "x", "local-ts"]), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(st.dictionaries(st.text(max_size=4), TREES, max_size=3), max_size=3))
def test_whatever_is_listed_proves_nothing_by_accident(listed: list[dict[str, Any]]) -> None:
    with pytest.raises(ProtectionFailed):
        prove(children(listed), flow())
