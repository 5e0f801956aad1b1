"""DTLS over kernel SCTP passes the suite of DTLS over every SCTP."""

from __future__ import annotations

import pytest

from helpers.dtls_nodes import DtlsNodes
from helpers.dtls_suite import DtlsSuite
from helpers.sctp_ways import Way

pytestmark = pytest.mark.rig


class Kernel(Way):
    """The kernel's."""

    sctp = "kernel"


class TestOverKernelSctp(DtlsSuite):
    way = Kernel()


class TestNodes(DtlsNodes):
    way = Kernel()
