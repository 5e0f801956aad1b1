"""The `[node.capture]` table: where a node writes down its messages, how much of it is kept, and which."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Self

from pydantic import Field, model_validator

from diameter.config.base import OutputFile, Table
from diameter.config.load import Complaints


class CaptureConfig(Table):
    """What the node writes of its messages, as pcapng; `capture = "FILE"` in `[node]` is this with the file alone."""

    file: OutputFile = Field(
        description="the pcapng file being written; in a ring, older ones are FILE-000001 and so on"
    )
    size_limit: int = Field(
        default=0, ge=0, le=2**40, description="octets after which another file is begun, 65,536 at least; 0: never"
    )
    files: int = Field(default=10, ge=1, le=100_000, description="files kept with size_limit, the oldest goes first")
    filter: str = Field(default="", description='what is written, "command=DAR,DAA peer=*.example"; all when empty')

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, table: Any) -> Any:
        return {"file": table} if isinstance(table, str | Path) else table

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        if 0 < self.size_limit < 65_536:
            raise Complaints([("size_limit", "less than 65,536 octets, which are written at once")])
        return self
