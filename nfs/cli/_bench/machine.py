"""What the machine says: cores, CPU time and memory of a process, ports that are open; and what machine it is."""

from __future__ import annotations

import os
import platform
import resource
import socket
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from diameter import LocalError
from diameter._version import VERSION
from diameter.config import ASSOCIATIONS

SPARE: Final = 200
"""Descriptors that a process needs besides its links."""
OVER_UDP: Final = 9899
"""The UDP port of SCTP in user space (RFC 6951)."""
LISTENING: Final = "0A"
"""How /proc/net/tcp writes the state LISTEN."""


def cpu_s(pid: int) -> float:
    """CPU seconds of a process, user and system, all threads, ended ones too: the kernel's clock of that process."""
    return time.clock_gettime((~pid << 3) | 2)


def rss_kb(pid: int) -> int:
    """Resident memory in kB."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0


def cores() -> list[int]:
    """The cores we may use."""
    return sorted(os.sched_getaffinity(0))


def listens(pid: int, port: int, transport: str = "tcp") -> bool:
    """Whether somebody in the network of process `pid` listens on this port, of SCTP or else of TCP."""
    if transport in ASSOCIATIONS:
        return _has_association_port(pid, port)
    for table in ("tcp", "tcp6"):
        path = Path(f"/proc/{pid}/net/{table}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            fields = line.split()
            if fields[3] == LISTENING and int(fields[1].rpartition(":")[2], 16) == port:
                return True
    return False


def _has_association_port(pid: int, port: int) -> bool:
    """Whether there is an endpoint of kernel SCTP on the port, or else the UDP port that carries SCTP in user space."""
    endpoints = Path(f"/proc/{pid}/net/sctp/eps")
    if endpoints.exists() and any(port == int(one.split()[5]) for one in endpoints.read_text().splitlines()[1:]):
        return True
    sockets = Path(f"/proc/{pid}/net/udp")
    lines = sockets.read_text().splitlines()[1:] if sockets.exists() else []  # it may have ended
    return any(int(line.split()[1].rpartition(":")[2], 16) == OVER_UDP for line in lines)


def free_port() -> int:
    """A TCP port of loopback that nobody uses now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def raise_descriptors(peers: int) -> None:
    """Allow as many descriptors as so many links need, here and in children.  Raises LocalError when we may not."""
    needed = peers + SPARE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard if hard >= needed else needed))
    except (OSError, ValueError):
        raise LocalError(
            f"{peers} peers need {needed} open files, {hard} are allowed: raise the hard limit (ulimit -Hn)"
        ) from None


def described() -> dict[str, str | int]:
    """The machine and the day, for those who read the figures later."""
    model = ""
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.partition(":")[2].strip()
            break
    return {
        "processor": model or platform.machine(),
        "cores": len(cores()),
        "system": f"{platform.system()} {platform.release()}",
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "version": VERSION,
        "date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    }
