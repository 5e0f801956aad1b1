"""Network namespaces, one for each machine: made, entered by a thread, and taken away with what still runs in them."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from diameter.errors import LocalError

TUN: Final = Path("/dev/net/tun")
NAMED: Final = Path("/run/netns")
_CLONE_NEWNET: Final = 0x40000000


def lacking() -> str:
    """Why this machine cannot have namespaces for a lab; "" when it can."""
    if os.geteuid() != 0:
        return "only root may make network namespaces"
    if shutil.which("ip") is None:
        return "the program ip is missing (package iproute2)"
    return "" if TUN.exists() else f"{TUN} is missing"


def ip(*words: str) -> str:
    """Run `ip` with these words; what it prints.  Raises LocalError."""
    done = subprocess.run(["ip", *words], capture_output=True, text=True, timeout=30, check=False)
    if done.returncode:
        raise LocalError(f"ip {' '.join(words)}: {done.stderr.strip()}")
    return done.stdout


def make(names: Iterable[str]) -> None:
    """Make namespaces with a loopback interface."""
    for name in names:
        ip("netns", "add", name)
        ip("-n", name, "link", "set", "lo", "up")


def remove(names: Iterable[str]) -> None:
    """Kill what is left in namespaces of ours, and take them away; those that are not there do no harm."""
    for name in names:
        if (NAMED / name).exists():
            for pid in ip("netns", "pids", name).split():
                try:
                    os.kill(int(pid), signal.SIGKILL)
                except ProcessLookupError:
                    continue
            ip("netns", "delete", name)


def enter(name: str) -> None:
    """Have this thread, and what it starts, live in a namespace from now on; "" changes nothing."""
    if name:
        libc = ctypes.CDLL(None, use_errno=True)
        with (NAMED / name).open("rb") as file:
            if libc.setns(file.fileno(), _CLONE_NEWNET):
                raise LocalError(f"namespace {name}: {os.strerror(ctypes.get_errno())}")


def inside(name: str) -> list[str]:
    """What stands before a command so that it runs in a namespace; nothing for ""."""
    return ["ip", "netns", "exec", name] if name else []
