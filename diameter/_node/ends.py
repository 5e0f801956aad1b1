"""Waiting for the beginning and for the end: peers that open, and a node that stops within its time."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from diameter._node.core import Clock, Core, DelayedCall
from diameter.app import Later, Neighbour
from diameter.errors import Undeliverable


class Openings:
    """Those who wait until a peer takes requests."""

    def __init__(self, core: Core) -> None:
        self._core = core
        self._waiting: dict[Later[Neighbour], tuple[str | None, DelayedCall]] = {}

    def wait(self, host: str | None, timeout_s: float) -> Later[Neighbour]:
        """The peer `host` (None: any), once it takes requests; Undeliverable after `timeout_s`."""
        later: Later[Neighbour] = Later()
        late = self._core.clock.callLater(timeout_s, self._too_late, later)
        self._waiting[later] = (None if host is None else host.lower(), late)
        self.tell()
        return later

    def tell(self) -> None:
        """A peer has opened: tell those who wait for it."""
        usable = {
            line.entry.host.lower(): line.neighbour
            for line in self._core.lines.values()
            if line.entry is not None and line.entry.usable and line.neighbour is not None
        }
        for later, (host, late) in list(self._waiting.items()):
            found = next(iter(usable.values()), None) if host is None else usable.get(host)
            if found is not None:
                del self._waiting[later]
                late.cancel()
                later.resolve(found)

    def give_up(self) -> None:
        """The node has stopped."""
        waiting, self._waiting = self._waiting, {}
        for later, (_, late) in waiting.items():
            late.cancel()
            later.fail(Undeliverable("this node has stopped"))

    def _too_late(self, later: Later[Neighbour]) -> None:
        host, _ = self._waiting.pop(later)
        later.fail(Undeliverable(self._why_not(host)))

    def _why_not(self, host: str | None) -> str:
        rows = [e for e in self._core.table.peers.values() if host in (None, e.host.lower())]
        reasons = [f"peer {e.host} is {e.state}" + (f" ({e.trouble})" if e.trouble else "") for e in rows]
        return "; ".join(reasons) or (f"{host} is no peer of this node" if host else "this node has no peers")


class Stopping:
    """Steps to the end of a node: each begins when what it waits for has come, or when its time is over."""

    def __init__(
        self, clock: Clock, step_s: float, steps: Sequence[tuple[Callable[[], bool], Callable[[], None]]]
    ) -> None:
        """`steps`: (ready, act) pairs in order; `step_s`: how long one may take to get ready."""
        self._clock = clock
        self._step_s = step_s
        self._steps = list(steps)
        self._late: DelayedCall | None = None
        self._busy = False
        self.done: Later[None] = Later()

    def look(self) -> None:
        """Act as far as things are ready; called after each wake-up."""
        if self._busy or self.done.done:
            return
        self._busy = True
        while self._steps and self._steps[0][0]():
            self._act()
        self._busy = False
        if self._steps and self._late is None:
            self._late = self._clock.callLater(self._step_s, self._out_of_time)

    def _out_of_time(self) -> None:
        self._late = None
        self._act()
        self.look()

    def _act(self) -> None:
        if self._late is not None:
            self._late.cancel()
            self._late = None
        _, act = self._steps.pop(0)
        act()
        if not self._steps:
            self.done.resolve(None)
