"""What the capture held so far, bounded: connections, requests in flight, sessions, identifiers, identities."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from diameter.capture.checks.sight import SECOND, Asked, Connection, Memory, Place, Sight, seconds
from diameter.capture.records import Endpoint

MAX_CONNECTIONS: Final = 4096
MAX_WAITING: Final = 65_536
MAX_SESSIONS: Final = 65_536
MAX_REQUESTS: Final = 65_536
MAX_SUBSCRIBERS: Final = 65_536
MAX_SUSPECTS: Final = 16_384
WAIT_S: Final = 5.0
"""How long a request may wait before it counts as unanswered."""
KEEP_NS: Final = 300 * SECOND
"""How long a request is remembered for an answer that comes late."""

Lane = tuple[Hashable, Endpoint, int]
"""Connection, who asked, Hop-by-Hop Identifier."""


class Seen(NamedTuple):
    """A request by its Origin-Host and End-to-End Identifier.  `digest`: of its AVPs.  `about`: of what agents keep."""

    place: Place
    key: Hashable
    first_hand: bool
    digest: int
    about: int
    answered: bool


class Session(NamedTuple):
    """A Session-Id that was met.  `ended`: frame of the STA that ended it, or -1."""

    stateless: bool
    ended: int


@dataclass(slots=True)
class Settings:
    """What a run is told.  `outside`: hosts and realms beyond the operator's own, lower case."""

    outside: frozenset[bytes] = frozenset()
    wait_ns: int = int(WAIT_S * SECOND)


class Late(NamedTuple):
    """A finding about an earlier message, which came up only now."""

    rule: str
    place: Place
    text: str
    what: str
    offset: int = -1


@dataclass(slots=True)
class Past:
    """All memories.  `late`: findings about earlier messages that came up just now; the checker empties it."""

    settings: Settings
    connections: Memory[Hashable, Connection] = field(default_factory=lambda: Memory(MAX_CONNECTIONS))
    names: Memory[Hashable, Hashable] = field(default_factory=lambda: Memory(MAX_CONNECTIONS))
    """Connections by their ends and transport, for events that have no number of a link."""
    begun: Memory[Hashable, None] = field(default_factory=lambda: Memory(MAX_CONNECTIONS))
    """Ends and numbers of links that came up before their first message."""
    waiting: Memory[Lane, Asked] = field(default_factory=lambda: Memory(MAX_WAITING))
    answered: Memory[Lane, Asked] = field(default_factory=lambda: Memory(MAX_WAITING))
    sessions: Memory[bytes, Session] = field(default_factory=lambda: Memory(MAX_SESSIONS))
    requests: Memory[tuple[bytes, int], Seen] = field(default_factory=lambda: Memory(MAX_REQUESTS))
    subscribers: Memory[bytes, int] = field(default_factory=lambda: Memory(MAX_SUBSCRIBERS))
    """IMSI, as digits and as TBCD octets, to the frame in which it was first met."""
    suspects: Memory[bytes, tuple[Place, int, str]] = field(default_factory=lambda: Memory(MAX_SUSPECTS))
    """Digits that went outside and may prove to be an IMSI: message, offset of the AVP, what it is."""
    late: list[Late] = field(default_factory=list)
    start_ns: int = 0
    now_ns: int = 0
    unbegun: int = 0
    """Connections that were there before the capture."""
    epochs: int = 0

    def connection(self, key: Hashable, ends: Hashable, *, noted: bool) -> Connection:
        """The connection of this key, made at its first message.

        `ends`: by which a node's own notes of links name it; they may come before the first message.  `noted`: a node
        wrote the message down; the SYN before it is made up then, and only a note says that the link came up.
        """
        found = self.connections.get(key)
        if found is None:
            found = self._new(key)
            found.begun = ends in self.begun or (key in self.begun and not noted)
            self.unbegun += not found.begun
        if self.names.get(ends) != key:
            self.names.put(ends, key)
        return found

    def begin(self, key: Hashable) -> None:
        """A connection was set up just now: what was known of one with the same ends is over.

        Both ends may say so, the second one after the first message.
        """
        old = self.connections.get(key)
        if old is None:
            self.begun.put(key, None)
            return
        fresh = not old.closed and (old.last is None or self.now_ns - old.last.clock_ns < SECOND)
        one = old if fresh else self._new(key)
        if fresh and not one.begun:
            self.unbegun -= 1
        one.begun = True

    def _new(self, key: Hashable) -> Connection:
        self.epochs += 1
        one = Connection(self.epochs)
        self.connections.put(key, one)
        return one

    def expire(self) -> None:
        """Give up requests that were asked longer ago than an answer can be late."""
        while self.waiting:
            lane, asked = next(iter(self.waiting.items()))
            if self.now_ns - asked.place.clock_ns < KEEP_NS and len(self.waiting) < MAX_WAITING:
                return
            del self.waiting[lane]
            self.report_unanswered(lane, asked)

    def finish(self) -> None:
        """The capture is over: what still waits has no answer in it, unless its time had hardly come."""
        for lane, asked in self.waiting.items():
            self.report_unanswered(lane, asked)
        self.waiting.clear()

    def report_unanswered(self, lane: Lane, asked: Asked) -> None:
        """A finding, if the request has waited long enough and its answer cannot have been missed."""
        waited = self.now_ns - asked.place.clock_ns
        connection = self.connections.get(lane[0])
        gapped = connection is not None and connection.gap_ns > asked.place.clock_ns
        if waited >= self.settings.wait_ns and not gapped:
            text = f"no answer in the {seconds(waited)} that the capture goes on"
            self.late.append(Late("request-unanswered", asked.place, text, asked.place.short))

    def pending(self, one: Sight) -> Asked | None:
        """The request that waits on this lane of this very connection."""
        asked = self.waiting.get(self.lane(one))
        return asked if asked is not None and asked.epoch == one.connection.epoch else None

    def lane(self, one: Sight) -> Lane:
        """Where the request of this exchange waits: an answer comes from where the request went."""
        captured, message = one.captured, one.message
        return one.key, captured.source if message.request else captured.destination, message.hop_by_hop
