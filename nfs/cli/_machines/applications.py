"""Applications of an SCS while processes are killed: what was accepted, held against what was reported.

They submit triggers by HTTP and note those that were accepted; another one follows the list of reports from where it
left off, as a careful one does.  Whoever kills has his victims killed by `at_moments`, each at moments of its own.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPException
from itertools import count
from random import Random
from threading import Event, Lock
from typing import Any, Final
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from nfs.cli._lab import LabError

SUBMITTERS: Final = 4
PACE_S: Final = 0.05
"""What each submitter waits between two triggers: it is not to fill the machine."""
END_S: Final = 240.0
"""How long is waited for something that must become so."""


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


class Applications:
    """Submitters of triggers, and one who follows the reports.

    url: where the SCS is now, asked each time.  token: what it wants to see.  customer: the domain of `devices`
    meters.  port: of the application on a device.  where: what is said of triggers that are owed, when it is late.
    """

    def __init__(
        self,
        url: Callable[[], str],
        token: str,
        *,
        customer: str,
        devices: int,
        port: int,
        where: Callable[[set[int]], str] = str,
    ) -> None:
        self._url, self._token = url, token
        self._customer, self._devices, self._port = customer, devices, port
        self._where = where
        self._numbers = count(1)
        self.over, self._followed = Event(), Event()
        self.seen = Seen()

    @contextmanager
    def busy(self, initializer: Callable[..., object] | None = None, initargs: Sequence[Any] = ()) -> Iterator[None]:
        """Submit and follow as long as the block runs and something is owed.

        initializer: called with initargs in each thread, first.  Raises LabError when nothing is accepted before the
        block or after it, and when a report does not come.
        """
        with ThreadPoolExecutor(
            SUBMITTERS + 1, thread_name_prefix="application", initializer=initializer, initargs=tuple(initargs)
        ) as threads:
            threads.submit(self._forget).result()
            following = threads.submit(self._follow)
            submitting = [threads.submit(self._submit) for _ in range(SUBMITTERS)]
            try:
                self._until(lambda: len(self.seen.accepted) >= SUBMITTERS, "no trigger was accepted at all")
                yield
                before = len(self.seen.accepted)
                self._until(lambda: len(self.seen.accepted) > before, "nothing was accepted after the last kill")
                self.over.set()
                for each in submitting:
                    each.result()
                self._until(lambda: not self.seen.owed, "reports are owed")
            finally:
                self.over.set()
                self._followed.set()
            following.result()

    def _until(self, so: Callable[[], bool], otherwise: str) -> None:
        ticking = Event()
        for _ in range(int(END_S / 0.1)):
            if so():
                return
            ticking.wait(0.1)
        seen = self.seen
        raise LabError(f"{otherwise}; {len(seen.accepted)} accepted, {dict(seen.refused)}: {self._where(seen.owed)}")

    def _submit(self) -> None:
        """One submitter: a trigger after the other, each for the next device."""
        while not self.over.wait(PACE_S):
            number = next(self._numbers)
            form = {
                "payload": f"{number:08x}",
                "external_identifier": f"meter-{(number - 1) % self._devices + 1}@{self._customer}",
                "port": self._port,
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
        try:
            request = Request(self._url() + path, headers={"authorization": f"Bearer {self._token}"})
            if form is not None:
                request.data = json.dumps(form).encode()
            with _answer(request) as answer:
                return answer.status, json.load(answer)
        except (OSError, HTTPException, ValueError):  # killed: before it answered, or in the middle of that
            return 0, {}


def _answer(request: Request) -> Any:
    """The answer to a request, a refusal too."""
    try:
        return urlopen(request, timeout=30)
    except HTTPError as refusal:
        return refusal


def at_moments(
    kill: Callable[[str, Random], None], victims: Sequence[str], times: int, *, seed: int, gap_s: float, over: Event
) -> Counter[str]:
    """Kill so often in all, each victim from a thread of its own; how often each was killed.

    kill: has one killed, and started again.  gap_s: a victim lives so long at most.  over: ends it; set when a kill
    fails, whose error is raised.
    """
    done: Counter[str] = Counter()

    def again(name: str, often: int) -> None:
        random = Random(f"{seed} {name}")
        for _ in range(often):
            over.wait(random.uniform(0.0, gap_s))
            if over.is_set():
                return
            kill(name, random)
            done[name] += 1

    with ThreadPoolExecutor(len(victims)) as threads:
        killing = [threads.submit(again, name, len(range(at, times, len(victims)))) for at, name in enumerate(victims)]
        for each in as_completed(killing):
            if each.exception() is not None:
                over.set()
            each.result()
    return done


def received(lines: str) -> Counter[tuple[str, str]]:
    """What the applications of UEs were handed, a JSON document a line: how often each (IMSI, payload)."""
    return Counter((form["imsi"], form["payload"]) for form in map(json.loads, lines.splitlines()))
