"""`mtc bench codec`: microseconds of CPU for each thing done with one message, beside python-diameter in the same run.

Rounds of the two stacks take turns, each in its own process; figures are medians over the rounds, ratios are of the
medians.  Before anything is timed, a fault is put into the message and must be found: else the figures are void.
"""

from __future__ import annotations

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from diameter import Dictionary, LocalError, decode, encode
from diameter.message.members import Members
from diameter.wire import avp, header
from nfs.cli._bench_messages import FIVE, TWO, UPDATE_LOCATION

OURS: Final = "mtc-diameter"
ROUND_S: Final = 0.15
"""CPU seconds of one measurement of one operation."""


class Operation(NamedTuple):
    """What is timed: its name, ours, what it is compared with in the other stack, and the least ratio we promise."""

    name: str
    run: Callable[[], object]
    against: str
    target: float


def operations(dictionary: Dictionary) -> tuple[Operation, ...]:
    """What is timed with the medium message; LocalError when the codec would not find a fault in it."""
    wire = encode(dictionary.request("Update-Location", UPDATE_LOCATION, application="S6a"))
    _prove(wire, dictionary)

    def relay() -> None:
        message = decode(wire, dictionary)
        for name in TWO:
            message[name]

    def read() -> None:
        message = decode(wire, dictionary)
        if message.faults:
            raise SystemError("the benchmark's own message is faulty")
        for name in FIVE:
            message[name]

    names = _names(decode(wire, dictionary))

    def whole() -> None:
        message = decode(wire, dictionary)
        if message.faults:
            raise SystemError("the benchmark's own message is faulty")
        for name, members in names:
            value = message[name]
            for member in members:
                value[member]

    def build() -> bytes:
        return encode(dictionary.request("Update-Location", UPDATE_LOCATION, application="S6a"))

    return (
        Operation("decode, two values, no faults (relay)", relay, "decode", 15),
        Operation("decode, faults, five values", read, "decode", 4),
        Operation("decode, faults, every value", whole, "decode", 3),
        Operation("build with arity check", build, "build", 5),
    )


def _names(message: Members) -> list[tuple[str, list[str]]]:
    return [(one.name, [member.name for member in one.members]) for one in message.avps]


def _prove(wire: bytes, dictionary: Dictionary) -> None:
    """Put one fault of each kind into the message; each must be reported with its Result-Code."""
    message = decode(wire, dictionary)
    if message.faults:
        raise LocalError(f"the benchmark's own message has faults: {message.faults}")
    unknown = header.build(0xC0, 316, message.application_id, 1, 2, wire[20:] + avp.build(65000, 0, 0x40, b""))
    spoiled = {
        5001: unknown,
        5004: wire.replace(b"001010123456789", b"00101012345678\xff"),
        5005: message.edit(remove=["User-Name"]).octets,
        5009: message.edit(add={"User-Name": "001010123456780"}).octets,
        5014: wire.replace(b"\0\0\x05\x7d\xc0\0\0\x10", b"\0\0\x05\x7d\xc0\0\0\x0f"),
        5016: wire.replace(b"\0\0\x05\x7d\xc0\0\0\x10", b"\0\0\x05\x7d\x80\0\0\x10"),
    }
    for code, octets in spoiled.items():
        if code not in {int(one.result_code) for one in decode(octets, dictionary).faults}:
            raise LocalError(f"void: a message with fault {code} passed as sound")
    group = message.edit(replace={"Terminal-Information": message["Terminal-Information"].octets[:-4] + b"xxxx"})
    if not group.faults:
        raise LocalError("void: non-zero padding inside a group passed as sound")


def timed(run: Callable[[], object]) -> float:
    """CPU microseconds of one call, over as many as fit into ROUND_S."""
    count = 1
    while True:
        begin = time.process_time()
        for _ in range(count):
            run()
        spent = time.process_time() - begin
        if spent > ROUND_S / 2:
            return spent / count * 1e6
        count = max(count * 2, int(count * ROUND_S / spent) if spent else 0)


class Other:
    """python-diameter in an interpreter of its own; one line in, one line of JSON out."""

    def __init__(self, python: Path, script: Path) -> None:
        octets = encode(Dictionary.load().request("Update-Location", UPDATE_LOCATION, application="S6a"))
        self._process = subprocess.Popen(
            [str(python), "-E", str(script), "codec", octets.hex(), str(ROUND_S)],  # -E: no PYTHONPATH that leads to us
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.version = str(self._ask()["version"])

    def round(self) -> dict[str, float]:
        """Microseconds by operation, measured now."""
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # it ended: `_ask` says why
            self._process.stdin.write("go\n")
            self._process.stdin.flush()
        return {name: float(str(value)) for name, value in self._ask().items()}

    def _ask(self) -> dict[str, object]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            words = self._process.communicate()[1].strip().splitlines()
            raise LocalError(f"python-diameter ended: {words[-1] if words else self._process.returncode}")
        answer: dict[str, object] = json.loads(line)
        return answer

    def close(self) -> None:
        """End the process."""
        self._process.communicate(timeout=10)


def load_times(runs: int) -> list[dict[str, object]]:
    """Records of loading all of dict/, cold and from the cache; medians of `runs`, each in a new process."""
    out: list[dict[str, object]] = []
    code = (
        "import sys,time; from diameter import Dictionary; t=time.perf_counter();"
        "Dictionary.load(cache=sys.argv[1]=='cached'); print((time.perf_counter()-t)*1000)"
    )
    for kind in ("cached", "cold"):
        command = [sys.executable, "-c", code, kind]
        found = [subprocess.run(command, capture_output=True, check=True).stdout for _ in range(1 + runs)]
        times_us = [float(one) * 1000 for one in found[1:]]
        out.append(_record(OURS, f"load all dictionaries, {kind}", times_us))
    return out


def measure(rounds: int, other: Other | None, note: Callable[[str], None]) -> list[dict[str, object]]:
    """One record per operation and stack; see `mtc bench codec --json`."""
    dictionary = Dictionary.load()
    ours: dict[str, list[float]] = {}
    theirs: dict[str, list[float]] = {}
    todo = operations(dictionary)
    for number in range(rounds):
        note(f"round {number + 1} of {rounds}")
        for one in todo:
            ours.setdefault(one.name, []).append(timed(one.run))
        if other is not None:
            for name, value in other.round().items():
                theirs.setdefault(name, []).append(value)
    return [record for one in todo for record in _records(one, ours[one.name], theirs.get(one.against))]


def _records(one: Operation, ours: list[float], theirs: list[float] | None) -> list[dict[str, object]]:
    """Ours, and what it is compared with."""
    mine = _record(OURS, one.name, ours)
    if not theirs:
        return [mine]
    ratio = round(statistics.median(theirs) / statistics.median(ours), 2)
    return [mine | {"ratio": ratio, "target_ratio": one.target}, _record("python-diameter", one.name, theirs)]


def _record(stack: str, scenario: str, times_us: list[float]) -> dict[str, object]:
    """One measurement in the form that all benchmarks share; what a codec has not is null."""
    us = statistics.median(times_us)
    return {
        "stack": stack,
        "scenario": scenario,
        **dict.fromkeys(("transport", "window")),
        "rate_per_s": round(1e6 / us, 1),
        **dict.fromkeys(("cpu_us_server", "cpu_us_client", "p50_us", "p99_us", "rss_kb")),
        "us": round(us, 2),
        "us_min": round(min(times_us), 2),
    }
