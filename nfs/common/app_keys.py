"""Keys of the application layer as configurations have them: who signs, and what is encrypted for whom.

They come from a `Keys`, of which the provisioned ones are one kind: files, written by whoever runs SCS and devices.
TR 33.868 4.1.4.1 leaves key management open; another source (derived by GBA, say) is another `Keys`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Literal, Protocol

from pydantic import AfterValidator, Field

from diameter.config import InputFile, KeyFile, Table
from diameter.errors import ConfigError
from nfs.common import group_keys
from nfs.common.cose import KEY_OCTETS, KID_OCTETS
from nfs.common.group_keys import Ring


class Keys(Protocol):
    """Where keys come from."""

    def signer(self, number: bytes, /) -> bytes | None:
        """The public key of a signer; None for one that is not trusted."""

    def audience(self, name: str, /) -> Ring | None:
        """The keys that everybody of an audience has, a group or a device; None for one that is not known."""

    def confidential(self, name: str, /) -> bool:
        """Whether what a group is sent is encrypted; not where its region allows no confidentiality."""


@dataclass(frozen=True, slots=True)
class Provisioned:
    """Keys of a configuration.  readable: audiences of regions without confidentiality.  Without keys in its `repr`."""

    signers: Mapping[bytes, bytes] = field(repr=False)
    audiences: Mapping[str, Ring] = field(repr=False)
    readable: frozenset[str] = frozenset()

    def signer(self, number: bytes) -> bytes | None:
        """The public key of a signer."""
        return self.signers.get(number)

    def audience(self, name: str) -> Ring | None:
        """The keys of an audience."""
        return self.audiences.get(name.lower())

    def confidential(self, name: str) -> bool:
        """Whether what this audience is sent is encrypted."""
        return name.lower() not in self.readable


def _signer_id(text: str) -> str:
    if not text.isascii() or not text.isprintable() or not 1 <= len(text) <= KID_OCTETS:
        raise ValueError(f"1 to {KID_OCTETS} printable ASCII characters expected")
    return text


SignerId = Annotated[str, AfterValidator(_signer_id)]


class RegionTable(Table):
    """One `[[protection.region]]` table: what is law where members of groups are."""

    name: str = Field(min_length=1, max_length=253, description="name of the region, by which audiences name it")
    group_confidentiality: Literal["on", "off"] = Field(
        default="on", description="off: messages for groups are signed, and vouched for with their key, but readable"
    )


class AudienceTable(Table):
    """One `[[protection.audience]]` table: whom messages are encrypted for."""

    name: str = Field(min_length=1, max_length=253, description="the group or the device, as the SCS names it")
    key_file: KeyFile = Field(
        description="file with the keys of everybody there, as `mtc keys group` makes it, or 64 hexadecimal digits"
    )
    region: str | None = Field(
        default=None, description="the `[[protection.region]]` that its members are in; none: all is encrypted"
    )


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


def provisioned(
    signers: Iterable[SignerTable], audiences: Iterable[AudienceTable], regions: Iterable[RegionTable] = ()
) -> Provisioned:
    """The keys of a configuration.  Raises ConfigError, also for one that is named twice."""
    trusted: dict[bytes, bytes] = {}
    shared: dict[str, Ring] = {}
    policies: dict[str, bool] = {}
    readable: set[str] = set()
    for region in regions:
        if region.name in policies:
            raise ConfigError(f"protection.region: {region.name} is named twice")
        policies[region.name] = region.group_confidentiality == "on"
    for signer in signers:
        if signer.id.encode() in trusted:
            raise ConfigError(f"protection.signer: {signer.id} is named twice")
        trusted[signer.id.encode()] = read_hex(signer.public_file)
    for audience in audiences:
        name = audience.name.lower()
        if name in shared:
            raise ConfigError(f"protection.audience: {audience.name} is named twice")
        shared[name] = _ring(audience)
        if audience.region is not None and audience.region not in policies:
            raise ConfigError(f"protection.audience: no protection.region is named {audience.region}")
        if audience.region is not None and not policies[audience.region]:
            readable.add(name)
    return Provisioned(trusted, shared, frozenset(readable))


def _ring(audience: AudienceTable) -> Ring:
    """The keys of an audience, never those of another group.  Raises ConfigError."""
    ring = group_keys.read(audience.key_file)
    if ring.group not in ("", audience.name.lower()):
        raise ConfigError(f"{audience.key_file}: keys of {ring.group}, not of {audience.name}")
    return ring
