"""The fast way to JSON says what the long one says, of any octets."""

import json

from hypothesis import given
from hypothesis import strategies as st

from diameter import decode
from diameter.capture.masking import IDENTITIES, masked
from diameter.message import dump
from diameter.message.dump import Dumper
from helpers.captures import Traffic
from helpers.messages import dictionary

EVERY = [one.octets for one in Traffic(dictionary()).run(100)]


def fast(dumper: Dumper, octets: bytes) -> object:
    return json.loads("{" + dumper.line(decode(octets, dictionary())))


def test_traffic_of_triggers() -> None:
    dumper = Dumper(dictionary())
    for octets in EVERY * 2:
        assert fast(dumper, octets) == json.loads(decode(octets, dictionary()).to_json())


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
