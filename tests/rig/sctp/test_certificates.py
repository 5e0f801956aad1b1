"""Each check of a certificate over DTLS on kernel SCTP."""

from __future__ import annotations

from pathlib import Path

import pytest

from helpers.certificate_checks import A1, CHECKS, refused
from helpers.loop import drive
from helpers.sctp_ways import Way

pytestmark = pytest.mark.rig


class Kernel(Way):
    """The kernel's."""

    sctp = "kernel"


@pytest.mark.requirement("R-TSP-06", "R-TSP-32")
@pytest.mark.parametrize("case", CHECKS)
def test_who_dials_is_checked(tmp_path: Path, case: str) -> None:
    drive(refused(tmp_path, "dtls", "client", case, way=Kernel()))


@pytest.mark.requirement("R-TSP-06")
@pytest.mark.parametrize("case", [*A1, "wrong EKU"])
def test_who_is_dialled_is_checked(tmp_path: Path, case: str) -> None:
    drive(refused(tmp_path, "dtls", "server", case, way=Kernel()))
