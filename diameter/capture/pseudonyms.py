"""Other names for the same length: keyed, the same for the same value, and never the same for two.

Digits become digits and letters letters by a Feistel network over the numbers of that length, its rounds being
HMAC-SHA-256 (the construction of NIST SP 800-38G, method FF1, with another round function).  It is a permutation, so
two subscribers never become one, and nobody without the key finds the way back.
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import re
from functools import lru_cache
from typing import Final

ROUNDS: Final = 10
KEPT: Final = frozenset(
    [
        "3gppnetwork",
        "epc",
        "gprs",
        "ims",
        "pub",
        "org",
        "com",
        "net",
        "example",
        "test",
        "invalid",
        "localdomain",
        "sip",
        "tel",
    ]
)
"""Labels that name nobody: of TS 23.003 and those reserved by RFC 2606."""
_NETWORK: Final = re.compile(r"(?i)(mnc|mcc)([0-9]+)")
_TEN: Final = "0123456789"
_LETTERS: Final = "abcdefghijklmnopqrstuvwxyz"
_ADDRESS: Final = re.compile(r"(?<![0-9.])[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?![0-9.])")
_NAI: Final = re.compile(r"[0-6][0-9]{15}")


class Pseudonyms:
    """`key`: octets that only those have who may find out whether two captures are of the same people."""

    def __init__(self, key: bytes) -> None:
        self._key = hashlib.sha256(b"mtc-diameter pseudonyms" + key).digest()
        self._taken: dict[bytes, bytes] = {}
        self._addresses: dict[bytes, bytes] = {}
        self.digits = lru_cache(maxsize=65_536)(self._digits)
        self.host = lru_cache(maxsize=16_384)(self._host)

    def _digits(self, text: str) -> str:
        """As many digits."""
        return self._permuted(text, _TEN, "digits") if text else text

    def imei(self, text: str) -> str:
        """As many digits; of 15 the last is the check digit again (TS 23.003 annex B)."""
        if len(text) != 15 or luhn(text[:14]) != text[14]:
            return self.digits(text)
        body: str = self.digits(text[:14])
        return body + luhn(body)

    def label(self, text: str) -> str:
        """A word with letters, digits and signs where they were, capitals included."""
        if text.lower() in KEPT:
            return text
        network = _NETWORK.fullmatch(text)
        if network is not None:
            return network[1] + str(self.digits(network[2]))
        letters = "".join(one for one in text.lower() if one in _LETTERS)
        digits = "".join(one for one in text if one in _TEN)
        shape = re.sub("[0-9]", "0", re.sub("[a-zA-Z]", "a", text))
        new_letters = iter(self._permuted(letters, _LETTERS, f"letters {shape}"))
        new_digits = iter(self.digits(digits) if not letters else self._permuted(digits, _TEN, f"label {letters}"))
        out = []
        for one in text:
            if one.lower() in _LETTERS:
                new = next(new_letters)
                out.append(new.upper() if one.isupper() else new)
            elif one in _TEN:
                out.append(next(new_digits))
            else:
                out.append(one)
        return "".join(out)

    def _host(self, text: str) -> str:
        """A host or realm: each label becomes another one, so that a host stays in its realm."""
        if _ADDRESS.fullmatch(text):
            return self.dotted(text)
        return ".".join(self.label(one) for one in text.split("."))

    def user(self, text: str) -> str:
        """An IMSI, a user name or an identifier with a domain behind "@"."""
        local, at, domain = text.partition("@")
        if local.isascii() and local.isdigit():
            local = local[0] + str(self.digits(local[1:])) if at and _NAI.fullmatch(local) else self.digits(local)
        else:
            local = ".".join(self.label(one) for one in local.split("."))
        return local + at + (self.host(domain) if domain else "")

    def dotted(self, text: str) -> str:
        """An IPv4 address as text, each number as long as it was."""
        out = []
        for at, part in enumerate(text.split(".")):
            low, high = ((0, 9), (10, 99), (100, 255))[len(part) - 1]
            out.append(str(low + self._number(f"dotted {at} {text}".encode(), high - low + 1)))
        return ".".join(out)

    def address(self, packed: bytes) -> bytes:
        """4 octets: one of 10.0.0.0/8; 16: one of fd00::/8.  No two of a run become one."""
        found = self._addresses.get(packed)
        if found is None:
            tried = packed
            while True:
                stream = self._stream(b"address", tried, len(packed) - 1)
                found = (b"\x0a" if len(packed) == 4 else b"\xfd") + stream
                if self._taken.setdefault(found, packed) == packed:
                    break
                tried += b"+"
            self._addresses[packed] = found
        return found

    def address_text(self, host: str) -> str:
        """The address of a link's end, or its name."""
        try:
            packed = ipaddress.ip_address(host.partition("%")[0]).packed
        except ValueError:
            return self.host(host)
        return str(ipaddress.ip_address(self.address(packed)))

    def octets(self, data: bytes) -> bytes:
        """As many octets; text stays text."""
        if data and all(32 <= one < 127 for one in data):
            stream = self._stream(b"text", data, len(data))
            return bytes(_printable(one, new) for one, new in zip(data, stream, strict=True))
        return self._stream(b"octets", data, len(data))

    # -- inside

    def _permuted(self, text: str, alphabet: str, tweak: str) -> str:
        base, length = len(alphabet), len(text)
        if length == 0:
            return ""
        if length == 1:
            shift = self._number(f"one {tweak}".encode(), base - 1) + 1
            return alphabet[(alphabet.index(text) + shift) % base]
        half = length // 2
        left, right = (_to_number(part, alphabet) for part in (text[:half], text[half:]))
        sizes = (base**half, base ** (length - half))
        for number in range(ROUNDS):
            size = sizes[number % 2]
            mixed = self._number(f"{tweak} {length} {number} {right}".encode(), size)
            left, right = right, (left + mixed) % size
        return _to_text(left, alphabet, half) + _to_text(right, alphabet, length - half)

    def _number(self, what: bytes, below: int) -> int:
        return int.from_bytes(hmac.digest(self._key, what, "sha256")) % below

    def _stream(self, kind: bytes, data: bytes, length: int) -> bytes:
        seed = hmac.digest(self._key, kind + b" " + data, "sha256")
        return hashlib.shake_128(seed).digest(length)


def luhn(digits: str) -> str:
    """The check digit behind `digits`."""
    total = 0
    for at, one in enumerate(reversed(digits)):
        value = int(one) * (2 if at % 2 == 0 else 1)
        total += value - 9 if value > 9 else value
    return str(-total % 10)


def _printable(one: int, new: int) -> int:
    if 48 <= one <= 57:
        return 48 + new % 10
    if 65 <= one <= 90:
        return 65 + new % 26
    if 97 <= one <= 122:
        return 97 + new % 26
    return one


def _to_number(text: str, alphabet: str) -> int:
    total = 0
    for one in text:
        total = total * len(alphabet) + alphabet.index(one)
    return total


def _to_text(number: int, alphabet: str, length: int) -> str:
    out = []
    for _ in range(length):
        number, rest = divmod(number, len(alphabet))
        out.append(alphabet[rest])
    return "".join(reversed(out))
