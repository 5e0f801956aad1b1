"""What runs out, when, and from when on somebody is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from diameter.security.papers import Paper, papers, utc
from diameter.security.tls import TlsContext
from helpers.certificates import Ca, pem

NOW = datetime(2030, 1, 1, tzinfo=UTC)


def paper(life: float, left: float) -> Paper:
    """One that lives for so many days and has so many left."""
    end = NOW + timedelta(days=left)
    return Paper(kind="crl", name="CN=x", not_before=end - timedelta(days=life), not_after=end)


@pytest.mark.parametrize(
    ("life", "left", "days", "warned"),
    [(365, 31, 30, False), (365, 30, 30, True), (7, 3, 30, False), (7, 2, 30, True), (365, 1, 0, False)],
)
def test_nobody_is_told_before_a_third_of_the_lifetime_is_left(
    life: float, left: float, days: int, warned: bool
) -> None:
    one = paper(life, left)
    assert (one.left_s(NOW) <= one.warn_s(days)) == warned


@pytest.mark.parametrize(
    ("left", "words"),
    [(12, "expires on 2030-01-13, in 12 days"), (0.5, "expires at 2030-01-01T12:00Z"), (-3, "expired on 2029-12-29")],
)
def test_words(left: float, words: str) -> None:
    assert paper(30, left).said(NOW) == words


def test_everything_in_force_that_ends() -> None:
    ca = Ca()
    leaf = ca.issue("a.example")
    context = TlsContext(leaf.credentials(crls=[pem(ca.crl())]))
    found = papers(context)
    rows = [(one.kind, one.name, one.not_after) for one in found]
    assert rows[:2] == [
        ("certificate", "CN=a.example", leaf.certificate.not_valid_after_utc),
        ("trust", "CN=Lab CA", ca.certificate.not_valid_after_utc),
    ]
    assert rows[2][:2] == ("crl", "CN=Lab CA")
    assert utc(0).year == 1970
