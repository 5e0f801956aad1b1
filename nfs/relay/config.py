"""The configuration of a relay."""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, Table
from diameter.wire.types import parse_uri
from nfs.common.audited import AuditedConfig
from nfs.mtc_sgw.firewall.tables import FirewallTable

Direction = Literal["request", "answer", "both"]
KEPT: Final = frozenset({"Session-Id", "Proxy-Info", "Route-Record"})
"""AVPs that an agent passes on as they came (RFC 6733 sections 6.2, 6.7)."""

UsageName = Literal[
    "dont_cache", "all_session", "all_realm", "realm_and_application", "all_application", "all_host", "all_user"
]


def _uri(text: str) -> str:
    parse_uri(text)
    return text


Uri = Annotated[str, AfterValidator(_uri)]
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


class RedirectRule(Table):
    """Requests that are answered with where to ask instead (RFC 6733 section 6.1.8)."""

    realm: Identity | Literal["*"] = Field(description='Destination-Realm; "*" is every other one')
    application: str = Field(default="", description="name or number of the only application meant; all when empty")
    hosts: tuple[Uri, ...] = Field(strict=False, min_length=1, description="where to ask, as aaa://HOST:PORT")
    usage: UsageName = Field(default="dont_cache", description="Redirect-Host-Usage: for what this may be remembered")
    cache_s: int = Field(default=0, ge=0, lt=2**32, description="Redirect-Max-Cache-Time, needed to be remembered")

    @model_validator(mode="after")
    def _what_is_remembered_has_a_time(self) -> Self:
        if (self.usage == "dont_cache") != (self.cache_s == 0):
            raise ValueError("usage and cache_s go together: without a time nothing is remembered")
        return self


class RelayConfig(AuditedConfig):
    """The whole file."""

    redirect: tuple[RedirectRule, ...] = Field(default=(), strict=False, description="realms to ask elsewhere for")

    firewall: FirewallTable | None = Field(default=None, description="what peers outside may send; all when not given")
    rewrite: tuple[RewriteRule, ...] = Field(default=(), strict=False, description="rewrite rules, in order")
