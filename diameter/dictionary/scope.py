"""Plain linked data to the frozen records of `model.py`, and the scope of one application out of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from diameter.dictionary.model import ApplicationDef, AvpDef, CommandDef, Grammar, Rule, Scope
from diameter.dictionary.plain import PlainAvp, PlainCommand, PlainFile, PlainGrammar, PlainOverride

BASE_APPLICATION: Final = 0
ERROR_ANSWER: Final = -2
"""Place of the answer-message in a table of commands: code -1 << 1, not a request."""


def grammar_of(plain: PlainGrammar) -> Grammar:
    """A grammar as a record."""
    return Grammar(tuple(Rule(*rule) for rule in plain[0]), plain[1])


def avp_of(key: int, plain: PlainAvp, stems: list[str]) -> AvpDef:
    """An AVP as the file that defines it sees it; `stems` are the files by number."""
    name, code, vendor, kind, flag, values, grammar, reference, decode, owner = plain
    bits, table = values or (False, {})
    members = grammar_of(grammar) if grammar else None
    return AvpDef(name, code, vendor, key, kind, flag, table, bits, members, reference, decode, stems[owner])


def _overridden(avp: AvpDef, override: PlainOverride) -> AvpDef:
    flag, values, grammar, reference = override
    bits, table = values or (avp.bits, avp.values)
    members = avp.grammar if grammar is None else grammar_of(grammar)
    return AvpDef(
        avp.name, avp.code, avp.vendor, avp.key, avp.type, flag or avp.mandatory, table, bits, members,
        reference or avp.reference, avp.decode_only, avp.stem,
    )  # fmt: skip


def command_of(plain: PlainCommand) -> CommandDef:
    """A command as its application defines it."""
    name, short, code, request, proxiable, error, application_id, grammar, decode, reference = plain
    members = grammar_of(grammar)
    return CommandDef(name, short, code, request, proxiable, error, application_id, members, decode, reference)


def resolution(files: tuple[PlainFile, ...], application_id: int) -> tuple[int, ...]:
    """The files an application's names are found in first, as numbers; those of the base for an unknown application."""
    for file in files:
        if file.id == application_id:
            return file.order
    return next((file.order for file in files if file.id == BASE_APPLICATION), ())


def build(files: tuple[PlainFile, ...], known: Mapping[int, AvpDef], application: ApplicationDef) -> Scope:
    """The scope of `application`: every AVP of `known`, with what its own file and the common files say about them."""
    order = resolution(files, application.id)
    avps = dict(known)
    for index in reversed(order):
        if files[index].id not in (None, application.id):
            continue  # what another application says about AVPs it re-uses holds in that application only
        for key, override in files[index].overrides.items():
            avps[key] = _overridden(avps[key], override)
    first = set(order)
    keys: dict[str, int] = {}
    for index in (*(i for i in reversed(range(len(files))) if i not in first), *reversed(order)):
        keys.update(files[index].names)
    plain = [c for i in reversed(order) if files[i].id in (BASE_APPLICATION, application.id) for c in files[i].commands]
    commands = {c[2] << 1 | c[3]: command_of(c) for c in plain}
    return Scope(
        application=application,
        avps=avps,
        names={name: avps[key] for name, key in keys.items()},
        error_answer=commands.pop(ERROR_ANSWER, None),
        commands=commands,
    )
