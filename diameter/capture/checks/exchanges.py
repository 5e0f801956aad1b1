"""A request and its answer: each has the other, and they agree (RFC 6733 sections 3 and 6.2)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.past import KEEP_NS
from diameter.capture.checks.rules import ANSWER, ERROR, NONE, NOTE, WARNING, Found, Hit, rule, table
from diameter.capture.checks.sight import SECOND, Sight, seconds

table(
    "request-unanswered", ERROR, "RFC 6733 section 6.2",
    "A request has no answer, although the capture goes on long enough.",
)  # fmt: skip
BLIND_NS: Final = 30 * SECOND
"""How long after the beginning of a capture, or after a gap, an answer may belong to a request that was not seen."""


@rule("answer-unmatched", ERROR, "RFC 6733 section 6.2.1", "An answer to no request of its connection.", ANSWER)
def answer_unmatched(one: Sight) -> Found:
    """Not said where the request can have been before the capture or in a gap of it."""
    past, connection = one.past, one.connection
    if one.asked is not None or past.lane(one) in past.answered:
        return NONE
    began = 0 if connection.begun else past.start_ns
    if one.now_ns - max(began, connection.gap_ns) < BLIND_NS:
        return NONE
    text = f"no request with Hop-by-Hop Identifier 0x{one.message.hop_by_hop:08x} waits here"
    return (Hit(text, one.place.short, 12),)


@rule("answer-repeated", WARNING, "RFC 6733 section 3", "A request is answered again.", ANSWER)
def answer_repeated(one: Sight) -> Found:
    """Duplicate answers are dropped by whoever asked."""
    earlier = one.past.answered.get(one.past.lane(one)) if one.asked is None else None
    if earlier is None or earlier.epoch != one.connection.epoch:
        return NONE
    if one.message.end_to_end != earlier.end_to_end:
        return NONE
    return (Hit(f"the {earlier.place.short} of frame {earlier.place.frame} was answered before", one.place.short, 12),)


@rule("answer-late", NOTE, "RFC 6733 section 5.5.4", "An answer comes when most would have given up.", ANSWER)
def answer_late(one: Sight) -> Found:
    """Later than a request may wait before it counts as unanswered."""
    if one.asked is None:
        return NONE
    waited = one.now_ns - one.asked.place.clock_ns
    if waited < one.past.settings.wait_ns or waited >= KEEP_NS:
        return NONE
    return (Hit(f"answered after {seconds(waited)}", one.place.short),)


@rule(
    "answer-end-to-end",
    ERROR,
    "RFC 6733 section 3",
    "The End-to-End Identifier of an answer is not its request's.",
    ANSWER,
)
def answer_end_to_end(one: Sight) -> Found:
    """No agent may change it."""
    asked = one.asked
    if asked is None or asked.end_to_end == one.message.end_to_end:
        return NONE
    text = f"End-to-End Identifier 0x{one.message.end_to_end:08x}, the request has 0x{asked.end_to_end:08x}"
    return (Hit(text, one.place.short, 16),)


@rule("answer-command", ERROR, "RFC 6733 section 3.1", "An answer has another Command Code than its request.", ANSWER)
def answer_command(one: Sight) -> Found:
    """Request and answer share a code."""
    asked = one.asked
    if asked is None or asked.command_code == one.message.command_code:
        return NONE
    text = f"Command Code {one.message.command_code} answers {asked.place.short} ({asked.command_code})"
    return (Hit(text, f"{one.place.short} to {asked.place.short}", 5),)


@rule(
    "answer-application",
    WARNING,
    "RFC 6733 section 3",
    "An answer has another Application-ID than its request.",
    ANSWER,
)
def answer_application(one: Sight) -> Found:
    """The exchange belongs to one application."""
    asked = one.asked
    if asked is None or asked.application_id == one.message.application_id:
        return NONE
    text = f"Application-ID {one.message.application_id}, the request has {asked.application_id}"
    return (Hit(text, one.place.short, 8),)


@rule("answer-proxiable", WARNING, "RFC 6733 section 6.2", "The P bit of an answer is not its request's.", ANSWER)
def answer_proxiable(one: Sight) -> Found:
    """Not said again where the command's definition has been broken already."""
    asked, message = one.asked, one.message
    if asked is None or asked.proxiable == message.proxiable:
        return NONE
    if message.definition is not None and not message.error:
        return NONE
    text = (
        f"P bit {'set' if message.proxiable else 'clear'}, the request has it {'set' if asked.proxiable else 'clear'}"
    )
    return (Hit(text, one.place.short, 4),)
