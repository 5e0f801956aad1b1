"""The parts of `make test`: what each needs, how it is run, and how its outcome is counted."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

from tools.environment import PEERS, ROOT, NoEnvironment, ensure, safe_environment
from tools.guest import KERNEL, kernel_has_sctp, run_in_guest

OUT: Final = ROOT / "build" / "test"
WIRESHARK: Final = Path("/usr/share/wireshark/diameter/dictionary.xml")
ON_THIS_KERNEL: Final = frozenset({"libipsec", "machines"})
NO_TESTS: Final = 5  # pytest's exit status when it collected nothing


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What came of one part; `why` tells what was not run, or what failed."""

    passed: int = 0
    failed: int = 0
    not_run: int = 0
    why: str = ""
    seconds: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One row of the closing table.

    needs: programs and files without which it is not run.  workers: tests at a time.  spread: how
    xdist gives tests to workers.  own_network: each test has fixed ports, and a network namespace of its own; where
    there is no right to one, one runs after the other.  measured: coverage counts.
    """

    name: str
    run: Callable[[Part, Path], Outcome]
    paths: tuple[str, ...] = ()
    needs: tuple[str, ...] = ()
    workers: int = 0
    spread: str = "loadfile"
    own_network: bool = False
    measured: bool = True
    limit_s: int = 1500
    environment: dict[str, str] = field(default_factory=dict)


def call(command: Sequence[str | Path], limit_s: int, environment: dict[str, str]) -> int:
    """Exit status of `command`, run in the checkout; 124 when it had to be ended after `limit_s` seconds, with its
    children.
    """
    child = subprocess.Popen([str(word) for word in command], cwd=ROOT, env=environment, start_new_session=True)
    try:
        return child.wait(limit_s)
    except subprocess.TimeoutExpired:
        print(f"ended after {limit_s} s: {' '.join(map(str, command))}", flush=True)
        return 124
    finally:
        _end_group(child)


def _end_group(child: subprocess.Popen[bytes]) -> None:
    """End what is left of the child's process group, so that no part leaves a program behind."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child.pid, signal.SIGKILL)
    child.wait()


def lacking(part: Part) -> list[str]:
    """Those of the part's needs that this machine does not have."""
    return [n for n in part.needs if not (Path(n).exists() if n.startswith("/") else shutil.which(n))]


def run_part(part: Part, python: Path) -> Outcome:
    """Run one part, or say why it is not run."""
    absent = lacking(part)
    if absent:
        return Outcome(not_run=1, why=f"not found: {', '.join(absent)}")
    start = time.monotonic()
    outcome = part.run(part, python)
    outcome.seconds = time.monotonic() - start
    return outcome


def with_pytest(part: Part, python: Path) -> Outcome:
    """Run the part's folders with pytest against the installed wheel."""
    paths = [str(p.relative_to(ROOT)) for pattern in part.paths for p in sorted(ROOT.glob(pattern))]
    report = OUT / f"{part.name}.xml"
    report.unlink(missing_ok=True)
    if not paths:
        return Outcome(not_run=1, why="no tests there")
    command: list[str | Path] = [python.parent / "pytest", *paths, f"--junitxml={report}", "-q"]
    if part.workers and (not part.own_network or may_have_a_network()):
        command += ["-n", str(part.workers), "--dist", part.spread]
    return _counted(report, call(command, part.limit_s, measured(part, python)))


def measured(part: Part, python: Path) -> dict[str, str]:
    """Environment of a test run against the installed wheel; branches are measured, subprocesses included, unless the
    part is not to be.
    """
    coverage = {
        "COVERAGE_PROCESS_START": str(ROOT / "pyproject.toml"),
        "COVERAGE_FILE": str(OUT / "coverage" / "data"),
    }
    return safe_environment(
        MTC_TEST_INSTALLED="1",
        MTC_PART=part.name,
        PATH=f"{python.parent}{os.pathsep}{os.environ['PATH']}",
        **(coverage if part.measured else {}),
        **part.environment,
    )


