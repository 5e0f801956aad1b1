"""Dictionaries out: one loaded file as `.dia` text, or everything as Wireshark XML."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final
from xml.sax.saxutils import quoteattr

from diameter.dictionary.load import Definitions
from diameter.dictionary.model import ApplicationDef, AvpDef, Grammar
from diameter.dictionary.plain import BASE, PlainFile

VENDORS: Final = {0: "None", 10415: "TGPP"}
"""Wireshark's own words for vendors that its files share."""
MANDATORY: Final = {"M": "must", "-": "mustnot", "?": "may"}


def dia_text(definitions: Definitions, stem: str) -> str:
    """A loaded file, of whatever format, as `.dia` text that says the same.  KeyError when no file has that stem."""
    files = definitions.files()
    number = next((i for i, file in enumerate(files) if file.stem == stem), None)
    if number is None:
        raise KeyError(stem)
    file = files[number]
    own = [avp for avp in definitions.avps() if avp.stem == stem]
    parts = [_head(definitions, file), *_types(own), *_overridden(definitions, file), *_names(definitions, file)]
    parts += [_values(avp.name, avp.values, avp.bits) for avp in own if avp.values]
    groups = [_definition(f"{avp.name} ::= < {_avp_header(avp)} >", avp.grammar) for avp in own if avp.grammar]
    known = {avp.key: avp for avp in definitions.avps()}
    groups += [
        _definition(f"{known[key].name} ::= < {_avp_header(known[key])} >", definitions.grammar_of(plain))
        for key, (_, _, plain, _) in file.overrides.items()
        if plain
    ]
    if groups:
        parts.append("@grouped\n" + "\n".join(groups))
    commands = "\n".join(_commands(definitions, file))
    if commands:
        parts.append("@messages\n" + commands)
    return "\n".join(parts)


def _head(definitions: Definitions, file: PlainFile) -> str:
    files = definitions.files()
    order = [files[i].stem for i in file.order if files[i].names]
    inherits = [stem for stem in dict.fromkeys([*order, *_owners(definitions, file)]) if stem not in (file.stem, BASE)]
    lines = [f"@id {file.id}", f"@name {file.name}"] if file.id is not None else []
    lines += [f"@title {file.title}"] if file.title else []
    lines += [f"@vendor {file.vendor}"] if file.vendor else []
    lines += [f"@inherits {' '.join(inherits)}"] if inherits else []
    lines += ["@decode"] if file.decode_only else []
    lines += ["@accounting"] if file.accounting else []
    return "\n".join([*lines, ""])


def _owners(definitions: Definitions, file: PlainFile) -> Iterator[str]:
    """The files that define the members of this file's grammars; an imported file inherits ours unsaid."""
    known = {avp.key: avp for avp in definitions.avps()}
    grammars = [avp.grammar for avp in known.values() if avp.grammar and avp.stem == file.stem]
    for grammar in (*grammars, *(command.grammar for command in definitions.commands_of(file))):
        yield from (known[rule.key].stem for rule in grammar.rules)


def _types(avps: Iterable[AvpDef]) -> Iterator[str]:
    by_vendor: dict[int, list[str]] = {}
    for avp in avps:
        line = f"   {avp.name:<48} {avp.code:>5}  {avp.type:<16}  {avp.mandatory}  {avp.reference}".rstrip()
        by_vendor.setdefault(avp.vendor, []).append(line)
    for vendor, lines in by_vendor.items():
        yield "\n".join([f"@avp_types {vendor}", *lines, ""])


def _overridden(definitions: Definitions, file: PlainFile) -> Iterator[str]:
    known = {avp.key: avp.name for avp in definitions.avps()}
    rules = [f"   {known[k]:<48} {flag}  {ref}".rstrip() for k, (flag, _, _, ref) in file.overrides.items() if flag]
    if rules:
        yield "\n".join(["@reuse_types", *rules, ""])
    for key, (_, values, _, _) in file.overrides.items():
        if values:
            yield _values(known[key], values[1], values[0])


def _names(definitions: Definitions, file: PlainFile) -> Iterator[str]:
    known = {avp.key: avp for avp in definitions.avps()}
    other = [f"   {name} = {known[key].name}" for name, key in file.names.items() if known[key].name != name]
    if other:
        yield "\n".join(["@alias", *other, ""])


def _values(name: str, values: Mapping[int, str], bits: bool) -> str:
    lines = [f"   {number:<6} {label}" for number, label in values.items()]
    return "\n".join([f"{'@bits' if bits else '@enum'} {name}", *lines, ""])


