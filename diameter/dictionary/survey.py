"""Which applications use an AVP, and with which M rule: what no single file says."""

from __future__ import annotations

from collections.abc import Iterator

from diameter.dictionary.load import Definitions
from diameter.dictionary.model import Grammar, Scope


def uses(definitions: Definitions) -> dict[int, dict[str, str]]:
    """For every AVP's key, the applications that use it, by name in order of their ids, with the M rule of each.

    An application uses what its file defines or lists in @reuse_types, and what its own commands hold at any depth.
    One that is only read has no arity; it is taken to use all that the common files it inherits define.
    """
    found: dict[int, dict[str, str]] = {avp.key: {} for avp in definitions.avps()}
    files = definitions.files()
    for number, application in sorted(definitions.applications.items()):
        scope = definitions.scope(number)
        (file,) = (file for file in files if file.stem == application.stem)
        stems = {application.stem}
        if application.decode_only:
            stems |= {files[index].stem for index in file.order if files[index].id is None}
        keys = {key for key, avp in scope.avps.items() if avp.stem in stems} | set(file.overrides)
        for command in scope.commands.values():
            if command.application_id == number:
                keys.update(_reached(scope, command.grammar))
        for key in keys:
            found[key][application.name] = scope.avps[key].mandatory
    return found


def _reached(scope: Scope, grammar: Grammar) -> Iterator[int]:
    seen: set[int] = set()
    stack = [grammar]
    while stack:
        for rule in stack.pop().rules:
            if rule.key not in seen:
                seen.add(rule.key)
                yield rule.key
                if inner := scope.avps[rule.key].grammar:
                    stack.append(inner)
