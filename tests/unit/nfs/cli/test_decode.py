"""`mtc decode` and `mtc encode`: what people paste, and back again octet for octet."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from diameter import DiameterError, encode
from diameter.wire import avp
from helpers.messages import request, with_avps
from nfs.cli import mtc

OCTETS = encode(request())


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(mtc, arguments, input=stdin)


def dump(octets: bytes, layout: Callable[[int, bytes], str]) -> bytes:
    rows = [layout(at, octets[at : at + 16]) for at in range(0, len(octets), 16)]
    return "\n".join(rows).encode() + b"\n"


def printable(row: bytes) -> str:
    return "".join(chr(octet) if 32 <= octet < 127 else "." for octet in row)


PASTED = [
    OCTETS,
    OCTETS.hex().encode(),
    OCTETS.hex(" ").upper().encode(),
    OCTETS.hex(":").encode() + b"\n",
    ", ".join(f"0x{octet:02x}" for octet in OCTETS).encode(),
    "".join(f"\\x{octet:02x}" for octet in OCTETS).encode(),
    dump(OCTETS, lambda at, row: f"{at:04x}   {row.hex(' '):<47}   {printable(row)}"),
    dump(OCTETS, lambda at, row: f"{at:08x}: {row.hex(' ', -2):<39}  {printable(row)}"),
    dump(OCTETS, lambda at, row: f"{at:08x}  {row[:8].hex(' ')}  {row[8:].hex(' '):<23}  |{printable(row)}|")
    + f"{len(OCTETS):08x}\n".encode(),
]


@pytest.mark.parametrize("pasted", PASTED, ids=range(len(PASTED)))
def test_every_form_that_people_paste(pasted: bytes, tmp_path: Path) -> None:
    file = tmp_path / "message"
    file.write_bytes(pasted)
    for result in (run("decode", str(file), "--json"), run("decode", "--json", stdin=pasted)):
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["command"] == "Device-Action-Request"
        assert bytes.fromhex(run("encode", stdin=result.stdout_bytes).stdout) == OCTETS


def test_a_tree_on_the_command_line() -> None:
    result = run("decode", OCTETS.hex())
    assert result.exit_code == 0
    assert "Device-Action-Request (DAR)" in result.stdout
    assert "DEVICE_TRIGGER_REQUEST (1)" in result.stdout


def test_several_messages_and_a_rest() -> None:
    result = run("decode", "--json", stdin=OCTETS + OCTETS + OCTETS[:50])
    lines = [json.loads(line) for line in result.stdout.splitlines()]
    assert [line["length"] for line in lines] == [len(OCTETS)] * 3
    assert result.exit_code == 1
    assert lines[2]["faults"][0]["result_code"] == 5015


def test_a_fault_to_refuse_is_shown_with_its_clause_and_makes_the_status_one() -> None:
    bad = with_avps(request(), avp.build(9999, 0, 0x40, b""))
    result = run("decode", bad.hex())
    assert result.exit_code == 1
    assert "5001" in result.stdout
    assert "RFC 6733 section 7.1.5" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "stdin", "complaint"),
    [
        (("decode", "nowhere.bin"), b"", "neither hex nor a file"),
        (("decode", "abc"), b"", "half an octet"),
        (("decode",), b"", "no octets"),
        (("decode",), b"hello world", "not hex"),
        (("decode",), b"\x0a\x0d\x0d\x0a0000", "capture"),
        (("encode",), b"", "no message"),
        (("encode",), b"{}\n{", ":2: not JSON"),
        (("encode",), b"[1]", "message 1: an object wanted"),
        (("encode", "nowhere.json"), b"", "nowhere.json"),
        (("encode",), b'{"command": "CIR", "avps": {}}', "one wanted"),
        (("encode",), b'{"command": "XXR", "avps": {}}', "no application"),
    ],
)
def test_what_is_not_a_message(arguments: tuple[str, ...], stdin: bytes, complaint: str) -> None:
    result = run(*arguments, stdin=stdin)
    assert isinstance(result.exception, DiameterError)
    assert complaint in str(result.exception)


def test_the_short_form(tmp_path: Path) -> None:
    short = {
        "command": "DAR",
        "application": "Tsp",
        "avps": {
            "Session-Id": "a;1;2",
            "Device-Action": {
                "Reference-Number": 4,
                "Action-Type": "DEVICE_TRIGGER_REQUEST",
                "Trigger-Data": {"Payload": "00ff"},
            },
            "Route-Record": ["a", "b"],
        },
    }
    out = tmp_path / "out.bin"
    result = run("encode", "--binary", "--output", str(out), "--check", stdin=json.dumps(short).encode())
    assert result.exit_code == 1
    assert "Auth-Application-Id is missing" in result.stderr
    back = json.loads(run("decode", str(out), "--json").stdout)
    assert [one["name"] for one in back["avps"]] == ["Session-Id", "Device-Action", "Route-Record", "Route-Record"]
    assert back["avps"][1]["value"][2]["value"][0]["value"] == "00ff"
