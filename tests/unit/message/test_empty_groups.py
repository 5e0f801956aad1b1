"""An empty Grouped AVP is its header and nothing else; what is remembered of groups must not be taken for a header."""

from __future__ import annotations

from diameter import Dictionary, decode

HEADER = bytes.fromhex("0100001c 80000118 00000000 00000001 00000002")


def test_an_empty_group_seen_before_is_walked_again() -> None:
    dictionary = Dictionary.load()
    groups = [a for a in dictionary.scope(0).avps.values() if a.type == "Grouped" and not a.vendor]
    assert groups
    for group in groups:
        octets = HEADER + group.code.to_bytes(4) + bytes.fromhex("40000008")
        first, again = decode(octets, dictionary), decode(octets, dictionary)
        assert [repr(f) for f in first.faults] == [repr(f) for f in again.faults]
        assert [avp.name for avp in again.avps] == [group.name]
