"""`mtc pcap replay` as client and as server against each other, as processes of their own."""

from __future__ import annotations

import json
import subprocess
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

from diameter.capture import CaptureReader, CaptureWriter
from diameter.capture.extract import extract, sessions
from diameter.capture.tomlform import write
from helpers.captures import IWF, SCS, Traffic
from helpers.messages import dictionary
from helpers.replaying import CARRIED, MTC, TWO_WAYS, certified, client, listening
from helpers.schemas import assert_fits

pytestmark = [pytest.mark.link]


def test_both_parties_of_a_scenario_play_it(tmp_path: Path) -> None:
    path = tmp_path / "two.toml"
    path.write_text(TWO_WAYS)
    with listening(path, "tcp:127.0.0.1:0") as (port, said):
        done = client(path, port, "--junit", "report.xml", "--capture", "client.pcapng")
    assert done.returncode == 0, done.stdout + done.stderr + "\n".join(said)
    assert done.stdout.splitlines()[-1] == said[-1] == "as in the scenario"
    suite = ElementTree.parse(tmp_path / "report.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("4", "0", "0")
    assert sum(one.octets[8:12] == (16777309).to_bytes(4) for one in CaptureReader(tmp_path / "client.pcapng")) == 4


def test_other_identities_and_one_difference(tmp_path: Path) -> None:
    path, other = tmp_path / "two.toml", tmp_path / "other.toml"
    path.write_text(TWO_WAYS)
    other.write_text(TWO_WAYS.replace("Result-Code = 3004", "Result-Code = 2001"))
    ours = ("--origin-host", "tester.lab.example")
    with listening(other, "tcp:127.0.0.1:0", "--origin-host", "live.core.example", "--json") as (port, said):
        done = client(path, port, *ours, "--junit", "report.xml")
    lines = [line.strip() for line in done.stdout.splitlines()]
    assert done.returncode == 1, done.stderr
    assert "Result-Code: expected DIAMETER_TOO_BUSY (3004), came DIAMETER_SUCCESS (2001)" in lines
    assert lines[-1] == "1 of 4 messages differ, 0 not reached"
    assert ElementTree.parse(tmp_path / "report.xml").getroot().get("failures") == "1"
    report = json.loads("\n".join(said))
    assert_fits("replay", report)
    assert (report["ok"], report["peer"], report["as"]) == (True, "tester.lab.example", "server")


def test_what_does_not_come_ends_the_play(tmp_path: Path) -> None:
    path, other = tmp_path / "two.toml", tmp_path / "other.toml"
    path.write_text(TWO_WAYS)
    first, second, third, fourth = TWO_WAYS.split("[[message]]")[1:]
    assert "request = 2" in second
    assert "answer = 2" in third
    other.write_text("[[message]]".join((TWO_WAYS.split("[[message]]")[0], first, fourth)))
    with listening(other, "tcp:127.0.0.1:0") as (port, said):
        done = client(path, port, "--timeout", "1", "--json")
    assert done.returncode == 1
    rows = json.loads(done.stdout)["messages"]
    assert [row["result"] for row in rows] == ["ok", "wrong", "not reached", "not reached"]
    assert rows[1]["differences"] == ["it did not come within 1 s"]
    assert said[-1] == "as in the scenario"


def test_out_of_a_capture_and_over_tls(tmp_path: Path) -> None:
    messages = [one for one in Traffic(dictionary()).run(2) if SCS.encode() in one.octets]
    with CaptureWriter(tmp_path / "made.pcapng") as writer:
        for one in messages:
            writer.record(one)
    captured = list(CaptureReader(tmp_path / "made.pcapng"))
    session = next(iter(sessions(captured, dictionary())))
    done = subprocess.run(
        [*MTC, "extract", str(tmp_path / "made.pcapng"), "--session", session, "-o", str(tmp_path / "one.toml")],
        capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    chosen = [one for one in captured if session.encode() in one.octets]
    assert (tmp_path / "one.toml").read_text() == write(extract(chosen, dictionary(), "made.pcapng"))
    options = certified(tmp_path)
    with listening(tmp_path / "one.toml", "tls:127.0.0.1:0", *options[IWF]) as (port, said):
        played = client(tmp_path / "one.toml", port, *options[SCS], transport="tls")
    assert (played.returncode, said[-1]) == (0, "as in the scenario"), played.stdout + played.stderr + "\n".join(said)


@pytest.mark.parametrize(
    ("words", "complaint"),
    [
        ((), "one of --connect and --listen is wanted"),
        (("--listen", "tcp:127.0.0.1:0", "--set", "x=1"), "--set x=1: NAME=VALUE wanted, of client"),
        (("--connect", "nowhere"), "needs --certificate"),
        (("--listen", "tcp:127.0.0.1:0", "--wait", "0.2"), "nobody came within 0.2 s"),
        (("--listen", "tcp:127.0.0.1:0", "-c", "x.toml"), "x.toml: cannot read"),
        (("--listen", "dtls:127.0.0.1:0", "-c", "node.toml"), "node.toml: node.listen: none has transport dtls"),
        (("--listen", "dtls:127.0.0.1:0"), "dtls needs --certificate, --key and --trust, or -c"),
        (("--connect", "tcp:127.0.0.1:9"), "connection refused"),
    ],
)
def test_wrong_usage(tmp_path: Path, words: tuple[str, ...], complaint: str) -> None:
    path = tmp_path / "two.toml"
    path.write_text(TWO_WAYS)
    (tmp_path / "node.toml").write_text('[node]\norigin_host = "a.b.example"\norigin_realm = "b.example"\n')
    done = subprocess.run(
        [*MTC, "replay", str(path), *words], capture_output=True, text=True, timeout=300, check=False, cwd=tmp_path
    )
    assert complaint in done.stderr
    assert done.returncode == (1 if "refused" in complaint or "nobody" in complaint else 2)
    assert "Traceback" not in done.stderr


def test_what_an_answer_brings_goes_into_the_next_request(tmp_path: Path) -> None:
    path = tmp_path / "carried.toml"
    path.write_text(CARRIED)
    with listening(path, "tcp:127.0.0.1:0", "--set", "reference=4711", "--set", "cookie=hex:00ff24") as (port, said):
        done = client(path, port, "--capture", "client.pcapng")
    assert (done.returncode, said[-1]) == (0, "as in the scenario"), done.stdout + done.stderr + "\n".join(said)
    second = [one.message(dictionary()) for one in CaptureReader(tmp_path / "client.pcapng")]
    requests = [one for one in second if one.request and one.command == "Device-Action-Request"]
    assert [one["Device-Action"]["Reference-Number"] for one in requests] == [7, 4711]
    assert requests[1]["Class"] == b"\0\xff$"


def test_a_value_that_nobody_brings(tmp_path: Path) -> None:
    path = tmp_path / "carried.toml"
    path.write_text(CARRIED)
    with listening(path, "tcp:127.0.0.1:0", "--as", "client", "--set", "reference=1") as (port, said):
        done = client(path, port, "--as", "server", "--json")
    rows = json.loads(done.stdout)["messages"]
    assert rows[1]["differences"] == ["${reference} has no value, and none came: give --set reference=VALUE"]
    assert done.returncode == 1
    assert said[-1] != "as in the scenario"


@pytest.mark.parametrize("transport", ["tcp", "tls"])
def test_whoever_dials_either_may_ask_first(tmp_path: Path, transport: str) -> None:
    path, options = tmp_path / "two.toml", certified(tmp_path)
    path.write_text(TWO_WAYS.replace("scs.customer.example", SCS).replace("iwf.operator.example", IWF))
    own, theirs = (options[SCS], options[IWF]) if transport == "tls" else ([], [])
    with listening(path, f"{transport}:127.0.0.1:0", "--as", "client", *own) as (port, said):
        done = client(path, port, "--as", "server", *theirs, transport=transport)
    assert (done.returncode, said[-1]) == (0, "as in the scenario"), done.stdout + done.stderr + "\n".join(said)
