"""Find, read, link and cache dictionary files; look definitions up.

Signatures only for now: the body follows.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Self

from diameter.dictionary.model import ApplicationDef, CommandDef, Scope


class Definitions:
    """Every definition of the files loaded, and the scope of each application."""

    __slots__ = ()

    applications: Mapping[int, ApplicationDef]
    sources: tuple[Path, ...]

    @classmethod
    def load(cls, *names: str | Path, cache: bool | Path = True) -> Self:
        """Load files by stem ("ts29368_tsp") or path ("my.dia", Wireshark "dictionary.xml"); none means all of dict/.

        Raises DictionaryError naming file, line and what was expected.
        """
        raise SystemError(names, cache)

    @classmethod
    def from_text(cls, **texts: str) -> Self:
        """For tests: stems to `.dia` text, linked on top of dict/rfc6733_base."""
        raise SystemError(texts)

    def scope(self, application_id: int) -> Scope:
        """The scope of an application, built on first use and kept; an unknown id sees every AVP and the base commands."""
        raise SystemError(application_id)

    def application(self, name_or_id: str | int) -> ApplicationDef:
        """By name ("Tsp"), stem ("ts29368_tsp") or id; DictionaryError when there is none."""
        raise SystemError(name_or_id)

    def commands_named(self, name: str) -> tuple[CommandDef, ...]:
        """Every command called so in any application: "Device-Action" (both directions), "Device-Action-Request" or "DAR"."""
        raise SystemError(name)

    def commands(self) -> Iterator[CommandDef]:
        """Every command of every file, in file order."""
        raise SystemError
