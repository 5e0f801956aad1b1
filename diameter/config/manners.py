"""What peers are like that do not do as the RFC says, or as we would: one key each, its default what serves most.

Some of it has no key, because there is only one right way: identities are compared without case; an application counts
whether it stands in Auth-Application-Id or inside Vendor-Specific-Application-Id; a CEA that refuses does so with or
without the E bit; answers that cross a DPR are taken until the link is gone (`dpa_timeout_s`).
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from diameter.config.base import Seconds, Table
from diameter.config.load import Complaints


class PaddingConfig(Table):
    """Messages filled up to a few sizes, so that their length tells little."""

    sizes: tuple[Annotated[int, Field(ge=64, le=65536, multiple_of=4)], ...] = Field(
        strict=False,
        min_length=1,
        description="lengths of messages in octets, growing; longer ones get a multiple of the last",
    )
    vendor: int = Field(ge=1, lt=2**32, description="vendor of the AVP that fills: your own enterprise number")
    code: int = Field(default=1, ge=1, lt=2**32, description="its code; it goes without M bit, and nobody need know it")

    @model_validator(mode="after")
    def _sizes_grow(self) -> Self:
        if list(self.sizes) != sorted(set(self.sizes)):
            raise Complaints([("sizes", "must grow")])
        return self


class Manners(Table):
    """How one peer departs from the rule, and what we do about it."""

    relay_serves_all: bool = Field(
        default=True, description="its relay application id stands for every application; false: for none"
    )
    assume_applications: tuple[str, ...] = Field(
        default=(),
        strict=False,
        description='names or numbers of applications it has without saying so in CER or CEA; "*" is all, a relay',
    )
    incomplete_cea: bool = Field(
        default=True, description="open although its CEA lacks AVPs, but for Result-Code and Origin-Host, Origin-Realm"
    )
    source_address: Literal["any", "announced"] = Field(
        default="any", description="announced: refuse its CER when Host-IP-Address lacks the source (NAT, containers)"
    )
    second_connection: Literal["refuse", "replace"] = Field(
        default="refuse", description="refuse: the open one stays and is probed; replace: the newer one takes its place"
    )
    origin_state: Literal["tolerate", "strict"] = Field(
        default="tolerate", description="strict: close a link on which its Origin-State-Id changes"
    )
    answers_of_others: bool = Field(
        default=True, description="take answers whose Origin-Host is not its own (it relays); false: drop them"
    )
    watchdog: bool = Field(
        default=True, description="false: send it no DWR, since it does not answer; only the transport tells its end"
    )
    tw_s: float | None = Field(default=None, ge=6, le=3600, description="its own tw_s; the node's when not given")
    tc_s: Seconds | None = Field(default=None, description="its own tc_s; the node's when not given")
    padding: PaddingConfig | None = Field(
        default=None, description="fill messages to it up to a few lengths, those of the base protocol too"
    )
