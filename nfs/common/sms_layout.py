"""The layouts of TS 23.040 clause 9 as `construct` declarations, and the two fields with an encoding of their own.

The only module that imports construct; other layouts take it from here, as `c`.  `parse` and `build` turn its errors
into `TpduError`; what the layouts make are plain mappings, which `sms.py` turns into values.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, timezone
from typing import Any, Final

import construct

c: Final = construct

ALPHANUMERIC: Final = 5  # type of number whose digits are 7-bit text
_DIGITS: Final = "0123456789*#abc"
_GSM7: Final = (
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞ\x1bÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)


class TpduError(ValueError):
    """These octets are not the TPDU asked for, or this value has no encoding (TS 23.040 clause 9.2)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsAddress:
    """An address field (9.1.2.5): SM-RP-SMEA, TP-OA, TP-DA.  `digits` is text when `ton` is alphanumeric."""

    digits: str
    ton: int = 1  # international
    npi: int = 1  # E.164

    def encode(self) -> bytes:
        """The field with its length and type octets; raises TpduError."""
        return build(ADDRESS, self)

    @classmethod
    def decode(cls, octets: bytes) -> "SmsAddress":
        """The address filling `octets` whole; raises TpduError."""
        address: SmsAddress = parse(_LONE_ADDRESS, octets)["value"]
        return address


