"""Messages as JSON and back, octet for octet (schema 1).

Where the value alone would not bring the octets back (wrong length, odd padding, text that is not UTF-8), the data go
along as hex in "data"; on reading "data" wins over "value".  Octets that belong to no AVP are "tail", a Message Length
that lies keeps its number, and what is too short for a header is all "octets".
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import datetime
from ipaddress import IPv4Address, IPv6Address
from typing import TYPE_CHECKING, Any, Final

from diameter.errors import LocalError
from diameter.message.members import Avp, Grouped
from diameter.message.message import Message
from diameter.wire import avp, header
from diameter.wire.types import TYPES, OtherAddress

if TYPE_CHECKING:
    from diameter.dictionary.model import AvpDef
    from diameter.message.build import Dictionary

SCHEMA: Final = 1
TypeOf = Callable[[dict[str, Any]], "AvpDef | None"]
"""The definition of an AVP in JSON form."""
_DEEPEST: Final = 64


def dumps(message: Message, indent: int | None = None) -> str:
    """JSON text of `as_dict`."""
    return json.dumps(as_dict(message), indent=indent, ensure_ascii=False)


def as_dict(message: Message) -> dict[str, Any]:
    """The message as JSON values: header fields, AVPs, faults."""
    octets = message.octets
    out: dict[str, Any] = {
        "schema": SCHEMA,
        "command": message.command,
        "command_code": message.command_code,
        "application": message.application,
        "application_id": message.application_id,
        "request": message.request,
        "flags": message.flags,
        "hop_by_hop": message.hop_by_hop,
        "end_to_end": message.end_to_end,
        "length": int.from_bytes(octets[1:4]),
        "avps": [_avp(one, 0) for one in message.avps],
        "faults": [fault_dict(one) for one in message.faults],
    }
    if octets[:1] not in (b"", b"\1"):
        out["version"] = octets[0]
    if len(octets) < header.LENGTH:
        out["octets"] = octets.hex()
    elif message.tail:
        out["tail"] = message.tail.hex()
    return out


def fault_dict(fault: Any) -> dict[str, Any]:
    """A RemoteFault as JSON values."""
    return {
        "result_code": int(fault.result_code),
        "verdict": fault.verdict,
        "text": fault.text,
        "clause": fault.clause,
        "path": list(fault.path),
        "offset": fault.offset,
        "failed_avp": fault.failed_avp.hex(),
    }


def _avp(one: Avp, depth: int) -> dict[str, Any]:
    out: dict[str, Any] = {
        "name": one.name,
        "code": one.code,
        "vendor": one.vendor,
        "flags": one.flags,
        "length": one.length,
    }
    value = one.value
    data = one.data
    if isinstance(value, Grouped) and depth < _DEEPEST:
        out["value"] = [_avp(member, depth + 1) for member in value.avps]
        back: bytes | None = b"".join(member.octets for member in value.avps)
    else:
        out["value"] = plain(value)
        back = data_of(one.definition.type if one.definition is not None else "OctetString", out["value"])
    if back != data:
        out["data"] = data.hex()
    if one.padding != bytes(-one.length & 3):
        out["padding"] = one.padding.hex()
    return out


def plain(value: Any) -> Any:
    """A value as a JSON value."""
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, Grouped):
        return value.octets.hex()
    if isinstance(value, (IPv4Address, IPv6Address)):
        return str(value)
    if isinstance(value, OtherAddress):
        return {"family": value.family, "data": value.data.hex()}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value


def data_of(type_name: str, value: Any) -> bytes | None:
    """Data octets of a JSON value, or None when it makes none."""
    try:
        if type_name in ("OctetString", "Grouped"):
            return bytes.fromhex(value)
        if type_name == "Time":
            value = datetime.fromisoformat(value)
        elif type_name == "Address" and isinstance(value, dict):
            value = OtherAddress(value["family"], bytes.fromhex(value["data"]))
        elif type_name in ("Float32", "Float64"):
            value = float(value)
        return TYPES[type_name].encode(value)
    except (ValueError, TypeError, KeyError):
        return None


def _octets(one: dict[str, Any], depth: int, type_of: TypeOf) -> bytes:
    """One AVP of the JSON form as octets; LocalError names what is wrong."""
    if depth > _DEEPEST:
        raise LocalError(f"groups nested deeper than {_DEEPEST}")
    data = _member_data(one, depth, type_of)
    flags = _number(one, "flags", 8)
    length = _number(one, "length", 24) if "length" in one else len(data) + (12 if flags & avp.FLAG_V else 8)
    word = (flags << 24) | length
    code, vendor = _number(one, "code", 32), _number(one, "vendor", 32)
    head = avp.pack_three(code, word, vendor) if flags & avp.FLAG_V else avp.pack_two(code, word)
    padding = _hex(one, "padding") if "padding" in one else avp.PAD[length & 3]
    return head + data + padding


def _member_data(one: dict[str, Any], depth: int, type_of: TypeOf) -> bytes:
    if "data" in one:
        return _hex(one, "data")
    value = one.get("value")
    if isinstance(value, list):
        return b"".join(_octets(_object(member), depth + 1, type_of) for member in value)
    definition = type_of(one)
    kind = definition.type if definition is not None else "OctetString"
    if (
        isinstance(value, str)
        and definition is not None
        and definition.values
        and kind not in ("OctetString", "UTF8String")
    ):
        numbers = {name: 1 << number if definition.bits else number for number, name in definition.values.items()}
        value = numbers.get(value, value)
    data = data_of(kind, value)
    if data is None:
        raise LocalError(f"{one.get('name', one.get('code'))}: {value!r} is no value of type {kind}")
    return data


def loads(text: str, dictionary: Dictionary) -> Message:
    """A Message from JSON text, octet for octet what `dumps` was given; LocalError names what is wrong."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise LocalError(f"not JSON: {error}") from None
    return from_dict(_object(document), dictionary)


