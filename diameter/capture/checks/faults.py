"""What is wrong with one message by itself: the faults that a node would find, each with a rule and a clause.

A fault's Result-Code says what is wrong; the clause says where it is written: of a missing or surplus AVP the clause
that prints the grammar of the command or of the group.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from diameter.capture.checks.rules import ERROR, NOTE, WARNING, Hit, Rule, table
from diameter.capture.checks.sight import Sight
from diameter.capture.records import CUT
from diameter.errors import REPORT, RemoteFault, ResultCode
from diameter.message.faults import NOT_FIRST, PADDING_WRONG, UNNAMED

VERSION: Final = table("version", ERROR, "RFC 6733 section 3", "The version is not 1.")
MESSAGE_LENGTH: Final = table(
    "message-length", ERROR, "RFC 6733 section 3", "Message Length does not fit the octets, or is no multiple of 4."
)
APPLICATION: Final = table(
    "unknown-application",
    NOTE,
    "RFC 6733 section 2.4",
    "An application that no loaded dictionary has: its grammar is not checked.",
)
COMMAND: Final = table(
    "unknown-command", WARNING, "RFC 6733 section 3.1", "A command that its application does not have."
)
HEADER_FLAGS: Final = table(
    "header-flags", ERROR, "RFC 6733 section 3", "E on a request, T on an answer, or P other than the command has it."
)
HEADER_BITS: Final = table(
    "reserved-header-bits", WARNING, "RFC 6733 section 3", "A reserved bit of the command flags is set."
)
AVP_LENGTH: Final = table(
    "avp-length", ERROR, "RFC 6733 section 4.1", "AVP Length does not fit its surroundings or its type."
)
AVP_VALUE: Final = table("avp-value", ERROR, "RFC 6733 section 4.2", "The data of an AVP make no value of its type.")
PADDING: Final = table("padding", WARNING, "RFC 6733 section 4", "Padding is not zero, or is missing.")
ENUMERATED: Final = table(
    "enumerated-value",
    NOTE,
    "RFC 6733 section 4.3.1",
    "A value of an Enumerated AVP that the dictionary does not name.",
)
ORDER: Final = table(
    "avp-order", WARNING, "RFC 6733 section 3.2", "An AVP that its grammar fixes at the beginning does not stand there."
)
AVP_BITS: Final = table("reserved-avp-bits", WARNING, "RFC 6733 section 4.1", "A reserved bit of the AVP flags is set.")
VENDOR_ZERO: Final = table("vendor-id-zero", ERROR, "RFC 6733 section 4.1", "The V bit with Vendor-Id 0.")
AVP_FLAGS: Final = table(
    "avp-flags", WARNING, "RFC 6733 section 4.1", "M or P of an AVP is not as its application has it."
)
UNKNOWN_AVP: Final = table(
    "unknown-mandatory-avp", ERROR, "RFC 6733 section 4.1", "No dictionary has this AVP, and its M bit is set."
)
MISSING: Final = table("missing-avp", ERROR, "RFC 6733 section 3.2", "An AVP that the grammar requires is not there.")
MISSING_REFUSED: Final = table(
    "missing-avp-in-refusal", NOTE, "RFC 6733 section 7", "An answer that refuses lacks an AVP of its grammar."
)
NOT_ALLOWED: Final = table("avp-not-allowed", ERROR, "RFC 6733 section 3.2", "The grammar has no place for this AVP.")
TOO_MANY: Final = table(
    "avp-too-many", ERROR, "RFC 6733 section 3.2", "An AVP stands there more often than its grammar has it."
)
CONTRADICTING: Final = table(
    "contradicting-avps", ERROR, "RFC 6733 section 3", "AVPs contradict each other or the header."
)
LIMIT: Final = table("nesting", NOTE, "RFC 6733 section 4.4", "Groups are nested deeper than this tool reads.")
CUT_SHORT: Final = table(
    "cut-message", NOTE, "RFC 6733 section 3", "The capture holds only the beginning of a message."
)

_BY_CODE: Final = {
    ResultCode.UNSUPPORTED_VERSION: VERSION,
    ResultCode.INVALID_MESSAGE_LENGTH: MESSAGE_LENGTH,
    ResultCode.APPLICATION_UNSUPPORTED: APPLICATION,
    ResultCode.COMMAND_UNSUPPORTED: COMMAND,
    ResultCode.INVALID_HDR_BITS: HEADER_FLAGS,
    ResultCode.INVALID_BIT_IN_HEADER: HEADER_BITS,
    ResultCode.INVALID_AVP_LENGTH: AVP_LENGTH,
    ResultCode.INVALID_AVP_VALUE: AVP_VALUE,
    ResultCode.AVP_UNSUPPORTED: UNKNOWN_AVP,
    ResultCode.INVALID_AVP_BIT_COMBO: AVP_FLAGS,
    ResultCode.MISSING_AVP: MISSING,
    ResultCode.AVP_NOT_ALLOWED: NOT_ALLOWED,
    ResultCode.AVP_OCCURS_TOO_MANY_TIMES: TOO_MANY,
    ResultCode.CONTRADICTING_AVPS: CONTRADICTING,
    ResultCode.UNABLE_TO_COMPLY: LIMIT,
}
_OF_GRAMMAR: Final = (MISSING, MISSING_REFUSED, NOT_ALLOWED, TOO_MANY)
_REPORTED_VALUES: Final = ((PADDING_WRONG, PADDING), (UNNAMED, ENUMERATED), (NOT_FIRST, ORDER))


def look(one: Sight) -> Iterator[tuple[Rule, Hit]]:
    """The faults of the message, each under its rule."""
    if CUT in one.captured.notes:
        yield CUT_SHORT, Hit(f"{len(one.message.octets)} octets of it were captured: not checked further")
        return
    for fault in one.message.faults:
        found = rule_of(fault)
        path = " > ".join(fault.path)
        yield found, Hit(fault.text, f"{one.place.short} {path}".rstrip(), fault.offset, _clause(one, found, fault))


def rule_of(fault: RemoteFault) -> Rule:
    """The rule that a fault of the message layer belongs to."""
    found = _BY_CODE.get(ResultCode(fault.result_code))
    if found is None:
        return VENDOR_ZERO if fault.verdict != REPORT else AVP_BITS
    if fault.verdict == REPORT:
        if found is AVP_VALUE:
            return next((rule for words, rule in _REPORTED_VALUES if fault.text.endswith(words)), AVP_VALUE)
        if found is MISSING:
            return MISSING_REFUSED
    return found


def _clause(one: Sight, found: Rule, fault: RemoteFault) -> str:
    """Where the grammar is printed that was violated; "" where the rule's own clause says it all."""
    if found not in _OF_GRAMMAR:
        return ""
    message = one.message
    groups = fault.path[:-1]
    names = message.tables.scope.names
    if groups:
        return section(names[groups[-1]].reference) if groups[-1] in names else ""
    if message.error and not message.request:
        return "RFC 6733 section 7.2"
    return section(message.definition.reference) if message.definition is not None else ""


def section(reference: str) -> str:
    """`TS 29.368 6.6.2` as `TS 29.368 section 6.6.2`."""
    words = reference.split(" ", 2)
    return f"{words[0]} {words[1]} section {words[2]}" if len(words) == 3 else reference
