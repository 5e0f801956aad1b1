"""The configuration of an HSS."""

from __future__ import annotations

from pydantic import Field

from diameter.config import InputFile, Table
from nfs.common.audited import AuditedConfig


class HssTable(Table):
    """The `[hss]` table."""

    database: str = Field(default="hss.db", description="SQLite file, or a database URL, with the subscribers")
    key_file: InputFile | None = Field(
        default=None, description="file with the key that seals subscribers' keys; without it nobody is authenticated"
    )
    cache_entries: int = Field(default=50_000, ge=0, description="identities kept in memory, unknown ones too")
    cache_s: float = Field(
        default=1.0, ge=0, le=3600, description="how long; what another process changes is seen after this"
    )


class HssConfig(AuditedConfig):
    """The whole file."""

    hss: HssTable = Field(default=HssTable(), description="subscribers")
