"""Pages are tried side by side, each with the ports it names: in a network of its own where we may make one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from helpers.network_spaces import Space
from tools.parts import may_have_a_network


@pytest.fixture
def network_of_the_page() -> Iterator[None]:
    """Loopback that no other page sees; the machine's own without the right to a namespace (root has it)."""
    if not may_have_a_network():
        yield
        return
    space = Space()
    with space:
        yield
    space.close()
