"""What one message costs a codec: the medium one, 496 octets and 22 AVPs, decoded, checked, built.

Other stacks have two operations only, decode and build; each of ours stands beside the one it is to be compared with.
"""

from __future__ import annotations

import json
import time
from contextlib import ExitStack
from typing import Final

from nfs.cli._bench import machine
from nfs.cli._bench.messages import EVERY, FIVE_VALUES, RELAY, WITH_ARITY
from nfs.cli._bench.process import Failed, Process
from nfs.cli._bench.run import Run
from nfs.cli._bench.scenarios import Bar, Scenario
from nfs.cli._bench.stacks import OURS, PURE

THEIRS: Final = {RELAY: "decode", FIVE_VALUES: "decode", EVERY: "decode", WITH_ARITY: "build"}


def run(run: Run) -> None:
    """All codecs live at once, on one core, and measure in turn when they are told."""
    found: dict[str, list[dict[str, float]]] = {}
    core = machine.cores()[0]
    with ExitStack() as running:
        started = []
        for stack in run.stacks:
            if not run.has(stack, "codec", "codec"):
                continue
            with run.attempt(f"{stack.name}, codec: start", stack.name):
                command, folder = stack.codec(run.options.round_s), run.workshop.place()
                started.append((stack, running.enter_context(Process(command, folder, [], core, talks=True))))
        for number in range(run.options.rounds):
            for stack, process in started:
                with run.attempt(f"{stack.name}, codec, round {number + 1}", stack.name):
                    figures = _ask(process)
                    found.setdefault(stack.name, []).append(figures)
    for operation in THEIRS:
        for name, rounds in found.items():
            key = operation if name in (OURS, PURE) else THEIRS[operation]
            times = [one[key] for one in rounds]
            run.add(
                name, operation, [{"us": one, "rate_per_s": 1e6 / one} for one in times], us_min=round(min(times), 3)
            )


def _ask(process: Process) -> dict[str, float]:
    process.tell("go")
    until = time.monotonic() + 120
    while not (line := process.line(until)).startswith("{"):
        pass
    try:
        return {name: float(value) for name, value in json.loads(line).items()}
    except ValueError:
        raise Failed(f"not a line of figures: {line}") from None


def _bars() -> tuple[Bar, ...]:
    rows = ((FIVE_VALUES, 2.5, 20), (EVERY, 4, 30), (WITH_ARITY, 2.5, 20), (RELAY, 1, 5))
    return tuple(
        Bar(f"{operation}, {text}", stack, "us", bound, (("scenario", operation), *more))
        for operation, compiled, pure in rows
        for text, stack, bound, more in (
            ("compiled", OURS, compiled, (("core", "compiled"),)),
            ("pure Python", PURE, pure, ()),
        )
    )


SCENARIO = Scenario("codec", "codec", "One message: decode, check, build", run, _bars())
