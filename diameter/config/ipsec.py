"""`[peer.ipsec]` and `[node.listen.ipsec]`: how a link with `security = "ipsec"` is protected, and by whom.

Keys and secrets are files; nothing of their content is ever shown.
"""

from __future__ import annotations

from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from diameter.config.base import Identity, InputFile, Seconds, Table
from diameter.config.load import Complaints
from diameter.config.private import CertificateKeyFile, KeyFile
from diameter.config.proposals import Profile, Suites, agreed, esp_proposal, ike_proposal, weak_for
from diameter.config.sctp import IpAddress

IpsecMode = Literal["transport", "tunnel"]
CIPHERS: Final = {
    "aes-gcm-128": (16 + 4, 0),
    "aes-gcm-256": (32 + 4, 0),
    "aes-cbc-128-sha256": (16, 32),
    "aes-cbc-256-sha256": (32, 32),
}
"""Ciphers for keys set by hand: octets for the cipher (of GCM with its salt), octets for the integrity."""
DEFAULT_HOOK: Final = "vici"
XFRM: Final = "xfrm"
"""The hook for keys set by hand."""


def _cipher(text: str) -> str:
    if text not in CIPHERS:
        raise ValueError(
            f"not in the profile of TS 33.210, which has {', '.join(CIPHERS)} (never null, 3des, or no integrity)"
        )
    return text


IkeProposal = Annotated[str, AfterValidator(ike_proposal)]
EspProposal = Annotated[str, AfterValidator(esp_proposal)]
Cipher = Annotated[str, AfterValidator(_cipher)]
Spi = Annotated[int, Field(ge=256, lt=2**32)]


class IkeConfig(Table):
    """What an IKE daemon is told: who we are, and whom to trust."""

    certificate: InputFile = Field(description="PEM: our certificate, then the intermediate ones, leaf first")
    key: CertificateKeyFile = Field(description="PEM: private key of the certificate, without a pass phrase")
    trust: tuple[InputFile, ...] = Field(
        strict=False, min_length=1, description="PEM: CAs that may vouch for the other end"
    )
    crl: tuple[InputFile, ...] = Field(
        default=(), strict=False, description="PEM or DER revocation lists; with one given, every CA needs one"
    )
    local: IpAddress | None = Field(default=None, description="tunnel: our outer address; the link's when not given")
    remote: IpAddress | None = Field(default=None, description="tunnel: the peer's outer address; the same")
    socket: str = Field(default="", description="address of the daemon's VICI socket; its usual one when empty")
    encap: bool = Field(default=False, description="ESP in UDP also where there is no translator of addresses")
    dpd_s: Seconds = Field(default=30, description="time between checks whether the other daemon is alive")
    rekey_s: Seconds = Field(default=3600, description="time until a child SA is replaced")


class ManualSa(Table):
    """A pair of ESP security associations with keys set by hand, one for each direction."""

    local: IpAddress = Field(description="our address")
    remote: IpAddress = Field(description="address of the peer")
    identity: Identity = Field(description="who has the keys at the other end: stands for the identity IKE would prove")
    spi_in: Spi = Field(description="security parameters index of what arrives")
    spi_out: Spi = Field(description="security parameters index of what leaves")
    cipher: Cipher = Field(default="aes-gcm-128", description=f"one of {', '.join(CIPHERS)}")
    key_in: KeyFile = Field(description="file with the key of what arrives, in hex: cipher (with salt), integrity")
    key_out: KeyFile = Field(description="file with the key of what leaves; never the same key")
    tunnel_local: IpAddress | None = Field(default=None, description="tunnel: our outer address; local when not given")
    tunnel_remote: IpAddress | None = Field(default=None, description="tunnel: the peer's; remote when not given")


class IpsecConfig(Table):
    """The protection of one link, or of every link of a listener."""

    hook: str = Field(
        default=DEFAULT_HOOK,
        min_length=1,
        description="who makes it: vici (strongSwan), xfrm (keys set by hand)",
    )
    mode: IpsecMode = Field(default="transport", description="ESP between the two ends, or around whole packets")
    profile: Profile = Field(default="ts33210", description="what is proposed unless the proposals are given")
    ike_proposals: tuple[IkeProposal, ...] = Field(
        default=(), strict=False, description="for IKE, best first, e.g. aes128gcm16-prfsha256-ecp256"
    )
    esp_proposals: tuple[EspProposal, ...] = Field(
        default=(), strict=False, description="for ESP, best first, e.g. aes128gcm16-ecp256"
    )
    sa_grace: float = Field(
        default=5, ge=0, le=600, description="seconds a link lives without a security association, sending nothing"
    )
    establish_s: Seconds = Field(default=10, description="time until the protection must be up")
    identity: Identity | None = Field(
        default=None, description="identity the other end must prove; of a peer its host when not given"
    )
    local_identity: Identity | None = Field(default=None, description="identity we prove; origin_host when not given")
    device: str | None = Field(
        default=None,
        min_length=1,
        max_length=15,
        description="bind to this tunnel device, where ESP is made in user space and the kernel has no policy for it",
    )
    ike: IkeConfig | None = Field(default=None, description="certificates for the IKE daemon")
    sa: tuple[ManualSa, ...] = Field(default=(), strict=False, description="keys set by hand")
    settings: dict[str, str] = Field(default={}, description="for hooks that are not part of this program")

    @model_validator(mode="after")
    def _proposals_reach_the_profile(self) -> Self:
        weak = weak_for(self.profile, self.ike_proposals, self.esp_proposals)
        if weak is not None:
            raise weak
        return self

    @model_validator(mode="after")
    def _keys_fit_the_hook(self) -> Self:
        by_hand = self.hook == XFRM
        wrong = []
        if by_hand:
            given = ("ike", "ike_proposals", "esp_proposals", "device", "local_identity")
            wrong += [(key, f'means nothing with hook = "{XFRM}"') for key in given if getattr(self, key)]
        elif self.sa:
            wrong.append(("sa", f'means nothing without hook = "{XFRM}"'))
        if self.hook == DEFAULT_HOOK and self.settings:
            wrong.append(("settings", f'means nothing with hook = "{DEFAULT_HOOK}"'))
        for at, sa in enumerate(self.sa):
            if self.mode == "transport":
                outer = ("tunnel_local", "tunnel_remote")
                wrong += [(f"sa.{at}.{key}", 'needs mode = "tunnel"') for key in outer if getattr(sa, key)]
            if sa.spi_in in {each.spi_in for each in self.sa[:at]}:
                wrong.append((f"sa.{at}.spi_in", "given twice"))
            if (":" in sa.local) is not (":" in sa.remote):
                wrong.append((f"sa.{at}.remote", "not of the same IP version as local"))
        if wrong:
            raise Complaints(wrong)
        return self

    @property
    def suites(self) -> Suites:
        """What to propose."""
        return agreed(self.profile, self.ike_proposals, self.esp_proposals)
