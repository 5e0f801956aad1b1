"""The guard against python-diameter; the installation tests mix the two distributions for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from diameter._guard import check


def test_our_own_files_pass() -> None:
    check()


def test_a_file_of_the_other_distribution_is_refused(tmp_path: Path) -> None:
    (tmp_path / "message").mkdir()
    check(str(tmp_path))
    (tmp_path / "message" / "constants.py").touch()
    with pytest.raises(ImportError, match="pip uninstall python-diameter"):
        check(str(tmp_path))
