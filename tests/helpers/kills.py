"""A lab whose processes are killed under load: SCS, two MTC-IWFs on one PostgreSQL, HSS, SMS-SC, and an MME that stays.

An application submits triggers by HTTP and notes those that were accepted; another one follows the list of reports from
where it left off, as a careful one does.  What both have seen is held against each other, the stores and the UEs.
"""

from __future__ import annotations

import json
import os
import sqlite3
import tomllib
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from random import Random
from threading import Event, Lock
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import psycopg

from diameter.security.pki import Pki
from helpers.postgres import Postgres
from helpers.processes import Started
from nfs.cli import _demo_lab as demo
from nfs.cli._lab import prepare

SECOND: Final = "mtc-iwf-2"
VICTIMS: Final = ("scs", "mtc-iwf", SECOND, "sms-sc", "hss")
SUBMITTERS: Final = 4
PACE_S: Final = 0.05
"""What each submitter waits between two triggers: it is not to fill the machine."""
LONGEST_GAP_S: Final = 3.0
"""A process lives so long at most, once it is ready, while processes are killed."""
END_S: Final = 90.0
QUOTA: Final = "[sgw]\nquota = { triggers = 1000000, period_s = 31536000 }\n"
IMPATIENT: Final = "request_timeout_s = 3\nreopen_dwas = 0\n"


@dataclass(slots=True)
class Seen:
    """What applications and UEs have seen."""

    accepted: set[int] = field(default_factory=set)
    refused: Counter[str] = field(default_factory=Counter)
    reported: Counter[int] = field(default_factory=Counter)
    delivered: set[int] = field(default_factory=set)
    cursor: int = 0
    lock: Lock = field(default_factory=Lock)

    @property
    def owed(self) -> set[int]:
        """Accepted triggers without a report."""
        with self.lock:
            return self.accepted - set(self.reported)


