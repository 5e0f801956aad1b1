"""A network of the benchmark's own: loopback, and one address that leads nowhere, because freeDiameter leaves loopback
addresses out of its own and does not start with nothing else.

One process holds the namespace; whatever is started with `prefix` in front of its words lives in it.
"""

from __future__ import annotations

import subprocess
from types import TracebackType
from typing import Final

SETUP: Final = (
    "ip link set lo up && ip link add bench0 type veth peer name bench1 && ip addr add 10.99.0.1/32 dev bench0"
    " && ip link set bench0 up && ip link set bench1 up && echo ready && exec cat"
)
WAYS: Final[tuple[tuple[list[str], list[str]], ...]] = (
    (["unshare", "-n"], []),
    (["unshare", "-rn"], ["-U", "--preserve-credentials"]),
)
"""As root; and with a user namespace of our own."""


class Network:
    """`prefix`: words that put a command into it, none where there is no network of our own; `missing` says why."""

    def __init__(self) -> None:
        self.prefix: list[str] = []
        self.missing = ""
        self._holder: subprocess.Popen[str] | None = None

    def __enter__(self) -> Network:
        for unshare, nsenter in WAYS:
            if self._hold([*unshare, "sh", "-c", SETUP], nsenter):
                self.missing = ""
                break
        return self

    def _hold(self, words: list[str], nsenter: list[str]) -> bool:
        pipe = subprocess.PIPE
        try:
            holder = subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        except OSError as error:
            self.missing = f"no network namespace: {error}"
            return False
        assert holder.stdout is not None
        if holder.stdout.readline().strip() == "ready":
            self._holder = holder
            self.prefix = ["nsenter", *nsenter, "-t", str(holder.pid), "-n"]
            return True
        said = holder.communicate()[1].strip().splitlines()
        self.missing = f"no network namespace: {said[-1] if said else 'unshare ended'}"
        return False

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._holder is not None:
            self._holder.communicate()  # its standard input ends, and so does it
