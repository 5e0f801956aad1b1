"""A network of this process's own, which nothing outside sees and which ends with the processes in it.

freeDiameter leaves loopback addresses out of its own, so live peers need an address of another kind.  A network
namespace gives one without touching the machine's interfaces: nothing to clean up, and ports are free.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

CLONE_NEWNET: Final = 0x40000000
OURS: Final = Path("/proc/thread-self/ns/net")
libc: Final = ctypes.CDLL(None, use_errno=True)


@contextmanager
def network(*addresses: str) -> Iterator[None]:
    """Within, this thread and whatever it starts live in a network of loopback and `addresses`, all of one /24.

    They are on one end of a veth pair that leads nowhere else.  Raises OSError without the right to make one.
    """
    with OURS.open("rb") as before:
        check(libc.unshare(CLONE_NEWNET))
        try:
            _ip("link", "set", "lo", "up")
            _ip("link", "add", "lab0", "type", "veth", "peer", "name", "lab1")
            for address in addresses:
                _ip("addr", "add", f"{address}/24", "dev", "lab0")
            for end in ("lab0", "lab1"):
                _ip("link", "set", end, "up")
            yield
        finally:
            check(libc.setns(before.fileno(), CLONE_NEWNET))


def _ip(*words: str) -> None:
    subprocess.run(["ip", *words], check=True, timeout=300)


def check(status: int) -> None:
    if status:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
