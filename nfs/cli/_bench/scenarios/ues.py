"""Very many simulated UEs in one `mtc run mme`: all of them attach at `mtc run hss`, then UEs at random get triggers.

"attach": AIR with Milenage, and ULR, so many at once; from the first to the last.  "ues": device triggers straight from
a client that is an SMS-SC.  `rss_kb_ue`: what each UE adds to the memory of an MME with one.
"""

from __future__ import annotations

import csv
import http.client
import json
import socket
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Final

from nfs.cli._bench import machine
from nfs.cli._bench.messages import CLIENT, REALM, SERVER
from nfs.cli._bench.pairs import load_of
from nfs.cli._bench.process import Failed, Process, wait
from nfs.cli._bench.programs.hss_client import imsi_of
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.scenarios.hss import CARD, populated
from nfs.cli._bench.stacks import OURS, Job
from nfs.cli._bench.stacks.ours import CLEAR, Ours
from nfs.ue.usim import IND_BITS

HSS: Final = f"hss.{REALM}"
WINDOW: Final = 64
BEFORE_S: Final = 2.0
"""From the HSS being there to the first attach."""
AGO_S: Final = 600
"""What USIMs have had so far is of this age: the HSS counts by time."""
PATIENCE_S: Final = 180.0
SLOWEST_PER_S: Final = 50


def run(run: Run) -> None:
    """Two records for each number of UEs."""
    if not run.of(OURS):
        return
    attaching: dict[int, list[dict[str, float]]] = {}
    triggered: dict[int, list[dict[str, float]]] = {}
    for number in range(run.options.rounds):
        for many in sorted(set(run.options.ues)):
            with run.attempt(f"{OURS}, {many} UEs, round {number + 1}", OURS):
                alone = 0.0 if run.options.quick else _once(run, 1, 0.0)[0]["rss_kb"]
                attached, triggers = _once(run, many, run.options.seconds)
                for figures in (attached, triggers):
                    figures["rss_kb_ue"] = max(0.0, figures["rss_kb"] - alone) / many
                attaching.setdefault(many, []).append(attached)
                triggered.setdefault(many, []).append(triggers)
    for many in attaching:
        run.add(OURS, "attach", attaching[many], transport="tcp", window=WINDOW, ues=many)
        run.add(OURS, "ues", triggered[many], transport="tcp", window=WINDOW, ues=many)


def _once(run: Run, many: int, seconds: float) -> tuple[dict[str, float], dict[str, float]]:
    """Figures of attaching, and of triggers for so many seconds; with 0 seconds none.  Raises Failed."""
    ours, place = Ours(), run.workshop.place()
    populated(place, many)
    cores = machine.cores()
    ports = {"hss": machine.free_port(), "mme": machine.free_port()}
    _write(place, many, ports)
    with ExitStack() as running:

        def start(name: str, core: int) -> Process:
            folder = run.workshop.place()
            command = ours.process("run", name, "-c", str(place / f"{name}.toml"))
            process = running.enter_context(Process(command, folder, run.network.prefix, cores[core]))
            process.until_listening(ports[name])
            return process

        hss, mme = start("hss", 0), start("mme", -1)
        spent = hss.cpu_s(), mme.cpu_s()
        elapsed_s = _until_attached(place / "admin", mme, many)
        attached = {
            "rate_per_s": many / elapsed_s,
            "cpu_us_hss": (hss.cpu_s() - spent[0]) / many * 1e6,
            "cpu_us_mme": (mme.cpu_s() - spent[1]) / many * 1e6,
            "rss_kb": float(mme.rss_kb()),
        }
        if not seconds:
            return attached, {}
        job = Job(place, port=ports["mme"], window=WINDOW, seconds=seconds, warm_s=run.options.warm_s)
        told = {
            "port": job.port, "transport": "tcp", "tls": [], "window": WINDOW, "seconds": seconds,
            "warm_s": job.warm_s, "settle_s": job.settle_s, "ues": many,
        }  # fmt: skip
        command = ours.program("ues_client", json.dumps(told))
        client = running.enter_context(Process(command, run.workshop.place(), run.network.prefix, cores[0], talks=True))
        return attached, load_of(mme, client, job)


