"""Equal values are one object."""

from __future__ import annotations

from diameter.peer.sharing import shared


def test_equal_values_are_kept_once() -> None:
    one, other = frozenset((16777251, 16777309)), frozenset((16777309, 16777251))
    assert shared(one) is shared(other)
    assert shared(("a", 1)) == ("a", 1)
