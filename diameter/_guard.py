"""Refuses to run when python-diameter's files lie among ours.

That distribution installs the same import name; pip merges the two folders without a word, and what is then imported
is partly theirs.  Its `diameter/message/constants.py` is a file that this project never had.  `diameter` and `nfs`
both call `check`, since whichever distribution was installed last owns `diameter/__init__.py`.
"""

from __future__ import annotations

from os.path import dirname, exists, join
from typing import Final

MARK: Final = ("message", "constants.py")


def check(package: str = dirname(__file__)) -> None:
    """Raise ImportError, naming the distribution to remove, when `package` (a folder) holds python-diameter's files."""
    if exists(join(package, *MARK)):
        raise ImportError(
            "python-diameter is installed in the same environment and its files are mixed with those of mtc-diameter; "
            "use one environment for each, or: pip uninstall python-diameter mtc-diameter && pip install mtc-diameter"
        )