def _until_attached(admin: Path, mme: Process, many: int) -> float:
    """Seconds from the first attach to the last.  Raises Failed."""
    until = time.monotonic() + PATIENCE_S + many / SLOWEST_PER_S
    while time.monotonic() < until:
        page = _page(admin)
        counters = page["counters"]
        if counters.get("attach failed"):
            raise mme.failed("could not attach its UEs")
        if counters.get("attach", 0) == many and not page["waiting"] and not page["under_way"]:
            return max(float(page["elapsed_s"]) - BEFORE_S, 0.1)
        wait(0.05)
    raise Failed("the UEs did not attach in time")


def _page(admin: Path) -> dict[str, Any]:
    """The page of the scenario at the admin port, which is a Unix socket: the MME may be in another network."""
    connection = http.client.HTTPConnection("localhost", timeout=PATIENCE_S)
    connection.sock = socket.socket(socket.AF_UNIX)
    try:
        connection.sock.settimeout(PATIENCE_S)
        connection.sock.connect(str(admin))
        connection.request("GET", "/scenario")
        page: dict[str, Any] = json.loads(connection.getresponse().read())
    except OSError as error:
        raise Failed(f"the admin port of the MME: {error}") from None
    finally:
        connection.close()
    return page


def _write(folder: Path, many: int, ports: dict[str, int]) -> None:
    """Configurations, cards and scenario."""
    for name, text in (("hss", _hss(ports)), ("mme", _mme(ports)), ("scenario", _scenario(many))):
        (folder / f"{name}.toml").write_text(text, encoding="utf-8")
    (folder / "cards.csv").touch(mode=0o600)
    with (folder / "cards.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(("imsi", "k", "opc", "sqn"))
        sqn = f"{int(time.time() - AGO_S) * 10 << IND_BITS:012x}"
        rows.writerows((imsi_of(number), CARD.k.hex(), CARD.top.hex(), sqn) for number in range(many))


def _hss(ports: dict[str, int]) -> str:
    return f"""
audit = "audit"
[node]
origin_host = "{HSS}"
origin_realm = "{REALM}"
[[node.listen]]
port = {ports["hss"]}{CLEAR}
[[peer]]
host = "{SERVER}"
realm = "{REALM}"{CLEAR}
[hss]
database = "hss.db"
key_file = "key"
[[profile]]
name = "iot"
[[profile.apn]]
name = "internet"
"""


def _mme(ports: dict[str, int]) -> str:
    return f"""
[node]
origin_host = "{SERVER}"
origin_realm = "{REALM}"
admin = {{ socket = "admin" }}
[[node.listen]]
port = {ports["mme"]}{CLEAR}
[[peer]]
host = "{HSS}"
realm = "{REALM}"
connect = true
addresses = ["127.0.0.1"]
port = {ports["hss"]}{CLEAR}
[[peer]]
host = "{CLIENT}"
realm = "{REALM}"{CLEAR}
[hss]
realm = "{REALM}"
host = "{HSS}"
[mme]
number = "15550000300"
cards = "cards.csv"
scenario = "scenario.toml"
window = {WINDOW}
"""


def _scenario(many: int) -> str:
    return f"""
schema = 1
[[population]]
name = "all"
first_imsi = "{imsi_of(0)}"
count = {many}
attach = {BEFORE_S}
"""


SCENARIO = Scenario(
    "ues",
    "scale",
    "Very many simulated UEs: attaching, and triggers for them",
    run,
    (
        Bar("memory of a UE that is attached and has had a trigger now and then: under 1 kB", OURS, "rss_kb_ue", 1.0,
            (("scenario", "ues"), ("ues", 100_000))),
    ),
)  # fmt: skip
