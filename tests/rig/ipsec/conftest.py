"""Networks for the tests of IPsec: two, joined by cables."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from helpers.network_spaces import Cables, two_networks

MODULES: Final = (
    "esp4", "esp6", "xfrm_user", "gcm", "ctr", "ghash-generic", "seqiv", "cbc", "hmac", "authenc", "echainiv",
    "sha512_generic", "drbg", "jitterentropy_rng",
)  # fmt: skip
"""What the kernel loads one by one for its first security association, which takes a guest longer than IKE waits."""


@pytest.fixture(scope="session", autouse=True)
def _modules() -> None:
    modprobe = Path("/proc/sys/kernel/modprobe").read_text().strip()
    subprocess.run([modprobe, "-aq", *MODULES], timeout=300, check=False)


@pytest.fixture
def cables() -> Iterator[Cables]:
    """Two networks joined by two cables, new for each test: nothing of IPsec is left from another one."""
    with two_networks() as made:
        yield made
