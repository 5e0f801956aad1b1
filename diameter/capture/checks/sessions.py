"""Session-Id and the life of a session (RFC 6733 sections 8.4, 8.8 and 8.11)."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.rules import ANSWER, ERROR, NONE, REQUEST, WARNING, Found, Hit, rule
from diameter.capture.checks.sight import SESSION_ID, Sight, text_of

TERMINATION: Final = 275
ABORT: Final = 274
AUTH_SESSION_STATE: Final = 277
NO_STATE_MAINTAINED: Final = b"\0\0\0\1"


@rule("session-id-differs", ERROR, "RFC 6733 section 6.2", "An answer has another Session-Id than its request.", ANSWER)
def session_id_differs(one: Sight) -> Found:
    """Or one where the request has none."""
    asked, own = one.asked, one.raw(SESSION_ID)
    if asked is None or not own or own == asked.session:
        return NONE
    words = f"the request has {text_of(asked.session)}" if asked.session else "the request has none"
    return (Hit(f"Session-Id {text_of(own)}, {words}", one.place.short, one.find(SESSION_ID)),)


@rule("session-id-missing", ERROR, "RFC 6733 section 6.2", "An answer lacks the Session-Id of its request.", ANSWER)
def session_id_missing(one: Sight) -> Found:
    """It MUST be included if the request has it."""
    asked = one.asked
    if asked is None or not asked.session or one.find(SESSION_ID) >= 0:
        return NONE
    return (Hit(f"no Session-Id, the request has {text_of(asked.session)}", one.place.short),)


@rule(
    "session-id-format", WARNING, "RFC 6733 section 8.8", "A Session-Id does not begin with an identity and `;`.",
    REQUEST,
)  # fmt: skip
def session_id_format(one: Sight) -> Found:
    """`<DiameterIdentity>;...`: whoever opened the session."""
    own = one.raw(SESSION_ID)
    if not own or own in one.past.sessions:
        return NONE
    identity, semicolon, _ = own.partition(b";")
    if semicolon and identity and b" " not in identity and identity.isascii():
        return NONE
    return (Hit(f"Session-Id {text_of(own)} does not begin with an identity", one.place.short, one.find(SESSION_ID)),)


@rule("session-ended", ERROR, "RFC 6733 section 8.4", "A request in a session that an STR has ended.", REQUEST)
def session_ended(one: Sight) -> Found:
    """STA has said so."""
    own = one.raw(SESSION_ID)
    session = one.past.sessions.get(own) if own else None
    if session is None or session.ended < 0:
        return NONE
    text = f"session {text_of(own)} ended with the STA of frame {session.ended}"
    return (Hit(text, one.place.short, one.find(SESSION_ID)),)


@rule(
    "str-without-session", WARNING, "RFC 6733 section 8.4", "STR for a session that the capture does not hold.", REQUEST
)
def str_without_session(one: Sight) -> Found:
    """Said only when every connection begins in the capture."""
    own = one.raw(SESSION_ID)
    if one.message.command_code != TERMINATION or one.past.unbegun or own in one.past.sessions:
        return NONE
    if len(one.past.sessions) >= one.past.sessions.limit:
        return NONE
    return (Hit(f"no earlier message of session {text_of(own)}", one.place.short, one.find(SESSION_ID)),)


@rule("str-without-state", WARNING, "RFC 6733 section 8.4", "STR for a session whose state is not maintained.", REQUEST)
def str_without_state(one: Sight) -> Found:
    """Auth-Session-State of the last answer was NO_STATE_MAINTAINED."""
    session = one.past.sessions.get(one.raw(SESSION_ID))
    if one.message.command_code != TERMINATION or session is None or not session.stateless:
        return NONE
    text = "the answer before had Auth-Session-State NO_STATE_MAINTAINED"
    return (Hit(text, one.place.short, one.find(SESSION_ID)),)
