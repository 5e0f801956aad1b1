"""What the fuzz targets of tests/fuzz share: how they start, and octets turned into choices.

A target is a file `fuzz_<name>.py` with a function `oracle(data: bytes)` that raises when something is wrong and
returns nothing otherwise.  It needs no atheris: `tests/unit/test_corpus.py` calls it for every file of
`tests/corpus/<name>`.  Run as a program, the target is driven by atheris (libFuzzer), with its options:

    PYTHONHASHSEED=0 PYTHONPATH=.:tests python tests/fuzz/fuzz_decode.py FOLDER tests/corpus/decode -max_total_time=60

The seed is the same each time, and so are the inputs while the code and PYTHONHASHSEED are.  What it learns goes to
FOLDER, temporary files to the current folder (libFuzzer leaves Python no time to clear up).  A finding ends the run
with a status other than 0, and its input is written where `-artifact_prefix` says.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any, Final, Generic, Protocol, TypeVar

OPTIONS: Final = (
    "-seed=6733",  # same corpus and same code: same inputs
    "-timeout=10",
    "-rss_limit_mb=1024",
    "-max_len=4096",
    "-print_final_stats=1",
)
"""Options of libFuzzer that hold unless the command line has them too; there the last one wins."""


def instrumented(name: str) -> AbstractContextManager[Any]:
    """Imports inside this context are instrumented when `name` is "__main__", so that atheris sees what runs."""
    if name != "__main__":
        return nullcontext()
    import atheris

    context: AbstractContextManager[Any] = atheris.instrument_imports(include=["diameter", "nfs"])
    return context


def drive(oracle: Callable[[bytes], None], *options: str) -> None:
    """Feed `oracle` until the options say stop, those of the command line last; does not return.

    The input of a finding is printed, because libFuzzer does not always get to write it.
    """
    import atheris

    def one(data: bytes) -> None:
        whole = False
        try:
            oracle(data)
            whole = True
        finally:
            if not whole:
                sys.stderr.write(f"finding: {data.hex()}\n")

    tempfile.tempdir = os.getcwd()
    atheris.Setup([sys.argv[0], *OPTIONS, *options, *sys.argv[1:]], one)
    atheris.Fuzz()


class Closing(Protocol):
    """What has to be closed."""

    def close(self) -> None: ...


T = TypeVar("T", bound=Closing)


class Kept(Generic[T]):
    """What an oracle keeps from one input to the next; made at the first call.  A target calls its close `close`."""

    def __init__(self, make: Callable[[], T]) -> None:
        self._make = make
        self._made: T | None = None

    def __call__(self) -> T:
        if self._made is None:
            self._made = self._make()
        return self._made

    def close(self) -> None:
        """Leave nothing behind."""
        made, self._made = self._made, None
        if made is not None:
            made.close()


class Choices:
    """Octets read as a list of decisions; `left` says whether there is another one."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> bool:
        return self._at < len(self._data)

    def octet(self) -> int:
        """The next octet; 0 behind the end."""
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, limit: int) -> int:
        """A number from 0 to `limit` - 1, at most 256 of them."""
        return self.octet() % limit

    def rest(self) -> bytes:
        """All that is left."""
        rest, self._at = self._data[self._at :], len(self._data)
        return rest
