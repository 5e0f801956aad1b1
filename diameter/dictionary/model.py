"""What a specification says, frozen: AVPs, rules, commands, applications, and the scope one application sees.

The records are data only.  `load.py` makes them from `dict/*.dia`; the message layer compiles its tables from them.
An AVP is known by its key, vendor << 32 | code, never by the code alone (RFC 6733 section 4.1).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


def key_of(vendor: int, code: int) -> int:
    """The key an AVP is found by; vendor 0 is the IETF's own number space."""
    return vendor << 32 | code


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One member of a command or of a Grouped AVP (RFC 6733 sections 3.2 and 4.4).

    `maximum` None is "any number"; `fixed` marks the `< >` form.  `minimum` 0 and `maximum` 0 forbid the AVP.
    """

    name: str
    key: int
    minimum: int
    maximum: int | None
    fixed: bool


@dataclass(frozen=True, slots=True, eq=False)
class Grammar:
    """The members in the order printed; `wildcard` says whether `*[ AVP ]` closes the list."""

    rules: tuple[Rule, ...]
    wildcard: bool


@dataclass(frozen=True, slots=True, eq=False)
class AvpDef:
    """One AVP as one application sees it.

    `type` is a name of `wire.types.TYPES`.  `mandatory` is this scope's M rule: "M" set, "-" clear, "?" send clear
    and accept both.  `values` names values of an Enumerated or Unsigned32; with `bits` its keys are bit numbers (0 is
    the least significant) of a mask.  `grammar` is there for every Grouped AVP and None otherwise.  `decode_only`:
    known from a file with @decode, so that captures read by name; it carries no arity.  `stem`: the defining file.
    """

    name: str
    code: int
    vendor: int
    key: int
    type: str
    mandatory: str
    values: Mapping[int, str]
    bits: bool
    grammar: Grammar | None
    reference: str
    decode_only: bool
    stem: str


@dataclass(frozen=True, slots=True, eq=False)
class CommandDef:
    """One direction of a command: name "Device-Action-Request", short "DAR".

    `application_id` is that of the file which defines it (0 for the base commands, also when another scope shows them).
    `error` marks the E bit in the printed header: only the answer-message of RFC 6733 section 7.2 has it (code -1).
    """

    name: str
    short: str
    code: int
    request: bool
    proxiable: bool
    error: bool
    application_id: int
    grammar: Grammar
    decode_only: bool
    reference: str


@dataclass(frozen=True, slots=True, eq=False)
class ApplicationDef:
    """An application: @id, @name, @vendor of a dictionary file.  `accounting`: advertised as Acct-Application-Id."""

    id: int
    name: str
    vendor: int
    stem: str
    title: str
    decode_only: bool
    accounting: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """All that can be named in messages of one application.

    `avps` (by key) and `names` (aliases too) hold every AVP of every loaded dictionary: the application's own
    definitions, M rules and grammars first, then what the files it inherits define, then any other file's.
    `commands` is keyed by code << 1 | request and falls back on the base protocol's.  `error_answer` is the
    answer-message of RFC 6733 section 7.2, which every answer with the E bit follows.
    `memo` starts empty; the layer above keeps what it compiles there.
    """

    application: ApplicationDef
    avps: Mapping[int, AvpDef]
    names: Mapping[str, AvpDef]
    commands: Mapping[int, CommandDef]
    error_answer: CommandDef | None
    memo: dict[object, object] = field(default_factory=dict)
