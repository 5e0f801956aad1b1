"""The public signatures are those of tests/data/api.txt."""

from __future__ import annotations

import difflib

from tools.api import SNAPSHOT, render


def test_the_public_signatures_changed_on_purpose_only() -> None:
    kept, now = SNAPSHOT.read_text(encoding="utf-8").splitlines(), render().splitlines()
    changed = "\n".join(difflib.unified_diff(kept, now, "tests/data/api.txt", "the code", lineterm="", n=0))
    assert kept == now, f"{changed}\nmeant? then: python tests/tools/api.py, and a line in CHANGELOG.md"
