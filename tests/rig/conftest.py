"""These tests need a kernel with SCTP, and root's rights to networks: `make rig` has a guest for machines without."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.guest import kernel_has_sctp
from tools.parts import ON_THIS_KERNEL

pytest.register_assert_rewrite("helpers.sctp_suite", "helpers.dtls_suite", "helpers.dtls_nodes")
HERE = kernel_has_sctp()
FOLDERS = [each.name for each in Path(__file__).parent.iterdir() if each.is_dir()]
collect_ignore_glob = [f"{name}/test_*.py" for name in FOLDERS if not HERE and name not in ON_THIS_KERNEL]


def pytest_report_header() -> str:
    """Say why nothing is collected, where that is so."""
    return "kernel SCTP: " + (
        "there" if HERE else "none here; python3 tests/run.py rig boots a guest kernel that has it"
    )
