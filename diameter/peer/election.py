"""The election of RFC 6733 section 5.6.4: which of two crossing connections survives.

The RFC makes `a` to `z` equal to `A` to `Z` and is silent on which way to fold, which decides where `_` sorts.  We
fold to lower case, as DNS does (RFC 4034 section 6.1): both ends must agree, or both connections fall.
"""

from __future__ import annotations


def _folded(identity: str) -> bytes:
    return identity.encode("utf-8", "surrogateescape").lower()


def same_identity(one: str, other: str) -> bool:
    """True when both name the same Diameter identity: ASCII letters compare without case."""
    return _folded(one) == _folded(other)


def wins(local: str, remote: str) -> bool:
    """True when the local Origin-Host comes after the remote one: we win, and close the connection we initiated."""
    return _folded(local) > _folded(remote)
