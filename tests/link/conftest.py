"""SCTP in user space is tried where its library is installed, and over IP where the rights and the kernel allow it."""

from __future__ import annotations

import pytest

from diameter.transport.usrsctp_library import missing
from helpers.postgres import kinds
from tools.guest import kernel_has_sctp
from tools.parts import may_have_a_network

pytest.register_assert_rewrite("helpers.sctp_suite", "helpers.dtls_suite", "helpers.dtls_nodes")
LACK = missing()
OVER_IP = not LACK and not kernel_has_sctp() and may_have_a_network()
"""A kernel with SCTP would answer packets of protocol 132 itself."""
collect_ignore_glob = ["test_usrsctp*.py"] if LACK else [] if OVER_IP else ["test_usrsctp_raw.py"]
if "postgresql" not in kinds():
    collect_ignore_glob = [*collect_ignore_glob, "test_kills.py"]


def pytest_report_header() -> str:
    """Say why something is not collected, where that is so."""
    return f"SCTP in user space: {LACK or ('over UDP and IP' if OVER_IP else 'over UDP')}"
