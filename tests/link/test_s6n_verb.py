"""`mtc s6n` and `mtc s6m` as processes: an HSS that says too much, one that refuses, and nobody."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator

import pytest

from helpers.processes import listening
from helpers.schemas import assert_fits

pytestmark = pytest.mark.link

SERVER = """
from diameter.app import Application, answers
from diameter.node import run

class Hss(Application):
    dictionary = "ts29336_s6m"

    @answers("Subscriber-Information-Request")
    def information(self, request):
        if request["SIR-Flags"]:
            return request.answer(5012, {"Error-Message": "database"})
        user = {"User-Name": request["User-Identifier"]["User-Name"], "External-Identifier": "meter-1@customer.example"}
        return request.answer(2001, {"User-Identifier": user, "Service-Data": {"T4-Data": {"HSS-Cause": 1}}})

run(Hss(), identity="hss.core.example", realm="core.example", listen="tcp:127.0.0.1:0",
    peers=["aaa.core.example", "iwf.core.example"], physical_protection="test",
    started=lambda node: print(node.listening[0][1].port, flush=True))
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SERVER) as port:
        yield port


def mtc(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "nfs.cli", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)


def test_an_hss_that_says_too_much_on_s6n(port: int) -> None:
    who = ("--imsi", "001010000000001", "--origin-host", "aaa.core.example", "--timeout", "240")
    done = mtc("s6n", f"tcp:127.0.0.1:{port}", *who, "--json")
    assert done.returncode == 1, done.stderr
    document = json.loads(done.stdout)
    assert_fits("subscriber-information", document)
    assert (document["ok"], document["peer"], document["trouble"]) == (False, "hss.core.example", "")
    assert (document["interface"], document["result"]) == ("s6n", {"vendor": 0, "code": 2001})
    wrong = [check["what"] for check in document["checks"] if check["verdict"] == "wrong"]
    assert wrong == ["no Service-Data", "one name in each User-Identifier"]


def test_a_refusal_on_s6m_is_shown(port: int) -> None:
    who = ("--msisdn", "15560000001", "--scs-number", "15550001", "--origin-host", "iwf.core.example")
    done = mtc("s6m", f"tcp:127.0.0.1:{port}", *who, "--timeout", "240")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("s6m: hss.core.example: 5012 DIAMETER_UNABLE_TO_COMPLY, ")
    assert "WRONG result: 5012, 2001 expected" in done.stdout


def test_nobody_there() -> None:
    done = mtc("s6n", "tcp:127.0.0.1:1", "--imsi", "001010000000001", "--json")
    assert done.returncode == 1
    document = json.loads(done.stdout)
    assert_fits("subscriber-information", document)
    assert (document["result"], document["trouble"][:16]) == (None, "tcp:127.0.0.1:1:")
