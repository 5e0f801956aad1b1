"""A folder for one run: the messages, and the programs in C and Erlang that are compiled when they are first needed."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import nfs
from nfs.cli._bench import messages


def sources() -> Path | None:
    """The folder `bench` of the checkout we run in or from; None when there is none (an installed wheel)."""
    for base in (Path(), Path(nfs.__file__).parents[1]):
        if (base / "bench" / "raw" / "raw_peer.c").is_file():
            return (base / "bench").absolute()
    return None


class NotBuilt(Exception):
    """A program could not be made; the text is one line that says why."""


class Workshop:
    """`folder`: where everything of this run lies; `wire`: the messages, see `messages.write`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.wire = folder / "wire"
        self.wire.mkdir()
        messages.write(self.wire)
        self.sources = sources()
        self._made: dict[str, Path | NotBuilt] = {}
        self._jobs = 0

    def place(self) -> Path:
        """A new folder for the files of one program."""
        self._jobs += 1
        path = self.folder / f"job{self._jobs:05}"
        path.mkdir()
        return path

    def once(self, name: str, make: Callable[[Path], Path]) -> Path:
        """What `make` makes from the sources, made when first asked for.  Raises NotBuilt, each time anew."""
        if name not in self._made:
            try:
                self._made[name] = make(self._source())
            except NotBuilt as error:
                self._made[name] = error
        found = self._made[name]
        if isinstance(found, NotBuilt):
            raise found
        return found

    def _source(self) -> Path:
        if self.sources is None:
            raise NotBuilt("the folder bench of a checkout is not here")
        return self.sources

    def compile(self, name: str, source: str, *options: str) -> Path:
        """A program in C.  Raises NotBuilt."""

        def make(sources: Path) -> Path:
            path = self.folder / name
            call(["cc", "-O2", "-o", path, sources / source, *options])
            return path

        return self.once(name, make)


def call(words: Sequence[str | Path], **more: str) -> str:
    """Run a tool; what it printed.  `more`: of its environment alone.  Raises NotBuilt."""
    program = shutil.which(words[0])
    if program is None:
        raise NotBuilt(f"{words[0]} is not installed")
    done = subprocess.run(
        [program, *words[1:]], capture_output=True, text=True, timeout=120, check=False, stdin=subprocess.DEVNULL,
        env=more or None,
    )  # fmt: skip
    if done.returncode:
        said = [line for line in (done.stderr + done.stdout).splitlines() if "rror" in line] or [f"{words[0]} failed"]
        raise NotBuilt(said[0].strip())
    return done.stdout
