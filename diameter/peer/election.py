"""The election of RFC 6733 section 5.6.4: which of two crossing connections survives."""

from __future__ import annotations


def _folded(identity: str) -> bytes:
    """Octets to compare: a to z count as A to Z (the direction of folding decides where `_` sorts; both ends must agree on it).

    RFC 6733 says the letters compare equally and no more; upper case first is what DNS ordering does not do (RFC 4034 section 6.1
    sorts lower case), so lower case it is.
    """
    return identity.encode("utf-8", "surrogateescape").lower()


def same_identity(one: str, other: str) -> bool:
    """True when both name the same Diameter identity: ASCII letters compare without case."""
    return _folded(one) == _folded(other)


def wins(local: str, remote: str) -> bool:
    """True when the local Origin-Host comes after the remote one: we win, and close the connection we initiated."""
    return _folded(local) > _folded(remote)
