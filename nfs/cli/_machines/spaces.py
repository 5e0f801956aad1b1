"""Network namespaces, one for each machine, held by the process that carries their packets.

They have no names and no mounts: the file descriptors of that process lead to them, and when it and what was started in
them have ended, nothing is left.
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from diameter.errors import LocalError

TUN: Final = Path("/dev/net/tun")
_OURS: Final = "/proc/thread-self/ns/net"
_CLONE_NEWNET: Final = 0x40000000


def lacking() -> str:
    """Why this machine cannot have namespaces for a lab; "" when it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    for program, package in (("ip", "iproute2"), ("nsenter", "util-linux")):
        if shutil.which(program) is None:
            return f"the program {program} is missing (package {package})"
    return "" if TUN.exists() else f"{TUN} is missing"


def ip(*words: str) -> None:
    """Run `ip` with these words, where this thread lives.  Raises LocalError."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise LocalError(f"ip {' '.join(words)}: {done.stderr.strip()}")


@contextmanager
def made() -> Iterator[int]:
    """Within, this thread lives in a namespace that was just made; its file descriptor, which stays open."""
    before = os.open(_OURS, os.O_RDONLY)
    try:
        _check(ctypes.CDLL(None, use_errno=True).unshare(_CLONE_NEWNET))
        ip("link", "set", "lo", "up")
        yield os.open(_OURS, os.O_RDONLY)
    finally:
        _check(ctypes.CDLL(None, use_errno=True).setns(before, _CLONE_NEWNET))
        os.close(before)


def place(handle: int) -> dict[str, str]:
    """How others find a namespace that we hold, and what it is called in /proc."""
    path = f"/proc/{os.getpid()}/fd/{handle}"
    return {"path": path, "link": os.readlink(path)}


def enter(path: str) -> None:
    """Have this thread, and what it starts, live in a namespace from now on; "" changes nothing.  Raises LocalError."""
    if path:
        handle = os.open(path, os.O_RDONLY)
        try:
            _check(ctypes.CDLL(None, use_errno=True).setns(handle, _CLONE_NEWNET))
        finally:
            os.close(handle)


def inside(path: str) -> list[str]:
    """What stands before a command so that it runs in a namespace; nothing for ""."""
    return ["nsenter", f"--net={path}", "--"] if path else []


def end_all(links: Iterable[str]) -> None:
    """Kill what still runs in namespaces of ours, by id."""
    ours = set(links)
    for process in Path("/proc").iterdir() if ours else ():
        if not process.name.isdigit():
            continue
        try:
            if os.readlink(process / "ns" / "net") in ours:
                os.kill(int(process.name), signal.SIGKILL)
        except OSError:  # it has ended meanwhile
            continue


def _check(status: int) -> None:
    if status:
        raise LocalError(f"network namespace: {os.strerror(ctypes.get_errno())}")
