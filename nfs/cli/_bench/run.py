"""One run of `mtc bench`: what was asked for, the stacks that are there, and what has been found so far."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from diameter import LocalError
from diameter.wire import core
from nfs.cli._bench import machine
from nfs.cli._bench.network import Network
from nfs.cli._bench.process import Failed
from nfs.cli._bench.stacks import OURS, PURE, Stack
from nfs.cli._bench.stacks.erlang import Erlang
from nfs.cli._bench.stacks.freediameter import FreeDiameter
from nfs.cli._bench.stacks.ours import Ours, Pure
from nfs.cli._bench.stacks.python_diameter import PythonDiameter
from nfs.cli._bench.stacks.raw import Raw
from nfs.cli._bench.workshop import Workshop

Record = dict[str, Any]
KEYS: Final = (
    "stack", "scenario", "transport", "window", "rate_per_s", "cpu_us_server", "cpu_us_client", "p50_us", "p99_us",
    "rss_kb",
)  # fmt: skip
"""What every record has; null where a benchmark does not measure it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What was asked for.  `stacks`: none for all that are installed; `quick`: small, to see that everything works."""

    rounds: int = 3
    seconds: float = 2.0
    windows: tuple[int, ...] = (1, 32, 256)
    stacks: tuple[str, ...] = ()
    python: Path = Path(".venv-peers/bin/python")
    quick: bool = False
    peers: tuple[int, ...] = (10, 1000, 10_000)
    routes: tuple[int, ...] = (1, 1000)
    subscribers: tuple[int, ...] = (1_000, 10_000, 100_000)
    ues: tuple[int, ...] = (100_000,)
    databases: tuple[str, ...] = ("sqlite",)

    @property
    def warm_s(self) -> float:
        """Load before anything counts."""
        return 0.1 if self.quick else 0.7

    @property
    def round_s(self) -> float:
        """CPU seconds for one measurement of one operation of a codec."""
        return 0.002 if self.quick else 0.15


@dataclass(slots=True)
class Run:
    """The state of a run; scenarios add to `records`, `not_run` and `void`."""

    options: Options
    workshop: Workshop
    network: Network
    stacks: list[Stack]
    raw: Raw
    note: Callable[[str], None]
    records: list[Record] = field(default_factory=list)
    not_run: list[str] = field(default_factory=list)
    void: list[str] = field(default_factory=list)
    proved: dict[str, bool] = field(default_factory=dict)
    """What was proved of a stack of ours, once in a run (see `proofs`)."""

    def has(self, stack: Stack, scenario: str, *roles: str, transport: str = "tcp") -> bool:
        """Whether the stack can be all that; else it is written down why not."""
        for role in roles:
            if why := stack.missing(role, transport):
                whole = stack.lacks.get("*") == why
                self.leave(f"{stack.name}: {why}" if whole else f"{stack.name}, {scenario}: {why}")
                return False
        return True

    def leave(self, why: str) -> None:
        """Write down, once, what could not be measured."""
        if why not in self.not_run:
            self.not_run.append(why)

    @contextmanager
    def attempt(self, what: str, stack: str = "") -> Iterator[None]:
        """Around one measurement: when it fails, it is written down, and where it is ours the run is void."""
        self.note(what)
        try:
            yield
        except Failed as error:
            self.leave(f"{what}: {error}")
            if stack.startswith(OURS):
                self.void.append(f"{what}: {error}")

    def of(self, *names: str) -> list[Stack]:
        """These of the stacks."""
        return [one for one in self.stacks if one.name in names]

    def add(self, stack: str, scenario: str, rounds: Sequence[dict[str, float]], **more: Any) -> None:
        """A record of medians over the rounds; `more`: what is the same in each."""
        if not rounds:
            return
        record: Record = dict.fromkeys(KEYS)
        record |= {"stack": stack, "scenario": scenario, "rounds": len(rounds)}
        record |= {key: round(statistics.median(one[key] for one in rounds), 3) for key in rounds[0]}
        if stack.startswith(OURS):
            record["core"] = "pure" if stack == PURE else core.NAME
        self.records.append(record | more)


@contextmanager
def prepared(options: Options, note: Callable[[str], None]) -> Iterator[Run]:
    """A run whose stacks are built.  Raises LocalError for a stack that nobody knows."""
    with TemporaryDirectory(prefix="mtc-bench-") as folder, Network() as network:
        workshop = Workshop(Path(folder))
        raw = Raw(workshop)
        made: dict[str, Callable[[], Stack]] = {
            OURS: Ours,
            PURE: Pure,
            FreeDiameter.name: lambda: FreeDiameter(workshop, network),
            Erlang.name: lambda: Erlang(workshop),
            PythonDiameter.name: lambda: PythonDiameter(workshop, options.python),
        }
        if unknown := sorted(set(options.stacks) - set(made)):
            raise LocalError(f"{unknown[0]!r} is no stack: {', '.join(made)}")
        chosen = [make() for name, make in made.items() if name in (options.stacks or made)]
        run = Run(options, workshop, network, chosen, raw, note)
        if raw.slow:
            run.leave(raw.slow)
        if network.missing:
            run.leave(f"a network of its own: {network.missing}")
        if len(machine.cores()) < 2:
            run.leave("pinning: there is only one core, so that both ends share it")
        yield run
