"""The MME simulator's configuration file."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import Identity, InputFile, OutputFile, Table
from diameter.config.private import KeyFile
from nfs.common.app_keys import AudienceTable, RegionTable, SignerTable
from nfs.common.audited import AuditedConfig
from nfs.common.identities import e164, imsi, plmn
from nfs.common.imsi_group import group_text
from nfs.mme.mo_config import SendsTable, SmsScTable, check
from nfs.ue.logic import Behaviour

Plmn = Annotated[str, AfterValidator(plmn)]


class UesTable(Table):
    """One `[[ues]]` table: a run of simulated UEs."""

    first_imsi: Annotated[str, AfterValidator(imsi)] = Field(description="IMSI of the first UE; the others follow it")
    count: int = Field(default=1, ge=1, le=1_000_000, description="how many")
    behaviour: Behaviour = Field(default=Behaviour.NORMAL, strict=False, description="how they meet a short message")
    report: bool = Field(
        default=True, description="acknowledge with an SMS-DELIVER-REPORT; without it the RP-ACK goes alone"
    )
    attach: bool = Field(default=False, description="attach at the HSS at start, and detach at the end")
    failures: int | None = Field(
        default=None, ge=1, description="attempts the behaviour lasts; for good when not given"
    )

    def has(self, imsi: str) -> bool:
        """Whether a UE of this run has this IMSI."""
        return len(imsi) == len(self.first_imsi) and 0 <= int(imsi) - int(self.first_imsi) < self.count

    @model_validator(mode="after")
    def _imsis_keep_their_length(self) -> Self:
        if int(self.first_imsi) + self.count > 10 ** len(self.first_imsi):
            raise ValueError("so many UEs leave the length of first_imsi")
        return self


class HssTable(Table):
    """The `[hss]` table: whom UEs are attached at."""

    realm: Identity = Field(description="Destination-Realm of what is asked")
    host: Identity | None = Field(default=None, description="Destination-Host; none: whoever the realm has")


class MmeTable(Table):
    """The `[mme]` table."""

    plmn: Plmn = Field(default="00101", description="the network it belongs to")
    rat: Literal["eutran", "nb-iot", "lte-m"] = Field(default="eutran", description="radio access of its UEs")
    tac: int = Field(default=1, ge=0, le=0xFFFF, description="tracking area of its UEs")
    cell: int = Field(default=1, ge=0, lt=1 << 28, description="E-UTRAN cell of its UEs")
    group_id: int = Field(default=1, ge=0, le=0xFFFF, description="MME Group ID, a part of the GUTIs of its UEs")
    code: int = Field(default=1, ge=0, le=0xFF, description="MME Code, a part of the GUTIs and S-TMSIs of its UEs")
    number: Annotated[str, AfterValidator(e164)] | None = Field(
        default=None, description="E.164 number under which it takes short messages; none: it is not asked for them"
    )
    scenario: InputFile | None = Field(
        default=None, description="TOML file that says what UEs do, and when (docs/ues.md)"
    )
    cards: KeyFile | None = Field(
        default=None,
        description="CSV file of USIMs: columns imsi and keys as `mtc subscriber import` takes them, and sqn",
    )
    attached: OutputFile | None = Field(
        default=None, description="write a JSON line here for each attach, detach, cancellation and claim of a group"
    )
    nas_security: bool = Field(
        default=False, description="short messages to UEs go under NAS security, with the keys of their attach"
    )
    window: int = Field(default=32, ge=1, le=10_000, description="attaches under way at once")
    received: OutputFile | None = Field(
        default=None, description="write a JSON line here for each trigger a UE's application gets"
    )
    heard: OutputFile | None = Field(
        default=None, description="write a JSON line here for what a UE hears of each short message that it sent"
    )


class GroupTable(Table):
    """One `[[group]]` table: a group whose members get its credentials here."""

    id: Annotated[str, AfterValidator(group_text)] = Field(
        description="IMSI-Group Identifier, as the HSS names it: Group-Service-Id, MCC, MNC and Local-Group-Id"
    )
    key_file: KeyFile = Field(
        description="file with the group's keys, as `mtc keys group` makes it, or one of 64 hexadecimal digits"
    )
    key_id: int = Field(
        default=0, ge=0, le=255, description="number of a key that has none in its file, another one when it is renewed"
    )


class ProtectionTable(Table):
    """The `[protection]` table: the applications of UEs take what an SCS has protected for them, and nothing else."""

    fresh_s: float = Field(
        default=90_000, gt=0, le=31_536_000, description="how old a message may be, its wait for the UE included"
    )
    only_groups: bool = Field(default=False, description="only messages for groups are looked at")
    numbers: OutputFile | None = Field(
        default=None, description="file with the numbers of messages that UEs have had; a restart forgets them without"
    )
    signer: tuple[SignerTable, ...] = Field(
        default=(), strict=False, description="`[[protection.signer]]`: whose signature counts"
    )
    audience: tuple[AudienceTable, ...] = Field(
        default=(), strict=False, description="`[[protection.audience]]`: what the UEs belong to"
    )
    region: tuple[RegionTable, ...] = Field(
        default=(), strict=False, description="`[[protection.region]]`: where messages for groups need no encryption"
    )


class MmeConfig(AuditedConfig):
    """The whole file."""

    mme: MmeTable = Field(default=MmeTable(), description="the MME")
    hss: HssTable | None = Field(default=None, description="its HSS")
    ues: tuple[UesTable, ...] = Field(
        default=(), strict=False, description="its UEs; a later table wins where IMSIs overlap"
    )
    sms_sc: SmsScTable | None = Field(
        default=None, description="where the UEs' own short messages go; none when not given"
    )
    sends: tuple[SendsTable, ...] = Field(default=(), strict=False, description="short messages that UEs send")
    group: tuple[GroupTable, ...] = Field(default=(), strict=False, description="groups whose credentials it gives out")

    protection: ProtectionTable | None = Field(
        default=None, description="end-to-end protection of what UEs are sent; none looked for when not given"
    )

    @model_validator(mode="after")
    def _each_group_once(self) -> Self:
        if len({each.id for each in self.group}) < len(self.group):
            raise ValueError("group.id: named twice")
        return self

    @model_validator(mode="after")
    def _senders_are_there(self) -> Self:
        check(self.sends, self.sms_sc, lambda imsi: any(ues.has(imsi) for ues in self.ues))
        return self

    @model_validator(mode="after")
    def _who_attaches_has_an_hss_and_a_card(self) -> Self:
        if any(ues.attach for ues in self.ues) and (self.hss is None or self.mme.cards is None):
            raise ValueError("ues.attach: [hss] and mme.cards say where and with which keys")
        return self
