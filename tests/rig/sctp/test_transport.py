"""Kernel SCTP passes the suite of every SCTP, opened and configured by pysctp and by plain socket options."""

from __future__ import annotations

import pytest

from diameter.transport import pysctp, sctp_socket
from helpers.sctp_suite import TransportSuite, Way

pytestmark = [pytest.mark.rig, pytest.mark.usefixtures("nowhere")]


class Kernel(Way):
    """The kernel's."""

    sctp = "kernel"


class TestByPysctp(TransportSuite):
    way = Kernel()

    def test_pysctp_is_what_opens_them(self) -> None:
        assert pysctp.setup().name == "pysctp"


class TestByPlainSockets(TransportSuite):
    way = Kernel()

    @pytest.fixture(autouse=True)
    def _without_pysctp(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(pysctp, "sctp", None)
        assert type(pysctp.setup()) is sctp_socket.Setup