class KillLab:
    """The processes; `run` ends them without a word and starts them again.  devices: of the HSS and the MME."""

    def __init__(self, folder: Path, postgres: Postgres, devices: int) -> None:
        self.folder = folder
        prepare(folder)
        self.token = demo.make(folder, devices)
        self.database = postgres.database()
        self._write()
        self.devices = devices
        self.seen = Seen()
        self.kills: Counter[str] = Counter()
        self._numbers = count(1)
        self._over, self._followed = Event(), Event()
        self._running: dict[str, Started] = {}
        self._url = ""

    def start(self) -> None:
        """Start everything."""
        self._start("hss", "mme", "sms-sc", "mtc-iwf", SECOND, "scs")

    def run(self, kills: int, seed: int) -> None:
        """So many kills under load, of each process at moments of its own; then wait until nothing is owed."""
        with ThreadPoolExecutor(SUBMITTERS + 1 + len(VICTIMS)) as threads:
            following = threads.submit(self._follow)
            submitting = [threads.submit(self._submit) for _ in range(SUBMITTERS)]
            try:
                self._until(lambda: len(self.seen.accepted) >= SUBMITTERS, "no trigger was accepted at all")
                killing = [
                    threads.submit(self._kill, name, len(range(at, kills, len(VICTIMS))), Random(f"{seed} {name}"))
                    for at, name in enumerate(VICTIMS)
                ]
                for each in killing:
                    each.result()
                before = len(self.seen.accepted)
                self._until(lambda: len(self.seen.accepted) > before, "nothing was accepted after the last kill")
                self._over.set()
                for each in submitting:
                    each.result()
                self._until(lambda: not self.seen.owed, "reports are owed")
            finally:
                self._over.set()
                self._followed.set()
            following.result()

    def _kill(self, name: str, times: int, random: Random) -> None:
        """Kill one process so often, and start it again each time."""
        for _ in range(times):
            self._over.wait(random.uniform(0.0, LONGEST_GAP_S))
            if self._over.is_set():
                return
            process = self._running[name]
            process.process.kill()
            process.ended()
            with self.seen.lock:
                self.kills[name] += 1
            self._start(name)

    def stop(self) -> list[str]:
        """End everything; those that ended badly."""
        self._over.set()
        ended = {name: self._running[name].end() for name in reversed(self._running)}
        return [f"{name}: {code}: {text}" for name, (code, text) in ended.items() if code]

    def received(self) -> Counter[tuple[str, str]]:
        """What the applications of the UEs were handed: how often each (IMSI, payload)."""
        lines = (self.folder / "received.jsonl").read_text(encoding="utf-8").splitlines()
        return Counter((form["imsi"], form["payload"]) for form in map(json.loads, lines))

    def _start(self, *names: str) -> None:
        """Start these beside each other, and return when all are ready."""
        for name in names:
            function = "mtc-iwf" if name == SECOND else name
            self._running[name] = Started(function, self.folder / f"{name}.toml")
        for name in names:
            ready = self._running[name].ready()
            if name == "scs":
                self._url = f"http://{ready.rpartition('http ')[2]}/v1"

    def _until(self, so: Callable[[], bool], otherwise: str) -> None:
        """Wait until something is so."""
        ticking = Event()
        for _ in range(int(END_S / 0.1)):
            if so():
                return
            ticking.wait(0.1)
        raise AssertionError(f"{otherwise}; {len(self.seen.accepted)} accepted, {self.seen.refused}\n{self._where()}")

    def _where(self) -> str:
        """What each store has of the triggers that are owed."""
        lines = []
        for reference in sorted(self.seen.owed)[:9]:
            with psycopg.connect(self.database) as connection:
                found: list[Any] = [
                    connection.execute(f"SELECT * FROM trigger WHERE reference = {reference}").fetchall()
                ]
            for name, table in (("scs.db", "scs_trigger"), ("sms-sc.db", "sms_sc_trigger")):
                with closing(sqlite3.connect(self.folder / name)) as store:
                    found.append(store.execute(f"SELECT * FROM {table} WHERE reference = {reference}").fetchall())
            lines.append(f"{reference}: MTC-IWF {found[0]}, SCS {found[1]}, SMS-SC {found[2]}")
        return "\n".join(lines)

    def _submit(self) -> None:
        """One submitter: a trigger after the other, each for the next device."""
        while not self._over.wait(PACE_S):
            number = next(self._numbers)
            device = (number - 1) % self.devices + 1
            form = {
                "payload": f"{number:08x}",
                "external_identifier": f"meter-{device}@{demo.CUSTOMER}",
                "port": demo.APPLICATION_PORT,
                "validity_s": 3600,
            }
            status, document = self._ask("/triggers", form)
            with self.seen.lock:
                if document.get("stage") in ("accepted", "reported"):
                    self.seen.accepted.add(document["reference"])
                else:
                    self.seen.refused[f"{status} {document.get('request_status') or document.get('stage')}"] += 1

    def _follow(self) -> None:
        """The application that deals with reports: each once, in their order, also over a restart of the SCS."""
        while self._look() or not self._followed.wait(0.1):
            pass

    def _look(self) -> int:
        """Take the reports that have come; how many there were."""
        status, document = self._ask(f"/reports?after={self.seen.cursor}")
        if status != 200:
            return 0
        with self.seen.lock:
            for each in document["reports"]:
                report = each["report"]
                self.seen.cursor = each["seq"]
                if report["stage"] == "reported":
                    self.seen.reported[report["reference"]] += 1
                    if report["delivered"]:
                        self.seen.delivered.add(report["reference"])
        return len(document["reports"])

    def _ask(self, path: str, form: dict[str, Any] | None = None) -> tuple[int, dict[str, Any]]:
        """What the SCS answers; status 0 when it does not."""
        request = Request(self._url + path, headers={"authorization": f"Bearer {self.token}"})
        if form is not None:
            request.data = json.dumps(form).encode()
        try:
            with urlopen(request, timeout=300) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)
        except (OSError, ValueError):  # killed: before it answered, or in the middle of that
            return 0, {}

    def _write(self) -> None:
        """Make two MTC-IWFs on PostgreSQL of the demo's one, and everybody quick to try again."""
        texts = {name: (self.folder / f"{name}.toml").read_text(encoding="utf-8") for name in demo.FUNCTIONS}
        second = f"{SECOND}.{demo.REALM}"
        host, first = demo.HOSTS["mtc-iwf"], tomllib.loads(texts["mtc-iwf"])["node"]["listen"][0]["host"]
        other = demo.wanted()["mtc-iwf"].host.rpartition(".")[0] + ".60"
        texts = {name: _without_capture(text) for name, text in texts.items()}
        texts["mtc-iwf"] = texts["mtc-iwf"].replace('"mtc-iwf.db"', f'"{self.database}"').replace("[sgw]\n", QUOTA)
        texts[SECOND] = texts["mtc-iwf"].replace(host, second).replace("mtc-iwf.audit", f"{SECOND}.audit")
        for key in ("host", "bind"):
            texts[SECOND] = texts[SECOND].replace(f'{key} = "{first}"', f'{key} = "{other}"')
        for name in ("scs", "hss", "sms-sc"):
            texts[name] = _with_second(texts[name], host, second, first, other)
        texts["scs"] = texts["scs"].replace(f'mtc_iwf = "{host}"', 'database = "scs.db"')
        texts["sms-sc"] += f'retry_s = [1]\n[mtc_iwf]\nhosts = ["{host}", "{second}"]\nretry_s = 0.5\nretry_max_s = 2\n'
        Pki(self.folder / "pki").issue(second, f"aaa://{second}", days=30)
        for name, text in texts.items():
            (self.folder / f"{name}.toml").write_text(
                text.replace("[node]\n", f"[node]\n{IMPATIENT}"), encoding="utf-8"
            )


def _without_capture(text: str) -> str:
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("capture ="))


def _with_second(text: str, host: str, second: str, first: str, other: str) -> str:
    """The same with the `[[peer]]` table of an MTC-IWF once more, for the second one."""
    head, *tables = text.split("[[peer]]\n")
    (table,) = (each for each in tables if f'host = "{host}"' in each)
    own, _, rest = table.partition("\n[")
    more = own.replace(host, second).replace(f'addresses = ["{first}"]', f'addresses = ["{other}"]')
    changed = f"{own}\n[[peer]]\n{more}" + (f"\n[{rest}" if rest else "")
    return "[[peer]]\n".join([head, *(changed if each is table else each for each in tables)])


def asked_for(default: int) -> tuple[int, int]:
    """How many kills, and the seed of their order and moments: MTC_KILLS and MTC_SEED when the environment has them."""
    return int(os.environ.get("MTC_KILLS", default)), int(os.environ.get("MTC_SEED", "1"))
