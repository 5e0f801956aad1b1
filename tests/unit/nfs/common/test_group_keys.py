"""Keys of groups: random and of nothing else, numbered, renewed, and in a file for their owner alone."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Callable
from pathlib import Path

import pytest

from diameter.errors import ConfigError
from helpers.private import private
from nfs.common import group_keys
from nfs.common.group_keys import KEY_OCTETS, LAST_NUMBER, OVERLAP_S, Ring, alone, first, read, renewed, write

FLEET, NORTH = "fleet@customer.example", "north@customer.example"
NOW = 1_700_000_000.0


class Source:
    """A random source that remembers what it was asked for, and gives octets nobody else has."""

    def __init__(self) -> None:
        self.gave: list[bytes] = []

    def __call__(self, octets: int) -> bytes:
        self.gave.append(bytes((len(self.gave) + 1,)) * octets)
        return self.gave[-1]


@pytest.mark.requirement("E-GRP-04")
def test_a_key_is_what_the_random_source_gave_and_nothing_else() -> None:
    """256 bits for each group and number: no name, number or time goes in, and there is no place for a member's key."""
    source = Source()
    fleet, north = first(FLEET, source), first(NORTH, source)
    again = renewed(fleet, NOW, random=source)
    keys = [fleet.current.octets, north.current.octets, again.current.octets]
    assert keys == source.gave
    assert [len(key) * 8 for key in keys] == [256] * 3
    assert len(set(keys)) == 3
    assert (fleet.current.number, again.current.number) == (1, 2)
    for make, takes in ((first, ["group", "random"]), (renewed, ["ring", "now", "overlap_s", "random"])):
        assert list(inspect.signature(make).parameters) == takes
    other = renewed(Ring(NORTH, fleet.keys), NOW + 9, 3, random=lambda octets: source.gave[2][:octets])
    assert other.current.octets == again.current.octets


@pytest.mark.requirement("E-GRP-04")
def test_the_source_is_that_of_the_system() -> None:
    assert inspect.signature(first).parameters["random"].default is secrets.token_bytes
    assert inspect.signature(renewed).parameters["random"].default is secrets.token_bytes
    assert len({first(FLEET).current.octets for _ in range(20)}) == 20


def test_the_key_before_is_good_for_a_while_and_then_not() -> None:
    ring = renewed(first(FLEET), NOW)
    old, new = (each.octets for each in ring.keys)
    assert ring.current.octets == new
    for now, found in ((NOW, old), (NOW + OVERLAP_S - 1, old), (NOW + OVERLAP_S, None)):
        assert ring.find(1, now) == found
        assert ring.find(2, now) == new
    assert ring.find(3, NOW) is None
    third = renewed(ring, NOW + 10, 20)
    assert [(each.number, each.until) for each in third.keys] == [(1, NOW + 30), (2, NOW + 30), (3, None)]
    later = renewed(third, NOW + 30, 20)
    assert [each.number for each in later.keys] == [3, 4]
    assert [each.number for each in renewed(later, NOW + 30, 0).keys] == [5]
    assert alone(old).find(0, NOW) == old
    last = Ring(FLEET, (group_keys.GroupKey(number=LAST_NUMBER, octets=old),))
    with pytest.raises(ConfigError, match="no key number is left"):
        renewed(last, NOW)


def test_a_file_has_them_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    path, ring = tmp_path / "fleet.key", first(FLEET.upper())
    write(path, ring, new=True)
    assert path.stat().st_mode & 0o777 == 0o600
    assert read(path) == ring == Ring(FLEET, ring.keys)
    assert ring.current.octets.hex() not in repr(ring)
    with pytest.raises(ConfigError, match=r"fleet\.key: is there already"):
        write(path, ring, new=True)
    both = renewed(ring, NOW)
    write(path, both, new=False)
    assert read(path) == both
    assert (path.stat().st_mode & 0o777, [each.name for each in tmp_path.iterdir()]) == (0o600, ["fleet.key"])
    (tmp_path / "fleet.key.new").touch()  # somebody else renews it at this moment, or was killed over it
    with pytest.raises(ConfigError, match=r"fleet\.key\.new: is there already"):
        write(path, both, new=False)
    assert read(path) == both
    with pytest.raises(ConfigError, match="No such file"):
        write(tmp_path / "no" / "fleet.key", ring, new=True)
    path.chmod(0o640)
    with pytest.raises(ConfigError, match=r"fleet\.key: mode 0640"):
        read(path)


HEX = "ab" * KEY_OCTETS


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "the first line: group NAME, or 64"),
        ("ab", "64 hexadecimal digits"),
        (f"group {FLEET}\n", "the first line"),
        (f"key 1 {HEX}\nkey 2 {HEX}\n", "the first line"),
        (f"group {FLEET}\nkey 0 {HEX}\n", "a line key NUMBER HEX"),
        (f"group {FLEET}\nkey {LAST_NUMBER + 1} {HEX}\n", "a line key NUMBER HEX"),
        (f"group {FLEET}\nkey 1 {HEX} until soon\n", "a line key NUMBER HEX"),
        (f"group {FLEET}\nkey 1 {HEX} after 12\n", "a line key NUMBER HEX"),
        (f"group {FLEET}\nkey 1 abcd\n", "64 hexadecimal digits"),
        (f"group {FLEET}\nkey 2 {HEX}\nkey 2 {HEX}\n", "numbers that rise"),
        ("gröup", "the first line"),
    ],
)
def test_a_file_that_will_not_do(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read(private(tmp_path / "fleet.key", text))
    assert "fleet.key: " in str(caught.value)
    assert HEX[:8] not in str(caught.value)


@pytest.mark.parametrize("name", ["", "two words", "x" * 254, "line\nbreak"])
def test_a_name_that_is_none(name: str) -> None:
    made: Callable[[str], Ring] = first
    with pytest.raises(ConfigError, match="a name of 1 to 253 characters"):
        made(name)
