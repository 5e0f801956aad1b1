"""How state moves on after all rules have seen a message, and at the events of a link."""

from __future__ import annotations

from typing import Final

from diameter.capture.checks.identifiers import about, digest, first_hand
from diameter.capture.checks.past import Past, Seen, Session
from diameter.capture.checks.peers import advertised
from diameter.capture.checks.routing import PROXY_INFO
from diameter.capture.checks.security import INBAND_SECURITY_ID, TLS
from diameter.capture.checks.sessions import AUTH_SESSION_STATE, NO_STATE_MAINTAINED, TERMINATION
from diameter.capture.checks.sight import (
    CAPABILITIES,
    DISCONNECT,
    ORIGIN_HOST,
    SESSION_ID,
    WATCHDOG,
    Asked,
    Sight,
    ends_key,
)
from diameter.capture.records import (
    GAP_BEFORE,
    SCTP_ABORT,
    SCTP_INIT,
    SCTP_SHUTDOWN,
    TCP_FIN,
    TCP_RST,
    TCP_SYN,
    LinkEvent,
)

BEGINNINGS: Final = frozenset(("LINK_UP", TCP_SYN, SCTP_INIT))
ENDS: Final = frozenset(("LINK_LOST", TCP_FIN, TCP_RST, SCTP_ABORT, SCTP_SHUTDOWN))


def event(past: Past, one: LinkEvent) -> None:
    """A link came up or went down."""
    if not one.transport or (one.name not in BEGINNINGS and one.name not in ENDS):
        return
    past.now_ns = max(past.now_ns, one.time_ns)
    ends = ends_key(one.transport, one.local, one.remote)
    key = one.link or past.names.get(ends, ends)
    if one.name in BEGINNINGS:
        past.begin(key)
    elif key in past.connections:
        past.connections[key].closed = True


def before(one: Sight) -> None:
    """What a rule must find ready: the request of an answer, and whether octets are missing before this message."""
    if GAP_BEFORE in one.captured.notes:
        one.connection.gap_ns = one.now_ns
    if not one.message.request:
        one.asked = one.past.pending(one)


def after(one: Sight) -> None:
    """All rules have seen it."""
    connection = one.connection
    if connection.last is None and one.message.command_code == CAPABILITIES and not connection.begun:
        connection.begun = True
        one.past.unbegun -= 1
    if one.message.request:
        _request(one)
    else:
        _answer(one)
    if one.between_neighbours:
        _between_neighbours(one)
    _session(one)
    connection.last = one.place
    connection.closed = False


def _request(one: Sight) -> None:
    message, past = one.message, one.past
    proxies = tuple(data for _, data in one.every(PROXY_INFO))
    lane, fingerprint = past.lane(one), digest(one)
    past.answered.pop(lane, None)
    past.waiting.put(
        lane,
        Asked(
            one.place,
            message.command_code,
            message.application_id,
            message.proxiable,
            message.end_to_end,
            one.raw(ORIGIN_HOST),
            one.raw(SESSION_ID),
            proxies,
            fingerprint,
            one.connection.epoch,
        ),
    )
    seen = Seen(one.place, one.key, first_hand(one), fingerprint, about(one), answered=False)
    key = (one.raw(ORIGIN_HOST), message.end_to_end)
    before = past.requests.get(key)
    if (
        before is None
        or before.about != seen.about
        or (before.key == one.key and before.place.source == one.place.source)
    ):
        past.requests.put(key, seen)
    past.expire()


def _answer(one: Sight) -> None:
    past, asked = one.past, one.asked
    if asked is None:
        return
    lane = past.lane(one)
    past.waiting.pop(lane, None)
    past.answered.put(lane, asked)
    key = (asked.origin, asked.end_to_end)
    seen = past.requests.get(key)
    if seen is not None and seen.key == one.key:
        past.requests[key] = seen._replace(answered=True)


def _between_neighbours(one: Sight) -> None:
    connection, source, message = one.connection, one.captured.source, one.message
    origin = one.raw(ORIGIN_HOST)
    if origin:
        connection.identities[source] = origin
    code = message.command_code
    if code == CAPABILITIES:
        connection.advertised[source] = advertised(one)
        if message.request:
            connection.cer_from, connection.cea_code = source, -1
            connection.disconnecting.clear()
            connection.parted.clear()
        else:
            connection.cea_code = one.result_code
            connection.inband_tls = one.raw(INBAND_SECURITY_ID) == TLS
    elif code == DISCONNECT:
        (connection.disconnecting if message.request else connection.parted).add(source)
    elif code == WATCHDOG and message.request:
        connection.last_dwr_ns[source] = one.now_ns


def _session(one: Sight) -> None:
    own = one.raw(SESSION_ID)
    if not own:
        return
    sessions, message = one.past.sessions, one.message
    state = one.raw(AUTH_SESSION_STATE)
    before = sessions.get(own)
    stateless = before.stateless if before is not None else False
    if state and not message.request:
        stateless = state == NO_STATE_MAINTAINED
    ended = before.ended if before is not None else -1
    if message.command_code == TERMINATION and not message.request and 2000 <= one.result_code < 3000:
        ended = one.captured.frame
    now = Session(stateless, ended)
    if now != before:
        sessions.put(own, now)
