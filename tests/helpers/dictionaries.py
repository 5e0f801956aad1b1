"""Dictionaries that are read once: what the tests of functions and verbs load hundreds of times.

Reading the cache, making the records and compiling what an application sees take 16 ms each time, most of what a verb
takes.  Nothing in a dictionary changes once it is loaded, but for what it has compiled so far.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Final

import pytest

from diameter.message.build import Dictionary

LOAD: Final = Dictionary.load


@cache
def everything() -> Dictionary:
    """All of dict/, the same each time."""
    return LOAD()


def load(*names: str | Path, cache: bool | Path = True) -> Dictionary:
    """As `Dictionary.load`; all of dict/ is the same each time."""
    return everything() if not names and cache is True else LOAD(*names, cache=cache)


@contextmanager
def one_dictionary() -> Iterator[None]:
    """Within: dictionaries as above."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Dictionary, "load", load)
        yield
