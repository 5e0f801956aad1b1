"""`mtc s6a` as a process: what it says of an HSS that lacks things, of one that asks nothing, and of nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.processes import listening
from helpers.schemas import assert_fits

pytestmark = pytest.mark.link

TESTS = Path(__file__).resolve().parent.parent
SERVER = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from helpers.s6a import Hss
from diameter.node import run
run(Hss(), identity="hss.core.example", realm="core.example", listen="tcp:127.0.0.1:0", peers=["mme.core.example"],
    physical_protection="test", started=lambda node: print(node.listening[0][1].port, flush=True))
"""
CARD = ("--imsi", "001010000000001", "--k", "00" * 16, "--opc", "11" * 16, "--origin-host", "mme.core.example")


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SERVER) as port:
        yield port


def mtc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", "s6a", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_what_an_hss_lacks(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "ulr", "wait", "--wait", "0.1", *CARD, "--json", "--timeout", "60")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert_fits("s6a", document)
    assert (document["ok"], document["peer"], document["trouble"]) == (False, "hss.core.example", "")
    ulr, wait = document["steps"]
    assert ulr["result"] == {"vendor": 0, "code": 2001}
    assert [check["what"] for check in ulr["checks"] if check["verdict"] == "wrong"] == ["APN-Configuration-Profile"]
    assert [check["detail"] for check in wait["checks"]] == ["1 did not come within 0.1 s"]


def test_an_hss_that_cannot_do_it(port: int) -> None:
    done = mtc(f"tcp:127.0.0.1:{port}", "air", *CARD, "--timeout", "60")
    assert done.returncode == 1
    assert done.stdout.splitlines()[0].startswith("air: Authentication-Information: 3001")
    assert done.stdout.splitlines()[-1] == "1 exchanges, 2 checks, 1 wrong"


def test_nobody_there_and_no_keys() -> None:
    done = mtc("tcp:127.0.0.1:1", *CARD)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("tcp:127.0.0.1:1: ")
    bare = mtc("tcp:127.0.0.1:1", "--imsi", "001010000000001")
    assert bare.returncode == 2
    assert "--cards, or --k with --opc" in bare.stderr
    bad = mtc("tcp:127.0.0.1:1", "--imsi", "001010000000001", "--k", "00", "--opc", "x")
    assert (bad.returncode, "--opc: " in bad.stderr) == (2, True)
