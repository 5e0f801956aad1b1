"""Keys set by hand without a kernel: files, what is made of them, what counts as protection; walls and their rules."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from diameter.config import IpsecConfig
from diameter.config.ipsec import CIPHERS
from diameter.errors import ConfigError
from diameter.transport.ipsec import netlink, require, xfrm
from diameter.transport.ipsec.hook import Flow, hook_named, known_hooks
from diameter.transport.ipsec.layouts import Action, Algorithm, Direction, Mode, Policy, State, Template
from diameter.transport.ipsec.netlink import XfrmError

NULL = Algorithm("ecb(cipher_null)", 128, 288)
HERE, THERE = "10.1.0.1", "10.1.0.2"


def options(folder: Path, cipher: str = "aes-gcm-128", mode: str = "transport", **more: Any) -> IpsecConfig:
    size = sum(CIPHERS[cipher])
    for name, octet in (("in.key", "01"), ("out.key", "02")):
        (folder / name).write_text(f"0x{octet * size}\n")
    sa = {
        "local": HERE, "remote": THERE, "identity": "B.example.org", "spi_in": 4096, "spi_out": 4097,
        "key_in": folder / "in.key", "key_out": folder / "out.key", "cipher": cipher, **more,
    }  # fmt: skip
    return IpsecConfig.model_validate({"hook": "xfrm", "mode": mode, "sa": [sa]})


def flow(chosen: IpsecConfig, **more: Any) -> Flow:
    filled: dict[str, Any] = {
        "peer": "b.example.org", "identity": "b.example.org", "local_identity": "a.example.org", "local": (HERE,),
        "remote": (THERE,), "protocol": "tcp", "local_port": 0, "remote_port": 3868, "dialled": True, **more,
    }  # fmt: skip
    return Flow(options=chosen, **filled)


def seen(state: State) -> State:
    """As the kernel tells of one that was added."""

    def sized(one: Algorithm, key: bytes) -> Algorithm:
        return one._replace(key_bits=8 * len(key)) if one.name else one

    return replace(
        state, aead=sized(state.aead, state.key), cipher=sized(state.cipher, state.key),
        integrity=sized(state.integrity, state.integrity_key),
    )  # fmt: skip


def kernel(one: Flow) -> tuple[list[State], list[Policy]]:
    """What is in the kernel for a flow."""
    (sa,) = xfrm.matching(one)
    return [seen(state) for state in xfrm.states(sa, one.options)], xfrm.rules(sa, one)


@pytest.mark.parametrize("mode", ["transport", "tunnel"])
@pytest.mark.parametrize("cipher", sorted(CIPHERS))
def test_what_is_put_in_protects(tmp_path: Path, cipher: str, mode: str) -> None:
    one = flow(options(tmp_path, cipher, mode))
    states, rules = kernel(one)
    assert [(each.source, each.destination, each.spi) for each in states] == [(THERE, HERE, 4096), (HERE, THERE, 4097)]
    assert {rule.direction for rule in rules} == {Direction.IN, Direction.OUT}
    found, reason = xfrm.verify(one, states, [*rules, *require.blocking(one)])
    assert (found, reason) == (frozenset({(HERE, 4096), (THERE, 4097)}), "")


def test_the_outer_addresses_of_a_tunnel(tmp_path: Path) -> None:
    one = flow(options(tmp_path, mode="tunnel", tunnel_local="192.0.2.1", tunnel_remote="192.0.2.2"))
    states, rules = kernel(one)
    assert {(each.source, each.destination) for each in states} == {
        ("192.0.2.2", "192.0.2.1"), ("192.0.2.1", "192.0.2.2")
    }  # fmt: skip
    (out,) = (rule for rule in rules if rule.direction is Direction.OUT)
    assert (out.selector.source.host, out.templates[0].source) == (HERE, "192.0.2.1")
    assert xfrm.verify(one, states, rules)[1] == ""


@pytest.mark.requirement("R-TSP-08", "R-TSP-09")
@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda states, rules: (states[1:], rules), "no security association from 10.1.0.2"),
        (lambda states, rules: (states[:1], rules), "no security association to 10.1.0.2"),
        (lambda states, rules: (states, rules[1:]), "no IPsec policy out for 10.1.0.2"),
        (
            lambda states, rules: ([replace(one, aead=NULL) for one in states], rules),
            "no security association from 10.1.0.2",
        ),
        (
            lambda states, rules: ([replace(one, mode=Mode.TUNNEL) for one in states], rules),
            "no security association from 10.1.0.2",
        ),
        (
            lambda states, rules: ([replace(one, reqid=1) for one in states], rules),
            "no security association from 10.1.0.2",
        ),
        (
            lambda states, rules: (states, [replace(one, templates=(Template(optional=True),)) for one in rules]),
            "no IPsec policy out for 10.1.0.2",
        ),
        (
            lambda states, rules: (states, [replace(rules[0], priority=0, templates=()), *rules]),
            "no IPsec policy out for 10.1.0.2",
        ),
        (
            lambda states, rules: (states, [replace(rules[0], priority=0, action=Action.BLOCK), *rules]),
            "no IPsec policy out for 10.1.0.2",
        ),
    ],
)  # fmt: skip
def test_what_does_not_protect(tmp_path: Path, spoil: Any, reason: str) -> None:
    one = flow(options(tmp_path))
    assert xfrm.verify(one, *spoil(*kernel(one))) == (frozenset(), reason)


def test_an_address_without_keys(tmp_path: Path) -> None:
    one = flow(options(tmp_path))
    known = kernel(one)
    assert xfrm.verify(replace(one, remote=(THERE, "10.1.0.9")), *known)[1] == "no keys set by hand for 10.1.0.9"
    assert xfrm.matching(replace(one, local=("0.0.0.0",), remote=())) == list(one.options.sa)


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("zz", ": not hex digits"),
        ("01" * 19, ": 19 octets, and aes-gcm-128 needs 20 (cipher key and salt)"),
        (None, ": No such file or directory"),
    ],
)
def test_a_key_that_cannot_be_used(tmp_path: Path, content: str | None, text: str) -> None:
    path = tmp_path / "a.key"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as caught:
        xfrm.read_key(path, "aes-gcm-128")
    assert str(caught.value).endswith(text)
    assert content is None or content not in str(caught.value)


def test_one_key_for_both_directions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(netlink, "lacking", lambda: "reading the IPsec policies: not permitted")
    chosen = options(tmp_path)
    (tmp_path / "in.key").write_text((tmp_path / "out.key").read_text())
    with pytest.raises(ConfigError) as caught:
        xfrm.Xfrm(None).check(chosen)
    assert caught.value.lines == (
        "sa.0.key_out: the same key as key_in; each direction needs its own",
        'hook = "xfrm" cannot be used: reading the IPsec policies: not permitted',
    )


def test_walls_of_a_listener_and_of_a_link(tmp_path: Path) -> None:
    one = flow(options(tmp_path))
    assert [(rule.action, rule.direction, rule.selector.destination_port) for rule in require.blocking(one)] == [
        (Action.BLOCK, Direction.OUT, 3868), (Action.BLOCK, Direction.IN, 0),
    ]  # fmt: skip
    everybody = list(require.blocking(replace(one, local=("::",), remote=(), local_port=3868, remote_port=0)))
    assert {rule.selector.family for rule in everybody} == {2, 10}
    assert {rule.selector.source.prefix for rule in everybody} == {0}
    device = IpsecConfig(device="ipsec0")
    assert list(require.blocking(replace(one, options=device))) == []


def test_what_a_socket_demands(tmp_path: Path) -> None:
    chosen = flow(options(tmp_path))
    assert [each.direction for each in require.demanding(2, chosen, 0)] == [Direction.IN]
    assert [each.direction for each in require.demanding(2, chosen, 7)] == [Direction.IN, Direction.OUT]
    tunnel = flow(options(tmp_path, mode="tunnel"))
    (inward,) = require.demanding(10, tunnel, 7)
    assert (inward.templates[0].mode, inward.templates[0].optional) == (Mode.TUNNEL, False)


def test_packets_that_the_kernel_refused() -> None:
    text = "XfrmInError \t3\nXfrmInTmplMismatch\t4\nXfrmInNoPols 5\nXfrmInPolBlock 6\nXfrmOutError x y\n"
    assert require.refused_packets(text) == 15


def test_errors_have_names() -> None:
    assert str(XfrmError(1, "adding it")) == (
        "adding it: not permitted: it needs CAP_NET_ADMIN (root, or setcap cap_net_admin) (EPERM)"
    )
    assert str(XfrmError(38, "adding it")) == "adding it: the kernel has no such algorithm (ENOSYS)"


def test_hooks_are_known_by_name() -> None:
    assert {"vici", "xfrm"} <= set(known_hooks())
    assert hook_named("xfrm") is xfrm.Xfrm
    with pytest.raises(ConfigError, match='no IPsec hook "racoon" .known: .*vici, xfrm'):
        hook_named("racoon")


def test_a_hook_of_somebody_else_is_found_by_its_entry_point(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As a package has it that is installed beside this one; one that cannot be imported is named."""
    info = tmp_path / "racoon_hook-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: racoon-hook\nVersion: 1\n")
    (info / "entry_points.txt").write_text(
        "[mtc_diameter.ipsec]\nracoon = racoon_hook:Racoon\ngone = racoon_hook:Gone\nnone = no_such_module:X\n"
    )
    (tmp_path / "racoon_hook.py").write_text("class Racoon:\n    reqid = 7\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert {"racoon", "vici", "xfrm"} <= set(known_hooks())
    assert hook_named("racoon").reqid == 7  # type: ignore[attr-defined]  # the class itself
    for name in ("gone", "none"):
        with pytest.raises(ConfigError, match=f'hook = "{name}" cannot be loaded: '):
            hook_named(name)
    monkeypatch.delitem(sys.modules, "racoon_hook")


def test_netlink_messages_that_are_cut_off() -> None:
    whole = netlink._HEAD.pack(20, 16, 0, 7, 0) + b"abcd"
    assert list(netlink.messages(whole)) == [(16, 7, b"abcd")]
    assert list(netlink.messages(whole + whole[:12])) == [(16, 7, b"abcd")]
    assert list(netlink.messages(netlink._HEAD.pack(99, 16, 0, 7, 0))) == []
