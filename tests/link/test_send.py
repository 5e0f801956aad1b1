"""`mtc send` against a node: answers as trees and JSON, what is expected, load, and faults that the node injects."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from helpers.nodes import LEFT, RIGHT
from helpers.processes import listening
from helpers.schemas import assert_fits

pytestmark = pytest.mark.link

TESTS = Path(__file__).resolve().parent.parent
SERVER = f"""
import sys; sys.path.insert(0, {str(TESTS)!r})
from helpers.nodes import Answering, LEFT, RIGHT
from diameter.node import run
run(Answering(), identity=RIGHT, realm="example.org", listen="tcp:127.0.0.1:0", peers=[LEFT], lab=True,
    physical_protection="test", started=lambda node: print(node.listening[0][1].port, flush=True),
    fault=[{{"name": "third", "do": "result", "command": "DAR", "identity": "refused@example.com", "result_code": 5001,
             "vendor": 10415}},
           {{"name": "mute", "do": "drop", "command": "DAR", "identity": "mute@example.com"}},
           {{"name": "cut", "do": "close", "command": "DAR", "identity": "cut@example.com"}},
           {{"name": "slow", "do": "delay", "delay_s": 0.2, "command": "DAR", "identity": "slow@example.com"}}])
"""


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with listening(SERVER) as port:
        yield port


def action(device: str = "meter@example.com") -> dict[str, Any]:
    """A request in the short form, without what `mtc send` fills in."""
    avps = {"External-Identifier": device, "Reference-Number": 7, "Action-Type": "DEVICE_TRIGGER_REQUEST"}
    return {"command": "Device-Action-Request", "application": "Tsp", "avps": {"Device-Action": avps}}


def mtc(peer: int | str, documents: Any, *arguments: str) -> subprocess.CompletedProcess[str]:
    where = peer if isinstance(peer, str) else f"tcp:127.0.0.1:{peer}"
    command = [sys.executable, "-m", "nfs.cli", "send", where, "-", "--origin-host", LEFT, *arguments]
    text = documents if isinstance(documents, str) else json.dumps(documents)
    return subprocess.run(command, input=text, capture_output=True, text=True, timeout=300, check=False)


def report(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    """What `--json` printed, as its schema has it."""
    document: dict[str, Any] = json.loads(done.stdout)
    assert_fits("send", document)
    assert document["ok"] == (done.returncode == 0)
    return document


def test_the_answer_as_a_tree(port: int) -> None:
    done = mtc(port, action())
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Device-Action-Answer (DAA)  Tsp")
    assert "DIAMETER_SUCCESS (2001)" in done.stdout
    assert "applications Tsp" in done.stderr


def test_answers_as_json_and_what_was_expected(port: int) -> None:
    done = mtc(port, [action(), action()], "--json", "--expect", "2001")
    found = report(done)
    assert (done.returncode, found["count"], found["outcomes"]) == (0, 2, {"2001": 2})
    sessions = [one["value"] for answer in found["answers"] for one in answer["avps"] if one["name"] == "Session-Id"]
    assert len(set(sessions)) == 2
    assert sum(one["count"] for one in found["histogram"]) == 2
    refused = mtc(port, [action(), action("refused@example.com")], "--json", "--expect", "2001")
    assert (refused.returncode, report(refused)["outcomes"]) == (1, {"10415:5001": 1, "2001": 1})
    wanted = mtc(port, action("refused@example.com"), "--json", "--expect", "10415:5001")
    assert wanted.returncode == 0


def test_the_whole_form_goes_as_it_is(port: int) -> None:
    whole = {**action(), "avps": [{"name": "Session-Id", "value": "left;1;2"}]}
    found = report(mtc(port, whole, "--json"))
    assert found["outcomes"] == {"5005": 1}
    assert found["answers"][0]["avps"][0]["value"] == "left;1;2"


def test_load_at_a_rate(port: int) -> None:
    done = mtc(port, action(), "--rate", "100", "--duration", "0.5", "--json")
    found = report(done)
    assert (done.returncode, found["count"], found["outcomes"], found["answers"]) == (0, 50, {"2001": 50}, [])
    assert found["p50_ms"] <= found["p90_ms"] <= found["p99_ms"] <= found["p999_ms"] <= found["max_ms"]


def test_a_time_counts_from_when_the_message_was_due(port: int) -> None:
    """One at a time, 0.2 s each, one due every 0.05 s: those behind waited, and their times say so."""
    found = report(
        mtc(port, action("slow@example.com"), "--rate", "20", "--count", "4", "--concurrency", "1", "--json")
    )
    assert found["count"] == 4
    assert found["max_ms"] > 600


def test_load_for_people(port: int) -> None:
    done = mtc(port, action(), "--count", "20", "--concurrency", "5")
    assert done.returncode == 0, done.stderr
    assert [line.split()[0] for line in done.stdout.splitlines()] == [
        "2001", "time", "rate", "p50", "p90", "p99", "p999", "max",
    ]  # fmt: skip


def test_no_answer_and_a_connection_that_ends(port: int) -> None:
    mute = mtc(port, [action("mute@example.com"), action()], "--json", "--timeout", "0.3")
    assert report(mute)["outcomes"] == {"2001": 1, "no answer": 1}
    cut = mtc(port, action("cut@example.com"), "--json", "--duration", "20")
    found = report(cut)
    assert found["outcomes"] == {"no answer": 1}
    assert found["trouble"] == "the connection was lost"


@pytest.mark.parametrize(
    ("documents", "arguments", "said"),
    [
        ("{", (), "not JSON"),
        ({"command": "Nonsense", "avps": {}}, (), "standard input: message 1: command: 'Nonsense'"),
        ({**action(), "command": "Device-Action-Answer"}, (), "message 1: Device-Action-Answer is no request"),
        (action(), ("--expect", "fine"), "'fine' is no result code"),
        (action(), ("--transport", "tls"), "is not --transport tls"),
    ],
)
def test_wrong_usage(documents: Any, arguments: tuple[str, ...], said: str) -> None:
    done = mtc("tcp:127.0.0.1:1", documents, *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr


def test_nobody_there() -> None:
    done = mtc("tcp:127.0.0.1:1", action(), "--json")
    assert done.returncode == 1
    assert "refused" in report(done)["trouble"]
    assert RIGHT not in done.stdout
