"""What a UE and its MME call the UE: its GUTI, in a paging the S-TMSI, and the IMSI where there is nothing else yet.

GUTI and S-TMSI: TS 23.003 clause 2.8.  EPS mobile identity: TS 24.301 clause 9.9.3.12, here without its length.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from nfs.common.identities import IdentityError, encode_plmn, imsi
from nfs.common.nas_security import NasError

GUMMEI_OCTETS: Final = 6
S_TMSI_OCTETS: Final = 5
NO_TMSI: Final = 0xFFFFFFFF
"""No UE is called so: a UE says it that has no M-TMSI."""
_IMSI, _GUTI, _ODD = 1, 6, 8  # type of identity, and the bit for an odd number of digits
_FIRST: Final = 0xF0 | _GUTI
_NOTHING: Final = 0xF


class Guti(NamedTuple):
    """One.  gummei: PLMN, MME Group ID and MME Code, 6 octets; m_tmsi: 32 bits."""

    gummei: bytes
    m_tmsi: int

    def encode(self) -> bytes:
        """As EPS mobile identity, 11 octets."""
        return bytes((_FIRST,)) + self.gummei + self.m_tmsi.to_bytes(4)

    @property
    def s_tmsi(self) -> bytes:
        """MME Code and M-TMSI, 5 octets."""
        return self.gummei[5:] + self.m_tmsi.to_bytes(4)


def gummei(plmn: str, group: int, code: int) -> bytes:
    """The name of an MME.  plmn: digits; group: 16 bits; code: 8 bits."""
    return encode_plmn(plmn) + group.to_bytes(2) + code.to_bytes(1)


def encode_imsi(digits: str) -> bytes:
    """An IMSI as EPS mobile identity.  Raises IdentityError."""
    numbers = [int(digit) for digit in imsi(digits)]
    odd = len(numbers) % 2
    rest = numbers[1:] + [_NOTHING] * (1 - odd)
    first = numbers[0] << 4 | (_ODD if odd else 0) | _IMSI
    return bytes((first, *(high << 4 | low for low, high in zip(rest[::2], rest[1::2], strict=True))))


def decode_identity(octets: bytes) -> Guti | str:
    """A GUTI, or the digits of an IMSI.  Raises NasError for anything else."""
    kind = octets[0] & 7 if octets else 0
    if kind == _GUTI and len(octets) == 1 + GUMMEI_OCTETS + 4 and octets[0] == _FIRST:
        return Guti(octets[1:7], int.from_bytes(octets[7:]))
    if kind != _IMSI:
        raise NasError("no EPS mobile identity")
    text = f"{octets[0] >> 4:x}" + "".join(f"{each & 15:x}{each >> 4:x}" for each in octets[1:])
    if not octets[0] & _ODD:
        text = text.removesuffix("f")
    try:
        found = imsi(text)
    except IdentityError:
        raise NasError("no EPS mobile identity") from None
    if encode_imsi(found) != octets:
        raise NasError("no EPS mobile identity")
    return found
