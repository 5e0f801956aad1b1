"""`security = "ipsec"`: what may be asked for, and everything weaker that may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter.config import IpsecConfig, NodeConfig, validate
from diameter.errors import ConfigError
from diameter.transport.ipsec.shield import warnings
from helpers.private import private

PEER = {"host": "b.example.org", "realm": "example.org", "transport": "tcp", "security": "ipsec", "connect": True}
SA = {
    "local": "10.0.0.1", "remote": "10.0.0.2", "identity": "b.example.org", "spi_in": 4096, "spi_out": 4097,
    "key_in": "in.key", "key_out": "out.key",
}  # fmt: skip


@pytest.fixture
def base(tmp_path: Path) -> Path:
    for name in ("in.key", "out.key"):
        private(tmp_path / name, "00" * 20)
    return tmp_path


def read(base: Path, peer: dict[str, Any], listen: dict[str, Any] | None = None) -> NodeConfig:
    table = {
        "origin_host": "a.example.org", "origin_realm": "example.org", "peer": [{**PEER, **peer}],
        "listen": [] if listen is None else [listen],
    }  # fmt: skip
    return validate(table, NodeConfig, source="f.toml", base=base)


def complaints(base: Path, **peer: Any) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(base, peer)
    return list(caught.value.lines)


@pytest.mark.requirement("R-TSP-13")
@pytest.mark.parametrize("transport", ["tcp", "sctp"])
def test_a_link_under_ipsec_is_no_clear_text(base: Path, transport: str) -> None:
    peer = read(base, {"transport": transport}).peer[0]
    assert (peer.mechanism, peer.port_number, peer.ipsec.hook) == ("ipsec", 3868, "vici")
    assert (peer.ipsec.mode, peer.ipsec.sa_grace) == ("transport", 5)
    assert peer.ipsec.suites.ike[0] == "aes128gcm16-prfsha256-ecp256"
    assert peer.ipsec.suites.esp[0] == "aes128gcm16-ecp256"


@pytest.mark.requirement("R-TSP-08", "S-TSP-22")
@pytest.mark.parametrize(
    ("key", "proposal", "text"),
    [
        ("esp_proposals", "null-sha256", "null is no encryption at all, which the profile of TS 33.210 forbids"),
        ("esp_proposals", "3des-sha256", "3des is 3DES, which the profile of TS 33.210 forbids"),
        ("esp_proposals", "aes128", "AES-CBC without integrity; add sha256, sha384 or sha512"),
        ("esp_proposals", "aes128-sha1", "sha1 is SHA-1, which the profile of TS 33.210 forbids"),
        ("esp_proposals", "aes128gcm16-modp1536", "modp1536 is group 5, which the profile of TS 33.210 forbids"),
        (
            "esp_proposals",
            "aes128gcm16-esn-none",
            "none is a group, or integrity, of none, which the profile of TS 33.210",
        ),
        ("esp_proposals", "sha256", "names no cipher"),
        ("ike_proposals", "aes128-sha256-modp1024", "modp1024 is group 2, which the profile of TS 33.210 forbids"),
        ("ike_proposals", "aes128-sha256-modp768", "modp768 is group 1, which the profile of TS 33.210 forbids"),
        ("ike_proposals", "aes128-md5-modp2048", "md5 is MD5, which the profile of TS 33.210 forbids"),
        ("ike_proposals", "aes128gcm16-prfsha256", "names no Diffie-Hellman group (14, 19 or higher)"),
        ("ike_proposals", "aes128gcm16-ecp256", "names no pseudo-random function"),
        ("ike_proposals", "chacha20poly1305-prfsha256-ecp256", "chacha20poly1305 is not in the profile of TS 33.210"),
        ("ike_proposals", "aes128gcm16--ecp256", "an empty word is not in the profile"),
    ],
)
def test_a_weaker_proposal_is_refused(base: Path, key: str, proposal: str, text: str) -> None:
    fine = "aes128gcm16" if key == "esp_proposals" else "aes128gcm16-prfsha256-ecp256"
    (line,) = complaints(base, ipsec={key: [fine, proposal]})
    assert line.startswith(f"f.toml: peer.0.ipsec.{key}.1: {proposal}: ")
    assert text in line


def test_the_stronger_profile(base: Path) -> None:
    assert read(base, {"ipsec": {"profile": "ts33210-256"}}).peer[0].ipsec.suites.esp == ("aes256gcm16-ecp384",)
    assert complaints(base, ipsec={"profile": "ts33210-256", "esp_proposals": ["aes128gcm16-ecp384"]}) == [
        "f.toml: peer.0.ipsec.esp_proposals.0: aes128gcm16-ecp384: weaker than profile ts33210-256 allows (aes128gcm16)"
    ]


@pytest.mark.parametrize(
    ("peer", "lines"),
    [
        (
            {"transport": "tls", "security": None, "ipsec": {"hook": "xfrm"}},
            ['ipsec: means nothing without security = "ipsec"'],
        ),
        ({"security": "tls"}, ["security: must be 'ipsec'"]),
        ({"ipsec": {"hook": "xfrm"}}, ['ipsec.sa: missing: hook = "xfrm" has keys set by hand']),
        ({"port": 0}, ['port: must be given with security = "ipsec"']),
        (
            {"physical_protection": True, "physical_protection_reason": "one rack"},
            ['physical_protection: means nothing with security = "ipsec": it is protected'],
        ),
        ({"ipsec": {"sa": [SA]}}, ['ipsec.sa: means nothing without hook = "xfrm"']),
        ({"ipsec": {"settings": {"a": "b"}}}, ['ipsec.settings: means nothing with hook = "vici"']),
        (
            {"ipsec": {"hook": "xfrm", "sa": [SA], "esp_proposals": ["aes128gcm16"]}},
            ['ipsec.esp_proposals: means nothing with hook = "xfrm"'],
        ),
        (
            {"ipsec": {"hook": "xfrm", "sa": [{**SA, "tunnel_remote": "10.0.0.9"}]}},
            ['ipsec.sa.0.tunnel_remote: needs mode = "tunnel"'],
        ),
        ({"ipsec": {"hook": "xfrm", "sa": [SA, {**SA, "remote": "10.0.0.3"}]}}, ["ipsec.sa.1.spi_in: given twice"]),
        (
            {"ipsec": {"hook": "xfrm", "sa": [{**SA, "remote": "fd00::1"}]}},
            ["ipsec.sa.0.remote: not of the same IP version as local"],
        ),
        (
            {"ipsec": {"hook": "xfrm", "sa": [{**SA, "cipher": "3des"}]}},
            [
                ("ipsec.sa.0.cipher: not in the profile of TS 33.210, which has aes-gcm-128, aes-gcm-256,"
                " aes-cbc-128-sha256, aes-cbc-256-sha256 (never null, 3des, or no integrity)")
            ],
        ),
        (
            {"ipsec": {"hook": "xfrm", "sa": [{**SA, "spi_in": 255}]}},
            ["ipsec.sa.0.spi_in: must be greater than or equal to 256"],
        ),
        ({"ipsec": {"sa_grace": -1}}, ["ipsec.sa_grace: must be greater than or equal to 0"]),
    ],
)  # fmt: skip
def test_what_does_not_fit(base: Path, peer: dict[str, Any], lines: list[str]) -> None:
    assert complaints(base, **peer) == [f"f.toml: peer.0.{line}" for line in lines]


def test_twice_protected_is_a_warning(base: Path) -> None:
    tls = dict.fromkeys(("certificate", "key"), base / "in.key") | {"trust": [base / "in.key"]}
    table = {
        "origin_host": "a.example.org", "origin_realm": "example.org", "tls": tls,
        "peer": [{**PEER, "transport": "tls"}], "listen": [{"transport": "tcp", "security": "ipsec"}],
    }  # fmt: skip
    node = validate(table, NodeConfig, source="f.toml", base=base)
    assert node.peer[0].mechanism == "tls"
    assert warnings(node) == ('peer.0: transport = "tls" under security = "ipsec" protects everything twice',)


def test_keys_by_hand(base: Path) -> None:
    options = read(base, {"ipsec": {"hook": "xfrm", "mode": "tunnel", "sa": [{**SA, "tunnel_remote": "10.9.0.2"}]}})
    assert options.peer[0].ipsec.sa[0].key_in == base / "in.key"
    assert IpsecConfig().sa == ()
