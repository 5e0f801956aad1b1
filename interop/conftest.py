"""What the live peers share: a network of the run's own, and a lab PKI."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from diameter.security.pki import Pki
from helpers.chance import pytest_configure, pytest_runtest_setup
from helpers.erlang import compiled
from helpers.live import AT
from helpers.namespace import network
from helpers.other_cores import absent
from helpers.programs import Program, Start
from tools.environment import PEERS, ROOT, ensure, safe_environment

__all__ = ["pytest_configure", "pytest_runtest_setup"]
collect_ignore = list(absent())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Which cores were not met, because they are not on this machine."""
    for test, why in absent().items():
        terminalreporter.write_line(f"interop/{test}: for machines that have the core ({why})")


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


@pytest.fixture
def python_diameter(python_of_peers: Path, tmp_path: Path) -> Start:
    """Starts python_diameter/peer.py with the words for it."""

    def start(*words: str) -> Program:
        peer = ROOT / "interop" / "python_diameter" / "peer.py"
        return Program([python_of_peers, peer, *words], tmp_path / f"python-{words[0]}", safe_environment())

    return start


@pytest.fixture(scope="session")
def code(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the compiled peer for `helpers.erlang.erlang`."""
    return compiled(tmp_path_factory.mktemp("beam"))