def _counted(report: Path, status: int) -> Outcome:
    """Counts of a JUnit file; a run that ended badly without a failed test counts as one failure."""
    if not report.exists():
        return Outcome(failed=1, why=f"pytest ended with status {status} and no report")
    outcome = Outcome()
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        kinds = {child.tag for child in case}
        if kinds & {"failure", "error"}:
            outcome.failed += 1
            outcome.why = outcome.why or f"{case.get('classname')}.{case.get('name')}"[:90]
        elif "skipped" in kinds:
            outcome.not_run += 1
            outcome.why = outcome.why or f"skipped: {case.get('name')}"[:90]
        else:
            outcome.passed += 1
    if status == NO_TESTS:
        return Outcome(not_run=1, why="no tests there")
    if status and not outcome.failed:
        outcome.failed, outcome.why = 1, f"pytest ended with status {status}"
    return outcome


def with_commands(*commands: tuple[str, tuple[str, ...]]) -> Callable[[Part, Path], Outcome]:
    """A part that is a list of commands of the environment, two at a time, each counted as one check."""

    def run(part: Part, python: Path) -> Outcome:
        outcome = Outcome()
        environment = {**safe_environment(), "PATH": f"{python.parent}{os.pathsep}{os.environ['PATH']}"}

        def one(command: tuple[str, ...]) -> int:
            print(f"-- {' '.join(command)}", flush=True)
            return call([python.parent / command[0], *command[1:]], part.limit_s, environment)

        with ThreadPoolExecutor(max_workers=2) as pool:
            statuses = list(pool.map(one, [command for _, command in commands]))
        for (title, _), status in zip(commands, statuses, strict=True):
            if status:
                outcome.failed += 1
                outcome.why = f"{outcome.why}, {title}".removeprefix(", ")
            else:
                outcome.passed += 1
        return outcome

    return run


LINT: Final = (
    ("ruff check", ("ruff", "check", "--quiet")),
    ("ruff format", ("ruff", "format", "--check", "--quiet")),
    ("mypy", ("mypy",)),
    (
        "layering, style, locks",
        ("pytest", "-q", "tests/test_layering.py", "tests/test_style.py", "tests/test_project.py"),
    ),
    ("mkdocs", ("mkdocs", "build", "--strict", "--quiet", "--site-dir", str(OUT / "site"))),
)


WITHOUT_SERVER: Final = {"MTC_DATABASES": "sqlite"}
OF_THE_PROJECT: Final = tuple(f"tests/test_{name}.py" for name in ("api", "compliance", "deploy", "run"))
"""Those that lint does not run."""


def fuzz(part: Part, python: Path) -> Outcome:
    """Every target of tests/fuzz for SECONDS each, several at a time."""
    from tools.fuzzing import run_all

    return run_all(python, int(os.environ.get("SECONDS", "60")), part.limit_s)


def coverage(part: Part, python: Path) -> Outcome:
    """The coverage gates over what all parts before measured."""
    from tools.gates import check_coverage

    return check_coverage(python)


def requirements(part: Part, python: Path) -> Outcome:
    """The rows of tests/data/requirements.csv against the marks of the tests that ran."""
    from tools.requirements import check_requirements

    return check_requirements()


LOOPBACK_UP: Final = (
    "import fcntl, socket, struct; "
    "fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8914, struct.pack('16sH14x', b'lo', 1))"
)


def may_have_a_network() -> bool:
    """True when this process may make a network namespace, and set up what is in it: containers may have one right
    without the other.
    """
    if shutil.which("unshare") is None:
        return False
    command = ["unshare", "--net", sys.executable, "-I", "-c", LOOPBACK_UP]
    return subprocess.run(command, capture_output=True, timeout=60, check=False).returncode == 0


def live_peers(part: Part, python: Path) -> Outcome:
    """Other Diameter stacks, in a network namespace of the run; one of them lives in an environment of its own."""
    if not may_have_a_network():
        return Outcome(not_run=1, why="no right to make a network namespace (root has it)")
    try:
        ensure(PEERS, ROOT / "requirements" / "peers.lock")
    except NoEnvironment as error:
        return Outcome(failed=1, why=str(error))
    return with_pytest(part, python)


