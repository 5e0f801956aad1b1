"""The closed list of trace points: what a node can say about itself, with fixed field names, and why it drops messages.

A node hands each event to `observe(point, fields)`; by default it goes to Twisted's logger.  Field names: `peer`,
`command`, `application`, `hop_by_hop`, `session_id`, `result_code`, `link`, `transport`, `remote`, `reason`, `state`,
`seconds`, `count`, `realm`, `kind`, `name`.
No value is a key, a subscriber identity or message content.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import Enum, StrEnum
from typing import Any

Observer = Callable[["Point", Mapping[str, Any]], None]


class Point(Enum):
    """A trace point: (level, text with the fields it always has)."""

    STARTED = ("info", "{peer} is up")
    CHOSEN = ("info", "{reason}")
    LISTENING = ("info", "listening on {transport} {remote}")
    STOPPING = ("info", "stopping ({reason})")
    STOPPED = ("info", "stopped")
    LINK_UP = ("debug", "link {link} {transport} {remote} is up")
    LINK_LOST = ("debug", "link {link} {transport} {remote} is gone: {reason}")
    LINK_NOTE = ("info", "link {link} {transport} {remote}: {reason}")
    LINK_REFUSED = ("warn", "refused a link with {transport} {remote}: {reason}")
    LINK_BROKEN = ("warn", "link {link} of {peer} ends for its protection: {reason}")
    LINK_FAULT = ("warn", "link {link} of {peer}: {reason}; closing it")
    CONNECTING = ("info", "connecting to {peer}")
    RECONNECTING = ("info", "next attempt to connect to {peer} in {seconds} s")
    CONNECTING_FAILED = ("warn", "no connection to {peer}: {reason}")
    PEER_REFUSED = ("warn", "capabilities exchange with {peer} failed: {reason}")
    PEER_OPEN = ("info", "peer {peer} is open over {transport} {remote}")
    PEER_OKAY = ("info", "peer {peer} takes requests")
    PEER_SUSPECT = ("warn", "peer {peer} is suspect: its watchdog answer is overdue")
    FAILOVER = ("warn", "{count} requests of {peer} go to other peers: {reason}")
    PEER_CLOSED = ("info", "peer {peer} is closed: {reason}")
    PEER_LEAVING = ("info", "peer {peer} is disconnecting: {reason}")
    LISTENING_ENDED = ("info", "listening no longer on {transport} {remote}")
    CLEAR_TEXT = ("warn", "{peer} in clear over {transport}, declared physically protected: {reason}")
    EXPIRES = ("warn", "{kind} of {name} {reason}")
    EXPIRED = ("error", "{kind} of {name} {reason}")
    SETTINGS = ("info", "changed in the configuration: {reason}")
    RESTART_NEEDED = ("warn", "changed in the configuration, but for the next start: {reason}")
    PEER_ADDED = ("info", "peer {peer} is new in the configuration")
    PEER_CHANGED = ("info", "peer {peer} has changed in the configuration: {reason}")
    PEER_REMOVED = ("info", "peer {peer} is gone from the configuration")
    PEER_RESTARTED = ("info", "peer {peer} has restarted (Origin-State-Id {state})")
    REFUSED = ("warn", "refused {command} of {peer} with {result_code}: {reason}")
    DROPPED = ("warn", "dropped {command} of {peer}: {reason}")
    TIMEOUT = ("warn", "no answer to {command} from {peer} within {seconds} s")
    UNDELIVERABLE = ("warn", "{command} cannot be delivered: {reason}")
    REDIRECTED = ("info", "{peer} redirects {command} to {reason}")
    REDIRECT_NOTE = ("warn", "a redirect to {peer} is not followed: {reason}")
    CONGESTED = ("info", "peer {peer} does not keep up: holding requests back")
    DRAINED = ("info", "peer {peer} keeps up again")
    DUPLICATE = ("info", "{command} of {peer} has come before: it is not executed again")
    DISCOVERED = ("info", "found {count} peers of {realm} by DNS: {reason}")
    DISCOVERY_NOTE = ("info", "looking for peers of {realm}: {reason}")
    DISCOVERY_FAILED = ("warn", "found no peer of {realm} by DNS: {reason}")
    FAULT_RULE = ("warn", "fault injection: {reason}")
    FAULT = ("warn", "injected a fault into {command} of {peer}: {reason}")
    LEFT_OUT = ("warn", "{count} more lines of {reason} about {peer} in {seconds} s")
    CAPTURE = ("error", "{reason}")
    BUG = ("critical", "bug in {command} of {peer}: {reason}")

    @property
    def level(self) -> str:
        """Name of the log level."""
        return self.value[0]

    @property
    def text(self) -> str:
        """Format of the log line."""
        return self.value[1]


class Drop(StrEnum):
    """Why a message was thrown away."""

    STRAY_ANSWER = "no request waits for this answer (late, or identifiers of none)"
    FAULTY_ANSWER = "the answer is faulty"
    FOREIGN = "the answer is of another host, and the peer may bring none of others"
    NOT_OPEN = "the peer is not open"
    LINK_GONE = "the link is gone that the answer belongs to"
    SCREENED = "a screen held it back"
    BASE = "the peer layer threw it away"
    UNFRAMED = "not a message, and nothing to answer"
