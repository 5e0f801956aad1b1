"""One browser for the tests of a file."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from helpers.browsing import browsers


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    yield from browsers()
