"""Names of sessions beyond a border: one each, with a way back for whoever has the secret, and nobody else."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.security.pseudonym import Pseudonyms

SECRET = b"sixteen octets.."
HOST = "sgw.edge.example"
NAMES = Pseudonyms(SECRET, HOST)
SESSIONS = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=200)


@given(SESSIONS)
def test_there_and_back(session_id: str) -> None:
    name = NAMES.of(session_id)
    assert NAMES.original(name) == session_id
    assert name == Pseudonyms(SECRET, HOST).of(session_id)  # another process, and after a restart
    host, high, low, _ = name.split(";")
    assert host == HOST
    assert 0 <= int(high) < 2**32
    assert 0 <= int(low) < 2**32


@given(st.text(max_size=200))
def test_what_nobody_has_made_has_no_original(text: str) -> None:
    assert NAMES.original(text) is None
    assert NAMES.original(f"{HOST};1;2;{text}") is None


def test_a_name_tells_nothing_of_the_session_but_its_length_in_blocks() -> None:
    short, longer = NAMES.of("iwf.core.example;1;1"), NAMES.of("iwf-17.core.example;4294967295;4294967295")
    assert len(short.rpartition(";")[2]) == len(longer.rpartition(";")[2])
    assert "core" not in short
    assert short != NAMES.of("iwf.core.example;1;2")


def test_a_name_that_was_changed_is_none() -> None:
    name = NAMES.of("iwf.core.example;1;1")
    at = len(name) - 10
    changed = name[:at] + ("A" if name[at] != "A" else "B") + name[at + 1 :]
    assert NAMES.original(changed) is None
    assert NAMES.original(name.replace(HOST, "other.example")) is None
    host, high, low, text = name.split(";")
    assert NAMES.original(f"{host};{int(high) ^ 1};{low};{text}") is None
    assert NAMES.original(name + "A" * 4000) is None


def test_another_secret_and_another_host_have_other_names() -> None:
    name = NAMES.of("iwf.core.example;1;1")
    assert Pseudonyms(b"another secret..", HOST).original(name) is None
    assert Pseudonyms(SECRET, "other.example").original(name.replace(HOST, "other.example")) is None
    with pytest.raises(ValueError, match="16 octets"):
        Pseudonyms(b"short", HOST)
