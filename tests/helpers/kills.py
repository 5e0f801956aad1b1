"""A lab whose processes are killed under load: SCS, two MTC-IWFs on one PostgreSQL, HSS, SMS-SC, and an MME that stays.

What its applications have seen is held against each other, the stores and the UEs.
"""

from __future__ import annotations

import os
import sqlite3
import tomllib
from collections import Counter
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any, Final

import psycopg

from diameter.security.pki import Pki
from helpers.postgres import Postgres
from helpers.processes import Started
from nfs.cli import _demo_lab as demo
from nfs.cli._lab import prepare
from nfs.cli._machines.applications import Applications, at_moments, received

SECOND: Final = "mtc-iwf-2"
VICTIMS: Final = ("scs", "mtc-iwf", SECOND, "sms-sc", "hss")
LONGEST_GAP_S: Final = 3.0
"""A process lives so long at most, once it is ready, while processes are killed."""
QUOTA: Final = "[sgw]\nquota = { triggers = 1000000, period_s = 31536000 }\n"
IMPATIENT: Final = "request_timeout_s = 3\nreopen_dwas = 0\n"


class KillLab:
    """The processes; `run` ends them without a word and starts them again.  devices: of the HSS and the MME."""

    def __init__(self, folder: Path, postgres: Postgres, devices: int) -> None:
        self.folder = folder
        prepare(folder)
        token = demo.make(folder, devices)
        self.database = postgres.database()
        self._write()
        self._url = ""
        self.applications = Applications(
            lambda: self._url,
            token,
            customer=demo.CUSTOMER,
            devices=devices,
            port=demo.APPLICATION_PORT,
            where=self._where,
        )
        self.seen = self.applications.seen
        self.kills: Counter[str] = Counter()
        self._running: dict[str, Started] = {}

    def start(self) -> None:
        """Start everything."""
        self._start("hss", "mme", "sms-sc", "mtc-iwf", SECOND, "scs")

    def run(self, kills: int, seed: int) -> None:
        """So many kills under load, of each process at moments of its own; then wait until nothing is owed."""
        with self.applications.busy():
            over = self.applications.over
            self.kills = at_moments(self._kill, VICTIMS, kills, seed=seed, gap_s=LONGEST_GAP_S, over=over)

    def _kill(self, name: str, _random: Random) -> None:
        """Kill one process, and start it again."""
        process = self._running[name]
        process.process.kill()
        process.ended()
        self._start(name)

    def stop(self) -> list[str]:
        """End everything; those that ended badly."""
        self.applications.over.set()
        ended = {name: self._running[name].end() for name in reversed(self._running)}
        return [f"{name}: {code}: {text}" for name, (code, text) in ended.items() if code]

    def received(self) -> Counter[tuple[str, str]]:
        """What the applications of the UEs were handed: how often each (IMSI, payload)."""
        return received((self.folder / "received.jsonl").read_text(encoding="utf-8"))

    def _start(self, *names: str) -> None:
        """Start these beside each other, and return when all are ready."""
        for name in names:
            function = "mtc-iwf" if name == SECOND else name
            self._running[name] = Started(function, self.folder / f"{name}.toml")
        for name in names:
            ready = self._running[name].ready()
            if name == "scs":
                self._url = f"http://{ready.rpartition('http ')[2]}/v1"

    def _where(self, owed: set[int]) -> str:
        """What each store has of the triggers that are owed."""
        lines = []
        for reference in sorted(owed)[:9]:
            with psycopg.connect(self.database) as connection:
                found: list[Any] = [
                    connection.execute(f"SELECT * FROM trigger WHERE reference = {reference}").fetchall()
                ]
            for name, table in (("scs.db", "scs_trigger"), ("sms-sc.db", "sms_sc_trigger")):
                with closing(sqlite3.connect(self.folder / name)) as store:
                    found.append(store.execute(f"SELECT * FROM {table} WHERE reference = {reference}").fetchall())
            lines.append(f"{reference}: MTC-IWF {found[0]}, SCS {found[1]}, SMS-SC {found[2]}")
        return "\n".join(lines)

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
