"""The pure core, the typed one as plain Python, and the compiled one: the same places, findings and stops."""

from __future__ import annotations

import importlib
import os
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.wire import _core, _octets, _typed, avp, core
from helpers.cores import dictionary
from helpers.messages import S6A, raw_messages

BEYOND: Final = (-(2**62), -1, 0, 1, 7, 8, 20, 24, 2**31, 2**62)


def _others() -> list[ModuleType]:
    """The typed core as plain Python, and compiled where it is built."""
    try:
        return [_typed, importlib.import_module("diameter.wire._ccore")]
    except ImportError:
        return [_typed]


OTHERS: Final = _others()


def test_a_whole_run_tries_the_core_that_it_means_to() -> None:
    """Part `unit` of `make test` runs compiled where there is a compiler, `pure` does not: never one of them twice."""
    part = os.environ.get("MTC_PART")
    compilers = any(shutil.which(name) for name in ("cc", "gcc"))
    assert part != "pure" or core.NAME == "pure"
    assert part != "unit" or not compilers or core.NAME == "compiled"


def test_the_compiled_core_is_among_them_where_it_serves() -> None:
    assert core.NAME == "pure" or len(OTHERS) == 2


def _plain(octets: bytes, start: int, end: int, grammar: _core.Grammar | None) -> tuple[Any, ...]:
    tables = dictionary().tables(S6A)
    found: list[int] = []
    keys: list[int] = []
    heads: list[int] = []
    stop = _core.verify(octets, start, end, grammar, keys, heads, (tables.rows, found, {}, {}, {}), 0)
    return stop, found, keys, heads


def _same(octets: bytes, start: int, end: int) -> None:
    tables = dictionary().tables(S6A)
    command = tables.command(316, True)
    assert command is not None
    for grammar in (None, command.grammar, tables.error):
        stop, found, keys, heads = _plain(octets, start, end, grammar)
        for module in OTHERS:
            got: list[int] = []
            rules = None if grammar is None else module.Rules(grammar)
            assert module.Checks(tables.row).verify(octets, start, end, rules, got) == stop
            assert got == found
    for module in OTHERS:
        places: tuple[list[int], list[int]] = ([], [])
        assert module.index(octets, start, end, *places) == _core.index(octets, start, end, [], [])
        assert places == (keys, heads)
        for key in {*keys, 1}:
            assert module.find(octets, start, end, key) == (heads[keys.index(key)] if key in keys else -1)


@given(raw_messages())
def test_random_messages(octets: bytes) -> None:
    _same(octets, min(20, len(octets)), len(octets))


@pytest.mark.parametrize("octet", range(256))
def test_an_identity_is_ascii_that_prints(octet: int) -> None:
    """RFC 6733 section 4.3.1: a name of the DNS; a line feed in it would end up in a log."""
    name = b"a" + bytes([octet]) + b"z"
    avps = avp.build(264, 0, 0x40, b"a.z") + avp.build(264, 0, 0x40, name)  # the second head is known by then
    for octets in (avps, avps[12:]):
        _same(octets, 0, len(octets))
    bad = _plain(avps, 0, len(avps), None)[1]
    assert bad == ([] if 0x21 <= octet <= 0x7E else [_core.VALUE, 12, 0])
    for text in (name, bytearray(name)):
        assert _octets.graph(text, 0, 3) is bool(bad)


@given(st.binary(max_size=64), st.integers(-2, 70), st.integers(-2, 70))
def test_any_octets_within_any_limits(octets: bytes, start: int, end: int) -> None:
    _same(octets, start, end)


@pytest.mark.parametrize(
    "path", sorted((Path(__file__).parents[2] / "corpus" / "decode").iterdir()), ids=lambda p: p.name
)
def test_the_corpus(path: Path) -> None:
    octets = path.read_bytes()
    _same(octets, min(20, len(octets)), len(octets))


@pytest.mark.parametrize("start", BEYOND)
@pytest.mark.parametrize("end", BEYOND)
def test_limits_beyond_the_octets_touch_nothing(start: int, end: int) -> None:
    """Compiled, a walk beyond the octets would read what lies behind them in silence."""
    octets = bytes.fromhex("00000108 4000000c 61626364")
    if 0 <= start <= end <= len(octets):
        return
    checks = dictionary().tables(S6A).row
    for module in OTHERS:
        found: list[int] = []
        places: tuple[list[int], list[int]] = ([], [])
        assert module.index(octets, start, end, *places) == start
        assert module.Checks(checks).verify(octets, start, end, None, found) == start
        assert module.find(octets, start, end, 264) == -1
        assert module.first_end(octets, start, end) == -1
        assert (places, found) == (([], []), [])


def test_a_message_cannot_be_opened_beyond_its_octets() -> None:
    for module in OTHERS:
        name = module.__name__.replace("wire", "message")
        members = importlib.import_module(name).Members
        for start, end in ((-1, 4), (0, 9), (5, 4), (0, 2**40)):
            with pytest.raises(ValueError, match="is no part of 8 octets"):
                members(bytes(8), start, end, dictionary().tables(S6A))


@given(st.lists(raw_messages(), max_size=4), st.sampled_from((20, 100, 4096, 1 << 24)))
def test_streams_are_cut_alike(stream: list[bytes], limit: int) -> None:
    octets = b"".join(stream)
    whole: list[bytes] = []
    at = _core.frames(octets, limit, whole)
    assert b"".join(whole) == octets[:at]
    for module in OTHERS:
        messages: list[bytes] = []
        assert module.frames(octets, limit, messages) == at
        assert messages == whole


WORDS: Final = st.binary(min_size=8, max_size=8)


@given(WORDS, st.integers(-(1 << 63), (1 << 63) - 1))
def test_the_steps_mean_what_they_say(octets: bytes, number: int) -> None:
    first = int.from_bytes(octets[:4])
    assert _octets.word(octets, 0) == first
    assert _octets.shifted(octets, 0) == first << 32
    assert _octets.long_word(octets, 0) == int.from_bytes(octets)
    assert _octets.signed(octets, 0) == int.from_bytes(octets[:4], signed=True)
    assert _octets.long_signed(octets, 0) == int.from_bytes(octets, signed=True)
    room = _octets.room(16)
    _octets.put_long(room, 0, number)
    _octets.put_word(room, 8, number)
    assert bytes(room) == (number % (1 << 64)).to_bytes(8) + (number % (1 << 32)).to_bytes(4) + bytes(4)
