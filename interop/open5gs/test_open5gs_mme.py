"""Open5GS' MME, where it is installed: it connects to our HSS, which then may ask and be asked."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from helpers.other_cores import answering, filled, mtc, open5gs_places, run_beside, said

pytestmark = pytest.mark.interop
HERE: Final = Path(__file__).parent


def test_its_mme_and_our_hss(tmp_path: Path) -> None:
    for name in ("mme.conf", "mme.yaml", "our-hss.toml", "subscribers.csv"):
        filled(HERE / name, tmp_path / name, open5gs_places() | {"FOLDER": tmp_path})
    ours, log = tmp_path / "our-hss.toml", tmp_path / "hss.log"
    assert mtc("subscriber", "new-key", str(tmp_path / "our.key")).returncode == 0
    assert mtc("subscriber", "import", str(tmp_path / "subscribers.csv"), "-c", str(ours)).returncode == 0
    with ExitStack() as running:
        run_beside(running, [sys.executable, "-m", "nfs.cli", "run", "hss", "-c", ours], log)
        answering(3868, "127.0.0.8")
        run_beside(running, ["open5gs-mmed", "-c", tmp_path / "mme.yaml"], tmp_path / "mmed.out")
        said(log, b"peer mme.localdomain takes requests")
    said(log, b"Main loop terminated")
    assert b"peer mme.localdomain is closed: closed by the other side" in log.read_bytes()
