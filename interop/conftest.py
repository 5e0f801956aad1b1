"""What the live peers share: a network of the run's own, and a lab PKI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter.security.pki import Pki
from helpers.live import AT
from helpers.namespace import network
from tools.environment import PEERS, ROOT, ensure


@pytest.fixture(scope="session")
def python_of_peers() -> Path:
    """The interpreter of the environment with python-diameter, made first: the network of the tests has no way out."""
    return ensure(PEERS, ROOT / "requirements" / "peers.lock")


@pytest.fixture(scope="session", autouse=True)
def own_network(python_of_peers: Path) -> Iterator[None]:
    """Every test here runs in a network namespace with the addresses of `helpers.live.AT`."""
    with network(*AT.values()):
        yield


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """A lab PKI, as `mtc pki init` makes it."""
    return Pki.init(tmp_path / "pki")
