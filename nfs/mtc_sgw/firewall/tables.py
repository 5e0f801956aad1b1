"""The `[firewall]` table of a configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config import Complaints, Identity, Table
from nfs.common.identities import plmn
from nfs.mtc_sgw.firewall.checks import OWN, Rules, bare
from nfs.mtc_sgw.firewall.crossing import Networks
from nfs.mtc_sgw.logic import plain
from nfs.mtc_sgw.plugins import complaint

Plmn = Annotated[str, AfterValidator(plmn)]
Commands = tuple[Annotated[str, Field(min_length=1)], ...]


class InterfaceTable(Table):
    """One reference point: what may cross the border on it."""

    name: str = Field(min_length=1, description="its application, as S6a or T4")
    checks: tuple[str, ...] = Field(
        default=OWN, strict=False, description="its checks in their order; of installed packages too"
    )
    commands: Commands = Field(
        default=(), strict=False, description="commands that may come from outside at all, as Update-Location"
    )
    home_only: Commands = Field(
        default=(), strict=False, description="of these, what only the home network of the subscriber may send"
    )
    serving: Commands = Field(
        default=(),
        strict=False,
        description="of these, what networks that serve our subscribers send about them",
    )
    located: Commands = Field(
        default=(), strict=False, description="commands that say where a subscriber is; from inside: at home"
    )
    abroad_s: float = Field(
        default=1800, ge=0, le=86_400, description="time that nobody is quicker from one country to another"
    )
    mode: Literal["refuse", "observe"] = Field(
        default="refuse", description="observe: write down what would be refused, and let it pass"
    )

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        wrong = [
            (key, f"{name}: not among commands")
            for key, names in (("home_only", self.home_only), ("serving", self.serving))
            for name in names
            if name not in self.commands
        ]
        text = complaint(self.name, self.checks, OWN)
        if text:
            wrong.append(("checks", text))
        if wrong:
            raise Complaints(wrong)
        return self

    def rules(self) -> Rules:
        """The table as the checks take it."""
        every = (self.commands, self.home_only, self.serving, self.located)
        commands, home_only, serving, located = (frozenset(bare(name) for name in names) for names in every)
        return Rules(commands=commands, home_only=home_only, serving=serving, located=located, abroad_s=self.abroad_s)


class PartnerTable(Table):
    """The network behind a realm, where its name does not say (TS 23.003 clause 19.2)."""

    realm: Identity = Field(description="its Origin-Realm")
    plmns: tuple[Plmn, ...] = Field(strict=False, min_length=1, description="MCC+MNC for which it speaks")


class FirewallTable(Table):
    """A signalling firewall: what peers outside may send on which reference point; the rest is refused."""

    home_plmns: tuple[Plmn, ...] = Field(strict=False, min_length=1, description="MCC+MNC of our own subscribers")
    home_realms: tuple[Identity, ...] = Field(
        strict=False, min_length=1, description="our own realms, in whose name nobody outside may speak"
    )
    partner: tuple[PartnerTable, ...] = Field(default=(), strict=False, description="networks behind realms")
    interface: tuple[InterfaceTable, ...] = Field(
        default=(), strict=False, description="reference points open to the outside, and what is checked on them"
    )
    remembered: int = Field(
        default=100_000, ge=1, le=10_000_000, description="subscribers whose last location is kept, of each interface"
    )

    @model_validator(mode="after")
    def _each_once(self) -> Self:
        names = [table.name for table in self.interface]
        wrong = [
            (f"interface.{at}.name", "the same as one before") for at, name in enumerate(names) if name in names[:at]
        ]
        if wrong:
            raise Complaints(wrong)
        return self

    def networks(self) -> Networks:
        """Who is who."""
        return Networks(
            home=frozenset(self.home_plmns),
            realms=frozenset(plain(realm) for realm in self.home_realms),
            partners={plain(table.realm): frozenset(table.plmns) for table in self.partner},
        )
