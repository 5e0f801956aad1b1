"""kill -9 and cut links over a whole lab, under load; then what was accepted is held against what came of it.

An application submits triggers by HTTP and notes those that were accepted; another one follows the list of reports from
where it left off, as a careful one does.  Everything but the MME is ended at moments of its own and started again, the
database too, and links are cut for a while; at most `at_once` at a time.  The UEs, which live in the MME, count.
"""

from __future__ import annotations

import json
import threading
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from itertools import combinations, count
from random import Random
from threading import BoundedSemaphore, Event, Lock
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from nfs.cli._lab import LabError
from nfs.cli._machines import spaces
from nfs.cli._machines.config import KINDS
from nfs.cli._machines.files import APPLICATION_PORT, name_of
from nfs.cli._machines.running import RunningLab

SUBMITTERS: Final = 4
PACE_S: Final = 0.05
LONGEST_GAP_S: Final = 4.0
END_S: Final = 240.0


@dataclass(slots=True)
class Seen:
    """What the applications have seen."""

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


class Kills:
    """A run over a lab that is up.

    at_once: so many are down at a time; cut_s: the longest cut; noted: called with the name of what was killed or cut.
    """

    def __init__(self, lab: RunningLab, *, at_once: int, cut_s: float, noted: Callable[[str], None]) -> None:
        self._lab = lab
        self._cut_s = cut_s
        self._noted = noted
        self._numbers = count(1)
        self._over, self._followed = Event(), Event()
        self._room = BoundedSemaphore(at_once)
        self._token = (lab.folder / "scs.token").read_text(encoding="ascii").strip()
        _, self._customer = lab.config.instances("scs")[0]
        self.seen = Seen()
        self.kills: Counter[str] = Counter()
        self._before = self._received()

    def victims(self) -> list[str]:
        """What is killed, and the links that are cut."""
        names = [name for name in self._lab.names if not name.startswith("mme-")]
        return names + (self._talking() if self._lab.in_spaces else [])

    def _talking(self) -> list[str]:
        """The links over which something is said: to relays, from SCSs to MTC-IWFs, and to the database."""
        config = self._lab.config
        at = {kind: {machine for _, machine in config.instances(kind)} for kind in KINDS}
        inner = at["mtc-iwf"] | at["hss"] | at["sms-sc"]
        ways = [(at["relay"], inner | at["mme"]), (at["scs"], at["mtc-iwf"])]
        if config.database.machine is not None:
            ways.append(({config.database.machine}, inner))
        return [
            f"{one}:{other}"
            for one, other in combinations(config.names, 2)
            if any((one in here and other in there) or (one in there and other in here) for here, there in ways)
        ]

    def run(self, times: int, seed: int) -> dict[str, Any]:
        """So many kills and cuts under load; then wait until nothing is owed.  The counts.  Raises LabError."""
        victims = self.victims()
        Random(seed).shuffle(victims)
        space = self._lab.state.space(self._customer)
        with ThreadPoolExecutor(
            SUBMITTERS + 1, thread_name_prefix="application", initializer=spaces.enter, initargs=(space,)
        ) as applications:
            applications.submit(self._forget).result()
            following = applications.submit(self._follow)
            submitting = [applications.submit(self._submit) for _ in range(SUBMITTERS)]
            try:
                self._until(lambda: len(self.seen.accepted) >= SUBMITTERS, "no trigger was accepted at all")
                self._all(victims, times, seed)
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
        return self.result(seed)

    def _all(self, victims: list[str], times: int, seed: int) -> None:
        with ThreadPoolExecutor(len(victims)) as killers:
            killing = [
                killers.submit(self._again, name, len(range(at, times, len(victims))), Random(f"{seed} {name}"))
                for at, name in enumerate(victims)
            ]
            for each in as_completed(killing):
                if each.exception() is not None:
                    self._over.set()
                each.result()

    def _again(self, name: str, times: int, random: Random) -> None:
        """Kill one process, or cut one link, so often."""
        for _ in range(times):
            self._over.wait(random.uniform(0.0, LONGEST_GAP_S))
            with self._room:
                if self._over.is_set():
                    return
                if ":" in name:
                    between = name.split(":")
                    self._lab.links({"between": between, "cut": True})
                    self._over.wait(random.uniform(0.2, self._cut_s))
                    self._lab.links({"between": between, "cut": False})
                else:
                    self._lab.kill(name)
                    self._lab.restart(name)
            with self.seen.lock:
                self.kills[name] += 1
            self._noted(name)

    def result(self, seed: int) -> dict[str, Any]:
        """The counts of a run."""
        seen, received = self.seen, self._received() - self._before
        return {
            "schema": 1,
            "seed": seed,
            "kills": sum(self.kills.values()),
            "killed": dict(sorted(self.kills.items())),
            "accepted": len(seen.accepted),
            "reported": len(seen.reported),
            "lost": len(seen.owed),
            "not_delivered": len(seen.accepted - seen.delivered),
            "reported_twice": sum(times > 1 for times in seen.reported.values()),
            "devices_had": len(received),
            "devices_had_twice": sum(times > 1 for times in received.values()),
            "not_accepted": dict(seen.refused),
        }

    def _received(self) -> Counter[tuple[str, str]]:
        """What the applications of the UEs were handed: how often each (IMSI, payload)."""
        path = self._lab.folder / "received.jsonl"
        lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
        return Counter((form["imsi"], form["payload"]) for form in map(json.loads, lines))

    def _until(self, so: Callable[[], bool], otherwise: str) -> None:
        ticking = threading.Event()
        for _ in range(int(END_S / 0.1)):
            if so():
                return
            ticking.wait(0.1)
        owed = sorted(self.seen.owed)[:20]
        raise LabError(f"{otherwise}: {owed}; {len(self.seen.accepted)} accepted, {dict(self.seen.refused)}")

    # -- applications

    @property
    def _url(self) -> str:
        ready = self._lab.state.processes[name_of("scs", self._customer)].ready
        return f"http://{ready.rpartition('http ')[2]}/v1"

    def _submit(self) -> None:
        """One submitter: a trigger after the other, each for the next device."""
        while not self._over.wait(PACE_S):
            number = next(self._numbers)
            device = (number - 1) % self._lab.config.lab.devices + 1
            form = {
                "payload": f"{number:08x}",
                "external_identifier": f"meter-{device}@{self._lab.config.lab.customer}",
                "port": APPLICATION_PORT,
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

    def _forget(self) -> None:
        """Pass over the reports of an earlier run."""
        while self._look():
            pass
        self.seen.reported.clear()
        self.seen.delivered.clear()

    def _look(self) -> int:
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
        try:
            request = Request(self._url + path, headers={"authorization": f"Bearer {self._token}"})
            if form is not None:
                request.data = json.dumps(form).encode()
            with urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except HTTPError as error:
            with error:
                return error.code, json.load(error)
        except (OSError, ValueError):  # killed: before it answered, or in the middle of that
            return 0, {}


def broken(result: dict[str, Any]) -> bool:
    """Whether something was lost, or seen twice."""
    return any(result[name] for name in ("lost", "not_delivered", "reported_twice", "devices_had_twice"))
