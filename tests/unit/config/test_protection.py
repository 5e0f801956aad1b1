"""A file whose links do not fit its policy is refused whole, with file and key."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter.config import FunctionConfig, NodeConfig, parse
from diameter.errors import ConfigError

NODE = '[node]\norigin_host = "iwf.example"\norigin_realm = "example"\n'
BARE = 'transport = "tcp"\nphysical_protection = true\nphysical_protection_reason = "one rack"\n'


def keys(folder: Path, more: str = "") -> str:
    """A `[node.tls]` table; the files need only be there."""
    for name in ("a.pem", "a.key", "ca.pem"):
        (folder / name).touch(0o600)
    return f'[node.tls]\ncertificate = "a.pem"\nkey = "a.key"\ntrust = ["ca.pem"]\n{more}'


def peer(name: str, placement: str, text: str = "") -> str:
    return f'[[peer]]\nhost = "{name}.example"\nrealm = "example"\nplacement = "{placement}"\n{text}'


def complaints(folder: Path, text: str) -> tuple[str, ...]:
    """What a file with this text is refused for."""
    try:
        parse(text, FunctionConfig, source="iwf.toml", base=folder)
    except ConfigError as error:
        return error.lines
    return ()


@pytest.mark.requirement("R-TSP-11")
def test_nobody_outside_is_in_clear_where_everybody_inside_is_protected(tmp_path: Path) -> None:
    inner, outer = peer("hss", "inside"), peer("scs", "outside", BARE)
    assert complaints(tmp_path, NODE + keys(tmp_path) + inner + outer) == (
        "iwf.toml: peer.1.transport: an outside peer in clear is weaker protected than those inside (peer.0 has tls)",
    )
    for text in (outer, inner + peer("old", "inside", BARE) + outer, inner + peer("scs", "outside")):
        assert complaints(tmp_path, NODE + keys(tmp_path) + text) == ()
    for bare in ('transport = "sctp"', 'transport = "tcp"'):
        found = complaints(tmp_path, NODE + keys(tmp_path) + peer("scs", "outside", bare))
        assert found[0].startswith("iwf.toml: peer.0: ")
        assert "is clear text" in found[0]


@pytest.mark.requirement("R-TSP-11")
@pytest.mark.parametrize("name", ["minimum_tls", "rsa_bits", "ec_bits"])
def test_a_profile_weaker_outside_than_inside_is_refused(tmp_path: Path, name: str) -> None:
    higher = {"minimum_tls": '"1.3"', "rsa_bits": "3072", "ec_bits": "384"}[name]
    text = f"{NODE}[node.security.inside]\n{name} = {higher}\n"
    assert complaints(tmp_path, text) == (f"iwf.toml: node.security.outside.{name}: weaker than inside.{name}",)


@pytest.mark.requirement("E-TSP-12", "R-TSP-13")
@pytest.mark.parametrize(
    ("policy", "tls", "link", "line"),
    [
        (
            "physical_protection = false", "", BARE,
            "peer.0.physical_protection: node.security.outside.physical_protection allows no link in clear",
        ),
        (
            'minimum_tls = "1.3"', "", 'transport = "dtls"',
            "peer.0.transport: dtls has no version above 1.2, and node.security.outside.minimum_tls is 1.3",
        ),
        (
            'minimum_tls = "1.3"', 'maximum_version = "1.2"', "",
            "peer.0: node.tls.maximum_version is 1.2, and node.security.outside.minimum_tls is 1.3",
        ),
    ],
)  # fmt: skip
def test_a_link_that_its_policy_could_never_let_up(tmp_path: Path, policy: str, tls: str, link: str, line: str) -> None:
    text = f"{NODE}[node.security.outside]\n{policy}\n{keys(tmp_path, tls)}\n{peer('scs', 'outside', link)}"
    assert complaints(tmp_path, text) == (f"iwf.toml: {line}",)
    inside = text.replace('placement = "outside"', 'placement = "inside"')
    assert complaints(tmp_path, inside) == ()


def test_a_node_by_itself_names_its_keys_without_the_table() -> None:
    table = {"host": "scs.example", "realm": "example", "transport": "tcp", "physical_protection": True}
    table |= {"physical_protection_reason": "one rack"}
    node = {"origin_host": "iwf.example", "origin_realm": "example", "peer": [table]}
    with pytest.raises(ValueError, match=r"security\.outside\.physical_protection allows no link in clear"):
        NodeConfig.model_validate({**node, "security": {"outside": {"physical_protection": False}}})


TUNNEL = '[peer.ipsec]\nmode = "tunnel"\n'
UNDER = 'transport = "sctp"\nsecurity = "ipsec"\n'


@pytest.mark.requirement("S-EXP-15", "S-TSP-23")
@pytest.mark.parametrize(
    ("link", "line"),
    [
        ("", 'peer.0.security: node.security.outside.nds_ip asks for "ipsec" and transport = "tcp" or "sctp"'),
        (BARE, 'peer.0.security: node.security.outside.nds_ip asks for "ipsec" and transport = "tcp" or "sctp"'),
        (UNDER + "connect = true\n", 'peer.0.ipsec.mode: node.security.outside.nds_ip asks for "tunnel"'),
        (UNDER + "connect = true\n" + TUNNEL, ""),
        (UNDER, ""),
    ],
)
def test_between_domains_a_tunnel_where_the_policy_asks_for_it(tmp_path: Path, link: str, line: str) -> None:
    text = f"{NODE}[node.security.outside]\nnds_ip = true\n{keys(tmp_path)}{peer('hss', 'inside')}"
    text = f"{text.replace('[[peer]]', peer('scef', 'outside', link) + '[[peer]]', 1)}"
    found = complaints(tmp_path, text)
    assert found[:1] == ((f"iwf.toml: {line}",) if line else ())
    assert [each for each in found[1:] if "in clear is weaker protected" not in each] == []


@pytest.mark.requirement("S-EXP-15")
def test_whoever_comes_comes_by_a_tunnel_where_a_placement_asks_for_it(tmp_path: Path) -> None:
    policy = "[node.security.outside]\nnds_ip = true\n"
    listen = '[[node.listen]]\ntransport = "tcp"\nsecurity = "ipsec"\n'
    assert complaints(tmp_path, NODE + policy + listen) == (
        'iwf.toml: node.listen.0.ipsec.mode: node.security.outside.nds_ip asks for "tunnel"',
    )
    assert complaints(tmp_path, NODE + policy + listen + '[node.listen.ipsec]\nmode = "tunnel"\n') == ()
    assert complaints(tmp_path, NODE + "[node.security.inside]\nnds_ip = true\n") == (
        "iwf.toml: node.security.outside.nds_ip: weaker than inside.nds_ip",
    )
