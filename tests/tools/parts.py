"""The parts of `make test`: what each needs, how it is run, and how its outcome is counted."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from tools.environment import PEERS, ROOT, NoEnvironment, ensure, safe_environment
from tools.guest import KERNEL, kernel_has_sctp
from tools.tries import OUT, Outcome, Part, call, measured, tried

WIRESHARK: Final = Path("/usr/share/wireshark/diameter/dictionary.xml")
ON_THIS_KERNEL: Final = frozenset({"libipsec", "machines"})
GRACE_S: Final = 60
"""A guest that is late ends itself before it is ended."""


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
    if not paths:
        return Outcome(not_run=1, why="no tests there")
    spread: list[str] = []
    if part.workers and (not part.own_network or may_have_a_network()):
        spread = ["-n", str(part.workers), "--dist", part.spread]

    def go(words: Sequence[str | Path]) -> int:
        return call(words, part.limit_s, measured(part, python))

    return tried(part, part.name, [python.parent / "pytest", *paths, "-q"], spread, go)


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


IN_MEMORY: Final = {"PYTHONHASHSEED": "0"}
"""No chance where no program runs: sets have the same order in each run; `helpers/chance.py` does the rest."""
WITHOUT_SERVER: Final = {"MTC_DATABASES": "sqlite", **IN_MEMORY}
OF_THE_PROJECT: Final = tuple(f"tests/test_{name}.py" for name in ("api", "chance", "compliance", "deploy", "run"))
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
    """Each folder of tests/rig in a guest kernel of its own, two at a time: a guest has one processor; on this kernel
    where it has SCTP and we may use it.

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
    folders = sorted(
        {path.parent for path in (ROOT / "tests" / "rig").glob("*/test_*.py")},
        key=lambda path: path.name in ON_THIS_KERNEL,
    )

    def one(folder: Path) -> Outcome:
        local = here or (network and folder.name in ON_THIS_KERNEL)
        prints = OUT / f"{part.name}-{folder.name}.txt"
        guest: list[str | Path] = [] if local else [python, ROOT / "tests" / "tools" / "guest.py"]
        environment = {**measured(part, python), "MTC_BEAM": str(beam), "LIMIT_S": str(part.limit_s)}

        def go(words: Sequence[str | Path]) -> int:
            with prints.open("ab") as file:
                return call([*guest, *words], part.limit_s + GRACE_S, environment, file)

        prints.unlink(missing_ok=True)
        found = tried(
            part, f"{part.name}-{folder.name}", [python.parent / "pytest", folder, "-q", "--color=no"], (), go
        )
        print(f"-- {folder.name}: {'on this kernel' if local else 'in a guest'}\n{prints.read_text()}", flush=True)
        return found

    with ThreadPoolExecutor(max_workers=2) as pool:
        for found in pool.map(one, folders):
            outcome.add(found)
    return outcome


PARTS: Final = (
    Part(name="lint", run=with_commands(*LINT), limit_s=600),
    Part(
        name="unit",
        run=with_pytest,
        paths=("tests/unit", *OF_THE_PROJECT),
        workers=2,
        measured=False,
        environment={"MTC_EXAMPLES": "100", **WITHOUT_SERVER},
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
        environment={"MTC_DATABASES": "postgresql", **IN_MEMORY},
    ),
    Part(name="whole", run=with_pytest, paths=("tests/whole",), workers=2, environment=IN_MEMORY),
    Part(name="link", run=with_pytest, paths=("tests/link",), workers=2, timed=True),
    Part(name="docs", run=with_pytest, paths=("tests/docs",), workers=2, spread="load", own_network=True, timed=True),
    Part(
        name="install",
        run=with_pytest,
        paths=("tests/install",),
        needs=("gcc",),
        workers=2,
        timed=True,
        limit_s=1200,
    ),
    Part(name="view", run=with_pytest, paths=("tests/view",), needs=("tshark", "chromium"), timed=True),
    Part(name="libwireshark", run=with_pytest, paths=("tests/libwireshark",), needs=(str(WIRESHARK),)),
    Part(name="demo", run=with_pytest, paths=("tests/demo",), timed=True),
    Part(
        name="interop",
        run=live_peers,
        paths=("interop",),
        needs=("freeDiameterd", "erlc", "ip"),
        timed=True,
        limit_s=900,
    ),
    Part(name="rig", run=rig, needs=("freeDiameterd", "erlc", "ip", "tc", "charon-systemd"), timed=True, limit_s=1500),
    Part(name="fuzz", run=fuzz, limit_s=1500),
    Part(name="coverage", run=coverage),
    Part(name="requirements", run=requirements),
)
