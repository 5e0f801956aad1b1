"""Which worker has the connection of which remote Origin-Host: RFC 6733 section 5.6 for several processes.

A worker claims a host when a CER has told who connects, before the CEA, and before it dials.  Whoever has the claim
runs the state machine of section 5.6 for that host; nobody else has a connection of it.  So a second connection that
comes by way of another worker waits until the one before has opened or ended, and then is treated as the state machine
treats a second connection of its own: refused with DIAMETER_ELECTION_LOST while one is open, which is probed at once.
When it crosses one that we dial, the election of section 5.6.4 decides: where we win, whoever dials is told to end
that, and the claim passes on; where we lose, the second connection waits for what becomes of the first.

No I/O: inputs in, (worker, frame) out.  Host names compare without case.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence

from diameter.peer.election import wins
from diameter.workers.frames import Claim, Control, Deny, Dial, Gone, Grant, Probe, Row, Yield

Out = list[tuple[int, Control]]


class Held:
    """One host that is claimed.  `dial`: its worker connects to it; `waiting`: who wants it next, first come first."""

    __slots__ = ("dial", "row", "waiting", "worker")

    def __init__(self, worker: int, dial: bool) -> None:
        self.worker = worker
        self.dial = dial
        self.row: Row | None = None
        self.waiting: list[tuple[int, Claim]] = []

    @property
    def is_open(self) -> bool:
        """True once capabilities were exchanged."""
        return self.row is not None and self.row.is_open


class Claims:
    """The claims of one node.  `local`: its Origin-Host."""

    def __init__(self, local: str) -> None:
        self._local = local
        self._held: dict[str, Held] = {}
        self._diallers: dict[str, int | None] = {}
        self._workers: set[int] = set()

    # ---- from workers

    def joined(self, worker: int) -> Out:
        """A worker is ready: it hears what there is.  `spread` gives it hosts to dial."""
        self._workers.add(worker)
        return [(worker, held.row) for held in self._held.values() if held.row is not None]

    def left(self, worker: int, reason: str) -> Out:
        """A worker has died, or stops: its claims are free, and others connect to what it dialled."""
        self._workers.discard(worker)
        out: Out = []
        for held in self._held.values():
            held.waiting = [each for each in held.waiting if each[0] != worker]
        for key in [key for key, held in self._held.items() if held.worker == worker]:
            out += self._free(key, reason)
        for key, dialler in self._diallers.items():
            if dialler == worker:
                self._diallers[key] = None
        return out + self.spread()

    def claim(self, worker: int, wanted: Claim) -> Out:
        """A worker asks for a host."""
        key = wanted.host.lower()
        held = self._held.get(key)
        if held is None or held.worker == worker:
            if held is None:
                self._held[key] = Held(worker, wanted.dial)
            return [(worker, Grant(wanted.host))]
        if wanted.dial:
            return [(worker, Deny(wanted.host))]
        if held.is_open and not wanted.replace:
            return [(worker, Deny(wanted.host)), (held.worker, Probe(wanted.host))]
        held.waiting.append((worker, wanted))
        if held.is_open or (held.dial and wins(self._local, wanted.host)):
            return [(held.worker, Yield(wanted.host))]
        return []

    def release(self, worker: int, host: str, reason: str = "closed") -> Out:
        """A worker has no connection of `host` any more, or no longer waits for the claim."""
        key = host.lower()
        held = self._held.get(key)
        if held is None:
            return []
        if held.worker != worker:
            held.waiting = [each for each in held.waiting if each[0] != worker]
            return []
        return self._free(key, reason)

    def row(self, worker: int, row: Row) -> Out:
        """A worker says how one of its peers is; what it says of others counts for nothing."""
        held = self._held.get(row.host.lower())
        if held is None or held.worker != worker:
            return []
        held.row = row = row._replace(worker=worker)
        out: Out = [(each, row) for each in sorted(self._workers) if each != worker]
        if row.is_open and held.waiting:
            for each, wanted in held.waiting:
                out.append((each, Deny(wanted.host)))
            held.waiting.clear()
            out.append((worker, Probe(row.host)))
        return out

    # ---- who dials

    def dial(self, hosts: Iterable[str]) -> Out:
        """The hosts that this node connects to, as the configuration has them now."""
        wanted = {host.lower() for host in hosts}
        self._diallers = {key: self._diallers.get(key) for key in sorted(wanted)}
        return self.spread()

    def spread(self) -> Out:
        """Give every host without a dialler to the worker with the fewest connections."""
        if not self._workers:
            return []
        given: dict[int, list[str]] = {}
        load = self.load(self._workers)
        for key, dialler in self._diallers.items():
            if dialler is None:
                held = self._held.get(key)
                chosen = held.worker if held is not None else min(load, key=lambda each: (load[each], each))
                if chosen not in self._workers:
                    continue
                self._diallers[key] = chosen
                given.setdefault(chosen, []).append(key)
                load[chosen] += held is None
        return [(worker, Dial(tuple(hosts))) for worker, hosts in sorted(given.items())]

    # ---- for those who look

    def load(self, workers: Iterable[int]) -> dict[int, int]:
        """Hosts that each worker has or dials."""
        found = dict.fromkeys(sorted(workers), 0)
        for key, held in self._held.items():
            if held.worker in found and self._diallers.get(key) != held.worker:
                found[held.worker] += 1
        for dialler in self._diallers.values():
            if dialler in found:
                found[dialler] += 1
        return found

    def dials(self) -> Counter[int]:
        """Hosts that each worker connects to."""
        return Counter(worker for worker in self._diallers.values() if worker is not None)

    def owner(self, host: str) -> int | None:
        """The worker that has `host`, or None."""
        held = self._held.get(host.lower())
        return None if held is None else held.worker

    @property
    def workers(self) -> Sequence[int]:
        """The workers that are ready."""
        return sorted(self._workers)

    def _free(self, key: str, reason: str) -> Out:
        """The claim passes to whoever waits for it, or ends."""
        held = self._held.pop(key)
        out: Out = []
        if held.row is not None:
            out += [(each, Gone(held.row.host, reason)) for each in sorted(self._workers) if each != held.worker]
        if held.waiting:
            (worker, wanted), *others = held.waiting
            self._held[key] = after = Held(worker, wanted.dial)
            after.waiting = others
            out.append((worker, Grant(wanted.host)))
        return out
