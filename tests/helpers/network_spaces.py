"""Several network namespaces in one process: sockets stay where they were opened, so one reactor serves both ends of a
network with addresses, paths and faults of its own.
"""

from __future__ import annotations

import fcntl
import os
import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from helpers.namespace import CLONE_NEWNET, OURS, check, libc

SIOCSIFFLAGS: Final = 0x8914
IFF_UP: Final = 1
LOOPBACK: Final = struct.Struct("16sH14x")
"""struct ifreq: name and flags."""


class Space:
    """A namespace with loopback; within `with`, what this thread opens and starts lives there."""

    def __init__(self) -> None:
        self._before: list[BinaryIO] = []
        with OURS.open("rb") as here:
            check(libc.unshare(CLONE_NEWNET))
            self._file = OURS.open("rb")
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
                fcntl.ioctl(asking, SIOCSIFFLAGS, LOOPBACK.pack(b"lo", IFF_UP))
            check(libc.setns(here.fileno(), CLONE_NEWNET))

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
            subprocess.run(command, input=text.encode(), check=True, timeout=300)

    @property
    def number(self) -> str:
        """Name for `ip link ... netns`: a process that lives inside is not needed, a path is enough."""
        return f"/proc/{os.getpid()}/fd/{self._file.fileno()}"

    def close(self) -> None:
        """Let it go; the kernel takes its interfaces down."""
        self._file.close()


@dataclass
class Cables:
    """Two networks and what joins them."""

    left: Space
    right: Space
    paths: int = 2

    def __post_init__(self) -> None:
        self._cut: set[int] = set()
        self._spoilt = False
        self._added: list[tuple[Space, str]] = []

    def add(self, space: Space, *hosts: str) -> None:
        """Give `space` one more address on each cable, until the end of the test."""
        for number, host in enumerate(hosts, 1):
            self._added.append((space, f"{host}/24 dev path{number}"))
        space.ip(*(f"addr add {text}" for _, text in self._added[-len(hosts) :]))

    def repair(self) -> None:
        """As it was."""
        for number in sorted(self._cut):
            self.mend(number)
        if self._spoilt:
            self._spoilt = False
            for space in (self.left, self.right):
                space.tc(*(f"qdisc del dev path{number} root" for number in range(1, self.paths + 1)))
        for space, text in self._added:
            space.ip(f"addr del {text}")
        self._added.clear()

    def cut(self, number: int) -> None:
        """Pull the plug of one cable."""
        self._cut.add(number)
        self.left.ip(f"link set path{number} down")

    def mend(self, number: int) -> None:
        """Put it back."""
        self._cut.discard(number)
        self.left.ip(f"link set path{number} up")

    def spoil(self, fault: str) -> None:
        """Make every cable lose, delay, repeat or reorder packets, in words of `tc netem`; instead of before."""
        self._spoilt = True
        for space in (self.left, self.right):
            space.tc(*(f"qdisc replace dev path{number} root netem {fault}" for number in range(1, self.paths + 1)))


@contextmanager
def two_networks(paths: int = 2) -> Iterator[Cables]:
    """Two networks joined by `paths` cables: 10.1.N.1 and fd00:N::1 at one end of the Nth, .2 and ::2 at the other.

    The interfaces are pathN at both ends.
    """
    left, right = Space(), Space()
    try:
        numbers = range(1, paths + 1)
        lines = [f"link add path{number} type veth peer name path{number} netns {right.number}" for number in numbers]
        for end, space in enumerate((left, right), 1):
            space.sysctl("net.ipv6.conf.all.keep_addr_on_down", 1)
            for number in numbers:
                lines += [
                    f"addr add 10.1.{number}.{end}/24 dev path{number}",
                    f"addr add fd00:{number}::{end}/64 dev path{number} nodad",
                    f"link set path{number} up",
                ]
            space.ip(*lines)  # one program for each end: starting them is what takes a guest long
            lines = []
        yield Cables(left, right, paths)
    finally:
        left.close()
        right.close()
