"""A short message of an external entity (SME), kept and delivered beside the triggers (TS 23.040 clause 9.2).

The text goes as it came: octets, UCS2, or the septets of the 7-bit default alphabet, which are packed here, behind a
user data header where there is one (9.2.3.16, 9.2.3.24).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from nfs.common.sms import IEI_CONCAT_8, IEI_PORT_16, MAX_USER_DATA, Element, UserData
from nfs.common.sms_layout import SmsAddress, TpduError
from nfs.sms_sc.logic import Trigger

SEPTETS: Final = 0x00
OCTETS: Final = 0x04
UCS2: Final = 0x08
MAX_PARTS: Final = 255


class Receipt(IntEnum):
    """When the SME wants a receipt (SMPP 5.2.17)."""

    NEVER = 0
    ALWAYS = 1
    ON_FAILURE = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ShortMessage(Trigger):
    """As a trigger is kept, with what makes it a message of an SME.

    `scs`: "sme:" and the system_id, for the key; `submission`: the message_id.  `payload`: septets, one in an octet,
    where `dcs` says 7 bits.  `elements`: (identifier, data) of the header the SME made, which then is not cut.
    """

    sme: str
    originator: str
    originator_ton: int = 1
    originator_npi: int = 1
    pid: int = 0
    dcs: int = 0
    elements: tuple[tuple[int, bytes], ...] = ()
    receipt: Receipt = Receipt.NEVER

    @property
    def origin(self) -> SmsAddress:
        """TP-OA."""
        return SmsAddress(digits=self.originator, ton=self.originator_ton, npi=self.originator_npi)

    @property
    def of_scs(self) -> bool:
        """Not a trigger: not checked against the SCSs served."""
        return False

    def segments(self) -> tuple[UserData, ...]:
        """The user data of each SMS; raises TpduError for what does not fit."""
        header = tuple(Element(iei=iei, data=data) for iei, data in self.elements)
        if self.port is not None:
            header = (Element(iei=IEI_PORT_16, data=self.port.to_bytes(2, "big") + b"\0\0"), *header)
        whole = _room(header, self.dcs)
        if len(self.payload) <= whole:
            return (_user_data(self.payload, header, self.dcs),)
        if self.elements:
            raise TpduError("a message with a header of its own that does not fit one SMS")
        room = _room((*header, _part(0, 1, 1)), self.dcs)
        room -= room % 2 if self.dcs == UCS2 else 0
        total = -(-len(self.payload) // room)
        if total > MAX_PARTS:
            raise TpduError(f"{len(self.payload)} octets take {total} parts, at most {MAX_PARTS}")
        return tuple(
            _user_data(
                self.payload[at * room : (at + 1) * room],
                (*header, _part(self.concatenation, total, at + 1)),
                self.dcs,
            )
            for at in range(total)
        )


def _part(reference: int, total: int, number: int) -> Element:
    return Element(iei=IEI_CONCAT_8, data=bytes((reference & 0xFF, total, number)))


def _length(header: tuple[Element, ...]) -> int:
    """Octets of the header with its own length."""
    return 1 + sum(2 + len(element.data) for element in header) if header else 0


def _room(header: tuple[Element, ...], dcs: int) -> int:
    """Octets, or septets, that fit behind a header."""
    octets = MAX_USER_DATA - _length(header)
    return octets * 8 // 7 if dcs == SEPTETS else octets


def _user_data(text: bytes, header: tuple[Element, ...], dcs: int) -> UserData:
    if dcs != SEPTETS:
        return UserData(data=text, header=header)
    before = _length(header) * 8
    fill = -before % 7
    bits = sum(septet << 7 * at for at, septet in enumerate(text)) << fill
    data = bits.to_bytes((fill + 7 * len(text) + 7) // 8, "little")
    return UserData(data=data, header=header, septets=(before + fill) // 7 + len(text))
