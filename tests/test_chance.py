"""Chance in the tests: what a test draws is a matter of its name and `MTC_CHANCE`, not of order, run or machine."""

from __future__ import annotations

import os
import random
import secrets
from random import Random, SystemRandom

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helpers import chance

FILE = "tests/test_chance.py"
WHEN_READ = secrets.token_bytes(8)


def drawn(name: str) -> bytes:
    """The first octets that something of this name draws."""
    return Random(f"{chance.CHANCE} {name} octets").randbytes(8)


@pytest.fixture(scope="module")
def shared() -> bytes:
    return secrets.token_bytes(8)


@pytest.fixture
def own() -> bytes:
    return secrets.token_bytes(8)


@pytest.mark.parametrize("at", [1, 2])
def test_the_octets_are_those_of_the_name(at: int, shared: bytes, own: bytes) -> None:
    name = f"{FILE}::test_the_octets_are_those_of_the_name[{at}]"
    assert secrets.token_bytes(8) == drawn(f"{name} itself")
    assert own == drawn(name)
    assert shared == drawn(f"{FILE}::shared 0")
    assert drawn(FILE) == WHEN_READ


def test_the_numbers_are_those_of_the_name() -> None:
    name = f"{chance.CHANCE} {FILE}::test_the_numbers_are_those_of_the_name itself"
    assert random.random() == Random(name).random()
    octets = Random(f"{name} octets")
    assert SystemRandom().getrandbits(64) == int.from_bytes(octets.randbytes(8))
    assert os.urandom(4) == octets.randbytes(4)


def test_where_programs_run_octets_are_truly_drawn(request: pytest.FixtureRequest) -> None:
    chance._begin("tests/link/test_tcp.py::test_one")
    first = secrets.token_bytes(16)
    chance._begin("tests/link/test_tcp.py::test_one")
    second = secrets.token_bytes(16)
    chance._begin(request.node.nodeid)
    assert first != second
    assert secrets.token_bytes(8) == drawn(request.node.nodeid)


def test_the_same_examples_are_tried_each_time() -> None:
    def tried() -> list[tuple[int, bytes]]:
        seen: list[tuple[int, bytes]] = []

        @given(st.integers())
        def one(number: int) -> None:
            seen.append((number, secrets.token_bytes(4)))

        one()
        return seen

    assert tried() == tried()
