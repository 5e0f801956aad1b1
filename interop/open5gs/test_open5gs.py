"""Open5GS' HSS, where it is installed: our MME taken through its steps against it."""

from __future__ import annotations

import subprocess
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest

from helpers.other_cores import answering, filled, mtc, open5gs_places, run_beside

pytestmark = pytest.mark.interop
HERE: Final = Path(__file__).parent
IMSI, K, OPC = "001010000000001", "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
AT: Final = "tcp:127.0.0.8:3868"


def test_its_hss_and_our_mme(tmp_path: Path) -> None:
    places = open5gs_places() | {"FOLDER": tmp_path}
    for name in ("hss.conf", "hss.yaml", "usims.csv"):
        filled(HERE / name, tmp_path / name, places)
    (tmp_path / "usims.csv").chmod(0o600)
    (tmp_path / "mongo").mkdir()
    with ExitStack() as running:
        run_beside(
            running, ["mongod", "--dbpath", tmp_path / "mongo", "--bind_ip", "127.0.0.1"], tmp_path / "mongod.log"
        )
        answering(27017)
        subprocess.run(["open5gs-dbctl", "add", IMSI, K, OPC], check=True, timeout=300)
        run_beside(running, ["open5gs-hssd", "-c", tmp_path / "hss.yaml"], tmp_path / "hssd.log")
        answering(3868, "127.0.0.8")
        words = ["--imsi", IMSI, "--cards", str(tmp_path / "usims.csv"), "--origin-host", "mme.localdomain"]
        done = mtc("s6a", AT, "air", "resync", "ulr", "pur", *words, "--origin-realm", "localdomain")
    assert done.returncode == 0, done.stdout + done.stderr
