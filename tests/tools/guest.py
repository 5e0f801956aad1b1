"""A guest kernel for tests that the machine's own kernel has nothing for: User-Mode Linux of Debian's package.

    python3 tests/tools/guest.py COMMAND ...       run one command in a guest, as root there; its exit status

The guest has the whole file system of the machine, with the rights of whoever starts it, and a network of its own.  It
has one processor and slow system calls (about 200 times), so a suite runs in one guest, not a guest for each test.
Standard library only.
"""

from __future__ import annotations

import os
import shlex
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from fcntl import LOCK_EX, LOCK_NB, LOCK_SH, flock
from pathlib import Path
from typing import IO, Final

KERNEL: Final = "linux.uml"
INIT: Final = Path(__file__).resolve().parent.parent / "rig" / "guest-init"
MEMORY: Final = "1G"
LATE: Final = 124
"""Exit status of a guest that had to be ended."""
NO_STATUS: Final = 125
"""Exit status when the guest died before its command had ended."""
IPPROTO_SCTP: Final = 132
MAP_COUNT: Final = Path("/proc/sys/vm/max_map_count")
MAP_NOTE: Final = Path("/run/mtc-guest.max_map_count")
MAPS: Final = 1_048_576
"""Mappings a process may have while a guest runs.  A guest is one process of the machine for each of its own, and one
mapping for each piece of its memory that such a process sees: Linux's usual 65,530 can be too few, and then it dies.
"""
NOISE: Final = (b"SELinux: ", b"mmapper_init", b"Failed to initialize ubd", b"reboot: ")


def kernel_has_sctp() -> bool:
    """True when this machine's kernel gives us SCTP sockets: then no guest is needed."""
    try:
        socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_SCTP).close()
    except OSError:
        return False
    return True


@contextmanager
def many_maps(setting: Path = MAP_COUNT, note: Path = MAP_NOTE) -> Iterator[None]:
    """Within: the machine's limit of mappings is MAPS at least; as it was again when the last guest has ended.

    What it was stands in `note`, which every runner of a guest holds locked.  Says so where it may not be raised.
    """
    with ExitStack() as stack:
        try:
            before = int(setting.read_text())
            if before < MAPS or note.exists():
                kept = stack.enter_context(note.open("a+"))
                flock(kept, LOCK_SH)
                stack.callback(_fewer_maps, setting, kept)
            if before < MAPS:
                if not note.stat().st_size:
                    kept.write(f"{before}\n")
                    kept.flush()
                setting.write_text(f"{MAPS}\n")
        except (OSError, ValueError) as error:
            print(f"vm.max_map_count stays as it is, and a guest may need more: {error}", file=sys.stderr, flush=True)
        yield


def _fewer_maps(setting: Path, kept: IO[str]) -> None:
    """Put back the limit that was noted, unless another guest runs."""
    with suppress(OSError):  # that it is locked, as a rule
        flock(kept, LOCK_EX | LOCK_NB)
        kept.seek(0)
        before = kept.read()
        if before and int(setting.read_text()) == MAPS:
            setting.write_text(before)
        kept.truncate(0)


def run_in_guest(
    command: Sequence[str | Path],
    at: Path,
    *,
    limit_s: float,
    environment: Mapping[str, str],
    memory: str = MEMORY,
) -> int:
    """Exit status of `command` in a guest, in the folder `at`; LATE after `limit_s` seconds.  Prints as it runs."""
    with tempfile.TemporaryDirectory(prefix="guest-") as name:
        folder = Path(name)
        lines = [f"cd {shlex.quote(str(at))}"]
        lines += [f"export {key}={shlex.quote(value)}" for key, value in environment.items() if key.isidentifier()]
        lines += [f"exec {shlex.join(map(str, command))}"]
        (folder / "command").write_text("\n".join(lines) + "\n")
        kernel = [
            KERNEL, "rootfstype=hostfs", "rootflags=/", "rw", f"mem={memory}", f"umid={folder.name}",
            f"uml_dir={folder}/", f"init={INIT}", f"GUEST={folder}", "con=null", "con0=null,fd:1", "ssl=null", "quiet",
            "random.trust_cpu=on",
        ]  # fmt: skip
        with (folder / "errors").open("wb") as errors, many_maps():
            late = _watch(kernel, errors.fileno(), limit_s)
        status = folder / "status"
        if status.exists() and status.read_text().strip():
            return int(status.read_text())
        if late:
            return LATE
        tail = (folder / "errors").read_bytes()[-2000:].decode(errors="replace")
        print(f"the guest died before its command had ended:\n{tail}", file=sys.stderr, flush=True)
        return NO_STATUS


def _watch(kernel: Sequence[str], errors: int, limit_s: float) -> bool:
    """Run the kernel to its end and print what the guest's console says; True when it had to be ended."""
    child = subprocess.Popen(
        kernel, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors, start_new_session=True
    )
    assert child.stdout is not None
    late = False

    def end(_number: int, _frame: object) -> None:
        nonlocal late
        late = True
        os.killpg(child.pid, signal.SIGKILL)

    def leave(number: int, _frame: object) -> None:
        raise SystemExit(128 + number)

    before = {signal.SIGALRM: signal.signal(signal.SIGALRM, end), signal.SIGTERM: signal.signal(signal.SIGTERM, leave)}
    signal.setitimer(signal.ITIMER_REAL, limit_s)
    try:
        for line in child.stdout:
            if not any(noise in line for noise in NOISE):
                sys.stdout.buffer.write(line.replace(b"\r\n", b"\n"))
                sys.stdout.buffer.flush()
        child.wait()
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        if child.poll() is None:
            os.killpg(child.pid, signal.SIGKILL)  # also when we are told to end: no guest goes on without us
        for number, handler in before.items():
            signal.signal(number, handler)
        child.wait()
        child.stdout.close()
    return late


def main(arguments: Sequence[str]) -> int:
    """Run what the command line says, with this process's environment."""
    if not arguments or shutil.which(KERNEL) is None:
        print(__doc__ if not arguments else f"{KERNEL} not found (apt-get install user-mode-linux)", file=sys.stderr)
        return 2
    return run_in_guest(arguments, Path.cwd(), limit_s=float(os.environ.get("LIMIT_S", "600")), environment=os.environ)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
