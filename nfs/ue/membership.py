"""The groups that simulated UEs have been taken into, and what they got with each: never a key of the UE's own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from nfs.common.identities import IdentityError
from nfs.common.imsi_group import ImsiGroupId

KEY_OCTETS: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Credentials:
    """What the members of a group have in common: a random key, and its number.  Without the key in its `repr`."""

    group: ImsiGroupId
    key_id: int
    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) != KEY_OCTETS:
            raise IdentityError(f"key of a group: {KEY_OCTETS} octets expected")


class Keyring(Mapping[str, Mapping[ImsiGroupId, Credentials]]):
    """By IMSI, what each UE has; nothing is kept for UEs without a group."""

    __slots__ = ("_had",)

    def __init__(self) -> None:
        self._had: dict[str, dict[ImsiGroupId, Credentials]] = {}

    def __getitem__(self, imsi: str) -> Mapping[ImsiGroupId, Credentials]:
        return self._had[imsi]

    def __iter__(self) -> Iterator[str]:
        return iter(self._had)

    def __len__(self) -> int:
        return len(self._had)

    def take(self, imsi: str, credentials: Credentials) -> None:
        """A UE has been given them; a renewed key takes the place of the one before."""
        self._had.setdefault(imsi, {})[credentials.group] = credentials
