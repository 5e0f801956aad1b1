"""What HSS and USIM share: keys with their algorithm, and the columns in which files have them.

OP and TOP become OPc and TOPc when a row is read.  No record in here shows a key in its `repr`, no fault repeats one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, Field

from diameter.config import Table
from nfs.common.aka import AkaError, Algorithm, Milenage, opc_of
from nfs.common.identities import IdentityError
from nfs.common.tuak import Lengths, Tuak, topc_of

AlgorithmName = Literal["milenage", "tuak"]
COLUMNS: Final = ("algorithm", "k", "op", "opc", "top", "topc", "amf", "res_bits", "iterations")
_NUMBERS: Final = ("res_bits", "iterations")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What HSS and USIM share.  `top`: OPc or TOPc.  `offset`: of SEQ (see `nfs.hss.sqn`).  `amf`: 16 bits.

    Raises AkaError when `functions` finds keys of a wrong length.
    """

    algorithm: AlgorithmName = "milenage"
    k: bytes = field(repr=False)
    top: bytes = field(repr=False)
    amf: int = 0x8000
    res_octets: int = 8
    iterations: int = 1
    offset: int = 0

    def functions(self) -> Algorithm:
        """f1 to f5* of this card."""
        if self.algorithm == "tuak":
            return Tuak(self.k, self.top, Lengths(res=self.res_octets), self.iterations)
        return Milenage(self.k, self.top)


def _octets(text: str) -> str:
    if not re.fullmatch("(?:[0-9A-Fa-f]{2})+", text):
        raise ValueError("hexadecimal digits expected")
    return text


Octets = Annotated[str, AfterValidator(_octets)]


class KeysRow(Table):
    """Keys as files of subscribers have them, in hexadecimal; OP or TOP become OPc or TOPc at once."""

    algorithm: AlgorithmName = "milenage"
    k: Octets = Field(repr=False)
    op: Octets | None = Field(default=None, repr=False)
    opc: Octets | None = Field(default=None, repr=False)
    top: Octets | None = Field(default=None, repr=False)
    topc: Octets | None = Field(default=None, repr=False)
    amf: Octets = "8000"
    res_bits: Literal[32, 64, 128] = 64
    iterations: int = Field(default=1, ge=1, le=100)

    def to_card(self) -> Card:
        """The card of it.  Raises IdentityError, which names what is missing and shows nothing."""
        tuak = self.algorithm == "tuak"
        operator, own, other = ("top", "topc", (self.op, self.opc)) if tuak else ("op", "opc", (self.top, self.topc))
        raw, done = (self.top, self.topc) if tuak else (self.op, self.opc)
        if (raw is None) == (done is None) or other != (None, None) or len(self.amf) != 4:
            raise IdentityError(f"keys: k with {operator} or {own}, one of the two, and an amf of 4 digits expected")
        if not tuak and (self.res_bits, self.iterations) != (64, 1):
            raise IdentityError("keys: res_bits and iterations belong to tuak")
        k = bytes.fromhex(self.k)
        try:
            if done is not None:
                top = bytes.fromhex(done)
            else:
                given = bytes.fromhex(raw or "")
                top = topc_of(k, given, self.iterations) if tuak else opc_of(k, given)
            card = Card(
                algorithm=self.algorithm,
                k=k,
                top=top,
                amf=int(self.amf, 16),
                res_octets=self.res_bits // 8,
                iterations=self.iterations,
            )
            if tuak or (len(k), len(top)) != (16, 16):
                card.functions()
        except AkaError as error:
            raise IdentityError(f"keys: {error}") from None
        return card


def cell(column: str, text: str) -> Any:
    """The value of a CSV cell for `KeysRow`.  Raises ValueError."""
    if column not in _NUMBERS:
        return text
    if not (text.isascii() and text.isdigit() and len(text) < 5):
        raise ValueError(f"{column}: a number expected")
    return int(text)
