"""Networks for the tests of kernel SCTP."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter.security.pki import Pki
from helpers.erlang import compiled
from helpers.network_spaces import Cables, Space, two_networks


@pytest.fixture(scope="module")
def nowhere() -> Iterator[None]:
    """A network of its own with an interface behind which nobody lives."""
    space = Space()
    space.ip("link add nowhere type dummy", "addr add 10.77.0.1/24 dev nowhere", "link set nowhere up")
    with space:
        yield
    space.close()


@pytest.fixture(scope="session")
def _networks() -> Iterator[Cables]:
    with two_networks() as made:
        yield made


@pytest.fixture
def cables(_networks: Cables) -> Iterator[Cables]:
    """Two networks joined by two cables, whole at the beginning."""
    yield _networks
    _networks.repair()


@pytest.fixture
def pki(tmp_path: Path) -> Pki:
    """A lab PKI: freeDiameter wants a certificate even where it needs none."""
    return Pki.init(tmp_path / "pki")


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with Erlang's compiled peer; whoever boots a guest has it compiled outside, where that is quick."""
    made = os.environ.get("MTC_BEAM")
    return Path(made) if made else compiled(tmp_path_factory.mktemp("beam"))
