"""USIMs in columns do what USIMs of their own do."""

from __future__ import annotations

import random
import tracemalloc

import pytest

from nfs.common.cards import Card
from nfs.ue.usim import OutOfStep, Usim
from nfs.ue.usims import Usims

MILENAGE = Card(k=bytes(range(16)), top=bytes(range(16, 32)))
TUAK = Card(algorithm="tuak", k=bytes(range(32)), top=bytes(range(32, 64)), res_octets=16, iterations=2)
SHORT_TUAK = Card(algorithm="tuak", k=bytes(range(16)), top=bytes(range(32, 64)))
CARDS = {"001010000000009": MILENAGE, "00101000000001": TUAK, "001010000000010": SHORT_TUAK}


def made(sqn: int = 0) -> Usims:
    return Usims((imsi, card, sqn) for imsi, card in CARDS.items())


def challenge(card: Card, sqn: int) -> tuple[bytes, bytes]:
    functions, rand = card.functions(), bytes(16)
    out = functions.outputs(rand, sqn.to_bytes(6), b"\x80\x00")
    return rand, bytes(a ^ b for a, b in zip(sqn.to_bytes(6), out.ak, strict=True)) + b"\x80\x00" + out.mac_a


def test_names() -> None:
    usims = made()
    assert set(usims) == set(CARDS)
    assert len(usims) == 3
    assert "00101000000001" in usims
    for other in ("", "1010000000009", "x", "²", "00101000000000900", 7):
        assert other not in usims
    with pytest.raises(KeyError):
        usims["001010000000011"]


@pytest.mark.parametrize("imsi", sorted(CARDS))
def test_what_they_take(imsi: str) -> None:
    """The same answers as a USIM that keeps its state itself, whatever comes."""
    source = random.Random(imsi)
    start = 1000 << 5
    usims, plain = made(start), Usim(CARDS[imsi].functions(), start)
    for _ in range(60):
        sqn = source.randrange(990, 1030) << 5 | source.randrange(3)
        rand, autn = challenge(CARDS[imsi], sqn)
        assert usims[imsi].authenticate(rand, autn) == plain.authenticate(rand, autn)
    rand, autn = challenge(CARDS[imsi], 1 << 47)
    assert isinstance(usims[imsi].authenticate(rand, autn), OutOfStep)


def test_they_are_small() -> None:
    tracemalloc.start()
    try:
        usims = Usims((f"{n:015}", Card(k=n.to_bytes(16), top=n.to_bytes(16)), 0) for n in range(2000))
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(usims) == 2000
    assert held / 2000 < 150
