"""The configuration of a CDF."""

from __future__ import annotations

from pydantic import Field

from diameter.config import Table
from nfs.common.audited import AuditedConfig


class CdfTable(Table):
    """The `[cdf]` table."""

    database: str = Field(default="cdf.db", description="SQLite file, or a database URL, that keeps records")


class CdfConfig(AuditedConfig):
    """The whole file."""

    cdf: CdfTable = Field(default=CdfTable(), description="records that are taken")
