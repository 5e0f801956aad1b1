"""`mtc pcap decode`: lines, trees, JSON, filters, pipes, and what is no capture."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from diameter.capture import CaptureError, CaptureWriter
from helpers import wire
from helpers.captures import Traffic
from helpers.messages import dictionary
from helpers.recorded import tls
from helpers.schemas import assert_fits
from helpers.wire import A, B, diameter
from nfs.cli import mtc
from nfs.cli._pcap.decode import _Pipe

MESSAGES = Traffic(dictionary()).run(12)


@pytest.fixture(scope="module")
def capture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("capture") / "trigger.pcapng"
    with CaptureWriter(path) as writer:
        for one in MESSAGES:
            writer.record(one)
    return path


def run(*arguments: str | Path, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(mtc, ["pcap", "decode", *map(str, arguments)], input=stdin)


def test_a_line_a_message(capture: Path) -> None:
    result = run(capture)
    lines = result.stdout.splitlines()
    assert (result.exit_code, len(lines)) == (0, len(MESSAGES))
    assert "CER Base" in lines[0]
    assert " ms after " in lines[1]
    assert run("-", stdin=capture.read_bytes()).stdout == result.stdout


def test_trees(capture: Path) -> None:
    masked = run("--tree", "--command", "DAR", capture).stdout
    assert masked.count("Device-Action-Request (DAR)") == 12
    assert "meter-0001" not in masked
    assert "meter-0001" in run("--tree", "--show-identities", capture).stdout


def test_json_has_its_schema_and_agrees_with_the_messages(capture: Path) -> None:
    lines = run("--json", "--events", "--show-identities", capture).stdout.splitlines()
    documents = [json.loads(line) for line in lines]
    for one in documents:
        assert_fits("captured", one)
    events = [one["event"] for one in documents if "event" in one]
    assert events == ["TCP_SYN", "TCP_SYN"]
    found = [one for one in documents if "command" in one]
    for one, captured in zip(found, MESSAGES, strict=True):
        message = captured.message(dictionary())
        wanted = json.loads(message.to_json())
        assert {key: one[key] for key in wanted} == wanted


def test_json_masks_identities(capture: Path) -> None:
    text = run("--json", capture).stdout
    assert "meter-0001" not in text
    assert "0010100000" not in text
    for line in text.splitlines():
        assert_fits("captured", json.loads(line))


def test_filters(capture: Path) -> None:
    assert len(run("--imsi", "meter-0002@meters.example", capture).stdout.splitlines()) == 10
    assert run("--imsi", "meter-9999@meters.example", capture).exit_code == 0
    assert len(run("--relative", "--to", "0.05", "--transport", "sctp", capture).stdout.splitlines()) == 2
    result = run("--command", "NOPE", capture)
    assert result.exit_code != 0
    by_host = run("--app", "tsp", "--peer", "SCS.*", capture).stdout
    assert by_host == run("--app", "Tsp", "--peer", "scs.meters.example", capture).stdout != ""


def test_that_nothing_was_chosen_is_said(capture: Path) -> None:
    result = run("--imsi", "meter-9999@meters.example", capture)
    assert result.stderr == f"mtc: {capture}: {len(MESSAGES)} messages, and none is what was asked for\n"


def test_a_file_without_diameter(tmp_path: Path) -> None:
    path = tmp_path / "web.pcap"
    path.write_bytes(wire.pcap(wire.segments(b"GET / HTTP/1.1", 20, destination=("10.0.0.9", 80))))
    result = run(path)
    assert result.exit_code == 1
    assert result.stderr.strip() == f"mtc: {path}: no Diameter found: saw 1 x TCP, port 80"
    assert run("--port", "80", path).exit_code == 1


def test_a_key_log(tmp_path: Path) -> None:
    recorded = tls([(0, diameter(1, 60)), (1, diameter(1, 60, request=False))])
    sent, packets = [1, 1], []
    for number, octets in recorded.runs:
        source, destination = ((A, B), (B, A))[number]
        packets += wire.segments(octets, 1400, source=source, destination=destination, start=sent[number])
        sent[number] += len(octets)
    (tmp_path / "keys").write_text(recorded.log)
    (tmp_path / "x.pcap").write_bytes(wire.pcap(packets))
    result = run("--keylog", tmp_path / "keys", tmp_path / "x.pcap")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, 2)
    assert "tls  DWA" in result.stdout
    assert run(tmp_path / "x.pcap").exit_code == 1


def test_a_file_that_breaks_off(capture: Path, tmp_path: Path) -> None:
    (tmp_path / "cut.pcapng").write_bytes(capture.read_bytes()[:-30])
    result = run(tmp_path / "cut.pcapng")
    assert (result.exit_code, len(result.stdout.splitlines())) == (0, len(MESSAGES) - 1)
    assert "ends inside the record at offset" in result.stderr


def test_from_a_pipe_what_is_due_is_printed_before_more_is_waited_for() -> None:
    octets, printed = wire.pcap([]), []
    pipe = _Pipe(io.BytesIO(octets), lambda: printed.append("flushed"))
    assert pipe.read1(1000) == octets
    assert printed == ["flushed"]


@pytest.mark.parametrize("verb", [["extract", "--list"], ["anonymise", "-o", "out.pcapng"], ["ladder", "-o", "a.html"]])
def test_each_verb_says_what_it_saw_instead(verb: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.pcap").write_bytes(wire.pcap(wire.segments(b"GET / HTTP/1.1", 20, destination=("10.0.0.9", 80))))
    Path("page.html").write_bytes(b"<html>")
    result = CliRunner().invoke(mtc, ["pcap", *verb, "web.pcap"])
    assert (result.exit_code, result.stderr) == (1, "mtc: web.pcap: no Diameter found: saw 1 x TCP, port 80\n")
    result = CliRunner().invoke(mtc, ["pcap", *verb, "page.html"])
    assert (result.exit_code, "no Diameter found: saw what is not a capture" in result.stderr) == (1, True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "web.pcap"]


@pytest.mark.parametrize("verb", [["extract", "--list"], ["anonymise", "-o", "o.pcapng"], ["ladder", "-o", "o.html"]])
def test_each_verb_says_where_a_file_broke_off(
    verb: list[str], capture: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("cut.pcapng").write_bytes(capture.read_bytes()[:-30])
    result = CliRunner().invoke(mtc, ["pcap", *verb, "--key-log", str(capture), "--port", "3870", "cut.pcapng"])
    assert result.exit_code == 0
    assert result.stderr.startswith("mtc: cut.pcapng: ends inside the record at offset ")


@given(st.binary(max_size=200), st.sampled_from(["--json", "--tree", "--line"]))
def test_no_octets_raise(octets: bytes, form: str) -> None:
    packets = wire.pcap([wire.ip(A[0], B[0], 132, wire.sctp(A, B, 1, wire.data(1, octets)))])
    for stdin in (octets, packets):
        result = run(form, "-", stdin=stdin)
        assert result.exception is None or isinstance(result.exception, (SystemExit, CaptureError))
