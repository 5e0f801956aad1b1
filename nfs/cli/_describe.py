"""What `mtc dict show` says about an AVP, a command or an application: rows for JSON, text for people."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from diameter.dictionary import AvpDef, CommandDef, Definitions, Grammar


def number_or_name(text: str) -> int | str:
    """An application as the user names it: an id when it is a number."""
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 11 else text


def described(definitions: Definitions, name: str, application: str | None) -> list[dict[str, Any]]:
    """Everything that is called `name`; DictionaryError when nothing is."""
    from diameter.errors import DictionaryError

    only = definitions.application(number_or_name(application)) if application is not None else None
    number = only.id if only else 0
    found = [_command_row(one) for one in definitions.commands_named(name) if not only or one.application_id == number]
    avps = _avps_named(definitions, name, number)
    found += [_avp_row(definitions, avp, only.name if only else None) for avp in avps]
    try:
        one = definitions.application(number_or_name(name))
        commands = [c.name for c in definitions.commands() if c.application_id == one.id]
        row = {"kind": "application", "name": one.name, "id": one.id, "vendor": one.vendor, "title": one.title}
        found.append({**row, "file": one.stem, "decode_only": one.decode_only, "commands": commands})
    except DictionaryError:
        pass
    if not found:
        raise DictionaryError(f"no AVP, command or application is called {name!r}")
    return found


def _avps_named(definitions: Definitions, name: str, application_id: int) -> list[AvpDef]:
    scope = definitions.scope(application_id)
    vendor, colon, code = name.rpartition(":")
    if name in scope.names:
        return [scope.names[name]]
    if code.isdecimal() and (vendor.isdecimal() or not colon):
        return [a for a in scope.avps.values() if str(a.code) == code and (not colon or str(a.vendor) == vendor)]
    return []


def _avp_row(definitions: Definitions, avp: AvpDef, application: str | None) -> dict[str, Any]:
    from diameter.dictionary.survey import uses

    rules = uses(definitions)[avp.key]
    return {
        "kind": "avp",
        "name": avp.name,
        "code": avp.code,
        "vendor": avp.vendor,
        "type": avp.type,
        "mandatory": rules if application is None else {application: avp.mandatory},
        "reference": avp.reference,
        "file": avp.stem,
        "decode_only": avp.decode_only,
        "bits" if avp.bits else "values": {str(number): label for number, label in avp.values.items()},
        "members": _members(avp.grammar) if avp.grammar else None,
    }


def _command_row(one: CommandDef) -> dict[str, Any]:
    return {
        "kind": "command",
        "name": one.name,
        "short": one.short,
        "code": one.code,
        "request": one.request,
        "proxiable": one.proxiable,
        "application_id": one.application_id,
        "reference": one.reference,
        "decode_only": one.decode_only,
        "members": _members(one.grammar),
    }


def _members(grammar: Grammar) -> list[dict[str, Any]]:
    rows = [{"name": r.name, "minimum": r.minimum, "maximum": r.maximum, "fixed": r.fixed} for r in grammar.rules]
    return [*rows, *([{"name": "AVP", "minimum": 0, "maximum": None, "fixed": False}] if grammar.wildcard else [])]


def text_of(row: dict[str, Any]) -> str:
    """One described thing for people."""
    if row["kind"] == "command":
        flags = "".join(f", {word}" for word, key in (("REQ", "request"), ("PXY", "proxiable")) if row[key])
        head = f"{row['name']} ({row['short']}) ::= < Diameter Header: {row['code']}{flags}, {row['application_id']} >"
        lines = [head + f"   {row['reference']}".rstrip()]
    elif row["kind"] == "application":
        lines = [f"{row['name']}: application {row['id']}, vendor {row['vendor']}, {row['title']} ({row['file']}.dia)"]
        lines += [f"   {name}" for name in row["commands"]]
    else:
        lines = [
            f"{row['name']}: AVP {row['code']}, vendor {row['vendor']}, {row['type']}   {row['reference']}".rstrip()
        ]
        lines += [f"   {name}: {rule}" for name, rule in row["mandatory"].items()]
        lines += [f"   bit {number:>2}  {label}" for number, label in row.get("bits", {}).items()]
        lines += [f"   {number:>6}  {label}" for number, label in row.get("values", {}).items()]
    if row.get("decode_only"):
        lines.append("   read only: known for captures, without arity")
    for member in row.get("members") or []:
        opened, closed = "<>" if member["fixed"] else "{}" if member["minimum"] else "[]"
        lines.append(f"   {_count(member):>6} {opened} {member['name']} {closed}")
    return "\n".join(lines)


def _count(member: dict[str, Any]) -> str:
    least, most = member["minimum"], member["maximum"]
    if most == 1 and (least == 1 or not member["fixed"]):
        return ""
    return f"{least or ''}*{'' if most is None else most}"
