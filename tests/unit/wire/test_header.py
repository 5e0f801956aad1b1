"""The header's fields in whole messages, without decoding them (RFC 6733 section 3)."""

from diameter.wire import header

OCTETS = header.build(0xC0, 8388639, 16777309, 0x01020304, 0xFFFFFFFF, b"\0\0\1\x08\x40\0\0\x08")


def test_fields_are_read_where_they_stand() -> None:
    assert header.is_request(OCTETS)
    assert not header.is_request(header.with_flags(OCTETS, 0x40))
    assert header.hop_by_hop(OCTETS) == 0x01020304
    assert int.from_bytes(OCTETS[1:4]) == len(OCTETS) == 28


def test_fields_are_changed_and_nothing_else() -> None:
    changed = header.with_flags(header.with_identifiers(OCTETS, 7, 8), 0x50)
    assert header.hop_by_hop(changed) == 7
    assert changed[16:20] == (8).to_bytes(4)
    assert changed[4] == 0x50
    assert (changed[:4], changed[5:12], changed[20:]) == (OCTETS[:4], OCTETS[5:12], OCTETS[20:])


def test_messages_of_a_session_have_one_number() -> None:
    def with_session(name: bytes) -> bytes:
        avp = (263).to_bytes(4) + b"\x40" + (8 + len(name)).to_bytes(3) + name + bytes(-len(name) % 4)
        return header.build(0xC0, 8388639, 16777309, 1, 2, avp + OCTETS[20:])

    first, again, other = (header.session_number(with_session(name)) for name in (b"a;1;1", b"a;1;1", b"a;1;2"))
    assert first == again != other
    assert header.session_number(OCTETS) == 0
    assert header.session_number(OCTETS[:20]) == 0