def _avp_header(avp: AvpDef) -> str:
    return f"AVP Header: {avp.code}{f' {avp.vendor}' if avp.vendor else ''}"


def _definition(head: str, grammar: Grammar) -> str:
    lines = [f"   {head}"]
    for rule in grammar.rules:
        opened, closed = "<>" if rule.fixed else "{}" if rule.minimum else "[]"
        usual = 1 if rule.minimum or rule.fixed else 0
        low = "" if rule.minimum == usual else str(rule.minimum)
        if (rule.minimum, rule.maximum) in ((0, 1), (1, 1)) and not low:
            count = ""
        else:
            low = str(rule.minimum) if rule.minimum or rule.fixed else ""
            count = f"{low}*{'' if rule.maximum is None else rule.maximum}"
        lines.append(f"{count:>10} {opened} {rule.name} {closed}")
    if grammar.wildcard:
        lines.append(f"{'*':>10} [ AVP ]")
    return "\n".join([*lines, ""])


def _commands(definitions: Definitions, file: PlainFile) -> Iterator[str]:
    for command in definitions.commands_of(file):
        code = "code" if command.code < 0 else str(command.code)
        flags = [w for w, on in (("REQ", command.request), ("ERR", command.error), ("PXY", command.proxiable)) if on]
        clause = f" {command.reference}" if command.reference else ""
        head = f"{command.name} {command.short}{clause} ::= < Diameter Header: {', '.join([code, *flags])} >"
        yield _definition(head, command.grammar)


# --- Wireshark


def wireshark_xml(definitions: Definitions) -> str:
    """Every application, command and AVP in the XML of Wireshark's dictionary.xml.

    What that format cannot say is left out: arity, M rules per application, names of bits.  Names must be unique
    there, so the second AVP of a name carries its code.
    """
    avps = list(definitions.avps())
    names = _unique(avps)
    lines = ['<?xml version="1.0" encoding="UTF-8"?>', "<dictionary>"]
    for vendor in sorted({avp.vendor for avp in avps} - {0}):
        word = quoteattr(_vendor(vendor))
        lines.append(f'  <vendor vendor-id={word} code="{vendor}" name={word}/>')
    lines += ['  <base uri="https://www.rfc-editor.org/rfc/rfc6733">', *_ws_commands(definitions, 0)]
    for kind in sorted({avp.type for avp in avps} - {"Grouped"}):
        lines.append(f"    <typedefn type-name={quoteattr('IPAddress' if kind == 'Address' else kind)}/>")
    lines += [line for avp in avps for line in _ws_avp(avp, names)]
    lines.append("  </base>")
    for application in definitions.applications.values():
        if application.id:
            lines += _ws_application(definitions, application)
    return "\n".join([*lines, "</dictionary>", ""])


def _vendor(vendor: int) -> str:
    return VENDORS.get(vendor, f"vendor{vendor}")


def _unique(avps: Iterable[AvpDef]) -> dict[int, str]:
    taken: set[str] = set()
    names: dict[int, str] = {}
    for avp in avps:
        name = avp.name if avp.name not in taken else f"{avp.name}-{avp.code}"
        taken.add(name)
        names[avp.key] = name
    return names


def _ws_application(definitions: Definitions, application: ApplicationDef) -> Iterator[str]:
    yield f'  <application id="{application.id}" name={quoteattr(application.name)}>'
    yield from _ws_commands(definitions, application.id)
    yield "  </application>"


def _ws_commands(definitions: Definitions, application_id: int) -> Iterator[str]:
    for command in definitions.commands():
        if command.application_id == application_id and command.request:
            yield f'    <command name={quoteattr(command.name.removesuffix("-Request"))} code="{command.code}"/>'


def _ws_avp(avp: AvpDef, names: dict[int, str]) -> Iterator[str]:
    vendor = f' vendor-bit="must" vendor-id={quoteattr(_vendor(avp.vendor))}' if avp.vendor else ' vendor-bit="mustnot"'
    yield f'    <avp name={quoteattr(names[avp.key])} code="{avp.code}" mandatory="{MANDATORY[avp.mandatory]}"{vendor}>'
    if avp.grammar:
        yield "      <grouped>"
        for rule in avp.grammar.rules:
            yield f"        <gavp name={quoteattr(names[rule.key])}/>"
        yield "      </grouped>"
    else:
        yield f"      <type type-name={quoteattr('IPAddress' if avp.type == 'Address' else avp.type)}/>"
    if not avp.bits:
        for value, label in avp.values.items():
            yield f'      <enum name={quoteattr(label)} code="{value}"/>'
    yield "    </avp>"
