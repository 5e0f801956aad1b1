"""Chance that comes out the same for a seed, UE by UE, in whatever order it is asked and in whichever process.

A number is a function of the seed and of what it is for (splitmix64), so that nothing is remembered.
"""

from __future__ import annotations

from typing import Final

_WORD: Final = (1 << 64) - 1
_STEP: Final = 0x9E3779B97F4A7C15


def unit(seed: int, *purpose: int) -> float:
    """A number of [0, 1) for what the numbers of `purpose` say together."""
    word = seed & _WORD
    for number in purpose:
        word = (word + _STEP * (number + 1)) & _WORD
        word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & _WORD
        word = (word ^ word >> 27) * 0x94D049BB133111EB & _WORD
        word ^= word >> 31
    return (word >> 11) / (1 << 53)
