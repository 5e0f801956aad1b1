"""Whom a node may connect to because a redirect answer says so (RFC 6733 section 6.1.8)."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import Identity, Seconds, Table, one_line


class RedirectsConfig(Table):
    """Redirect answers are followed to open peers; with `connect` also to hosts that are no peers yet."""

    connect: bool = Field(default=False, description="connect to a host that a redirect names and that is no peer")
    realms: tuple[Identity, ...] = Field(
        default=(), strict=False, description="realms whose hosts may be it, besides the realm that was asked for"
    )
    peers: int = Field(default=16, ge=1, le=1000, description="such peers at once")
    idle_s: Seconds = Field(
        default=60, description="disconnected after this time without a request, once no redirect leads there any more"
    )
    physical_protection: bool = Field(default=False, description="aaa:, clear text, is allowed; else aaas: alone")
    physical_protection_reason: Annotated[str, AfterValidator(one_line)] = Field(
        default="", max_length=500, description="why it may be in clear"
    )

    @model_validator(mode="after")
    def _clear_text_has_a_reason(self) -> Self:
        if self.physical_protection and not self.physical_protection_reason:
            raise ValueError('physical_protection = true needs physical_protection_reason = "..."')
        return self