def from_dict(document: dict[str, Any], dictionary: Dictionary) -> Message:
    """A Message from the form of `as_dict`, or from the short form.

    Short form: "command" and "application" by name, "avps" a mapping of names to values (a list is several AVPs, a
    mapping a Grouped).  Names of AVPs suffice where code, vendor and flags are absent.
    """
    if document.get("schema", SCHEMA) != SCHEMA:
        raise LocalError(f"schema {document['schema']!r} is not {SCHEMA}")
    if "octets" in document:
        return Message(_hex(document, "octets"), dictionary)
    application, code, flags = _command(document, dictionary)
    tables = dictionary.tables(application)
    members = _listed(document.get("avps", []))

    def kind(one: dict[str, Any]) -> AvpDef | None:
        return tables.scope.avps.get(_number(one, "vendor", 32) << 32 | _number(one, "code", 32))

    body = b"".join(_octets(_complete(_object(one), tables), 0, kind) for one in members) + _hex(document, "tail")
    length = _number(document, "length", 24) if "length" in document else header.LENGTH + len(body)
    version = _number(document, "version", 8) if "version" in document else header.VERSION
    hop, end = _number(document, "hop_by_hop", 32), _number(document, "end_to_end", 32)
    return Message(header.pack(version << 24 | length, flags << 24 | code, application, hop, end) + body, dictionary)


def _command(document: dict[str, Any], dictionary: Dictionary) -> tuple[int, int, int]:
    """(application id, command code, flags) by number, or by the names of application and command."""
    name = document.get("command")
    by_name = "command_code" not in document and isinstance(name, str)
    if "application_id" not in document and "application" in document:
        application = dictionary.application(document["application"]).id
    else:
        application = _number(document, "application_id", 32)
    code = _number(document, "command_code", 24)
    flags = header.FLAG_R if document.get("request") else 0
    if by_name:
        found = [one for one in dictionary.commands_named(str(name)) if one.request or str(name) != one.name[:-8]]
        given = "application" in document or "application_id" in document
        found = [one for one in found if not given or one.application_id in (application, 0)]
        if not found or len({(one.application_id, one.code) for one in found}) > 1:
            where = ", ".join(sorted({str(one.application_id) for one in found})) or "no application"
            raise LocalError(f"command: {name!r} is found in {where}; one wanted")
        one = found[0]
        application = application if given else one.application_id
        code = one.code
        flags = (header.FLAG_R if one.request else 0) | (header.FLAG_P if one.proxiable else 0)
    return application, code, _number(document, "flags", 8) if "flags" in document else flags


def _listed(avps: Any) -> list[Any]:
    """AVPs as a list of objects, also when they are given as a mapping of names to values."""
    if isinstance(avps, list):
        return avps
    if not isinstance(avps, dict):
        raise LocalError("avps: a list or a mapping wanted")
    out: list[Any] = []
    for name, value in avps.items():
        for one in value if isinstance(value, list) else (value,):
            out.append({"name": name, "value": _listed(one) if isinstance(one, dict) and "family" not in one else one})
    return out


def _complete(one: dict[str, Any], tables: Any) -> dict[str, Any]:
    """Fill code, vendor and flags of an AVP that is given by name alone, and of its members."""
    out = dict(one)
    if "code" not in out:
        name = out.get("name")
        if not isinstance(name, str):
            raise LocalError("an AVP wants a name or a code")
        writer = tables.writer(name)
        out["code"], out["vendor"] = writer.code, writer.vendor
        out.setdefault("flags", writer.word >> 24)
    if isinstance(out.get("value"), list) and "data" not in out:
        out["value"] = [_complete(_object(member), tables) for member in out["value"]]
    return out


def _object(value: Any) -> dict[str, Any]:
    if isinstance(value, dict):
        return value
    raise LocalError(f"an object wanted, not {type(value).__name__}")


def _number(one: dict[str, Any], key: str, bits: int) -> int:
    value = one.get(key, 0)
    if isinstance(value, int) and not isinstance(value, bool) and not value >> bits:
        return value
    raise LocalError(f"{key}: a number of {bits} bits wanted, not {value!r}")


def _hex(one: dict[str, Any], key: str) -> bytes:
    value = one.get(key, "")
    try:
        return bytes.fromhex(value)
    except (ValueError, TypeError):
        raise LocalError(f"{key}: hex wanted, not {value!r}") from None
