"""A message for human eyes: one line about it, or its whole AVP tree with names, values and faults.

    print(tree(decode(octets, dictionary)))

    Device-Action-Request (DAR)  Tsp 16777309  request, proxiable  hop-by-hop 0x00000007  end-to-end 0x2c40001f
      Session-Id                 263        M    scs.example;1;7
      Device-Action              3001/10415 VM
        Reference-Number         3007/10415 VM   17
        Action-Type              3005/10415 VM   DEVICE_TRIGGER (1)

Nothing here raises for any octets: what cannot be read by type is shown as hex.  `diameter.capture.written` reads it
back.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from diameter.dictionary.model import AvpDef
from diameter.errors import RemoteFault, ResultCode
from diameter.message import Avp, Grouped, Message

TBCD_NUMBERS: Final = frozenset(
    [
        "MSISDN",
        "A-MSISDN",
        "SGSN-Number",
        "MSC-Number",
        "MME-Number-for-MT-SMS",
        "GMLC-Number",
        "IP-SM-GW-Number",
        "SCS-Identity",
        "SC-Address",
        "SMS-GMSC-Address",
        "SMSF-3GPP-Number",
    ]
)
"""AVPs of type OctetString whose octets are telephone digits, two in each, low half first (TS 29.002 TBCD-STRING)."""
ADDRESS_FIELDS: Final = frozenset({"SM-RP-SMEA"})
"""AVPs that hold an address field: number of digits, type of address, digits (TS 23.040 section 9.1.2.5)."""
MASKED: Final = b"*"
"""What `masking` writes over every octet of an identity."""
MASKED_TEXT: Final = "(masked)"
DEEPEST: Final = 48
_DIGITS: Final = "0123456789*#abc"


class TreeLine(NamedTuple):
    """One AVP of a tree.  `depth`: 0 at the top level.  `offset`, `length`: octets of header and data, without padding.

    `kind`: name of its type, "" for an unknown AVP.  `value`: "" for a Grouped.  `faults`: those found at its header.
    """

    depth: int
    offset: int
    length: int
    name: str
    code: int
    vendor: int
    flags: int
    kind: str
    value: str
    faults: tuple[RemoteFault, ...]

    @property
    def number(self) -> str:
        """`3007/10415`: code and vendor, as the field writes them."""
        return f"{self.code}/{self.vendor}" if self.vendor else str(self.code)

    @property
    def flag_letters(self) -> str:
        """`VM`: letters of the flags that are set, `-` without any; reserved ones as one hex octet."""
        letters = "".join(letter for letter, bit in (("V", 0x80), ("M", 0x40), ("P", 0x20)) if self.flags & bit)
        return letters + (f"+{self.flags & 0x1F:02x}" if self.flags & 0x1F else "") or "-"


def lines(message: Message, *, faults: bool = True) -> Iterator[TreeLine]:
    """The AVPs of `message` in wire order, groups before their members.

    `faults` False skips checking the message, which costs more than reading it.
    """
    found: dict[int, list[RemoteFault]] = {}
    if faults:
        for fault in message.faults:
            found.setdefault(fault.offset, []).append(fault)
    yield from _lines(message.avps, 0, found)


def _lines(avps: tuple[Avp, ...], depth: int, faults: dict[int, list[RemoteFault]]) -> Iterator[TreeLine]:
    for avp in avps:
        value = avp.value
        one = avp.definition
        grouped = isinstance(value, Grouped)
        text = "" if grouped else _value_text(value, avp.data, one)
        if isinstance(value, Grouped) and value.tail:
            text = f"and {len(value.tail)} octets that are no AVP: {value.tail.hex()}"
        kind = one.type if one is not None else ""
        at = avp.offset
        yield TreeLine(
            depth, at, avp.length, avp.name, avp.code, avp.vendor, avp.flags, kind, text, tuple(faults.get(at, ()))
        )
        if isinstance(value, Grouped) and depth < DEEPEST:
            yield from _lines(value.avps, depth + 1, faults)


def value_text(avp: Avp) -> str:
    """The value of one AVP: enumerations by name, digits as digits, octets as hex, a Grouped as its member names."""
    value = avp.value
    if isinstance(value, Grouped):
        return ", ".join(member.name for member in value.avps)
    return _value_text(value, avp.data, avp.definition)


def _value_text(value: object, data: bytes, one: AvpDef | None) -> str:
    if len(data) > 2 and not data.strip(MASKED):
        return MASKED_TEXT
    if isinstance(value, bytes):
        if one is not None and one.type != "OctetString":
            return f"{data.hex()} (no {one.type})"
        return _octets_text(data, one.name if one is not None else "")
    if isinstance(value, str):
        plain = value.isprintable() and value == value.strip() and value[:1] not in ("", "'", '"')
        return value if plain else repr(value)
    if isinstance(value, bool | int) and one is not None and one.values:
        return _named(int(value), one)
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    return str(value)


def _named(value: int, one: AvpDef) -> str:
    if not one.bits:
        name = one.values.get(value)
        return f"{name} ({value})" if name is not None else str(value)
    names = [one.values.get(bit, f"bit {bit}") for bit in range(64) if value >> bit & 1]
    return f"{' | '.join(names)} (0x{value:x})" if names else "0"


def _octets_text(data: bytes, name: str) -> str:
    if name in TBCD_NUMBERS and (digits := tbcd(data)):
        return digits
    if name in ADDRESS_FIELDS and len(data) > 2 and (digits := tbcd(data[2:])):
        text = f"+{digits}" if data[1] & 0x70 == 0x10 else digits
        return text if data[:2] == bytes((len(digits), 0x91 if text[0] == "+" else 0x81)) else f"{text} {data.hex()}"
    if not data:
        return "(empty)"
    if len(data) > 3 and all(32 <= octet < 127 for octet in data):
        return f'{data.hex()} "{data.decode()}"'
    return data.hex()


def tbcd(data: bytes) -> str:
    """The digits in `data`, low half first, filler 0xF at the end; "" when the octets are no such digits."""
    halves = [half for octet in data for half in (octet & 15, octet >> 4)]
    if halves and halves[-1] == 15:
        halves.pop()
    return "" if 15 in halves else "".join(_DIGITS[half] for half in halves)


def result_text(message: Message) -> str:
    """`2001 DIAMETER_SUCCESS` of an answer, with the vendor before a code of its own; "" when there is none."""
    result = message.result
    if result is None:
        return ""
    vendor, code = result
    name = "Experimental-Result-Code" if vendor else "Result-Code"
    one = message.tables.scope.names.get(name)
    label = one.values.get(code, "") if one is not None else ""
    if not label and not vendor and code in ResultCode._value2member_map_:
        label = f"DIAMETER_{ResultCode(code).name}"
    return f"{vendor}:{code} {label}".rstrip() if vendor else f"{code} {label}".rstrip()


def short_name(message: Message) -> str:
    """`DAR`; of an unknown command its code with R or A."""
    definition = message.definition
    if definition is not None:
        return definition.short
    return f"{message.command_code}{'R' if message.request else 'A'}"


def summary(message: Message) -> str:
    """One line: `DAA Tsp 2001 DIAMETER_SUCCESS scs.example;1;7`, with the number of faults where there are any."""
    parts = [short_name(message), message.application, result_text(message)]
    parts.append(next((value_text(avp) for avp in message.avps if avp.code == 263 and not avp.vendor), ""))
    if message.faults:
        parts.append(f"[{len(message.faults)} fault{'s' if len(message.faults) > 1 else ''}]")
    return " ".join(part for part in parts if part)


def fault_text(fault: RemoteFault) -> str:
    """`5005 missing Session-Id (RFC 6733 section 7.1.5), refused`: code, what, where, clause, verdict."""
    path = f"{' > '.join(fault.path)}: " if fault.path and fault.path[-1] not in fault.text else ""
    where = f" at octet {fault.offset}" if fault.offset >= 0 else ""
    verdict = "refused" if fault.verdict == "refuse" else "reported only"
    return f"{int(fault.result_code)} {path}{fault.text}{where} ({fault.clause}), {verdict}"


def header_text(message: Message) -> str:
    """The header on one line: command, application, flags, identifiers, length."""
    definition = message.definition
    name = f"{definition.name} ({definition.short})" if definition is not None else f"Command {message.command_code}"
    flags = ["request" if message.request else "answer"]
    for is_set, word in (
        (message.proxiable, "proxiable"),
        (message.error, "error"),
        (message.retransmitted, "retransmitted"),
    ):
        if is_set:
            flags.append(word)
    application = message.application
    if application != str(message.application_id):
        application += f" {message.application_id}"
    identifiers = f"hop-by-hop 0x{message.hop_by_hop:08x}  end-to-end 0x{message.end_to_end:08x}"
    return f"{name}  {application}  {', '.join(flags)}  {identifiers}  {len(message.octets)} octets"


def tree(message: Message, *, offsets: bool = False) -> str:
    """The whole message as lines of text: header, AVPs indented by depth, what is left over, faults.

    `offsets`: each line starts with the AVP's offset in octets, for reading beside a hex dump.
    """
    rows = list(lines(message))
    wide = max((2 * row.depth + len(row.name) for row in rows), default=0)
    number_wide = max((len(row.number) for row in rows), default=0)
    out = [header_text(message)]
    for row in rows:
        name = "  " * row.depth + row.name
        where = f"{row.offset:6} " if offsets else ""
        line = f"{where}  {name:<{wide}}  {row.number:<{number_wide}} {row.flag_letters:<3} {row.value}"
        out.append(line.rstrip())
        out += [f"{where and ' ' * len(where)}  {'  ' * row.depth}^ {fault_text(fault)}" for fault in row.faults]
    if message.tail:
        out.append(f"  {len(message.tail)} octets that are no AVP: {message.tail.hex()}")
    shown = {fault for row in rows for fault in row.faults}
    out += [f"! {fault_text(fault)}" for fault in message.faults if fault not in shown]
    return "\n".join(out)
