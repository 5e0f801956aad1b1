"""kill -9 and cut links over a whole lab, under load; then what was accepted is held against what came of it.

Everything but the MME is ended at moments of its own and started again, the database too, and links are cut for a
while; at most `at_once` at a time.  The UEs, which live in the MME, count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from itertools import combinations
from random import Random
from threading import BoundedSemaphore
from typing import Any, Final

from nfs.cli._machines import spaces
from nfs.cli._machines.applications import Applications, at_moments, received
from nfs.cli._machines.config import KINDS
from nfs.cli._machines.files import APPLICATION_PORT, name_of
from nfs.cli._machines.running import RunningLab

LONGEST_GAP_S: Final = 4.0


class Kills:
    """A run over a lab that is up.

    at_once: so many are down at a time; cut_s: the longest cut; noted: called with the name of what was killed or cut.
    """

    def __init__(self, lab: RunningLab, *, at_once: int, cut_s: float, noted: Callable[[str], None]) -> None:
        self._lab = lab
        self._cut_s = cut_s
        self._noted = noted
        self._room = BoundedSemaphore(at_once)
        _, self._customer = lab.config.instances("scs")[0]
        self.applications = Applications(
            self._url,
            (lab.folder / "scs.token").read_text(encoding="ascii").strip(),
            customer=lab.config.lab.customer,
            devices=lab.config.lab.devices,
            port=APPLICATION_PORT,
            where=lambda owed: str(sorted(owed)[:20]),
        )
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
        with self.applications.busy(spaces.enter, (self._lab.state.space(self._customer),)):
            over = self.applications.over
            self.kills = at_moments(self._once, victims, times, seed=seed, gap_s=LONGEST_GAP_S, over=over)
        return self.result(seed)

    def _once(self, name: str, random: Random) -> None:
        """Kill one process, or cut one link, and have it back."""
        over = self.applications.over
        with self._room:
            if over.is_set():
                return
            if ":" in name:
                between = name.split(":")
                self._lab.links({"between": between, "cut": True})
                over.wait(random.uniform(0.2, self._cut_s))
                self._lab.links({"between": between, "cut": False})
            else:
                self._lab.kill(name)
                self._lab.restart(name)
        self._noted(name)

    def result(self, seed: int) -> dict[str, Any]:
        """The counts of a run."""
        seen, handed = self.applications.seen, self._received() - self._before
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
            "devices_had": len(handed),
            "devices_had_twice": sum(times > 1 for times in handed.values()),
            "not_accepted": dict(seen.refused),
        }

    def _received(self) -> Counter[tuple[str, str]]:
        path = self._lab.folder / "received.jsonl"
        return received(path.read_text(encoding="utf-8") if path.exists() else "")

    def _url(self) -> str:
        ready = self._lab.state.processes[name_of("scs", self._customer)].ready
        return f"http://{ready.rpartition('http ')[2]}/v1"


def broken(result: dict[str, Any]) -> bool:
    """Whether something was lost, or seen twice."""
    return any(result[name] for name in ("lost", "not_delivered", "reported_twice", "devices_had_twice"))
