"""The network of the trigger scenarios: HSS, MME with UEs, SMS-SC and MTC-IWF as processes, and two SCSs as loads."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from diameter.security.pki import Pki
from nfs.cli import _demo_lab as demo
from nfs.cli._bench import machine
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.programs.said import understood
from nfs.cli._bench.programs.undelivered import of_line
from nfs.cli._bench.stacks import Command
from nfs.cli._lab import Lab, LabError, prepare

FUNCTIONS: Final = ("hss", "mme", "sms-sc", "mtc-iwf")
OPEN: Final = (("mtc-iwf", "hss"), ("mtc-iwf", "sms-sc"), ("sms-sc", "mme"))
HOSTILE: Final = f"scs2.{demo.CUSTOMER}"
HOSTILE_NUMBER: Final = "15550000101"
START_S: Final = 180.0
PATIENCE_S: Final = 180.0
PROFILE: Final = f"""
[[peer]]
host = "{HOSTILE}"
realm = "{demo.CUSTOMER}"
transport = "tls"
applications = ["Tsp"]

[[scs]]
name = "hostile"
hosts = ["{HOSTILE}"]
isdn = "{HOSTILE_NUMBER}"
domains = ["{demo.CUSTOMER}"]
commands = ["trigger"]
"""


class Ended(NamedTuple):
    """The figures of a load; CPU seconds of each function and of the load ("scs") between BEGIN and STOP; what it said
    of triggers that were not delivered.
    """

    figures: dict[str, float]
    spent: dict[str, float]
    undelivered: list[str]


class Field:
    """The processes, and what they have spent.  `devices`: how many there are."""

    def __init__(self, lab: Lab, devices: int) -> None:
        self.lab = lab
        self.devices = devices

    def cpu_s(self) -> dict[str, float]:
        """CPU seconds of each function so far, all threads."""
        return {function.name: machine.cpu_s(function.process.pid) for function in self.lab.functions}

    def rss_kb(self, name: str) -> int:
        """Resident memory of a function."""
        return next(machine.rss_kb(one.process.pid) for one in self.lab.functions if one.name == name)

    def lines(self, file: str) -> list[dict[str, Any]]:
        """The lines of a file of JSON in the folder of the lab; none when nobody has written it."""
        path = self.lab.folder / file
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def load(self, folder: Path, **told: Any) -> Process:
        """A load program; see `programs.trigger_scs`."""
        scs = "scs2" if told.get("hostile") else "scs"
        words = {"config": str(self.lab.folder / f"{scs}.toml"), "devices": self.devices, "window": 1, "rate": 0}
        whole = json.dumps({**words, "hostile": False, **told})
        command = Command([sys.executable, "-m", "nfs.cli._bench.programs.trigger_scs", whole])
        return Process(command, folder, [], None, talks=True)

    def delivered(self, client: Process, seconds: float) -> Ended:
        """The end of a load of which every trigger must be delivered.

        Raises Failed, which says of those that were not how far they came, and why the gateway has held messages back.
        """
        ended = self.until_end(client, seconds)
        bad, lost = int(ended.figures["bad"]), int(ended.figures["lost"])
        if bad or lost:
            alarms = {f"alarm: {line['reason']}" for line in self.lines("mtc-iwf.audit") if line.get("alarm")}
            said = "; ".join((*ended.undelivered, *sorted(alarms)))
            raise Failed(f"of the authorised triggers {bad} were not delivered and {lost} have no report: {said}")
        return ended

    def until_end(self, client: Process, seconds: float) -> Ended:
        """The end of a load.  Raises Failed."""
        until = time.monotonic() + PATIENCE_S + seconds
        marks: list[dict[str, float]] = []
        undelivered: list[str] = []
        while not (line := client.line(until)).startswith("END "):
            if line in ("BEGIN", "STOP"):
                marks.append(self.cpu_s() | {"scs": client.cpu_s()})
            if said := of_line(line):
                undelivered.append(said)
        figures = understood(line)
        if len(marks) != 2 or not figures["count"]:
            raise client.failed("saw no report")
        return Ended(figures, {name: marks[1][name] - marks[0][name] for name in marks[0]}, undelivered)


@contextmanager
def field(folder: Path, devices: int, sgw: str = "", received: bool = False) -> Iterator[Field]:
    """The network, connected.  sgw: lines of `[sgw]` of the MTC-IWF.  `received`: the UEs write down what they get.

    Raises Failed.
    """
    folder = folder / "lab"
    prepare(folder)
    demo.make(folder, devices)
    _configure(folder, sgw, received=received)
    lab = Lab(folder)
    try:
        for name in FUNCTIONS:
            lab.start(name)
        _until_connected(lab)
        yield Field(lab, devices)
    except LabError as error:
        raise Failed(str(error).splitlines()[0]) from None
    finally:
        lab.stop()


def _configure(folder: Path, sgw: str, *, received: bool) -> None:
    """No captures; the second SCS beside the first, with the same rights but on no device."""
    for path in folder.glob("*.toml"):
        text = re.sub(r"(?m)^capture = .*\n", "", path.read_text(encoding="utf-8"))
        if not received:
            text = re.sub(r"(?m)^received = .*\n", "", text)
        path.write_text(text, encoding="utf-8")
    pki = Pki(folder / "pki")
    pki.issue(HOSTILE, f"aaa://{HOSTILE}")
    own = (folder / "scs.toml").read_text(encoding="utf-8")
    own = own.replace(demo.HOSTS["scs"], HOSTILE).replace(demo.NUMBERS["scs"], HOSTILE_NUMBER)
    (folder / "scs2.toml").write_text(own, encoding="utf-8")
    iwf = (folder / "mtc-iwf.toml").read_text(encoding="utf-8").replace("[sgw]\n", f"[sgw]\n{sgw}")
    (folder / "mtc-iwf.toml").write_text(iwf + PROFILE, encoding="utf-8")


def _until_connected(lab: Lab) -> None:
    until = time.monotonic() + START_S
    by_name = {function.name: function for function in lab.functions}
    while not all(one.ready for one in lab.functions) or not all(
        by_name[name].says(f"peer {demo.HOSTS[peer]} takes requests") for name, peer in OPEN
    ):
        lab.check()
        if time.monotonic() > until:
            raise Failed("the functions are not connected")
        wait(0.05)
