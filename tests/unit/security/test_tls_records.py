"""However the records of a link are cut on their way, what they carry comes out, and where they end is known."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diameter.security.tls import TlsContext, TlsProtector
from helpers.certificates import Ca
from helpers.handshake import shake


@pytest.fixture(scope="module")
def ends() -> tuple[TlsProtector, TlsProtector]:
    ca = Ca()
    client, server = (TlsContext(ca.issue(name).credentials()) for name in ("client.example", "server.example"))
    one, other = client.protector(server=False), server.protector(server=True)
    assert shake(one, other) == []
    return one, other


@given(
    st.lists(st.one_of(st.integers(1, 50), st.sampled_from((16_384, 16_385, 40_000))), max_size=6),
    st.lists(st.one_of(st.integers(1, 9), st.integers(1, 50_000)), min_size=1, max_size=12),
)
def test_any_cut(ends: tuple[TlsProtector, TlsProtector], sizes: list[int], cuts: list[int]) -> None:
    one, other = ends
    sent = [bytes([number]) * size for number, size in enumerate(sizes)]
    for clear in sent:
        one.protect(clear)
    wire, got = one.outgoing() if sent else b"", b""
    while wire:
        size = cuts.pop(0) if cuts else len(wire)
        got += other.receive(wire[:size])
        wire = wire[size:]
    assert got == b"".join(sent)
    assert (other._skip, other._head) == (0, b"")


def test_a_record_at_a_time(ends: tuple[TlsProtector, TlsProtector]) -> None:
    one, other = ends
    for size in (1, 420, 16_384):
        for there, here in ((one, other), (other, one)):
            there.protect(bytes(size))
            assert here.receive(there.outgoing()) == bytes(size)
