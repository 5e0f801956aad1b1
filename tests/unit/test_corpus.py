"""Every file of tests/corpus through the oracle of its fuzz target: what fuzzing once found stays found."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Final

import pytest

TESTS: Final = Path(__file__).parents[1]
TARGETS: Final = [path.stem.removeprefix("fuzz_") for path in sorted((TESTS / "fuzz").glob("fuzz_*.py"))]
CORPORA: Final = [path.name for path in sorted((TESTS / "corpus").iterdir())]
LIMITS: Final = (48, 10_000)
"""Files of one corpus, octets of one file."""


@pytest.mark.parametrize("target", TARGETS)
def test_the_corpus_holds(target: str) -> None:
    module = importlib.import_module(f"fuzz.fuzz_{target}")
    oracle: Callable[[bytes], None] = module.oracle
    name = ""
    try:
        oracle(b"")
        for path in sorted((TESTS / "corpus" / target).iterdir()):
            name = path.name
            oracle(path.read_bytes())
        name = ""
    finally:
        getattr(module, "close", int)()  # what the oracle keeps from one input to the next
        assert not name, f"tests/corpus/{target}/{name}"


def test_every_target_has_a_small_corpus() -> None:
    assert CORPORA == TARGETS
    for target in TARGETS:
        sizes = [path.stat().st_size for path in (TESTS / "corpus" / target).iterdir()]
        assert 3 <= len(sizes) <= LIMITS[0], target
        assert max(sizes) <= LIMITS[1], target
