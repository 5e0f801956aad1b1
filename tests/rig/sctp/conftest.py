"""Networks for the tests of kernel SCTP."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.network_spaces import Space


@pytest.fixture(scope="module")
def nowhere() -> Iterator[None]:
    """A network of its own with an interface behind which nobody lives."""
    space = Space()
    space.ip("link add nowhere type dummy", "addr add 10.77.0.1/24 dev nowhere", "link set nowhere up")
    with space:
        yield
    space.close()
