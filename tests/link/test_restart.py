"""A function that is killed and started again: what it acknowledged is delivered once, and reported."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest

from helpers.loop import drive, reactor
from nfs.cli import _demo_lab as demo
from nfs.cli._lab import Lab, prepare
from nfs.cli.demo import LINKS

pytestmark = pytest.mark.link

BUSY = """
[[ues]]
first_imsi = "001010000000002"
behaviour = "busy"
failures = 1
"""


async def start(lab: Lab) -> None:
    await lab.until_ready(reactor, *(lab.start(name) for name in demo.FUNCTIONS))
    for function, peer in LINKS:
        await lab.until_open(reactor, function, demo.HOSTS[peer])


async def kill_and_start(lab: Lab, name: str) -> None:
    killed = next(function for function in lab.functions if function.name == name)
    killed.process.kill()
    killed.process.wait()
    lab.functions.remove(killed)
    await lab.until_ready(reactor, lab.start(name))


def ask(lab: Lab, token: str, path: str, number: int | None = None) -> dict[str, Any]:
    """The SCS's answer; with `number` a trigger for that device, else a look at one."""
    request = Request(lab.url() + "/v1/triggers" + path, headers={"authorization": f"Bearer {token}"})
    if number is not None:
        form = {"payload": "00", "external_identifier": f"meter-{number}@{demo.CUSTOMER}", "port": 16000}
        request.data = json.dumps(form).encode()
    with urlopen(request, timeout=300) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


@pytest.mark.requirement("C-GEN-03")
@pytest.mark.parametrize("name", ["sms-sc", "mtc-iwf"])
def test_what_was_acknowledged_outlives_a_kill(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "lab"
    prepare(folder)
    token = demo.make(folder, 2)
    with (folder / "mme.toml").open("a", encoding="utf-8") as file:
        file.write(BUSY)
    with (folder / "sms-sc.toml").open("a", encoding="utf-8") as file:
        file.write("retry_s = [3]\n")
    lab = Lab(folder)
    try:
        drive(start(lab))
        first = ask(lab, token, "?wait_s=30", 1)
        accepted = ask(lab, token, "", 2)
        drive(kill_and_start(lab, name))
        second = ask(lab, token, f"/{accepted['reference']}?wait_s=50")
    finally:
        bad = lab.stop()
    assert accepted["stage"] == "accepted", accepted
    assert (first["delivered"], second["delivered"]) == (True, True), (first, second)
    received = [json.loads(line)["imsi"] for line in (folder / "received.jsonl").read_text().splitlines()]
    assert received == ["001010000000001", "001010000000002"]
    assert bad == []
