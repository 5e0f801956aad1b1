"""Hop-by-Hop and End-to-End Identifiers, and the T flag (RFC 6733 sections 3 and 5.5.4).

An agent forwards a request with its End-to-End Identifier, so the same identifier on another connection is in order
as long as it is about the same; from the same sender it is a repetition, which needs the T flag, or an error.
"""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.past import Seen
from diameter.capture.checks.rules import ERROR, NONE, NOTE, REQUEST, Found, Hit, rule
from diameter.capture.checks.sight import ORIGIN_HOST, SECOND, SESSION_ID, Sight

UNIQUE_NS: Final = 240 * SECOND
"""An End-to-End Identifier stays unique for four minutes (section 3)."""


def digest(one: Sight) -> int:
    """Of all AVPs: the same for the same request, on one connection."""
    return hash(one.message.octets[20:])


def about(one: Sight) -> int:
    """Of what agents keep when they forward a request."""
    message = one.message
    return hash((message.command_code, message.application_id, one.raw(SESSION_ID)))


def earlier(one: Sight) -> Seen | None:
    """The last request with the same Origin-Host and End-to-End Identifier, if it was less than four minutes ago."""
    seen = one.past.requests.get((one.raw(ORIGIN_HOST), one.message.end_to_end))
    if seen is None or one.now_ns - seen.place.clock_ns >= UNIQUE_NS:
        return None
    return seen


def by_the_same(one: Sight, seen: Seen) -> bool:
    """Whether both were sent by the same node, not by agents along the way."""
    if seen.key == one.key:
        return seen.place.source == one.captured.source
    return seen.first_hand and first_hand(one)


def first_hand(one: Sight) -> bool:
    """Whether the sender on this connection is the one who made the message."""
    return bool(one.identity) and one.identity == one.raw(ORIGIN_HOST)


@rule(
    "hop-by-hop-reused", ERROR, "RFC 6733 section 3",
    "A request takes a Hop-by-Hop Identifier that waits for an answer on the same connection.", REQUEST,
)  # fmt: skip
def hop_by_hop_reused(one: Sight) -> Found:
    """The same request once more is a repetition and no new use."""
    asked = one.past.pending(one)
    if asked is None or (asked.end_to_end == one.message.end_to_end and asked.digest == digest(one)):
        return NONE
    text = f"0x{one.message.hop_by_hop:08x} is that of the {asked.place.short} in frame {asked.place.frame}"
    return (Hit(f"Hop-by-Hop Identifier {text}, which is not answered yet", one.place.short, 12),)


@rule(
    "end-to-end-reused", ERROR, "RFC 6733 section 3",
    "An End-to-End Identifier that another request of the same host has had within four minutes.", REQUEST,
)  # fmt: skip
def end_to_end_reused(one: Sight) -> Found:
    """Another request: about something else, or the same after its answer."""
    seen = earlier(one)
    if seen is None:
        return NONE
    same = seen.about == about(one)
    if same and (not by_the_same(one, seen) or not seen.answered or one.message.retransmitted):
        return NONE
    text = f"0x{one.message.end_to_end:08x} is that of the {seen.place.short} in frame {seen.place.frame}"
    return (Hit(f"End-to-End Identifier {text}", f"{one.place.short} like {seen.place.short}", 16),)


@rule("repeat-without-t-flag", ERROR, "RFC 6733 section 3", "A request is sent again without the T flag.", REQUEST)
def repeat_without_t_flag(one: Sight) -> Found:
    """By the same node, before an answer came."""
    seen = earlier(one)
    if seen is None or one.message.retransmitted or seen.answered or seen.about != about(one):
        return NONE
    if not by_the_same(one, seen):
        return NONE
    return (Hit(f"the {seen.place.short} of frame {seen.place.frame} again, without the T flag", one.place.short, 4),)


@rule(
    "t-flag-first",
    NOTE,
    "RFC 6733 section 3",
    "The T flag on a request that the capture does not hold before.",
    REQUEST,
)
def t_flag_first(one: Sight) -> Found:
    """It may have been sent where nobody captured."""
    if not one.message.retransmitted or earlier(one) is not None:
        return NONE
    return (Hit("the T flag, but no earlier request with its End-to-End Identifier", one.place.short, 4),)
