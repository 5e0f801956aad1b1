"""Options of SCTP-AUTH, octet for octet, and what both ends must have asked for."""

from __future__ import annotations

import pytest

from diameter.transport.sctp_auth import LINUX, USRSCTP, AuthKeys, demand


def test_options_of_both_implementations() -> None:
    """Structures of RFC 6458 section 8, numbers of linux/sctp.h and usrsctp.h."""
    for numbers in (LINUX, USRSCTP):
        given: list[tuple[int, bytes]] = []
        demand(numbers, lambda option, value, given=given: given.append((option, value)))  # type: ignore[misc]
        assert given == [
            (numbers.supported, bytes(4) + b"\1\0\0\0"),
            (numbers.sack, bytes(4) + b"\x14\0\0\0" + bytes(4)),
            (numbers.hmacs, b"\2\0\0\0\3\0\1\0"),
            (numbers.chunk, b"\0"),
            (numbers.chunk, b"\xc0"),
        ]
        there = {numbers.own_chunks: b"\2\0\0\0\0\xc0", numbers.peer_chunks: b"\1\0\0\0\x80"}
        keys = AuthKeys(
            numbers,
            lambda option, value, given=given: given.append((option, value)),  # type: ignore[misc]
            lambda option, _, there=there: bytes(4) + there[option],  # type: ignore[misc]
        )
        found = [keys.agreed]
        there[numbers.peer_chunks] = there[numbers.own_chunks]
        assert [*found, keys.agreed] == [False, True]
        given.clear()
        keys.install(1, b"abc")
        keys.activate(1)
        keys.remove(0)
        assert given == [
            (numbers.key, b"\0\0\0\0\1\0\3\0abc"),
            (numbers.active, b"\0\0\0\0\1\0\0\0"),
            (numbers.delete, bytes(8)),
        ]


def test_sha_1_alone_where_there_is_nothing_else() -> None:
    given: list[bytes] = []

    def limited(option: int, value: bytes) -> None:
        if option == USRSCTP.hmacs:
            given.append(value)
            if b"\3\0" in value[4:]:
                raise OSError(22, "Invalid argument")

    demand(USRSCTP, limited)
    assert given[-1] == b"\1\0\0\0\1\0"

    def nothing(option: int, value: bytes) -> None:
        raise OSError(92, "Protocol not available")

    with pytest.raises(OSError, match="not available"):
        demand(LINUX, lambda option, value: None if option == LINUX.supported else nothing(option, value))

    def gone(option: int, size: int) -> bytes:
        raise OSError(107, "not connected")

    assert not AuthKeys(LINUX, nothing, gone).agreed
