"""RFC 6733 section 5.6.4: the higher Origin-Host wins, whatever the case of its letters."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.peer.election import same_identity, wins

identities = st.text(alphabet="abcxyzABCXYZ0189.-_", min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("local", "remote", "expected"),
    [
        ("b.example.org", "a.example.org", True),
        ("a.example.org", "b.example.org", False),
        ("B.example.org", "a.example.org", True),
        ("b.example.org", "A.EXAMPLE.ORG", True),
        ("Z.example.org", "a.example.org", True),
        ("aa.example.org", "a.example.org", True),
        ("a.example.org", "a.example", True),
        ("a.example.org", "A.Example.Org", False),
        ("a_.example.org", "az.example.org", False),
    ],
)
def test_election(local: str, remote: str, expected: bool) -> None:
    assert wins(local, remote) is expected


@given(one=identities, other=identities)
def test_the_result_at_one_end_is_the_inverse_of_the_other(one: str, other: str) -> None:
    assert wins(one, other) is not wins(other, one) or same_identity(one, other)
    assert wins(one.swapcase(), other) is wins(one, other)


def test_identities_compare_without_case_in_ascii_only() -> None:
    assert same_identity("HSS.Example.org", "hss.eXample.ORG")
    assert not same_identity("hss.example.org", "hss.example.org.")
    assert not same_identity("h\N{LATIN SMALL LETTER A WITH DIAERESIS}s", "h\N{LATIN CAPITAL LETTER A WITH DIAERESIS}s")