class _AddressAdapter(c.Adapter):
    """Length in useful semi-octets, type octet, swapped digits with an F filler."""

    def _decode(self, raw: Mapping[str, Any], context: object, path: object) -> SmsAddress:
        length, kind, value = raw["length"], raw["kind"], raw["value"]
        ton, npi = kind >> 4 & 7, kind & 15
        if not kind & 0x80 or length > 20:
            raise TpduError(f"address of type {kind:#04x} and {length} digits")
        if ton == ALPHANUMERIC:
            return SmsAddress(digits=_unpack(value, length * 4 // 7), ton=ton, npi=npi)
        nibbles = [n for octet in value for n in (octet & 15, octet >> 4)]
        if (length % 2 and nibbles.pop() != 15) or 15 in nibbles:
            raise TpduError(f"filler in address {value.hex()}")
        return SmsAddress(digits="".join(_DIGITS[n] for n in nibbles), ton=ton, npi=npi)

    def _encode(self, address: SmsAddress, context: object, path: object) -> dict[str, object]:
        kind = 0x80 | address.ton << 4 | address.npi
        if not (0 <= address.ton <= 7 and 0 <= address.npi <= 15):
            raise TpduError(f"type of number {address.ton}, numbering plan {address.npi}")
        if address.ton == ALPHANUMERIC:
            value, length = _pack(address.digits), (len(address.digits) * 7 + 3) // 4
        else:
            length = len(address.digits)
            nibbles = [_DIGITS.find(digit) for digit in address.digits] + [15] * (length % 2)
            if -1 in nibbles:
                raise TpduError("an address digit that is none")
            value = bytes(low | high << 4 for low, high in zip(nibbles[::2], nibbles[1::2], strict=True))
        if length > 20:
            raise TpduError(f"address of {length} semi-octets, at most 20")
        return {"length": length, "kind": kind, "value": value}


class _TimeAdapter(c.Adapter):
    """Seven octets of swapped decimal digits; the last counts quarter hours, its sign in bit 3 (9.2.3.11)."""

    def _decode(self, raw: bytes, context: object, path: object) -> datetime:
        negative, raw = bool(raw[6] & 8), raw[:6] + bytes((raw[6] & ~8,))
        if any(octet & 15 > 9 or octet >> 4 > 9 for octet in raw):
            raise TpduError(f"time stamp {raw.hex()}")
        year, month, day, hour, minute, second, zone = ((octet & 15) * 10 + (octet >> 4) for octet in raw)
        offset = timedelta(minutes=-15 * zone if negative else 15 * zone)
        try:
            return datetime(2000 + year, month, day, hour, minute, second, tzinfo=timezone(offset) if zone else UTC)
        except ValueError as wrong:
            raise TpduError(f"time stamp: {wrong}") from None

    def _encode(self, value: datetime, context: object, path: object) -> bytes:
        offset = value.utcoffset()
        if offset is None or offset % timedelta(minutes=15) or not 2000 <= value.year < 2100:
            raise TpduError(f"no time stamp for {value.isoformat()}")
        quarters = abs(offset) // timedelta(minutes=15)
        fields = (value.year - 2000, value.month, value.day, value.hour, value.minute, value.second, quarters)
        if quarters > 79:
            raise TpduError(f"offset of {quarters} quarter hours")
        octets = bytearray(n % 10 << 4 | n // 10 for n in fields)
        octets[6] |= 8 if offset < timedelta(0) else 0
        return bytes(octets)


def _pack(text: str) -> bytes:
    """7-bit default alphabet, eight characters in seven octets (TS 23.038 6.1.2.1)."""
    codes = septets(text)
    return sum(code << 7 * i for i, code in enumerate(codes)).to_bytes((len(codes) * 7 + 7) // 8, "little")


def septets(text: str) -> bytes:
    """Text in the 7-bit default alphabet, a character an octet; raises TpduError for what is not in it."""
    codes = [_GSM7.find(character) for character in text]
    if -1 in codes:
        raise TpduError("a character outside the 7-bit default alphabet")
    return bytes(codes)


def _unpack(octets: bytes, count: int) -> str:
    bits = int.from_bytes(octets, "little")
    return "".join(_GSM7[bits >> 7 * i & 0x7F] for i in range(count))


def parse(layout: Any, octets: bytes) -> Mapping[str, Any]:
    try:
        fields: Mapping[str, Any] = layout.parse(octets)
    except c.ConstructError as wrong:
        raise TpduError(str(wrong).replace("\n", " ")) from None
    return fields


def build(layout: Any, value: object) -> bytes:
    try:
        octets: bytes = layout.build(value)
    except c.ConstructError as wrong:
        raise TpduError(str(wrong).replace("\n", " ")) from None
    return octets


ADDRESS: Final[Any] = _AddressAdapter(
    c.Struct("length" / c.Int8ub, "kind" / c.Int8ub, "value" / c.Bytes(lambda this: (this.length + 1) // 2))
)
_LONE_ADDRESS: Final[Any] = c.Struct("value" / ADDRESS, c.Terminated)
_TIME: Final[Any] = _TimeAdapter(c.Bytes(7))
ELEMENT: Final[Any] = c.Struct("iei" / c.Int8ub, "data" / c.Prefixed(c.Int8ub, c.GreedyBytes))
_ELEMENTS: Final[Any] = c.FocusedSeq(
    "elements", "elements" / c.GreedyRange(ELEMENT), c.Terminated
)  # GreedyRange alone hides a torn one
HEADER: Final[Any] = c.Struct("elements" / c.Prefixed(c.Int8ub, _ELEMENTS), "data" / c.GreedyBytes)


def _first(*names: Any) -> Any:
    """The first octet, most significant bit first; its last two bits are TP-MTI."""
    return c.BitStruct(*names, "mti" / c.BitsInteger(2))


DELIVER: Final[Any] = c.Struct(
    "first" / _first("rp" / c.Flag, "udhi" / c.Flag, "sri" / c.Flag, c.Padding(1), "lp" / c.Flag, "mms" / c.Flag),
    c.Check(lambda this: this.first.mti == 0),
    "originator" / ADDRESS,
    "pid" / c.Int8ub,
    "dcs" / c.Int8ub,
    "scts" / _TIME,
    "length" / c.Int8ub,
    "data" / c.GreedyBytes,
)
SUBMIT: Final[Any] = c.Struct(
    "first" / _first("rp" / c.Flag, "udhi" / c.Flag, "srr" / c.Flag, "vpf" / c.BitsInteger(2), "rd" / c.Flag),
    c.Check(lambda this: this.first.mti == 1),
    "reference" / c.Int8ub,
    "destination" / ADDRESS,
    "pid" / c.Int8ub,
    "dcs" / c.Int8ub,
    "validity" / c.Switch(lambda this: this.first.vpf, {0: c.Pass, 1: c.Bytes(7), 2: c.Int8ub, 3: _TIME}),
    "length" / c.Int8ub,
    "data" / c.GreedyBytes,
)


def _report(*fcs: Any) -> Any:
    """SMS-DELIVER-REPORT; TP-PI says which of the last three fields are there (9.2.3.27)."""
    return c.Struct(
        "first" / _first(c.Padding(1), "udhi" / c.Flag, c.Padding(4)),
        c.Check(lambda this: this.first.mti == 0),
        *fcs,
        "indicator" / c.BitStruct(c.Padding(5), "udl" / c.Flag, "dcs" / c.Flag, "pid" / c.Flag),
        "pid" / c.If(lambda this: this.indicator.pid, c.Int8ub),
        "dcs" / c.If(lambda this: this.indicator.dcs, c.Int8ub),
        "length" / c.If(lambda this: this.indicator.udl, c.Int8ub),
        "data" / c.GreedyBytes,
    )


REPORT_OK: Final[Any] = _report()
REPORT_ERROR: Final[Any] = _report("fcs" / c.Int8ub)


def _submit_report(*fcs: Any) -> Any:
    """SMS-SUBMIT-REPORT: TP-PI, TP-SCTS and what TP-PI announces."""
    return c.Struct(
        "first" / _first(c.Padding(1), "udhi" / c.Flag, c.Padding(4)),
        c.Check(lambda this: this.first.mti == 1),
        *fcs,
        "indicator" / c.Int8ub,
        "scts" / _TIME,
        "rest" / c.GreedyBytes,
    )


SUBMIT_REPORT_OK: Final[Any] = _submit_report()
SUBMIT_REPORT_ERROR: Final[Any] = _submit_report("fcs" / c.Int8ub)
STATUS_REPORT: Final[Any] = c.Struct(
    "first" / _first(c.Padding(1), "udhi" / c.Flag, "srq" / c.Flag, c.Padding(1), "lp" / c.Flag, "mms" / c.Flag),
    c.Check(lambda this: this.first.mti == 2),
    "reference" / c.Int8ub,
    "recipient" / ADDRESS,
    "scts" / _TIME,
    "discharged" / _TIME,
    "status" / c.Int8ub,
    "rest" / c.GreedyBytes,
)
