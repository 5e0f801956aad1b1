"""The USIM: what it takes, what it answers with AUTS, what it does not know."""

from __future__ import annotations

import pytest

from nfs.common.aka import Milenage, Outputs, autn, resynchronise
from nfs.ue.usim import FAR, NotOurNetwork, OutOfStep, Usim

KEYS = Milenage(bytes(range(16)), bytes(range(16, 32)))
RAND, AMF = bytes(16), b"\x80\x00"


def challenge(seq: int, ind: int = 0, keys: Milenage = KEYS) -> bytes:
    sqn = (seq << 5 | ind).to_bytes(6)
    return autn(keys.outputs(RAND, sqn, AMF), sqn, AMF)


def test_a_new_challenge_is_taken_once() -> None:
    usim = Usim(KEYS)
    found = usim.authenticate(RAND, challenge(5))
    assert isinstance(found, Outputs)
    assert found.res == KEYS.outputs(RAND, bytes(6), AMF).res
    again = usim.authenticate(RAND, challenge(5))
    assert isinstance(again, OutOfStep)
    assert int.from_bytes(resynchronise(KEYS, again.info)) >> 5 == 5


def test_each_index_has_a_row_of_its_own() -> None:
    usim = Usim(KEYS)
    assert isinstance(usim.authenticate(RAND, challenge(100, 1)), Outputs)
    assert isinstance(usim.authenticate(RAND, challenge(50, 2)), Outputs)
    assert isinstance(usim.authenticate(RAND, challenge(50, 2)), OutOfStep)
    assert isinstance(usim.authenticate(RAND, challenge(99, 1)), OutOfStep)


def test_one_too_far_ahead_is_not_taken() -> None:
    usim = Usim(KEYS, sqn=7 << 5)
    assert isinstance(usim.authenticate(RAND, challenge(8 + FAR)), OutOfStep)
    assert isinstance(usim.authenticate(RAND, challenge(7 + FAR)), Outputs)


def test_another_network() -> None:
    with pytest.raises(NotOurNetwork):
        Usim(KEYS).authenticate(RAND, challenge(5, keys=Milenage(bytes(16), bytes(16))))


@pytest.mark.parametrize(("rand", "autn"), [(16, 0), (16, 5), (16, 17), (0, 16), (17, 16)])
def test_a_challenge_of_another_length(rand: int, autn: int) -> None:
    with pytest.raises(NotOurNetwork, match="16 octets"):
        Usim(KEYS).authenticate(bytes(rand), bytes(autn))
