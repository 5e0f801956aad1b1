"""The configuration of a relay."""

from __future__ import annotations

from typing import Any, Final, Literal, Self

from pydantic import Field, model_validator

from diameter.config import Complaints, FunctionConfig, Identity, OutputFile, Table

Direction = Literal["request", "answer", "both"]
KEPT: Final = frozenset({"Session-Id", "Proxy-Info", "Route-Record"})
"""AVPs that an agent passes on as they came (RFC 6733 sections 6.2, 6.7)."""

Renamed = dict[Identity, Identity]
Values = dict[str, Any]


class RewriteRule(Table):
    """What is changed in messages on their way; rules apply in the order written."""

    direction: Direction = Field(default="request", description="which messages it is for; answers go the other way")
    application: str = Field(default="", description="name or number of the only application meant; all when empty")
    command: str = Field(default="", description="name of the only command meant, as Device-Action; all when empty")
    asked_by: tuple[Identity, ...] = Field(
        default=(), strict=False, description="peers whose requests, and the answers to them, are meant; all when empty"
    )
    realm: Renamed = Field(default={}, description="old to new, in Origin-Realm and Destination-Realm")
    host: Renamed = Field(default={}, description="old to new, in Origin-Host, Destination-Host and Route-Record")
    remove: tuple[str, ...] = Field(default=(), strict=False, description="names of AVPs taken out, every instance")
    replace: Values = Field(default={}, description="name to value, for AVPs that are there")
    add: Values = Field(default={}, description="name to value, appended")

    @model_validator(mode="after")
    def _leaves_routing_alone(self) -> Self:
        wrong = [
            (f"{key}.{name}", "an agent must pass this AVP on as it came")
            for key, names in (("remove", self.remove), ("replace", self.replace), ("add", self.add))
            for name in names
            if name in KEPT
        ]
        if wrong:
            raise Complaints(wrong)
        if not (self.realm or self.host or self.remove or self.replace or self.add):
            raise ValueError("changes nothing: give realm, host, remove, replace or add")
        return self


class RelayConfig(FunctionConfig):
    """The whole file."""

    rewrite: tuple[RewriteRule, ...] = Field(default=(), strict=False, description="rewrite rules, in order")
    audit: OutputFile | None = Field(default=None, description="file that gets a line for each refusal, else stderr")
