"""Ports that have to be known before they are opened: below those that the kernel gives to whoever asks for any."""

from __future__ import annotations

import os
import socket
from itertools import count
from typing import Final

FIRST_PORT: Final = 10_000
HOW_MANY: Final = 20_000
_next: Final = count(os.getpid() * 61)
WORKERS: Final = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
WORKER: Final = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
"""Each worker of a run has ports that the others do not look at: one is free until it is opened."""


def free_port(host: str = "127.0.0.1") -> int:
    """A port of TCP and UDP that nobody has, and that nobody gets who binds to port 0."""
    for at in _next:
        port = FIRST_PORT + (at * WORKERS + WORKER) % (HOW_MANY // WORKERS * WORKERS)
        try:
            for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
                with socket.socket(socket.AF_INET, kind) as asking:
                    asking.bind((host, port))
        except OSError:
            continue
        return port
    raise AssertionError
