"""`mtc subscriber import` of few and of many subscribers with keys into an empty database.

Figures are those of a subscriber; `rss_kb` is the most that it had.  What a server of PostgreSQL spends is not counted.
"""

from __future__ import annotations

import csv
import time
from pathlib import Path
from typing import Final

from nfs.cli._bench.databases import database
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.programs.hss_client import SCS, external_id_of, imsi_of
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.scenarios.hss import CARD
from nfs.cli._bench.stacks import OURS
from nfs.cli._bench.stacks.ours import Ours
from nfs.hss.keyfile import new_key

COLUMNS: Final = ("imsi", "msisdn", "external_ids", "services", "scs", "nodes", "profile", "k", "opc")
LOOK_S: Final = 0.05
PATIENCE_S: Final = 60.0
SLOWEST_PER_S: Final = 200


def run(run: Run) -> None:
    """A record for each number of subscribers and each kind of database."""
    if not run.of(OURS):
        return
    for kind in run.options.databases:
        for many in sorted(set(run.options.subscribers)):
            found = []
            for number in range(run.options.rounds):
                what = f"{OURS}, import, {many} subscribers, {kind}, round {number + 1}"
                with run.attempt(what, OURS), database(run, kind, "hss.db") as url:
                    found.append(_once(run, many, url))
            run.add(OURS, "import", found, subscribers=many, database=kind)


def _once(run: Run, many: int, url: str) -> dict[str, float]:
    """Figures of one import.  Raises Failed."""
    place = run.workshop.place()
    new_key(place / "key")
    _write(place / "subscribers.csv", many)
    words = ("subscriber", "import", str(place / "subscribers.csv"), "--key", str(place / "key"), "--database", url)
    began, until = time.monotonic(), time.monotonic() + PATIENCE_S + many / SLOWEST_PER_S
    cpu_s, rss_kb = 0.0, 0.0
    with Process(Ours().process(*words), place, run.network.prefix, None) as process:
        while process.process.poll() is None:
            cpu_s, rss_kb = max(cpu_s, process.cpu_s()), max(rss_kb, float(process.rss_kb()))
            if time.monotonic() > until:
                raise process.failed("did not end in time")
            wait(LOOK_S)
        if process.process.returncode:
            raise process.failed("did not import")
        if f"{many} subscribers" not in process.output():
            raise Failed("not all of the subscribers were imported")
    return {"rate_per_s": many / (time.monotonic() - began), "cpu_us_server": cpu_s / many * 1e6, "rss_kb": rss_kb}


def _write(path: Path, many: int) -> None:
    """A file with all that SIR and AIR read of so many subscribers."""
    node = "mme:15550000300:mme.example.org:example.org"
    keys = (CARD.k.hex(), CARD.top.hex())
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        rows.writerows(
            (imsi_of(n), f"1555{n:09}", external_id_of(n), "device-trigger", SCS, node, "iot", *keys)
            for n in range(many)
        )


SCENARIO = Scenario(
    "import",
    "scale",
    "Bringing many subscribers into an HSS",
    run,
    tuple(
        Bar(f"importing 1,000,000 subscribers in five minutes, {kind}: of each a second", OURS, "rate_per_s", 3334,
            (("scenario", "import"), ("subscribers", 1_000_000), ("database", kind)), least=True)
        for kind in ("sqlite", "postgresql")
    ),
)  # fmt: skip
