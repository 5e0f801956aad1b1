"""The fast way to JSON says what the long one says, of any octets."""

import json
from functools import cache

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter import decode
from diameter.capture.masking import IDENTITIES, masked
from diameter.message import dump
from diameter.message.dump import Dumper
from helpers.captures import Traffic
from helpers.messages import dictionary

EVERY = [one.octets for one in Traffic(dictionary()).run(100)]


@cache
def slow(octets: bytes) -> str:
    """What the long way says."""
    return decode(octets, dictionary()).to_json()


def fast(dumper: Dumper, octets: bytes) -> object:
    return json.loads("{" + dumper.line(decode(octets, dictionary())))


def test_traffic_of_triggers() -> None:
    dumper = Dumper(dictionary())
    for octets in EVERY * 2:
        assert fast(dumper, octets) == json.loads(slow(octets))


@given(st.sampled_from(EVERY), st.data())
def test_damaged_messages(octets: bytes, data: st.DataObject) -> None:
    damaged = bytearray(octets)
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    cut = bytes(damaged[: data.draw(st.integers(0, len(damaged)))]) if data.draw(st.booleans()) else bytes(damaged)
    dumper = Dumper(dictionary())
    dumper.line(decode(octets, dictionary()))
    assert fast(dumper, cut) == json.loads(decode(cut, dictionary()).to_json())


@given(st.binary(max_size=200))
def test_any_octets(octets: bytes) -> None:
    assert fast(Dumper(dictionary()), octets) == json.loads(decode(octets, dictionary()).to_json())


def test_identities_are_written_over() -> None:
    dumper = Dumper(dictionary(), lambda name: name not in IDENTITIES, masked)
    for octets in (*EVERY, EVERY[9] + b"\1\2\3\4", EVERY[9][:-1]):
        message = decode(octets, dictionary())
        line = dumper.line(message)
        assert "meter-0" not in line
        assert "0010100" not in line
        wanted = json.loads(decode(masked(message), dictionary()).to_json())
        assert json.loads("{" + line) == wanted


def test_what_is_remembered_is_bounded() -> None:
    dumper, keep = Dumper(dictionary()), dump._KEPT
    scope_sizes = []
    template = dictionary().request(
        "DWR", {"Origin-Host": "a.example", "Origin-Realm": "example"}, hop_by_hop=1, end_to_end=1
    )
    for number in range(2000):
        message = template.edit(replace={"Origin-Host": f"host{number:06}.example"})
        dumper.line(message)
        (scope,) = dumper._scopes.values()
        scope_sizes.append(sum(len(head.values) for head in scope._heads.values()))
    assert max(scope_sizes) < min(keep, 2 * dump._VALUES)


def avp(code: int, data: bytes, *, flags: int = 0x40, length: int | None = None, pad: bytes = b"\0") -> bytes:
    size = 8 + len(data) if length is None else length
    return code.to_bytes(4) + bytes((flags,)) + size.to_bytes(3) + data + pad * (-len(data) % 4)


def watchdog(*avps: bytes) -> bytes:
    body = b"".join((avp(264, b"a.example"), avp(296, b"example"), *avps))
    return b"\1" + (20 + len(body)).to_bytes(3) + b"\x80" + (280).to_bytes(3) + bytes(4) + b"hhhheeee" + body


def nested(depth: int) -> bytes:
    octets = avp(278, b"\0\0\0\1")
    for _ in range(depth):
        octets = avp(279, octets)
    return octets


ODD = {
    "octets behind the last AVP": b"\0\0\1\x08",
    "a length within the header": avp(281, b"text", length=7),
    "a length beyond the end": avp(281, b"text", length=40),
    "padding that is not zero": avp(281, b"abc", pad=b"x"),
    "a number of five octets": avp(278, b"\0\0\0\1\2"),
    "text that is none": avp(281, b"\xff\xfe"),
    "an empty identity": avp(264, b""),
    "an identity with a blank": avp(264, b"a b"),
    "a time of three octets": avp(55, b"abc"),
    "an address of one octet": avp(257, b"\1"),
    "an address of no family": avp(257, b"\0\0\1\2\3\4"),
    "an address of four octets that says six": avp(257, b"\0\2\1\2\3\4"),
    "groups in groups, twenty deep": nested(20),
    "a rule that is no text": avp(400, b"\xff"),
}


@pytest.mark.parametrize("octets", ODD.values(), ids=ODD)
def test_what_is_odd_is_said_as_the_long_way_says_it(octets: bytes) -> None:
    whole = watchdog(octets)
    assert fast(Dumper(dictionary()), whole) == json.loads(decode(whole, dictionary()).to_json())
    hidden = Dumper(dictionary(), lambda name: name not in IDENTITIES, masked)
    wanted = json.loads(decode(masked(decode(whole, dictionary())), dictionary()).to_json())
    assert fast(hidden, whole) == wanted


def test_faults_are_those_of_what_is_shown() -> None:
    message = decode(EVERY[9], dictionary()).edit(remove=["Origin-Realm"])
    hidden = Dumper(dictionary(), lambda name: name not in IDENTITIES, masked)
    found = json.loads("{" + hidden.line(message))
    assert found == json.loads(decode(masked(message), dictionary()).to_json())
    assert found["faults"]


def test_forgetting_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(dump, "_HEADERS", 2)
    monkeypatch.setattr(dump, "_KEPT", 3)
    dumper = Dumper(dictionary())
    for octets in EVERY * 2:
        assert fast(dumper, octets) == json.loads(slow(octets))
        assert len(dumper._commands) <= 2
