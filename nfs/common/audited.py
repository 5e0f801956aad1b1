"""What every function with an audit log has in its configuration, and how the log is opened from it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from pydantic import Field

from diameter.config import FunctionConfig, KeyFile, OutputFile
from diameter.errors import ConfigError
from nfs.common.audit import Area, AuditLog


class AuditedConfig(FunctionConfig):
    """The keys of the audit log."""

    audit: OutputFile | None = Field(default=None, description="file that gets a line for each refusal, else stderr")
    audit_key: KeyFile | None = Field(
        default=None,
        description="file whose first line is a secret that seals the audit log and makes pseudonyms",
    )
    audit_identities: Literal["masked", "full"] = Field(default="masked", description="how the audit log names devices")


def read_key(path: Path) -> bytes:
    """The first line of a key's file; raises ConfigError when it is too short to be a secret."""
    key = path.read_bytes().partition(b"\n")[0].strip()
    if len(key) < 16:
        raise ConfigError(f"{path}: a key of 16 characters or more expected in the first line")
    return key


def open_audit(config: AuditedConfig, area: Area = Area.CORE) -> AuditLog:
    """The audit log of a function.  Raises ConfigError."""
    return AuditLog(
        config.audit,
        config.node.origin_host,
        area=area,
        key=None if config.audit_key is None else read_key(config.audit_key),
        full=config.audit_identities == "full",
    )
