"""The IMSI-Group Identifier: what the core network calls a group of IMSIs (TS 23.003 clause 19.9).

As text it is that of TS 29.571 (GroupId): Group Service Identifier, MCC, MNC and Local Group Id, hexadecimal but for
the network; on S6a and S6t the group of AVPs of TS 29.272 clause 7.3.189.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from nfs.common.identities import IdentityError, decode_plmn, encode_plmn

_TEXT: Final = re.compile(r"([0-9A-Fa-f]{8})-([0-9]{3})-([0-9]{2,3})-((?:[0-9A-Fa-f]{2}){1,10})", re.ASCII)


class ImsiGroupId(NamedTuple):
    """One of them.  service: Group-Service-Id, 32 bits; plmn: digits; local: Local-Group-Id, 1 to 10 octets."""

    service: int
    plmn: str
    local: bytes

    def __str__(self) -> str:
        return f"{self.service:08x}-{self.plmn[:3]}-{self.plmn[3:]}-{self.local.hex()}"

    @classmethod
    def parse(cls, text: str) -> ImsiGroupId:
        """From text such as `00000001-001-01-07`.  Raises IdentityError."""
        found = _TEXT.fullmatch(text)
        if found is None:
            raise IdentityError("IMSI-Group Identifier: one such as 00000001-001-01-07 expected")
        service, mcc, mnc, local = found.groups()
        return cls(int(service, 16), mcc + mnc, bytes.fromhex(local))

    def avps(self) -> dict[str, Any]:
        """The members of IMSI-Group-Id."""
        return {
            "Group-Service-Id": self.service,
            "Group-PLMN-Id": encode_plmn(self.plmn),
            "Local-Group-Id": self.local,
        }

    @classmethod
    def of(cls, avps: Mapping[str, Any]) -> ImsiGroupId | None:
        """From plain values of IMSI-Group-Id; None where they name none."""
        try:
            return cls(avps["Group-Service-Id"], decode_plmn(avps["Group-PLMN-Id"]), avps["Local-Group-Id"])
        except (KeyError, IdentityError):
            return None


def group_text(text: str) -> str:
    """The text of one as it is always written.  Raises IdentityError."""
    return str(ImsiGroupId.parse(text))
