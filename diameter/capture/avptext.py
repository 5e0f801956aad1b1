"""AVPs as the values of a scenario, and back to octets; what a value would not bring back is kept as octets."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, Final

from diameter.capture.scenario import escaped, filled, places
from diameter.capture.text import DEEPEST, TBCD_NUMBERS, tbcd
from diameter.dictionary.model import AvpDef
from diameter.errors import DictionaryError, LocalError
from diameter.message import Avp
from diameter.message.tables import Tables
from diameter.wire import avp as wire
from diameter.wire.types import TYPES

AVP: Final = "avp:"
HEX: Final = "hex:"
TEXT: Final = "text:"
DIGITS: Final = "digits:"
_NUMBER: Final = re.compile("-?[0-9]{1,20}")
_FROM_TEXT: Final[Mapping[str, Callable[[str], Any]]] = {
    **dict.fromkeys(("Integer32", "Integer64", "Unsigned32", "Unsigned64", "Enumerated"), int),
    **dict.fromkeys(("Float32", "Float64"), float),
    "Time": datetime.fromisoformat,
}
"""Placeholders are text, whatever they stand for."""
_TBCD: Final = {digit: value for value, digit in enumerate("0123456789*#abc")}


def listed(avps: tuple[Avp, ...], tables: Tables, depth: int = 0) -> dict[str, Any]:
    """Names to values, in the order of their first appearance; several of one name are a list."""
    out: dict[str, list[Any]] = {}
    for one in avps:
        out.setdefault(_name(one, tables), []).append(_value(one, tables, depth))
    return {name: values[0] if len(values) == 1 else values for name, values in out.items()}


def _name(one: Avp, tables: Tables) -> str:
    name = one.name
    known = tables.definition(name)
    return name if (known.vendor, known.code) == (one.vendor, one.code) else f"{one.vendor}:{one.code}"


def _value(one: Avp, tables: Tables, depth: int) -> Any:
    value = _plain(one, tables, depth)
    try:
        if octets(_name(one, tables), value, tables) == one.octets:
            return value
    except (LocalError, ValueError, TypeError):
        pass
    return AVP + one.octets.hex()


def _plain(one: Avp, tables: Tables, depth: int) -> Any:
    definition, value = one.definition, one.value
    if definition is None or depth > DEEPEST:
        return AVP + one.octets.hex()
    if definition.type == "Grouped":
        return listed(one.members, tables, depth + 1)
    if isinstance(value, bytes):
        return octets_text(value, definition.name)
    if isinstance(value, bool | int) and definition.values and not definition.bits:
        return definition.values.get(int(value), int(value))
    if isinstance(value, str):
        return escaped(value)
    return value if isinstance(value, int | float | datetime) else str(value)


def octets_text(data: bytes, name: str) -> str:
    """The data of an OctetString as they stand in a scenario."""
    if name in TBCD_NUMBERS and (digits := tbcd(data)) and _tbcd_octets(digits) == data:
        return DIGITS + digits
    if len(data) > 3 and all(32 <= octet < 127 for octet in data):
        return TEXT + escaped(data.decode())
    return HEX + data.hex()


def _tbcd_octets(digits: str) -> bytes:
    halves = [_TBCD[digit] for digit in digits]
    if len(halves) % 2:
        halves.append(15)
    return bytes(halves[at] | halves[at + 1] << 4 for at in range(0, len(halves), 2))


def carried(one: Avp) -> str:
    """The value of one AVP as the text that, in the same AVP or one of the same type, `octets` makes it from again."""
    value, definition = one.value, one.definition
    if definition is None or definition.type == "Grouped":
        return AVP + one.octets.hex()
    if isinstance(value, bytes):
        return octets_text(value, definition.name).replace("$$", "$")
    return value.isoformat() if isinstance(value, datetime) else str(value)


def octets(name: str, value: Any, tables: Tables) -> bytes:
    """One AVP, or several where `value` is a list, as octets; raises LocalError that names what is wrong."""
    if isinstance(value, list):
        return b"".join(octets(name, one, tables) for one in value)
    if isinstance(value, str) and value.startswith(AVP):
        return _hex(name, value, AVP)
    definition = _definition(name, tables)
    if isinstance(value, Mapping):
        if definition.type != "Grouped":
            raise LocalError(f"{name}: is of type {definition.type}, and has no members")
        try:
            data = b"".join(octets(member, one, tables) for member, one in value.items())
        except LocalError as error:
            raise LocalError(f"{name}.{error}") from None
    else:
        data = _data(definition, value)
    bits = (wire.FLAG_V if definition.vendor else 0) | (wire.FLAG_M if definition.mandatory == "M" else 0)
    length = len(data) + (12 if definition.vendor else 8)
    head = definition.code.to_bytes(4) + bytes((bits,)) + length.to_bytes(3)
    if definition.vendor:
        head += definition.vendor.to_bytes(4)
    return head + data + bytes(-length % 4)


def check(name: str, value: Any, tables: Tables) -> None:
    """Raise LocalError for what `octets` would refuse, as far as it stands there before placeholders have values."""
    if isinstance(value, list):
        for one in value:
            check(name, one, tables)
    elif isinstance(value, Mapping):
        definition = _definition(name, tables)
        if definition.type != "Grouped":
            raise LocalError(f"{name}: is of type {definition.type}, and has no members")
        try:
            for member, one in value.items():
                check(member, one, tables)
        except LocalError as error:
            raise LocalError(f"{name}.{error}") from None
    elif any(places(value)):
        if not value.startswith(AVP):
            _definition(name, tables)
    else:
        octets(name, filled(value, {}), tables)


def _definition(name: str, tables: Tables) -> AvpDef:
    try:
        return tables.definition(name)
    except (DictionaryError, LocalError) as error:
        raise LocalError(f"{name}: {error}") from None


def _data(definition: AvpDef, value: Any) -> bytes:
    kind, name = definition.type, definition.name
    if kind in ("OctetString", "Grouped"):
        return _octet_string(name, value)
    if isinstance(value, str) and definition.values and kind not in ("UTF8String",):
        numbers = {text: number for number, text in definition.values.items()}
        if value not in numbers and not _NUMBER.fullmatch(value):
            raise LocalError(f"{name}: {value!r} is none of {', '.join(numbers)}")
        value = numbers.get(value, value)
    try:
        if isinstance(value, str) and kind in _FROM_TEXT:
            value = _FROM_TEXT[kind](value)
        if kind in ("Float32", "Float64") and isinstance(value, int):
            value = float(value)
        return TYPES[kind].encode(value)
    except (ValueError, TypeError) as error:
        raise LocalError(f"{name}: {value!r} is no {kind}: {error}") from None


def _octet_string(name: str, value: Any) -> bytes:
    if isinstance(value, str):
        if value.startswith(HEX):
            return _hex(name, value, HEX)
        if value.startswith(TEXT):
            return value.removeprefix(TEXT).encode()
        if value.startswith(DIGITS):
            digits = value.removeprefix(DIGITS)
            if not set(digits) <= _TBCD.keys():
                raise LocalError(f"{name}: {digits!r} are no digits")
            return _tbcd_octets(digits)
    raise LocalError(f'{name}: octets are written "hex:0a0b", "text:words" or "digits:15551234567", not {value!r}')


def _hex(name: str, value: str, prefix: str) -> bytes:
    try:
        return bytes.fromhex(value.removeprefix(prefix))
    except ValueError:
        raise LocalError(f"{name}: no hex behind {prefix}") from None
