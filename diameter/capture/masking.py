"""Identities of subscribers and devices, written over before a message is shown to others.

Lengths stay, so offsets and the shape of the message stay true; the same holds for everything that is no identity.
This hides who, not what: payloads of device triggers and short messages go with the identities, network names stay.
"""

from __future__ import annotations

from typing import Final

from diameter.capture.text import DEEPEST, MASKED
from diameter.message import Avp, Message

IDENTITIES: Final = frozenset(
    [
        "User-Name",
        "MSISDN",
        "A-MSISDN",
        "External-Identifier",
        "IMEI",
        "Subscription-Id-Data",
        "Public-Identity",
        "3GPP-IMSI",
        "SM-RP-UI",
        "Payload",
        "SMSMI-Correlation-ID",
        "User-Password",
        "Calling-Station-Id",
    ]
)
"""AVPs whose data name a person or a device, or are what was sent to it."""


def masked(message: Message, *, unknown: bool = False) -> bytes:
    """The octets of `message` with the data of every AVP in IDENTITIES replaced by `*`, at any depth.

    `unknown`: that of AVPs that no dictionary names as well, since nobody knows what they say.
    """
    octets = bytearray(message.octets)
    _mask(message.avps, octets, 0, unknown)
    return bytes(octets)


def _mask(avps: tuple[Avp, ...], octets: bytearray, depth: int, unknown: bool) -> None:
    for avp in avps:
        members = avp.members if depth < DEEPEST else ()
        if avp.name in IDENTITIES or (unknown and avp.definition is None):
            end = avp.offset + avp.length
            start = end - len(avp.data)
            octets[start:end] = MASKED * (end - start)
        elif members:
            _mask(members, octets, depth + 1, unknown)
