"""Absent devices come back: the HSS hears of it, alerts every SMS-SC that waits, and each message is delivered once.

Nothing but an alert can deliver here: an SMS-SC by itself comes again after an hour.
"""

from __future__ import annotations

import json
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event
from typing import Any, Final
from urllib.request import Request, urlopen

import psycopg
import pytest

from nfs.cli._machines import spaces
from nfs.cli._machines.applications import received
from nfs.cli._machines.config import read
from nfs.cli._machines.files import Files
from nfs.cli._machines.running import RunningLab

DEVICES, ADMIN, HOUR_S, END_S = 20, 9100, 3600, 240.0
LAB: Final = """
[lab]
folder = "made"
network = "namespaces"
devices = {devices}
s6c = true

[database]
machine = "store"
settings = {{ fsync = "off", full_page_writes = "off" }}

[[machine]]
name = "a"
functions = ["relay", "mtc-iwf", "hss", "sms-sc"]

[[machine]]
name = "b"
functions = ["relay", "mtc-iwf", "hss", "sms-sc"]

[[machine]]
name = "store"

[[machine]]
name = "radio"
functions = ["mme"]

[[machine]]
name = "customer"
functions = ["scs"]

[settings.mme.node]
admin = {{ port = {admin} }}

[settings.sms-sc.sms_sc]
absent_retry_s = [{hour}]
"""
pytestmark = [pytest.mark.rig, pytest.mark.timeout(900)]


class Lab:
    """One that is up, with a thread inside of some of its machines."""

    def __init__(self, folder: Path) -> None:
        file = folder / "lab.toml"
        file.write_text(LAB.format(devices=DEVICES, admin=ADMIN, hour=HOUR_S), encoding="utf-8")
        self.folder = folder / "made"
        self.running = RunningLab(read(file), self.folder)
        self.running.up()
        assert not (self.folder / "devices.csv").stat().st_mode & 0o077
        self.files = Files(self.running.config, {}, "", "")
        url = tomllib.loads((self.folder / "hss-a.toml").read_text(encoding="utf-8"))["hss"]["database"]
        self.database: str = url.replace("postgresql+psycopg", "postgresql")
        self._inside: dict[str, ThreadPoolExecutor] = {}

    def inside(self, machine: str, work: Callable[[], Any]) -> Any:
        """What `work` returns on a machine."""
        if machine not in self._inside:
            path = self.running.state.space(machine)
            self._inside[machine] = ThreadPoolExecutor(1, initializer=spaces.enter, initargs=(path,))
        return self._inside[machine].submit(work).result(60)

    def asked(self, path: str, form: dict[str, Any] | None = None) -> dict[str, Any]:
        """What the SCS answers."""
        ready = self.running.state.processes["scs-customer"].ready
        token = (self.folder / "scs.token").read_text(encoding="ascii").strip()
        url = f"http://{ready.rpartition('http ')[2]}/v1{path}"
        request = Request(url, headers={"authorization": f"Bearer {token}"})
        if form is not None:
            request.data = json.dumps(form).encode()
        found: dict[str, Any] = self.inside("customer", lambda: json.load(urlopen(request, timeout=30)))
        return found

    def steer(self, form: dict[str, Any] | None = None) -> dict[str, Any]:
        """The page of the MME's scenario; with a form something happens."""
        url = f"http://127.0.0.1:{ADMIN}/scenario"
        request = Request(url, data=json.dumps(form).encode(), method="PUT") if form else Request(url)
        found: dict[str, Any] = self.inside("radio", lambda: json.load(urlopen(request, timeout=30)))
        return found

    def rows(self, statement: str) -> list[Any]:
        """Of the database."""

        def work() -> list[Any]:
            with psycopg.connect(self.database) as connection:
                return connection.execute(statement).fetchall()

        found: list[Any] = self.inside("a", work)
        return found

    def close(self) -> None:
        """End all of it."""
        for each in self._inside.values():
            each.shutdown()
        self.running.down()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    try:
        yield lab
    finally:
        lab.close()


def until(so: Callable[[], bool], what: str) -> None:
    """Wait for something that must become so."""
    ends, ticking = time.monotonic() + END_S, Event()
    while not so():
        assert time.monotonic() < ends, what
        ticking.wait(0.2)


def waiting(lab: Lab, machine: str) -> int:
    """For how many devices the SMS-SC of a machine stands on the HSS's list."""
    host = lab.files.host("sms-sc", machine)
    return len(lab.rows(f"select imsi from waiting_centre where host = '{host}'"))


def test_every_sms_sc_is_alerted_and_each_message_is_delivered_once(lab: Lab) -> None:
    there = f"select imsi from registration where host = '{lab.files.host('mme', 'radio')}'"
    until(lambda: len(lab.rows(there)) == DEVICES, "devices are not attached")
    assert lab.steer({"do": "absent"})["ues"] == DEVICES
    until(lambda: lab.steer()["populations"][0]["behaviours"] == {"absent": DEVICES}, "devices are not absent")
    accepted = set()
    for number in range(1, DEVICES + 1):
        form = {
            "payload": f"{number:08x}", "external_identifier": f"meter-{number}@customer.example", "port": 16000,
            "validity_s": HOUR_S // 2,
        }  # fmt: skip
        said = lab.asked("/triggers", form)
        assert said["stage"] == "accepted", said
        accepted.add(said["reference"])
    until(lambda: waiting(lab, "a") + waiting(lab, "b") >= DEVICES, "SMS-SCs have not said that devices are absent")
    dead = "a" if waiting(lab, "a") else "b"
    other = "b" if dead == "a" else "a"
    lab.running.kill(f"sms-sc-{dead}")  # what it has the other one takes up, and finds the devices absent itself
    until(lambda: waiting(lab, other) == DEVICES, "the other SMS-SC has not taken them up")
    assert waiting(lab, dead) > 0
    lab.running.restart(f"sms-sc-{dead}")
    assert lab.steer({"do": "normal"})["ues"] == DEVICES
    got: dict[int, Any] = {}

    def reported() -> bool:
        got.update((each["report"]["reference"], each["report"]) for each in lab.asked("/reports?after=0")["reports"])
        return {number for number, each in got.items() if each["stage"] == "reported"} >= accepted

    until(reported, "reports are owed")
    assert all(got[number]["delivered"] for number in accepted)
    handed: Counter[tuple[str, str]] = received((lab.folder / "received.jsonl").read_text(encoding="utf-8"))
    assert len(handed) == DEVICES
    assert set(handed.values()) == {1}
    until(lambda: not lab.rows("select imsi from waiting_centre"), "an SMS-SC was not alerted")
