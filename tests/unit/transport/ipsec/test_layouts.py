"""The structures of linux/xfrm.h: octets as `ip xfrm` made them, sizes, what is read back, and any octets whatever."""

from __future__ import annotations

import socket
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.transport.ipsec import layouts
from diameter.transport.ipsec.layouts import (
    Action,
    Algorithm,
    Direction,
    Mode,
    Net,
    Policy,
    Selector,
    State,
    Template,
    best,
    covers,
    host,
)

TCP = Selector(
    source=host("10.1.0.1"), destination=host("10.1.0.2"), protocol=6, source_port=0, destination_port=3868
)  # fmt: skip
SIX = Selector(
    source=host("fd00::1"), destination=Net("fd00:2::", 32), protocol=132, source_port=3868, family=socket.AF_INET6
)
GCM = State(
    source="10.1.0.1", destination="10.1.0.2", spi=0x1001, reqid=7, aead=Algorithm("rfc4106(gcm(aes))", 128, 160),
    key=bytes(range(20)),
)  # fmt: skip
CBC = State(
    source="fd00::1", destination="fd00::2", spi=0xFFFF_FFFF, mode=Mode.TUNNEL, reqid=7,
    cipher=Algorithm("cbc(aes)", 0, 128), integrity=Algorithm("hmac(sha256)", 128, 256), key=bytes(16),
    integrity_key=bytes(32),
)  # fmt: skip
DEMAND = Policy(
    selector=TCP, direction=Direction.OUT, priority=5,
    templates=(Template(source="10.1.0.1", destination="10.1.0.2", mode=Mode.TUNNEL, reqid=3),),
)  # fmt: skip
BLOCK = Policy(selector=SIX, direction=Direction.IN, action=Action.BLOCK, priority=0x7FFF_FFFF, user=3868)

assert sys.byteorder == "little", "the octets below are of such a machine"


def test_sizes_of_the_structures() -> None:
    assert len(layouts.encode_selector(None, socket.AF_INET)) == 56
    assert len(layouts.encode_state(GCM)) == 224 + 4 + 72 + 20
    assert len(layouts.encode_state(CBC)) == 224 + 4 + 72 + 32 + 4 + 68 + 16
    assert len(layouts.encode_state_id(GCM)) == 24
    assert len(layouts.policy_info(DEMAND)) == 168
    assert len(layouts.encode_template(DEMAND.templates[0])) == 64
    assert len(layouts.encode_policy(DEMAND)) == 168 + 4 + 64
    assert len(layouts.socket_policy(DEMAND)) == 168 + 64
    assert len(layouts.encode_policy(BLOCK)) == 168
    assert len(layouts.encode_policy_id(BLOCK)) == 64


def test_octets_of_a_selector_a_template_and_a_name() -> None:
    assert layouts.encode_selector(TCP, TCP.family) == bytes.fromhex(
        """0a010002 00000000 00000000 00000000 0a010001 00000000 00000000 00000000
        0f1c ffff 0000 0000 0200 20 20 06 000000 00000000 00000000"""
    )
    assert layouts.encode_template(DEMAND.templates[0]) == bytes.fromhex(
        """0a010002 00000000 00000000 00000000 00000000 32 000000 0200 0000
        0a010001 00000000 00000000 00000000 03000000 01 00 00 00 ffffffff ffffffff ffffffff"""
    )
    assert layouts.encode_state_id(GCM) == bytes.fromhex("0a010002 00000000 00000000 00000000 00001001 0200 32 00")


@pytest.mark.parametrize("state", [GCM, CBC])
def test_a_security_association_there_and_back(state: State) -> None:
    found = layouts.decode_state(layouts.encode_state(state))
    assert found is not None
    assert found.selector is not None
    assert (found.key, found.integrity_key) == (state.key, state.integrity_key)
    named = {name: getattr(found, name) for name in ("source", "destination", "spi", "mode", "reqid", "replay_window")}
    assert named == {name: getattr(state, name) for name in named}
    assert (found.aead, found.cipher, found.integrity) == (state.aead, state.cipher, state.integrity)
    assert "\\x" not in repr(found)
    assert found.key.hex() not in repr(found)


@pytest.mark.parametrize("policy", [DEMAND, BLOCK])
def test_a_policy_there_and_back(policy: Policy) -> None:
    assert layouts.decode_policy(layouts.encode_policy(policy)) == policy


@given(st.binary(max_size=400))
def test_any_octets(octets: bytes) -> None:
    layouts.decode_state(octets)
    layouts.decode_policy(octets)
    list(layouts.attributes(octets, 0))


def test_what_is_not_esp_and_what_is_cut_off() -> None:
    octets = bytearray(layouts.encode_state(GCM))
    assert layouts.decode_state(bytes(octets[:223])) is None
    octets[56 + 20] = 51  # AH
    assert layouts.decode_state(bytes(octets)) is None
    rule = bytearray(layouts.encode_policy(DEMAND))
    assert layouts.decode_policy(bytes(rule[:167])) is None
    rule[160] = 4  # of a socket
    assert layouts.decode_policy(bytes(rule)) is None
    assert list(layouts.attributes(b"\x03\x00\x01\x00", 0)) == []


@pytest.mark.parametrize(
    ("change", "taken"),
    [
        ({}, True),
        ({"source": Net("", 0), "destination": Net("10.1.0.0", 16)}, True),
        ({"destination": Net("10.2.0.0", 16)}, False),
        ({"destination": host("10.1.0.3")}, False),
        ({"protocol": 0, "destination_port": 0}, True),
        ({"protocol": 132}, False),
        ({"destination_port": 3869}, False),
        ({"source_port": 9}, False),
        ({"family": socket.AF_INET6}, False),
    ],
)
def test_which_packets_a_selector_takes(change: dict[str, object], taken: bool) -> None:
    fields = {name: getattr(TCP, name) for name in Selector.__dataclass_fields__}
    assert covers(Selector(**{**fields, **change}), TCP) is taken


def test_the_rule_that_counts() -> None:
    later = Policy(selector=TCP, direction=Direction.OUT, action=Action.BLOCK, priority=9)
    assert best([later, DEMAND, BLOCK], Direction.OUT, TCP) == DEMAND
    assert best([later], Direction.OUT, TCP) == later
    assert best([DEMAND], Direction.IN, TCP) is None
