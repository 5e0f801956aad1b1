"""`mtc run hss` with few and with many subscribers: what AIR and SIR cost, about subscribers at random.

"air": one E-UTRAN vector by Milenage; "sir": a device by its External Identifier, with its rights and serving node.
The configuration is the default one, so that what was read is kept for a second: with few subscribers most answers
come from memory, with many nearly all from the database.
"""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Table, insert

from nfs.cli._bench.databases import database
from nfs.cli._bench.messages import CLIENT, REALM, SERVER
from nfs.cli._bench.pairs import Lineup, once
from nfs.cli._bench.programs.hss_client import SCS, external_id_of, imsi_of
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, Command, Job
from nfs.cli._bench.stacks.ours import CLEAR, Ours
from nfs.common.cards import Card
from nfs.common.database import database_url, open_engine
from nfs.hss import cards, tables
from nfs.hss.keyfile import new_key, read_seal

ASKED: Final = ("air", "sir")
WINDOW: Final = 64
AT_ONCE: Final = 10_000
CARD: Final = Card(k=bytes(range(16)), top=bytes(range(16, 32)))
"""Of every subscriber."""


class Hss(Ours):
    """The program with a database of so many subscribers, and a load that asks one question."""

    def __init__(self, folder: Path, url: str, ask: str, subscribers: int) -> None:
        super().__init__()
        self._folder, self._url, self._ask, self._subscribers = folder, url, ask, subscribers

    def server(self, job: Job) -> Command:
        """`mtc run hss` as it comes."""
        path = job.folder / "hss.toml"
        path.write_text(
            f"""
audit = "audit"
[node]
origin_host = "{SERVER}"
origin_realm = "{REALM}"
[[node.listen]]
port = {job.port}{CLEAR}
[[peer]]
host = "{CLIENT}"
realm = "{REALM}"{CLEAR}
[hss]
database = "{self._url}"
key_file = "{self._folder / "key"}"
[[profile]]
name = "iot"
[[profile.apn]]
name = "internet"
""",
            encoding="utf-8",
        )
        return self.process("run", "hss", "-c", str(path))

    def client(self, job: Job) -> Command:
        """See programs.hss_client."""
        told = {
            "port": job.port, "transport": job.transport, "tls": [], "window": job.window, "seconds": job.seconds,
            "warm_s": job.warm_s, "settle_s": job.settle_s, "ask": self._ask, "subscribers": self._subscribers,
        }  # fmt: skip
        return self.program("hss_client", json.dumps(told))


def run(run: Run) -> None:
    """A record for each question and each number of subscribers, rounds interleaved."""
    if not run.of(OURS):
        return
    for kind in run.options.databases:
        with ExitStack() as running:
            _measure(run, kind, running)


def _measure(run: Run, kind: str, running: ExitStack) -> None:
    """The same for one kind of database; those that are started are ended with `running`."""
    options = run.options
    steps = [(ask, many) for many in sorted(set(options.subscribers)) for ask in ASKED]
    found: dict[tuple[str, int], list[dict[str, float]]] = {}
    filled: dict[int, tuple[Path, str]] = {}
    for number in range(options.rounds):
        for ask, many in steps:
            with run.attempt(f"{OURS}, {ask}, {many} subscribers, {kind}, round {number + 1}", OURS):
                if many not in filled:
                    run.note(f"{many} subscribers, {kind}")
                    url = running.enter_context(database(run, kind, "hss.db"))
                    filled[many] = populated(run.workshop.place(), many, url), url
                hss = Hss(*filled[many], ask, many)
                job = Job(Path(), window=WINDOW, seconds=options.seconds, warm_s=options.warm_s)
                found.setdefault((ask, many), []).append(once(run, Lineup(OURS, hss, hss), job))
    for (ask, many), rounds in found.items():
        run.add(OURS, ask, rounds, transport="tcp", window=WINDOW, subscribers=many, database=kind)


def populated(folder: Path, many: int, url: str = "hss.db") -> Path:
    """A folder with the key that seals the keys of so many subscribers; they are in the database `url`."""
    new_key(folder / "key")
    seal = read_seal(folder / "key")
    engine = open_engine(database_url(url, folder), migrations="nfs.hss:migrations", name="hss")
    with engine.begin() as connection:
        for numbers in _in_parts(many):
            _add(connection, numbers)
            rows = [cards.row(imsi_of(number), CARD, seal) for number in numbers]
            connection.execute(insert(cards.CARD), rows)
    engine.dispose()
    return folder


def _in_parts(many: int) -> list[range]:
    return [range(start, min(start + AT_ONCE, many)) for start in range(0, many, AT_ONCE)]


def _add(connection: Connection, numbers: range) -> None:
    """Subscribers with all that SIR reads of them."""
    plain = {"sms": True, "barred": False, "profile": "iot"}
    node = {"kind": "mme", "number": "15550000300", "name": f"mme.{REALM}", "realm": REALM, "reachable": True}
    by_table: dict[Table, list[dict[str, Any]]] = {
        tables.SUBSCRIBER: [{"imsi": imsi_of(n), "msisdn": f"1555{n:09}", **plain} for n in numbers],
        tables.EXTERNAL_ID: [
            {"identifier": external_id_of(n), "imsi": imsi_of(n), "position": 0, "port": None} for n in numbers
        ],
        tables.SERVICE: [{"imsi": imsi_of(n), "service": 0} for n in numbers],
        tables.SCS_RIGHT: [{"imsi": imsi_of(n), "scs": SCS, "service": 0} for n in numbers],
        tables.SERVING_NODE: [{"imsi": imsi_of(n), **node} for n in numbers],
    }
    for table, rows in by_table.items():
        connection.execute(insert(table), rows)


SCENARIO = Scenario(
    "hss",
    "scale",
    "An HSS with few and many subscribers",
    run,
    tuple(
        Bar(f"CPU of an AIR with Milenage, {many:,} subscribers: 3,000/s and core", OURS, "cpu_us_server", 333,
            (("scenario", "air"), ("subscribers", many), ("database", "sqlite")))
        for many in (1_000, 100_000)
    ),
)  # fmt: skip
