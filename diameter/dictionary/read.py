"""Files and texts to the linked whole, without a cache."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from diameter.dictionary import files
from diameter.dictionary.grammar import Tree, parse
from diameter.dictionary.link import link
from diameter.dictionary.plain import BASE, Linked
from diameter.errors import DictionaryError


def read_files(paths: Iterable[Path]) -> Linked:
    """Parse and link; `.xml` and `.json` files are read by `exchange.py`."""
    trees: dict[str, Tree] = {}
    for path in paths:
        if path.suffix == ".dia":
            found = [parse(files.read_text(path), path.stem, str(path))]
        else:
            from diameter.dictionary.exchange import read_foreign

            found = read_foreign(path)
        for tree in found:
            if tree.stem in trees:
                raise DictionaryError(
                    f"{path}:1: expected a file name not taken by {trees[tree.stem].path}, found {tree.stem!r}"
                )
            trees[tree.stem] = tree
    return link(_ordered(trees.values()))


def _ordered(trees: Iterable[Tree]) -> list[Tree]:
    """Load order, in which names of unrelated files are found: base, what we speak, what we only read, imported."""
    return sorted(trees, key=lambda tree: (tree.stem != BASE, tree.imported, tree.decode_only, tree.stem))


def read_texts(texts: Mapping[str, str]) -> Linked:
    """Stems to `.dia` text, linked on top of the project's own files they inherit."""
    trees = {stem: parse(text, stem, f"{stem}.dia") for stem, text in texts.items()}
    home = files.folder()
    inherited = {stem for tree in trees.values() for stem, _ in tree.inherits if stem not in trees}
    for path in files.find(sorted(stem for stem in inherited if (home / f"{stem}.dia").is_file()) or [BASE]):
        if path.stem not in trees:
            trees[path.stem] = parse(files.read_text(path), path.stem, str(path))
    return link(_ordered(trees.values()))
