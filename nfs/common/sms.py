"""The SMS transfer protocol data units a device trigger travels in: TS 23.040 clause 9.2.

`Deliver` (SC to MS), `DeliverReport` (MS to SC) and `Submit` (MS to SC) are values; `decode_*` makes them from octets
and raises `TpduError` for anything else, `.encode()` goes back.  `split` cuts a payload into segments.  A trigger is an
SMS-DELIVER with TP-PID 0x48 whose user data header carries the 16-bit application port.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from nfs.common.sms_layout import (
    DELIVER,
    ELEMENT,
    HEADER,
    REPORT_ERROR,
    REPORT_OK,
    SUBMIT,
    SmsAddress,
    TpduError,
    build,
    parse,
)

TRIGGER_PID: Final = 0x48  # Device Triggering Short Message
DATA_8BIT: Final = 0x04  # TP-DCS: 8-bit data, no class
MAX_USER_DATA: Final = 140  # octets of TP-UD, header included
MAX_TPDU: Final = 200  # octets of SM-RP-UI (TS 29.338 6.3.3.3)
IEI_CONCAT_8: Final = 0x00
IEI_PORT_8: Final = 0x04
IEI_PORT_16: Final = 0x05
IEI_CONCAT_16: Final = 0x08
IEI_GROUP: Final = 0x80
"""The External Group Identifier, as UTF-8: ours, of the range for SME to SME (9.2.3.24); others skip it."""
FCS_UNSPECIFIED: Final = 0xFF
FCS_MEMORY_FULL: Final = 0xD3

_KNOWN_LENGTH: Final[Mapping[int, int]] = {IEI_CONCAT_8: 3, IEI_PORT_8: 2, IEI_PORT_16: 4, IEI_CONCAT_16: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class Element:
    """One information element of the user data header (9.2.3.24)."""

    iei: int
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Which part of a concatenated message this is; `number` counts from 1 (9.2.3.24.1, 9.2.3.24.8)."""

    reference: int
    total: int
    number: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UserData:
    """TP-UD: header elements and what follows them.  `septets` is the whole TP-UDL of 7-bit text, None for octets."""

    data: bytes
    header: tuple[Element, ...] = ()
    septets: int | None = None

    @property
    def port(self) -> int | None:
        """The destination application port, 16 or 8 bits wide; None without one (9.2.3.24.3, 9.2.3.24.4)."""
        for element in reversed(self.header):
            if element.iei in (IEI_PORT_8, IEI_PORT_16):
                return int.from_bytes(element.data[: len(element.data) // 2], "big")
        return None

    @property
    def group(self) -> str:
        """The External Group Identifier of the group that this message is for; "" where it is for one device."""
        found = [element.data for element in self.header if element.iei == IEI_GROUP]
        return found[-1].decode("utf-8", "replace") if found else ""

    @property
    def part(self) -> Part | None:
        """The place in a concatenated message; None when this message is whole."""
        for element in reversed(self.header):
            if element.iei in (IEI_CONCAT_8, IEI_CONCAT_16):
                reference = int.from_bytes(element.data[:-2], "big")
                return Part(reference=reference, total=element.data[-2], number=element.data[-1])
        return None

    def encode(self) -> bytes:
        """The octets after TP-UDL; raises TpduError over 140."""
        octets = self.data
        if self.header:
            body = b"".join(build(ELEMENT, {"iei": e.iei, "data": e.data}) for e in self.header)
            if len(body) > 0xFF:
                raise TpduError(f"user data header of {len(body)} octets")
            octets = bytes((len(body),)) + body + octets
        if len(octets) > MAX_USER_DATA:
            raise TpduError(f"{len(octets)} octets of user data, at most {MAX_USER_DATA}")
        return octets


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliver:
    """SMS-DELIVER (9.2.2.1).  `scts` is aware, to the second, its offset a multiple of 15 minutes."""

    originator: SmsAddress
    scts: datetime
    user_data: UserData
    pid: int = TRIGGER_PID
    dcs: int = DATA_8BIT
    more_messages: bool = False
    loop_prevention: bool = False
    status_report: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """The TPDU; raises TpduError."""
        first = {
            "mti": 0,
            "mms": not self.more_messages,
            "lp": self.loop_prevention,
            "sri": self.status_report,
            "udhi": bool(self.user_data.header),
            "rp": self.reply_path,
        }
        return build(
            DELIVER,
            {
                "first": first,
                "originator": self.originator,
                "pid": self.pid,
                "dcs": self.dcs,
                "scts": self.scts,
                **_user_data_fields(self.user_data, self.dcs),
            },
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliverReport:
    """SMS-DELIVER-REPORT (9.2.2.1a): for RP-ACK when `failure_cause` is None, else for RP-ERROR."""

    failure_cause: int | None = None
    pid: int | None = None
    dcs: int | None = None
    user_data: UserData | None = None

    def encode(self) -> bytes:
        """The TPDU; raises TpduError."""
        data = self.user_data
        fields: dict[str, object] = {
            "first": {"mti": 0, "udhi": bool(data and data.header)},
            "indicator": {"pid": self.pid is not None, "dcs": self.dcs is not None, "udl": data is not None},
            "fcs": self.failure_cause,
            "pid": self.pid,
            "dcs": self.dcs,
            **(_user_data_fields(data, self.dcs or 0) if data else {"length": None, "data": b""}),
        }
        return build(REPORT_OK if self.failure_cause is None else REPORT_ERROR, fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Submit:
    """SMS-SUBMIT (9.2.2.2).  `validity`: relative octet (int), seven enhanced octets, absolute time, or None."""

    reference: int
    destination: SmsAddress
    user_data: UserData
    validity: int | bytes | datetime | None = None
    pid: int = 0
    dcs: int = DATA_8BIT
    reject_duplicates: bool = False
    status_report: bool = False
    reply_path: bool = False

    def encode(self) -> bytes:
        """The TPDU; raises TpduError."""
        form = {type(None): 0, bytes: 1, int: 2}.get(type(self.validity), 3)
        first = {
            "mti": 1,
            "rd": self.reject_duplicates,
            "vpf": form,
            "srr": self.status_report,
            "udhi": bool(self.user_data.header),
            "rp": self.reply_path,
        }
        return build(
            SUBMIT,
            {
                "first": first,
                "reference": self.reference,
                "destination": self.destination,
                "pid": self.pid,
                "dcs": self.dcs,
                "validity": self.validity,
                **_user_data_fields(self.user_data, self.dcs),
            },
        )


def relative_validity(octet: int) -> timedelta:
    """What the relative TP-VP octet means (9.2.3.12.1)."""
    if octet <= 143:
        return timedelta(minutes=(octet + 1) * 5)
    if octet <= 167:
        return timedelta(hours=12, minutes=(octet - 143) * 30)
    return timedelta(days=octet - 166) if octet <= 196 else timedelta(weeks=octet - 192)


def decode_deliver(octets: bytes) -> Deliver:
    """SMS-DELIVER from its octets; raises TpduError."""
    fields = parse(DELIVER, octets)
    first = fields["first"]
    return Deliver(
        originator=fields["originator"],
        scts=fields["scts"],
        pid=fields["pid"],
        dcs=fields["dcs"],
        user_data=_user_data(fields["length"], fields["data"], fields["dcs"], header=first["udhi"]),
        more_messages=not first["mms"],
        loop_prevention=first["lp"],
        status_report=first["sri"],
        reply_path=first["rp"],
    )


def decode_report(octets: bytes, *, error: bool) -> DeliverReport:
    """SMS-DELIVER-REPORT; `error` says that it came with RP-ERROR (the octets do not).  Raises TpduError."""
    fields = parse(REPORT_ERROR if error else REPORT_OK, octets)
    user_data = None
    if fields["length"] is not None:
        user_data = _user_data(fields["length"], fields["data"], fields["dcs"] or 0, header=fields["first"]["udhi"])
    elif fields["data"]:
        raise TpduError(f"{len(fields['data'])} octets after the report")
    cause = fields["fcs"] if error else None
    return DeliverReport(failure_cause=cause, pid=fields["pid"], dcs=fields["dcs"], user_data=user_data)


def decode_submit(octets: bytes) -> Submit:
    """SMS-SUBMIT from its octets; raises TpduError."""
    fields = parse(SUBMIT, octets)
    first = fields["first"]
    return Submit(
        reference=fields["reference"],
        destination=fields["destination"],
        pid=fields["pid"],
        dcs=fields["dcs"],
        user_data=_user_data(fields["length"], fields["data"], fields["dcs"], header=first["udhi"]),
        validity=fields["validity"],
        reject_duplicates=first["rd"],
        status_report=first["srr"],
        reply_path=first["rp"],
    )


def _user_data_fields(value: UserData, dcs: int) -> dict[str, object]:
    octets = value.encode()
    if _is_septets(dcs) is (value.septets is None):
        raise TpduError(
            f"TP-DCS {dcs:#04x} and user data {'without' if value.septets is None else 'with'} a count of septets"
        )
    if value.septets is not None and (value.septets * 7 + 7) // 8 != len(octets):
        raise TpduError(f"{value.septets} septets do not take {len(octets)} octets")
    return {"length": len(octets) if value.septets is None else value.septets, "data": octets}


def _user_data(length: int, octets: bytes, dcs: int, *, header: bool) -> UserData:
    """TP-UD checked against TP-UDL (septets for 7-bit text) and cut into header and data."""
    septets = length if _is_septets(dcs) else None
    wanted = length if septets is None else (length * 7 + 7) // 8
    if wanted > MAX_USER_DATA or len(octets) != wanted:
        raise TpduError(f"TP-UDL {length} means {wanted} octets (at most {MAX_USER_DATA}), {len(octets)} are here")
    if not header:
        return UserData(data=octets, septets=septets)
    parsed = parse(HEADER, octets)
    elements = tuple(Element(iei=e["iei"], data=e["data"]) for e in parsed["elements"])
    if not elements:
        raise TpduError("TP-UDHI without an element")
    for element in elements:
        if _KNOWN_LENGTH.get(element.iei, len(element.data)) != len(element.data):
            raise TpduError(f"information element {element.iei:#04x} of {len(element.data)} octets")
    value = UserData(data=parsed["data"], header=elements, septets=septets)
    part = value.part
    if part is not None and not 1 <= part.number <= part.total:
        raise TpduError(f"part {part.number} of {part.total}")
    return value


def _is_septets(dcs: int) -> bool:
    """Whether TP-UDL counts septets: 7-bit, uncompressed (TS 23.038 clause 4; reserved codings count as 7-bit)."""
    if dcs < 0x80:
        return not dcs & 0x20 and dcs & 0x0C in (0x00, 0x0C)
    return not dcs & 0x04 if dcs >= 0xF0 else dcs < 0xE0


def split(
    payload: bytes, *, port: int | None, reference: int, wide: bool = False, group: str = ""
) -> tuple[UserData, ...]:
    """The user data of the SMS a trigger payload takes, in order; one without a concatenation element when it fits.

    `port` becomes the 16-bit destination port (IEI 05, originator port 0), absent with None; `reference` (reduced to
    8 bits, 16 when `wide`) joins the parts: 133 octets alone, 128 a part, 127 with a wide reference.  `group` stands in
    each of them and takes its octets and two more from it.  Raises TpduError over 255 parts, for a port beyond 16 bits
    and for a group whose name leaves no room (9.2.3.24.1, 9.2.3.24.4, 9.2.3.24.8).
    """
    if port is not None and not 0 <= port <= 0xFFFF:
        raise TpduError(f"application port {port} does not fit 16 bits")
    ports = () if port is None else (Element(iei=IEI_PORT_16, data=port.to_bytes(2, "big") + b"\0\0"),)
    header = (*ports, *([Element(iei=IEI_GROUP, data=group.encode())] if group else []))
    length = sum(2 + len(each.data) for each in header)
    room = MAX_USER_DATA - (1 + length if header else 0)
    if len(payload) <= room:
        return (UserData(data=payload, header=header),)
    room = MAX_USER_DATA - 1 - length - (6 if wide else 5)
    if room < 1:
        raise TpduError(f"the name of the group takes {len(group.encode())} octets, and leaves no room")
    total = -(-len(payload) // room)
    if total > 0xFF:
        raise TpduError(f"{len(payload)} octets take {total} parts, at most 255")
    iei, number = (
        (IEI_CONCAT_16, (reference & 0xFFFF).to_bytes(2, "big")) if wide else (IEI_CONCAT_8, bytes((reference & 0xFF,)))
    )
    return tuple(
        UserData(
            data=payload[i * room : (i + 1) * room],
            header=(*header, Element(iei=iei, data=number + bytes((total, i + 1)))),
        )
        for i in range(total)
    )