def rig(part: Part, python: Path) -> Outcome:
    """Each folder of tests/rig in a guest kernel of its own; on this one where it has SCTP and we may use it.

    ON_THIS_KERNEL needs nothing of the kernel but networks of its own, and is what kernels without IPsec have.
    """
    network = may_have_a_network()
    here = kernel_has_sctp() and network
    outcome = Outcome()
    if not here and shutil.which(KERNEL) is None:
        return Outcome(not_run=1, why=f"the kernel has no SCTP, and there is no {KERNEL} (package user-mode-linux)")
    beam = OUT / "beam"
    beam.mkdir(parents=True, exist_ok=True)
    compile_it = f"from pathlib import Path; from helpers.erlang import compiled; compiled(Path({str(beam)!r}))"
    call([python, "-c", compile_it], part.limit_s, {**measured(part, python), "PYTHONPATH": str(ROOT / "tests")})
    for folder in sorted({path.parent for path in (ROOT / "tests" / "rig").glob("*/test_*.py")}):
        local = here or (network and folder.name in ON_THIS_KERNEL)
        print(f"-- {folder.name}: {'on this kernel' if local else 'in a guest'}", flush=True)
        report = OUT / f"{part.name}-{folder.name}.xml"
        report.unlink(missing_ok=True)
        command: list[str | Path] = [
            python.parent / "pytest",
            folder,
            f"--junitxml={report}",
            "-q",
            "-p",
            "no:cacheprovider",
        ]
        environment = {**measured(part, python), "MTC_BEAM": str(beam)}
        if local:
            status = call(command, part.limit_s, environment)
        else:
            status = run_in_guest(command, ROOT, limit_s=part.limit_s, environment=environment)
        found = _counted(report, status)
        outcome.passed += found.passed
        outcome.failed += found.failed
        outcome.not_run += found.not_run
        outcome.why = outcome.why or found.why
    return outcome


PARTS: Final = (
    Part(name="lint", run=with_commands(*LINT), limit_s=600),
    Part(
        name="unit",
        run=with_pytest,
        paths=("tests/unit", *OF_THE_PROJECT),
        workers=2,
        measured=False,
        environment=WITHOUT_SERVER,
    ),
    Part(
        name="pure",
        run=with_pytest,
        paths=("tests/unit",),
        workers=2,
        environment={"DIAMETER_PURE": "1", **WITHOUT_SERVER},
    ),
    Part(
        name="postgresql",
        run=with_pytest,
        paths=("tests/unit/nfs",),
        needs=("/usr/lib/postgresql",),
        environment={"MTC_DATABASES": "postgresql"},
    ),
    Part(name="whole", run=with_pytest, paths=("tests/whole",), workers=2),
    Part(name="link", run=with_pytest, paths=("tests/link",), workers=2),
    Part(name="docs", run=with_pytest, paths=("tests/docs",), workers=2, spread="load", own_network=True),
    Part(
        name="install",
        run=with_pytest,
        paths=("tests/install",),
        needs=("gcc",),
        workers=2,
        limit_s=1200,
    ),
    Part(name="view", run=with_pytest, paths=("tests/view",), needs=("tshark", "chromium")),
    Part(name="libwireshark", run=with_pytest, paths=("tests/libwireshark",), needs=(str(WIRESHARK),)),
    Part(name="demo", run=with_pytest, paths=("tests/demo",)),
    Part(name="interop", run=live_peers, paths=("interop",), needs=("freeDiameterd", "erlc", "ip"), limit_s=900),
    Part(name="rig", run=rig, needs=("freeDiameterd", "erlc", "ip", "tc", "charon-systemd"), limit_s=1500),
    Part(name="fuzz", run=fuzz, limit_s=1500),
    Part(name="coverage", run=coverage),
    Part(name="requirements", run=requirements),
)
