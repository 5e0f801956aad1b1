"""Several network namespaces in one process: sockets stay where they were opened, so one reactor serves both ends of a
network with addresses, paths and faults of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from helpers.namespace import CLONE_NEWNET, OURS, check, libc


class Space:
    """A namespace with loopback; within `with`, what this thread opens and starts lives there."""

    def __init__(self) -> None:
        self._before: list[BinaryIO] = []
        with OURS.open("rb") as here:
            check(libc.unshare(CLONE_NEWNET))
            self._file = OURS.open("rb")
            check(libc.setns(here.fileno(), CLONE_NEWNET))
        self.ip("link set lo up")

    def __enter__(self) -> Space:
        self._before.append(OURS.open("rb"))
        check(libc.setns(self._file.fileno(), CLONE_NEWNET))
        return self

    def __exit__(self, *_: object) -> None:
        with self._before.pop() as before:
            check(libc.setns(before.fileno(), CLONE_NEWNET))

    def ip(self, *lines: str) -> None:
        """Run these lines of `ip` inside."""
        self._run(["ip", "-batch", "-"], "\n".join(lines))

    def tc(self, *lines: str) -> None:
        """Run these lines of `tc` inside."""
        self._run(["tc", "-batch", "-"], "\n".join(lines))

    def sysctl(self, name: str, value: object) -> None:
        """Set one variable of the network inside."""
        with self:
            Path("/proc/sys", *name.split(".")).write_text(str(value))

    def _run(self, command: list[str], text: str) -> None:
        with self:
            subprocess.run(command, input=text.encode(), check=True, timeout=20)

    @property
    def number(self) -> str:
        """Name for `ip link ... netns`: a process that lives inside is not needed, a path is enough."""
        return f"/proc/{os.getpid()}/fd/{self._file.fileno()}"

    def close(self) -> None:
        """Let it go; the kernel takes its interfaces down."""
        self._file.close()


@contextmanager
def two_spaces(paths: int = 1) -> Iterator[tuple[Space, Space]]:
    """Two namespaces joined by `paths` cables: 10.1.N.1 and fd00:N::1 at one end of the Nth, .2 and ::2 at the other.

    The interfaces are pathN at both ends.
    """
    left, right = Space(), Space()
    try:
        for number in range(1, paths + 1):
            left.ip(f"link add path{number} type veth peer name path{number} netns {right.number}")
        for end, space in enumerate((left, right), 1):
            lines = []
            for number in range(1, paths + 1):
                lines += [
                    f"addr add 10.1.{number}.{end}/24 dev path{number}",
                    f"addr add fd00:{number}::{end}/64 dev path{number} nodad",
                    f"link set path{number} up",
                ]
            space.ip(*lines)
        yield left, right
    finally:
        left.close()
        right.close()
