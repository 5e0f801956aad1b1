"""Keys of the application layer as configurations have them: who signs, and what is encrypted for whom.

They come from a `Keys`, of which the provisioned ones are one kind: files, written by whoever runs SCS and devices.
TR 33.868 4.1.4.1 leaves key management open; another source (derived by GBA, say) is another `Keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Protocol

from pydantic import AfterValidator, Field

from diameter.config import InputFile, KeyFile, Table
from diameter.errors import ConfigError
from nfs.common.cose import KEY_OCTETS, KID_OCTETS


class Keys(Protocol):
    """Where keys come from."""

    def signer(self, number: bytes, /) -> bytes | None:
        """The public key of a signer; None for one that is not trusted."""

    def audience(self, name: str, /) -> bytes | None:
        """The key that everybody of an audience has, a group or a device; None for one that is not known."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Keys of a configuration.  Without them in its `repr`."""

    signers: Mapping[bytes, bytes] = field(repr=False)
    audiences: Mapping[str, bytes] = field(repr=False)

    def signer(self, number: bytes) -> bytes | None:
        """The public key of a signer."""
        return self.signers.get(number)

    def audience(self, name: str) -> bytes | None:
        """The key of an audience."""
        return self.audiences.get(name.lower())


def _signer_id(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not 1 <= len(text) <= KID_OCTETS:
        raise ValueError(f"1 to {KID_OCTETS} printable ASCII characters expected")
    return text


SignerId = Annotated[str, AfterValidator(_signer_id)]


class AudienceTable(Table):
    """One `[[protection.audience]]` table: whom messages are encrypted for."""

    name: str = Field(min_length=1, max_length=253, description="the group or the device, as the SCS names it")
    key_file: KeyFile = Field(description="file with the key of everybody there, 64 hexadecimal digits")


class SignerTable(Table):
    """One `[[protection.signer]]` table: whose signature counts."""

    id: SignerId = Field(description="number of its key, as the SCS has it")
    public_file: InputFile = Field(description="file with its public key (Ed25519), 64 hexadecimal digits")


def read_hex(path: Path, octets: int = KEY_OCTETS) -> bytes:
    """The key in a file.  Raises ConfigError that names the file, and no digit of it."""
    try:
        key = bytes.fromhex(path.read_text("ascii").strip())
    except ValueError:
        key = b""
    if len(key) != octets:
        raise ConfigError(f"{path}: {octets * 2} hexadecimal digits expected")
    return key


def provisioned(signers: Iterable[SignerTable], audiences: Iterable[AudienceTable]) -> Provisioned:
    """The keys of a configuration.  Raises ConfigError, also for one that is named twice."""
    trusted: dict[bytes, bytes] = {}
    shared: dict[str, bytes] = {}
    for signer in signers:
        if signer.id.encode() in trusted:
            raise ConfigError(f"protection.signer: {signer.id} is named twice")
        trusted[signer.id.encode()] = read_hex(signer.public_file)
    for audience in audiences:
        if audience.name.lower() in shared:
            raise ConfigError(f"protection.audience: {audience.name} is named twice")
        shared[audience.name.lower()] = read_hex(audience.key_file)
    return Provisioned(trusted, shared)
