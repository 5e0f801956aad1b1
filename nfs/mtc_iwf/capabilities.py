"""What SMS-SCs said that they support, by Origin-Host: told to SCSs, and asked before a recall or replace."""

from __future__ import annotations

from nfs.common.features import NONE, Feature


class Remembered:
    """`nfs.mtc_iwf.ports.Capabilities` for the life of a process."""

    def __init__(self) -> None:
        self.known: dict[str, Feature] = {}

    async def learn(self, sms_sc: str, features: Feature) -> None:
        """What this SMS-SC said last that it supports."""
        self.known[sms_sc] = features

    async def of(self, sms_sc: str) -> Feature:
        """What this SMS-SC said last; nothing when it never said."""
        return self.known.get(sms_sc, NONE)
