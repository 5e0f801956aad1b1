"""The codec's benchmark voids itself: a decoder or encoder that does not look is found before anything is timed."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Dictionary, LocalError, Message, decode
from nfs.cli._bench.messages import EVERY, FIVE_VALUES, RELAY, WITH_ARITY
from nfs.cli._bench.programs import codec


class Careless:
    """A message of which faults with some Result-Codes are never seen."""

    def __init__(self, message: Message, blind: set[int]) -> None:
        self._message = message
        self.faults = tuple(one for one in message.faults if int(one.result_code) not in blind)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._message, name)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return Dictionary.load()


def test_what_is_timed_finds_every_fault_that_is_put_before_it(dictionary: Dictionary) -> None:
    assert set(codec.operations(dictionary)) == {RELAY, FIVE_VALUES, EVERY, WITH_ARITY}


@pytest.mark.parametrize("code", [5001, 5004, 5005, 5009, 5014, 5016])
def test_a_fault_that_passes_voids_the_run(dictionary: Dictionary, monkeypatch: pytest.MonkeyPatch, code: int) -> None:
    monkeypatch.setattr(codec, "decode", lambda octets, known: Careless(decode(octets, known), {code}))
    with pytest.raises(LocalError, match=f"^void: a message with fault {code} passed as sound$"):
        codec.operations(dictionary)
