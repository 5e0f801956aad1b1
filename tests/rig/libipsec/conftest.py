"""Networks whose kernel needs no IPsec: ESP is made by strongSwan in user space, on a device of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.network_spaces import Cables, two_networks
from tools.parts import may_have_a_network

HERE = Path("/dev/net/tun").exists() and shutil.which("charon-systemd") is not None and may_have_a_network()
collect_ignore_glob = [] if HERE else ["test_*.py"]
INNER = ("10.8.0.1", "10.8.0.2")
"""Addresses inside the tunnel: of the left and of the right network."""


@pytest.fixture
def net() -> Iterator[Cables]:
    """Two networks with an address for the tunnel each; within, this thread lives in the left one."""
    with two_networks(1) as made:
        for space, address in zip((made.left, made.right), INNER, strict=True):
            space.ip(f"addr add {address}/32 dev lo")
        with made.left:
            yield made
