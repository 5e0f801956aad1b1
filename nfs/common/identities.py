"""Identities of subscribers, devices and servers: strict readers, encoders, and masks for logs.

Digits are `str` everywhere (an IMSI is never an `int`: leading zeros count).  Every reader returns the canonical form
or raises `IdentityError`, whose text names the kind of identity and never the identity itself, because such texts end
in logs and Error-Message AVPs.

IMSI: TS 23.003 2.2.  MSISDN and ISDN numbers: E.164, at most 15 digits.  External Identifier: TS 23.003 19.7.2.
TBCD: TS 29.002 17.7.8.  Address field: TS 23.040 9.1.2.5.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache
from typing import Final

_TBCD: Final = "0123456789*#abc"
_IMSI: Final = re.compile(r"[0-9]{6,15}\Z")
_E164: Final = re.compile(r"[0-9]{3,15}\Z")
_PLMN: Final = re.compile(r"[0-9]{5,6}\Z")
_LABEL: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\Z", re.ASCII)
_LOCAL: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*\Z", re.ASCII)
_DIGITS: Final = re.compile(r"(?<![0-9])[0-9]{14,16}(?![0-9])")
NAI_OCTETS: Final = 253
"""Longest External Identifier taken: what RFC 7542 2.3 lets every transport of a NAI carry."""
OPERATOR_DOMAIN: Final = "3gppnetwork.org"
"""Every NAI made from an IMSI or an IMPI lies under it (TS 23.003 19.2)."""


class IdentityError(ValueError):
    """A value is not the identity it should be; the text never repeats the value."""


class TypeOfNumber(IntEnum):
    """TON of TS 23.040 9.1.2.5."""

    UNKNOWN = 0
    INTERNATIONAL = 1
    NATIONAL = 2
    NETWORK_SPECIFIC = 3
    SUBSCRIBER = 4
    ALPHANUMERIC = 5
    ABBREVIATED = 6


class NumberingPlan(IntEnum):
    """NPI of TS 23.040 9.1.2.5."""

    UNKNOWN = 0
    ISDN = 1
    DATA = 3
    TELEX = 4
    NATIONAL = 8
    PRIVATE = 9
    ERMES = 10


def imsi(text: str) -> str:
    """The IMSI as 6 to 15 digits (TS 23.003 2.2: at most 15; MCC, MNC and at least one digit of MSIN)."""
    if not _IMSI.match(text):
        raise IdentityError("IMSI: 6 to 15 decimal digits expected")
    return text


def e164(text: str, kind: str = "MSISDN") -> str:
    """An international E.164 number as 3 to 15 digits; a leading + is taken off.  `kind` heads the error text."""
    digits = text[1:] if text.startswith("+") else text
    if not _E164.match(digits):
        raise IdentityError(f"{kind}: international number of 3 to 15 decimal digits expected")
    return digits


def plmn(text: str) -> str:
    """A PLMN as MCC and MNC: 5 or 6 digits ("00101", "310150")."""
    if not _PLMN.match(text):
        raise IdentityError("PLMN: MCC and MNC, 5 or 6 decimal digits, expected")
    return text


def encode_plmn(text: str) -> bytes:
    """The three octets of a PLMN identity (TS 24.008 10.5.1.13: the third MNC digit beside the third MCC digit)."""
    mcc, mnc = plmn(text)[:3], text[3:]
    third = mnc[2] if len(mnc) == 3 else "f"
    return bytes.fromhex(f"{mcc[1]}{mcc[0]}{third}{mcc[2]}{mnc[1]}{mnc[0]}")


def decode_plmn(octets: bytes) -> str:
    """MCC and MNC of the three octets of a PLMN identity."""
    if len(octets) != 3:
        raise IdentityError(f"PLMN: 3 octets expected, {len(octets)} found")
    text = octets.hex()
    return plmn(text[1] + text[0] + text[3] + text[5] + text[4] + ("" if text[2] == "f" else text[2]))


@lru_cache(maxsize=256)  # raises for those that are none, and these are not kept
def domain_name(text: str, kind: str = "domain") -> str:
    """A registered domain name, lower case, without a trailing dot: two labels or more."""
    name = text.lower().removesuffix(".")
    labels = name.split(".")
    if len(name) > NAI_OCTETS or len(labels) < 2 or not all(_LABEL.match(label) for label in labels):
        raise IdentityError(f"{kind}: a domain name of two or more labels expected")
    return name


@dataclass(frozen=True, slots=True)
class ExternalIdentifier:
    """`local@domain`, both parts required (TS 23.003 19.7.2).  The domain is compared without regard to case."""

    local: str
    domain: str

    @classmethod
    def parse(cls, text: str) -> ExternalIdentifier:
        """Read `local@domain` as a NAI username@realm of printable ASCII; the domain becomes lower case."""
        if len(text) > NAI_OCTETS:
            raise IdentityError(f"External-Identifier: {NAI_OCTETS} characters at most, {len(text)} found")
        local, at, domain = text.partition("@")
        if not at or not _LOCAL.match(local):
            raise IdentityError("External-Identifier: local-id@domain-id expected")
        return cls(local, domain_name(domain, "External-Identifier: domain-id"))

    def __str__(self) -> str:
        return f"{self.local}@{self.domain}"


def encode_tbcd(digits: str) -> bytes:
    """Semi-octets, low nibble first, filler 0xF when the count is odd; no NoA or NPI octet (TS 29.002 17.7.8)."""
    try:
        nibbles = [_TBCD.index(digit) for digit in digits]
    except ValueError:
        raise IdentityError("TBCD: digits, *, #, a, b or c expected") from None
    if len(nibbles) % 2:
        nibbles.append(15)
    return bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))


def decode_tbcd(octets: bytes) -> str:
    """The digits of a TBCD string; a filler anywhere but in the last high nibble is an error."""
    text = octets.hex()
    swapped = "".join(text[at + 1] + text[at] for at in range(0, len(text), 2))
    digits = swapped[:-1] if swapped.endswith("f") else swapped
    if "f" in digits:
        raise IdentityError("TBCD: filler before the end")
    return digits.translate(_FROM_HEX)


_FROM_HEX: Final = str.maketrans("abcde", "*#abc")


def encode_number(digits: str) -> bytes:
    """An E.164 number as TBCD without NoA and NPI: MSISDN, SCS-Identity, MME-Number-for-MT-SMS and the like."""
    return encode_tbcd(e164(digits, "number"))


def decode_number(octets: bytes, kind: str = "MSISDN") -> str:
    """The E.164 digits of a TBCD number; `kind` heads the error text."""
    try:
        return e164(decode_tbcd(octets), kind)
    except IdentityError:
        raise IdentityError(f"{kind}: TBCD of 3 to 15 decimal digits expected") from None


@dataclass(frozen=True, slots=True)
class Address:
    """Address field of TS 23.040 9.1.2.5 with digits (SM-RP-SMEA, TP-OA, TP-DA)."""

    digits: str
    ton: int = TypeOfNumber.INTERNATIONAL
    npi: int = NumberingPlan.ISDN

    def encode(self) -> bytes:
        """Length in semi-octets (the filler not counted), type of address, semi-octets."""
        if self.ton == TypeOfNumber.ALPHANUMERIC or not 0 <= self.ton <= 7 or not 0 <= self.npi <= 15:
            raise IdentityError("address field: a type of number with digits expected")
        if len(self.digits) > 20:
            raise IdentityError("address field: 20 digits at most")
        return bytes((len(self.digits), 0x80 | self.ton << 4 | self.npi)) + encode_tbcd(self.digits)

    @classmethod
    def decode(cls, octets: bytes) -> Address:
        """Read a whole address field; what follows its digits is an error."""
        if len(octets) < 2:
            raise IdentityError(f"address field: 2 octets at least, {len(octets)} found")
        count, kind = octets[0], octets[1]
        if count > 20 or len(octets) != 2 + (count + 1) // 2:
            raise IdentityError(f"address field: {count} semi-octets announced, {len(octets) - 2} octets found")
        if not kind & 0x80:
            raise IdentityError("address field: type of address without its extension bit")
        ton = kind >> 4 & 7
        if ton == TypeOfNumber.ALPHANUMERIC:
            raise IdentityError("address field: digits expected, an alphanumeric address found")
        digits = decode_tbcd(octets[2:])
        if len(digits) != count:
            raise IdentityError("address field: filler and length disagree")
        return cls(digits, ton, kind & 15)

    def international(self, kind: str = "SM-RP-SMEA") -> str:
        """The digits when this is an international E.164 number."""
        if self.ton != TypeOfNumber.INTERNATIONAL or self.npi != NumberingPlan.ISDN:
            raise IdentityError(f"{kind}: an international ISDN number expected")
        return e164(self.digits, kind)


def is_imsi_like(digits: str, home_plmns: Collection[str]) -> bool:
    """True when `digits` (14 or 15, or 15 behind the one digit of a NAI) is an IMSI of one of `home_plmns`.

    A NAI made from an IMSI carries one leading digit, 0 to 8, for the kind of authentication (TS 23.003 19.3.2).
    """
    if not digits.isascii() or not digits.isdigit():
        return False
    if len(digits) == 16 and digits[0] != "9":
        digits = digits[1:]
    return len(digits) in (14, 15) and any(digits.startswith(home) for home in home_plmns)


def holds_imsi(text: str, home_plmns: Collection[str]) -> bool:
    """True when a run of digits of `text` is an IMSI of a home network, or `text` names an operator's NAI domain."""
    if OPERATOR_DOMAIN in text.lower() and "@" in text:
        return True
    return any(is_imsi_like(run, home_plmns) for run in _DIGITS.findall(text))


def mask(identity: str) -> str:
    """What a log or audit line may show: of digits the last two, of `local@domain` the domain and one letter."""
    local, at, domain = identity.partition("@")
    if at:
        return f"{local[:1]}***@{domain}"
    return "***" + identity[-2:] if len(identity) > 5 else "***"
