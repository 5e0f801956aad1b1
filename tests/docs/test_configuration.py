"""docs/configuration.md is what the models say."""

from __future__ import annotations

from tools.configuration import PAGE, render


def test_the_reference_is_up_to_date() -> None:
    assert PAGE.read_text(encoding="utf-8") == render(), "run: python tests/tools/configuration.py"


def test_every_key_is_explained() -> None:
    missing = [line for line in render().splitlines() if line.startswith("| `") and line.endswith("|  |")]
    assert not missing, "\n".join(missing)
