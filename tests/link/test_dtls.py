"""DTLS over SCTP in user space passes the suite of DTLS over every SCTP."""

from __future__ import annotations

import pytest

from helpers.dtls_nodes import DtlsNodes
from helpers.dtls_suite import DtlsSuite
from helpers.udp import OneSocket, TwoSockets

pytestmark = pytest.mark.link


class TestOverOneSocket(DtlsSuite):
    way = OneSocket()


class TestOverTwoSockets(DtlsSuite):
    way = TwoSockets()


class TestNodes(DtlsNodes):
    way = TwoSockets()
