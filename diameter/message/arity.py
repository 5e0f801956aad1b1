"""How often each AVP may stand in a command or group: 5005, 5008, 5009 (RFC 6733 sections 3.2, 4.4 and 7.1.5).

The core says only that a grammar is violated; here it is found out how.  The same words check what we build.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final, NamedTuple

from diameter.dictionary.model import AvpDef, Grammar, Rule
from diameter.errors import EncodeError

if TYPE_CHECKING:
    from diameter.message.message import Message

MISSING: Final = 5005
NOT_ALLOWED: Final = 5008
TOO_MANY: Final = 5009


class Violation(NamedTuple):
    """One violation: what, and either the rule (5005) or the position of the offending AVP among its siblings."""

    what: int
    rule: Rule | None
    position: int


def violations(grammar: Grammar, keys: Sequence[int]) -> list[Violation]:
    """Every violation, in the order of the AVPs first, then what is missing in the order of the grammar."""
    rules = {rule.key: rule for rule in grammar.rules}
    seen: dict[int, int] = {}
    out: list[Violation] = []
    for position, key in enumerate(keys):
        seen[key] = count = seen.get(key, 0) + 1
        rule = rules.get(key)
        if rule is None:
            if not grammar.wildcard:
                out.append(Violation(NOT_ALLOWED, None, position))
        elif rule.maximum == 0:
            out.append(Violation(NOT_ALLOWED, rule, position))
        elif rule.maximum is not None and count == rule.maximum + 1:
            out.append(Violation(TOO_MANY, rule, position))
    out.extend(Violation(MISSING, rule, -1) for rule in grammar.rules if seen.get(rule.key, 0) < rule.minimum)
    return out


def complaint(
    where: str, clause: str, grammar: Grammar, keys: Sequence[int], avps: Mapping[int, AvpDef]
) -> EncodeError | None:
    """An EncodeError for the first violation among what we built, or None.  `avps`: names of keys."""
    for one in violations(grammar, keys):
        if one.what == MISSING and one.rule is not None:
            return EncodeError(f"{where}: required AVP {one.rule.name} is missing ({clause})")
        if one.what == TOO_MANY and one.rule is not None:
            return EncodeError(f"{where}: {one.rule.name} occurs more than {one.rule.maximum} times ({clause})")
        key = keys[one.position]
        name = avps[key].name if key in avps else f"AVP {key >> 32}:{key & 0xFFFFFFFF}"
        return EncodeError(f"{where}: {name} has no place in its grammar ({clause})")
    return None


def check_built(message: Message) -> None:
    """Raise the EncodeError that waits in a message we built; once checked it is not checked again."""
    pending = message.pending
    if pending is None:
        return
    due, keys, problem = pending
    if problem is not None:
        raise problem
    if not message._holds(due.compiled, keys):
        error = complaint(due.where, due.clause, due.grammar, message.keys, message.tables.scope.avps)
        if error is not None:
            raise error
    message.pending = None
