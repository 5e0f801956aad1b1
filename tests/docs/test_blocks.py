"""Every Python and console block of README and docs/ runs, and prints what the page says.

Each page gets an empty folder; its blocks run there in order.  A block marked as background runs until the page ends,
one at a host runs in tests/rig.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import pytest

from helpers.blocks import RUN, blocks
from helpers.pages import carry_out

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = sorted([ROOT / "README.md", *ROOT.glob("docs/**/*.md"), *ROOT.glob("dict/README.md")])
SHELL_ALLOWED: Final = re.compile(r"(make [a-z-]+|git clone \S+|cd \S+|pip install \S+|\.venv\S*/bin/\S+.*)(\s+#.*)?")


@pytest.mark.link
@pytest.mark.usefixtures("network_of_the_page")
@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_the_blocks_of_a_page_run(page: Path, tmp_path: Path) -> None:
    carry_out(page, tmp_path)


@pytest.mark.parametrize("page", PAGES, ids=[str(page.relative_to(ROOT)) for page in PAGES])
def test_shell_blocks_hold_only_set_up_steps(page: Path) -> None:
    """What cannot be run from inside a test is limited to a few known steps, and a make target exists."""
    makefile = (ROOT / "Makefile").read_text()
    for block in blocks(page):
        if block.language == "sh":
            for line in filter(None, block.text.splitlines()):
                assert SHELL_ALLOWED.fullmatch(line), (
                    f"line {block.line}: {line!r} is never run: make it a console block"
                )
                if line.startswith("make "):
                    assert f"\n{line.split()[1]}:" in makefile
        assert block.language not in ("", "bash", "shell", "py"), f"line {block.line}: say python, console, sh or text"


def test_the_pages_hold_blocks_that_run() -> None:
    """The test above proves something: there are blocks of both kinds."""
    languages = [block.language for page in PAGES for block in blocks(page)]
    assert all(language in languages for language in RUN)
