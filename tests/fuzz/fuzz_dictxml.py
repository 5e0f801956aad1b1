"""Dictionaries of other programs (Wireshark and go-diameter XML, freeDiameter JSON): definitions or a complaint."""

from __future__ import annotations

import tempfile
from pathlib import Path

from helpers.fuzz import drive, instrumented

with instrumented(__name__):
    from diameter.dictionary.exchange import read_foreign
    from diameter.dictionary.files import find, read_text
    from diameter.dictionary.grammar import Tree, parse
    from diameter.dictionary.link import link
    from diameter.dictionary.load import Definitions
    from diameter.dictionary.write import dia_text
    from diameter.errors import DictionaryError


def base() -> list[Tree]:
    """The base dictionary, parsed anew: linking may write into a tree."""
    return [parse(read_text(path), path.stem, str(path)) for path in find(["rfc6733_base"])]


def oracle(data: bytes) -> None:
    """JSON when it begins with a brace, else XML, in a file of its own."""
    with tempfile.TemporaryDirectory(prefix="mtc-fuzz-") as folder:
        path = Path(folder) / ("fuzz.json" if data.lstrip()[:1] == b"{" else "fuzz.xml")
        path.write_bytes(data)
        try:
            definitions = Definitions(link([*base(), *read_foreign(path)]))
        except DictionaryError:
            return
    for application in definitions.applications:
        definitions.scope(application)
    for file in definitions.files():
        if file.stem.startswith("fuzz"):
            assert isinstance(dia_text(definitions, file.stem), str)


if __name__ == "__main__":
    drive(oracle)
