"""A scenario played against freeDiameter: what it answers is what stands there, and one octet more is found."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from diameter.capture import CaptureReader
from diameter.security.pki import Pki
from helpers.freediameter import configure, started
from helpers.live import AT, LEFT, REALM, THEIRS
from helpers.loop import drive
from helpers.programs import Program, running

pytestmark = pytest.mark.interop
SCENARIO = f"""
schema = 1
ignore = ["Error-Message", "Error-Reporting-Host"]
[names]
client = "{LEFT}"
client_realm = "{REALM}"
server = "{THEIRS}"
server_realm = "{REALM}"
session = ""

[[message]]
from = "client"
request = 1
command = "DAR"
application = "Tsp"
[message.avps]
Session-Id = "${{session}}"
Auth-Application-Id = 16777309
Auth-Session-State = "NO_STATE_MAINTAINED"
Origin-Host = "${{client}}"
Origin-Realm = "${{client_realm}}"
Destination-Realm = "nowhere.example"
Device-Action.Reference-Number = 7
Device-Action.Action-Type = "DEVICE_TRIGGER_REQUEST"

[[message]]
from = "server"
answer = 1
command = "DAA"
application = "Tsp"
flags = 0x20  # no P bit, which the request has
[message.avps]
Session-Id = "${{session}}"
Result-Code = "DIAMETER_UNABLE_TO_DELIVER"
Origin-Host = "${{server}}"
Origin-Realm = "${{server_realm}}"
"""


async def _played(path: Path, *more: str) -> dict[str, Any]:
    """What `mtc pcap replay` says of the scenario at `path`."""
    words = [
        sys.executable,
        "-m",
        "nfs.cli",
        "pcap",
        "replay",
        str(path),
        "--connect",
        f"tcp:{AT[THEIRS]}",
        "--json",
        *more,
    ]
    out = path.with_suffix(".out")
    async with running(Program(words, out)) as program:
        await program.said(r"^}")
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_a_scenario_is_played_and_a_difference_found(tmp_path: Path, pki: Pki) -> None:
    path = tmp_path / "nowhere.toml"
    path.write_text(SCENARIO)
    other = tmp_path / "other.toml"
    other.write_text(SCENARIO.replace("flags = 0x20", "flags = 0x60").replace("UNABLE_TO_DELIVER", "REALM_NOT_SERVED"))

    async def scenario() -> None:
        async with running(await started(configure(tmp_path, pki, clear=True))):
            report = await _played(path, "--capture", str(tmp_path / "replay.pcapng"))
            assert (report["ok"], report["peer"]) == (True, THEIRS), json.dumps(report, indent=1)
            found = (await _played(other))["messages"][1]["differences"]
            assert found == [
                "flags of the header: expected 0x60, came 0x20",
                "Result-Code: expected DIAMETER_REALM_NOT_SERVED (3003), came DIAMETER_UNABLE_TO_DELIVER (3002)",
            ]

    drive(scenario())
    assert any(one.octets[5:8] == (8388639).to_bytes(3) for one in CaptureReader(tmp_path / "replay.pcapng"))
