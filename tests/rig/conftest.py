"""These tests need a kernel with SCTP, and root's rights to networks: `make rig` has a guest for machines without."""

from __future__ import annotations

import pytest

from tools.guest import kernel_has_sctp

pytest.register_assert_rewrite("helpers.sctp_suite", "helpers.dtls_suite", "helpers.dtls_nodes")
HERE = kernel_has_sctp()
collect_ignore_glob = [] if HERE else ["*/test_*.py"]


def pytest_report_header() -> str:
    """Say why nothing is collected, where that is so."""
    return "kernel SCTP: " + (
        "there" if HERE else "none here; python3 tests/run.py rig boots a guest kernel that has it"
    )
