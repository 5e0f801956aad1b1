"""Which IKE and ESP proposals a link may ask for: the profile of TS 33.210 for NDS/IP, in strongSwan's words.

A proposal is a line such as `aes128gcm16-prfsha256-ecp256`: cipher, integrity where the cipher has none of its own,
pseudo-random function (IKE only) and group.  What the profile does not have is refused, and what it forbids is refused
by name: no cipher (NULL), DES and 3DES, no integrity, MD5 and SHA-1, groups 1, 2 and 5.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, Literal, NamedTuple

from diameter.config.load import Complaints

Profile = Literal["ts33210", "ts33210-256"]

AEAD: Final = frozenset({"aes128gcm16", "aes256gcm16", "aes128gcm128", "aes256gcm128"})
"""Ciphers that need no integrity beside them."""
CBC: Final = frozenset({"aes128", "aes256"})
INTEGRITY: Final = frozenset({"sha256", "sha384", "sha512"})
PRF: Final = frozenset({"prfsha256", "prfsha384", "prfsha512"})
GROUPS: Final = frozenset(
    {"modp2048", "modp3072", "modp4096", "modp6144", "modp8192", "ecp256", "ecp384", "ecp521", "curve25519", "x25519"}
)
ESN: Final = frozenset({"esn", "noesn"})
FORBIDDEN: Final[Mapping[str, str]] = MappingProxyType(
    {
        "null": "no encryption at all",
        "des": "DES",
        "3des": "3DES",
        "rc5": "RC5",
        "blowfish": "a block of 64 bits",
        "cast128": "a block of 64 bits",
        "none": "a group, or integrity, of none",
        "md5": "MD5",
        "md5_128": "MD5",
        "prfmd5": "MD5",
        "sha": "SHA-1",
        "sha1": "SHA-1",
        "sha1_160": "SHA-1",
        "prfsha1": "SHA-1",
        "modp768": "group 1",
        "modp1024": "group 2",
        "modp1024s160": "group 22",
        "modp1536": "group 5",
        "modpnone": "no group",
    }
)


class Suites(NamedTuple):
    """What a profile proposes when the configuration does not say, best first."""

    ike: tuple[str, ...]
    esp: tuple[str, ...]


PROFILES: Final[Mapping[Profile, Suites]] = MappingProxyType(
    {
        "ts33210": Suites(
            ("aes128gcm16-prfsha256-ecp256", "aes256gcm16-prfsha384-ecp384", "aes256-sha256-modp2048"),
            ("aes128gcm16-ecp256", "aes256gcm16-ecp384", "aes128-sha256-modp2048"),
        ),
        "ts33210-256": Suites(("aes256gcm16-prfsha384-ecp384",), ("aes256gcm16-ecp384",)),
    }
)


def ike_proposal(text: str) -> str:
    """Accept a proposal for IKE: cipher, integrity or PRF, group.  Raises ValueError."""
    words = _words(text)
    _known(text, words, AEAD | CBC | INTEGRITY | PRF | GROUPS)
    _has(text, words, GROUPS, "a Diffie-Hellman group (14, 19 or higher)")
    if not words & (PRF | INTEGRITY):
        raise ValueError(f"{text}: names no pseudo-random function (prfsha256, prfsha384 or prfsha512)")
    return _whole(text, words)


def esp_proposal(text: str) -> str:
    """Accept a proposal for ESP: cipher, integrity, group for perfect forward secrecy.  Raises ValueError."""
    words = _words(text)
    _known(text, words, AEAD | CBC | INTEGRITY | GROUPS | ESN)
    return _whole(text, words)


def agreed(profile: Profile, ike: tuple[str, ...], esp: tuple[str, ...]) -> Suites:
    """What to propose: what is configured, or the profile's own."""
    own = PROFILES[profile]
    return Suites(ike or own.ike, esp or own.esp)


def weak_for(profile: Profile, ike: tuple[str, ...], esp: tuple[str, ...]) -> Complaints | None:
    """Proposals that are below a profile of 256 bits; None when they reach it."""
    if profile != "ts33210-256":
        return None
    short = {"aes128gcm16", "aes128gcm128", "aes128", "modp2048", "modp3072", "ecp256", "curve25519", "x25519"}
    found = [
        (f"{key}.{at}", f"{text}: weaker than profile {profile} allows ({', '.join(sorted(short & _words(text)))})")
        for key, many in (("ike_proposals", ike), ("esp_proposals", esp))
        for at, text in enumerate(many)
        if short & _words(text)
    ]
    return Complaints(found) if found else None


def _words(text: str) -> frozenset[str]:
    return frozenset(text.lower().split("-"))


def _known(text: str, words: frozenset[str], known: frozenset[str]) -> None:
    for word in sorted(words):
        if word in FORBIDDEN:
            raise ValueError(f"{text}: {word} is {FORBIDDEN[word]}, which the profile of TS 33.210 forbids")
        if word not in known:
            raise ValueError(f"{text}: {word or 'an empty word'} is not in the profile of TS 33.210")


def _has(text: str, words: frozenset[str], wanted: frozenset[str], what: str) -> None:
    if not words & wanted:
        raise ValueError(f"{text}: names no {what.removeprefix('a ')}")


def _whole(text: str, words: frozenset[str]) -> str:
    _has(text, words, AEAD | CBC, "cipher")
    if words & CBC and not words & INTEGRITY:
        raise ValueError(f"{text}: AES-CBC without integrity; add sha256, sha384 or sha512")
    return text.lower()
