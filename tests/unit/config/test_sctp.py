"""Options of SCTP: their bounds, and where they may stand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from diameter.config import ListenConfig, NodeConfig, PeerConfig, SctpConfig, parse
from diameter.errors import ConfigError

CLEAR: dict[str, Any] = {"physical_protection": True, "physical_protection_reason": "a test"}
NODE = 'origin_host = "a.example"\norigin_realm = "example"\n'


def complaint(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(NODE + text, NodeConfig, source="x", base=Path())
    return "\n".join(caught.value.lines)


def test_what_holds_without_a_word() -> None:
    link = ListenConfig(transport="sctp", **CLEAR)
    assert (link.port_number, link.sctp, link.association) == (3868, "auto", SctpConfig())
    assert (link.association.order, link.association.nodelay, link.association.outbound_streams) == (
        "unordered",
        True,
        16,
    )


def test_it_is_clear_text_like_tcp() -> None:
    assert 'transport = "sctp" is clear text' in complaint('[[listen]]\ntransport = "sctp"')


def test_options_need_sctp() -> None:
    text = complaint(
        '[[peer]]\nhost = "b.example"\nrealm = "example"\nsctp = "kernel"\nassociation = {nodelay = false}\n'
        'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "x"'
    )
    assert text == (
        'x: peer.0.sctp: means nothing without transport = "sctp" or "dtls"\n'
        'x: peer.0.association: means nothing without transport = "sctp" or "dtls"'
    )


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ("rto_min_ms = 500, rto_max_ms = 400", "association.rto_max_ms: less than rto_min_ms"),
        ("rto_initial_ms = 500, rto_max_ms = 400", "association.rto_max_ms: less than rto_initial_ms"),
        ("rto_min_ms = 0", "association.rto_min_ms: "),
        ("outbound_streams = 0", "association.outbound_streams: "),
        ("outbound_streams = 65536", "association.outbound_streams: "),
        ('local_addresses = ["localhost"]', "association.local_addresses.0: not an IPv4 or IPv6 address"),
        ('primary = "peer.example"', "association.primary: not an IPv4 or IPv6 address"),
        ('order = "sometimes"', "association.order: must be 'unordered', 'ordered' or 'session'"),
        ("nodelays = true", 'association.nodelays: unknown key (did you mean "nodelay"?)'),
    ],
)
def test_what_is_wrong_is_named(options: str, words: str) -> None:
    assert words in complaint(f'[[listen]]\ntransport = "sctp"\nassociation = {{{options}}}')


def test_tcp_and_sctp_share_a_port() -> None:
    text = "".join(
        f'[[listen]]\ntransport = "{kind}"\nphysical_protection = true\nphysical_protection_reason = "x"\n'
        for kind in ("tcp", "sctp")
    )
    assert len(parse(NODE + text, NodeConfig, source="x", base=Path()).listen) == 2
    assert "same address and port as listen.0" in complaint(text.replace('"tcp"', '"sctp"'))


def test_a_found_peer_keeps_its_defaults() -> None:
    """Every key given with its default is as good as not given."""
    row = PeerConfig(host="b.example", realm="example", transport="tcp", **CLEAR)
    same = {name: getattr(row, name) for name in PeerConfig.model_fields}
    assert PeerConfig.model_validate(same) == row


def test_dtls_is_protected_and_has_the_secure_port() -> None:
    link = ListenConfig(transport="dtls", association=SctpConfig(auth="wanted", label_with_nul=True))
    assert (link.port_number, link.physical_protection) == (5868, False)


def test_dtls_needs_keys_and_its_own_version(tmp_path: Path) -> None:
    listen = '[[listen]]\ntransport = "dtls"\n'
    assert complaint(listen) == 'x: tls: missing, but listen.0 has transport = "dtls"'
    file = tmp_path / "file"
    file.touch(0o600)
    tls = f'[tls]\ncertificate = "{file}"\nkey = "{file}"\ntrust = ["{file}"]\nminimum_version = "1.3"'
    assert complaint(listen + tls) == "x: tls.minimum_version: listen.0 is dtls, which has no version above 1.2"


def test_options_of_dtls_need_dtls() -> None:
    listen = '[[listen]]\ntransport = "sctp"\nphysical_protection = true\nphysical_protection_reason = "x"\n'
    assert complaint(
        f'{listen}association = {{auth = "wanted", label_with_nul = true, rekey_after_s = 60}}'
    ).splitlines() == [
        'x: listen.0.association.auth: means nothing without transport = "dtls"',
        'x: listen.0.association.label_with_nul: means nothing without transport = "dtls"',
        'x: listen.0.association.rekey_after_s: means nothing without transport = "dtls"',
    ]
