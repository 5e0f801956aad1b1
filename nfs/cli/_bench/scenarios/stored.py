"""Submission while messages are stored: what taking one more trigger costs an SMS-SC that keeps 1,000 or 1,000,000."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sqlalchemy import Engine, insert

from diameter.errors import LocalError
from nfs.cli._bench.databases import database
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS
from nfs.common.database import database_url, open_engine
from nfs.common.nodes import NodeKind, ServingNode
from nfs.sms_sc.keep import MIGRATIONS, TRIGGER, row_of
from nfs.sms_sc.logic import Policy, ServiceCentre, Trigger

SIZES: Final = (1_000, 10_000, 100_000, 1_000_000)
QUICK: Final = (100, 1_000)
TAKEN: Final = 2_000
"""Triggers that are measured at each size; they stay, so that no row is written twice."""
TOGETHER: Final = 50
"""Triggers of one wake-up: one transaction."""
NOW: Final = 1_767_323_045.0
MME: Final = ServingNode(kind=NodeKind.MME, number="15559001", name="mme.example", realm="example")


def run(run: Run) -> None:
    """CPU and elapsed time of `accept` and of its row in the database, beside so many that wait for their devices."""
    if not run.of(OURS):
        return
    for kind in run.options.databases:
        with run.attempt(f"stored messages, {kind}", OURS), database(run, kind, "stored.db") as url:
            engine = open_engine(database_url(url, Path()), migrations=MIGRATIONS, name="sms-sc")
            try:
                _curve(run, engine, kind)
            finally:
                engine.dispose()


def _curve(run: Run, engine: Engine, kind: str) -> None:
    centre, kept = ServiceCentre(Policy(capacity=10_000_000)), 0
    first = 0.0
    for size in QUICK if run.options.quick else SIZES:
        run.note(f"storing {size} messages")
        kept = _take(centre, engine, kept, size, 50_000)
        cpu_s, passed_s = time.process_time(), time.perf_counter()
        kept = _take(centre, engine, kept, kept + TAKEN, TOGETHER)
        figures = {
            "us": (time.process_time() - cpu_s) / TAKEN * 1e6,
            "elapsed_us": (time.perf_counter() - passed_s) / TAKEN * 1e6,
        }
        first = first or figures["us"]
        run.add(OURS, "stored", [{**figures, "slower": figures["us"] / first}], stored=size, database=kind)


def _take(centre: ServiceCentre, engine: Engine, kept: int, until: int, together: int) -> int:
    """Take triggers, each for a device of its own, until so many are kept; how many are."""
    while kept < until:
        rows = []
        for number in range(kept, min(until, kept + together)):
            _, taken = centre.accept(_trigger(number), NOW)
            rows.append({"key": taken.key, **row_of(taken)})
        if len(centre.pending) != kept + len(rows):
            raise LocalError("a trigger was not kept")
        with engine.begin() as connection:
            connection.execute(insert(TRIGGER), rows)
        kept += len(rows)
    return kept


def _trigger(number: int) -> Trigger:
    return Trigger(
        scs="15550001",
        reference=number,
        imsi=f"00101{number:010}",
        external_identifier=f"meter-{number}@customer.example",
        msisdn=None,
        payload=b"wake up",
        port=16000,
        priority=False,
        validity_s=None,
        serving=MME,
        iwf_host="iwf.example",
        iwf_realm="example",
        submission="",
    )


SCENARIO = Scenario(
    "stored",
    "scale",
    "Taking a trigger while 1,000,000 wait",
    run,
    (
        Bar(
            "taking a trigger beside 1,000,000, by taking it beside 1,000", OURS, "slower", 1.5,
            (("scenario", "stored"), ("stored", 1_000_000), ("database", "sqlite")),
        ),
    ),
)  # fmt: skip
