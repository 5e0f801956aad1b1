"""PyHSS, where it is: provisioned over HTTP, and our MME taken through its steps against it."""

from __future__ import annotations

import json
import os
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final
from urllib.request import Request, urlopen

import pytest

from helpers.other_cores import answering, filled, mtc, run_beside

pytestmark = pytest.mark.interop
HERE: Final = Path(__file__).parent
IMSI, K, OPC = "001010000000001", "465b5ce8b199b49faa5f0a2ee238a6bc", "cd63cb71954a9f4e48a5994e37a02baf"
SERVICES: Final = ("apiService.py", "hssService.py", "diameterService.py")
OBJECTS: Final[tuple[tuple[str, dict[str, Any]], ...]] = (
    ("apn", {"apn": "internet", "apn_ambr_dl": 0, "apn_ambr_ul": 0}),
    ("auc", {"ki": K, "opc": OPC, "amf": "8000", "sqn": 0, "imsi": IMSI}),
    (
        "subscriber",
        {"imsi": IMSI, "enabled": True, "auc_id": 1, "default_apn": 1, "apn_list": "1", "msisdn": "15560000001",
         "ue_ambr_dl": 0, "ue_ambr_ul": 0},
    ),
)  # fmt: skip


def test_it_and_our_mme(tmp_path: Path) -> None:
    services, python = Path(os.environ["MTC_PYHSS"]) / "services", os.environ["MTC_PYHSS_PYTHON"]
    for name in ("config.yaml", "usims.csv"):
        filled(HERE / name, tmp_path / name, {"FOLDER": tmp_path})
    (tmp_path / "usims.csv").chmod(0o600)
    environment = {**os.environ, "PYHSS_CONFIG": str(tmp_path / "config.yaml")}
    with ExitStack() as running:
        run_beside(running, ["redis-server", "--bind", "127.0.0.1", "--dir", tmp_path], tmp_path / "redis.log")
        answering(6379)
        for name in SERVICES:
            run_beside(running, [python, services / name], tmp_path / f"{name}.log", environment, services)
        answering(8080)
        answering(3868, "127.0.0.8")
        for kind, values in OBJECTS:
            request = Request(f"http://127.0.0.1:8080/{kind}/", json.dumps(values).encode(), method="PUT")
            request.add_header("Content-Type", "application/json")
            with urlopen(request, timeout=300) as answer:
                assert answer.status == 200
        words = ["--imsi", IMSI, "--cards", str(tmp_path / "usims.csv"), "--origin-host", "mme.localdomain"]
        done = mtc("s6a", "tcp:127.0.0.8:3868", "air", "resync", "ulr", "pur", *words, "--origin-realm", "localdomain")
    assert done.returncode == 0, done.stdout + done.stderr
