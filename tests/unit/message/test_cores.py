"""Two cores, one behaviour: whatever can be seen of any octets, and whatever is built, is the same from both."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Any, Final

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.wire import core
from helpers.cores import Twin, built, seen
from helpers.messages import raw_messages

CORPUS: Final = Path(__file__).parents[2] / "corpus" / "decode"
SEEDS: Final = [path.read_bytes() for path in sorted(CORPUS.iterdir())]


@pytest.fixture(scope="module")
def twin() -> Iterator[Twin]:
    one = Twin()
    yield one
    one.close()


def test_the_other_core_is_the_other_one(twin: Twin) -> None:
    assert core.NAME == "pure" or twin.name == "pure"


@pytest.mark.parametrize("path", sorted(CORPUS.iterdir()), ids=lambda path: path.name)
def test_the_corpus(twin: Twin, path: Path) -> None:
    octets = path.read_bytes()
    assert seen(octets) == twin.seen(octets)


@given(octets=raw_messages())
def test_random_messages(twin: Twin, octets: bytes) -> None:
    assert seen(octets) == twin.seen(octets)


@st.composite
def mutated(draw: st.DrawFn) -> bytes:
    """A message of the corpus with octets changed, cut out or doubled; lengths are hit more often than chance would."""
    octets = bytearray(draw(st.sampled_from(SEEDS)))
    for _ in range(draw(st.integers(1, 6))):
        if not octets:
            break
        at = draw(st.integers(0, len(octets) - 1))
        if draw(st.booleans()):
            at = min(at & ~3 | draw(st.sampled_from((0, 3))), len(octets) - 1)
        kind = draw(st.sampled_from(("set", "flip", "cut", "double", "end")))
        if kind == "set":
            octets[at] = draw(st.sampled_from((0, 1, 4, 7, 8, 9, 11, 12, 13, 0x40, 0x80, 0xC0, 0xE0, 0xFF)))
        elif kind == "flip":
            octets[at] ^= 1 << draw(st.integers(0, 7))
        elif kind == "end":
            del octets[at:]
        else:
            size = draw(st.integers(1, 40))
            part = octets[at : at + size]
            octets[at : at + size] = b"" if kind == "cut" else part + part
    if draw(st.booleans()) and len(octets) >= 20:
        octets[1:4] = len(octets).to_bytes(3)
    return bytes(octets)


@given(octets=mutated())
def test_mutated_messages(twin: Twin, octets: bytes) -> None:
    assert seen(octets) == twin.seen(octets)


SCALARS: Final[st.SearchStrategy[Any]] = st.one_of(
    st.integers(-(1 << 65), 1 << 65),
    st.sampled_from([0, 1, -1, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**63, 2**64 - 1, True, 1004, 1.5, None]),
    st.text(max_size=40),
    st.text("abc.example", max_size=40),
    st.binary(max_size=40),
    st.sampled_from(["\ud800", "a b", "a\n", ""]),
    st.sampled_from([ip_address("192.0.2.1"), datetime(2024, 1, 1, tzinfo=UTC), bytearray(b"xy")]),
)
NAMES: Final = (
    "Session-Id", "Vendor-Specific-Application-Id", "Auth-Session-State", "Origin-Host", "Origin-Realm",
    "Destination-Realm", "User-Name", "RAT-Type", "ULR-Flags", "Visited-PLMN-Id", "Supported-Features", "Vendor-Id",
    "Feature-List-ID", "Feature-List", "Terminal-Information", "IMEI", "Proxy-Info", "Proxy-Host", "Proxy-State",
    "Route-Record", "Active-APN", "Context-Identifier", "Event-Timestamp", "Host-IP-Address",
    "Accounting-Sub-Session-Id",
    "Auth-Application-Id", "99999", "10415:99998", "No-Such-AVP", "Failed-AVP", "Error-Message", "CC-Money",
)  # fmt: skip
TREES: Final[st.SearchStrategy[Any]] = st.recursive(
    st.dictionaries(st.sampled_from(NAMES), SCALARS | st.lists(SCALARS, max_size=3), max_size=6),
    lambda inner: st.dictionaries(st.sampled_from(NAMES), SCALARS | inner | st.lists(inner, max_size=3), max_size=4),
    max_leaves=6,
)
SOUND: Final[dict[str, Any]] = {
    "Session-Id": "a;1;2", "Vendor-Specific-Application-Id": {"Vendor-Id": 10415, "Auth-Application-Id": 16777251},
    "Auth-Session-State": 1, "Origin-Host": "a.example", "Origin-Realm": "example", "Destination-Realm": "example",
    "User-Name": "001010123456789", "RAT-Type": 1004, "ULR-Flags": 34, "Visited-PLMN-Id": b"\x00\xf1\x10",
}  # fmt: skip


@given(tree=TREES, sound=st.booleans(), pairs=st.booleans())
def test_what_is_built(twin: Twin, tree: dict[str, Any], sound: bool, pairs: bool) -> None:
    avps: Any = {**SOUND, **tree} if sound else tree
    avps = list(avps.items()) if pairs else avps
    assert built(avps) == twin.built(avps)


@pytest.mark.parametrize("size", [0, 1, 127, 1000, 1024, 65_535, 65_536, 65_537, 200_000])
def test_values_of_every_size(twin: Twin, size: int) -> None:
    for value in ("x" * size, "\u00fc" * size, b"x" * size, ["x" * size] * 3):
        avps = {**SOUND, "Active-APN": {"Context-Identifier": 1, "Service-Selection": value}}
        assert built(avps) == twin.built(avps)


def test_a_group_that_contains_itself_ends() -> None:
    endless: dict[str, Any] = {}
    endless["Failed-AVP"] = endless
    with pytest.raises(RecursionError):
        built(endless)
