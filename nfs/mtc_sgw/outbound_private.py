"""Nothing private of a device, and no name of the inside, to the outside: equipment, addresses, cells, groups.

Two nets.  AVPs that exist to carry such a thing are known by their names, which the dictionaries of all reference
points supply.  In every other AVP the data is read as text: an address, an IMEI (15 digits with their check digit, or
whatever follows the word), a cell or area behind its word, and words that must never leave: Local Group Ids have no
form to be known by, so the operator lists them, and the names of core nodes are listed by themselves.  What application
and device say to each other (Payload, SM-RP-UI) is their own affair and not read, but for IMSIs (`outbound_imsi`);
names that the outside has made (External-Identifier, Session-Id, Proxy-State) are searched for words only.

Octets that are no text are not read as one, or chance alone would hold messages back: numbers come here without their
data, or as Octets (`walk`), the two counters of a Session-Id (RFC 6733 section 8.8) hold no word, and TBCD digits are
digits.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from functools import lru_cache
from ipaddress import ip_address
from typing import Final

from nfs.common.identities import IdentityError, decode_number
from nfs.mtc_sgw.walk import Octets

OPAQUE: Final = frozenset({"Payload", "SM-RP-UI"})
OUTSIDE_S: Final = frozenset({"External-Identifier", "Session-Id", "Proxy-State"})
TBCD: Final = frozenset({"MSISDN", "SCS-Identity"})
_COUNTERS: Final = re.compile(rb";[0-9]{1,10};[0-9]{1,10}(?=;|\Z)")
_NAMES: Final = re.compile(
    r"IMEI|IMSI|Terminal-Information|User-Equipment|Software-Version|Private-Identity|Public-Identity"
    r"|Location|Cell|ECGI|CSG|Geographic|Civic|(?:Area|Zone)-|-Area|User-State"
    r"|IP-?Address|IPv6|Framed-IP|PDP-Address|(?:SGSN|MME|MSC|GGSN|IP-SM-GW|SMSF)-|Local-Group|Group-(?:Service|PLMN)"
)
_IPV4: Final = re.compile(r"(?<![\w.])(?:[0-9]{1,3}\.){3}[0-9]{1,3}(?![\w.]*[A-Za-z_])")
_IPV6: Final = re.compile(r"(?<![\w:])[0-9A-Fa-f]{0,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])")
_DIGITS: Final = re.compile(r"(?<![0-9])[0-9]{15}(?![0-9])")
_IMEI: Final = re.compile(r"imei(?:sv)?\W{0,3}[0-9]{14,16}", re.IGNORECASE)
_CELL: Final = re.compile(
    r"\b(?:e?cgi|[trls]ai|tac|lac|e-?nb|cell(?:[ _-]?id(?:entity)?)?)\W{1,3}(?:0x)?[0-9a-f-]*[0-9]", re.IGNORECASE
)


def check(fields: Iterable[tuple[str, bytes]], words: Collection[bytes]) -> str | None:
    """Why a message of these AVPs (name and data, those inside groups too) must not leave; None when it may.

    words: in lower case.
    """
    for name, data in fields:
        if _of_the_device(name):
            return f"{name} does not leave the network"
        if name in OPAQUE or not data or isinstance(data, Octets) or (name in TBCD and _is_number(data)):
            continue
        low = data.lower()
        if name == "Session-Id":
            low = _COUNTERS.sub(b";;", low, count=1)
        if any(word in low for word in words):
            return f"{name} holds a word that must not leave"
        if len(data) < 4 or name in OUTSIDE_S:
            continue
        found = _in_text(data.decode("latin-1"))
        if found:
            return f"{name} holds {found}"
    return None


def _is_number(data: bytes) -> bool:
    try:
        decode_number(data)
    except IdentityError:
        return False
    return True


@lru_cache(maxsize=1024)
def _of_the_device(name: str) -> bool:
    return _NAMES.search(name) is not None


def _in_text(text: str) -> str:
    """What private thing a text holds, "" for none."""
    if any(_is_address(found) for found in _addresses(text)):
        return "an address"
    if _IMEI.search(text) or any(_luhn(found) for found in _DIGITS.findall(text)):
        return "an IMEI"
    return "a cell or area" if _CELL.search(text) else ""


def _addresses(text: str) -> Iterator[str]:
    if "." in text:
        yield from _IPV4.findall(text)
    if ":" in text:
        yield from _IPV6.findall(text)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _luhn(digits: str) -> bool:
    """Whether the last digit of an IMEI is the check digit of the others (TS 23.003 annex B)."""
    total = 0
    for at, digit in enumerate(reversed(digits)):
        value = int(digit) * (1 + at % 2)
        total += value - 9 if value > 9 else value
    return total % 10 == 0
