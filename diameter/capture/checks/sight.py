"""What a rule sees: one message, its connection, its request if it is an answer, and what the capture held before it.

All state is bounded: each memory forgets its oldest entry when it is full, so a capture may be larger than memory.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterator
from typing import TYPE_CHECKING, Final, Generic, NamedTuple, TypeVar

from diameter.capture.records import Captured, Endpoint
from diameter.capture.text import short_name
from diameter.message import Message
from diameter.wire import avp

if TYPE_CHECKING:
    from diameter.capture.checks.past import Past

ORIGIN_HOST: Final = 264
ORIGIN_REALM: Final = 296
SESSION_ID: Final = 263
RESULT_CODE: Final = 268
CAPABILITIES: Final = 257
WATCHDOG: Final = 280
DISCONNECT: Final = 282
LINK_COMMANDS: Final = frozenset((CAPABILITIES, WATCHDOG, DISCONNECT))
"""Commands between neighbours, never forwarded (RFC 6733 section 5)."""
SECOND: Final = 1_000_000_000


_Key = TypeVar("_Key", bound=Hashable)
_Value = TypeVar("_Value")


class Memory(OrderedDict[_Key, _Value], Generic[_Key, _Value]):
    """At most `limit` entries; a new one pushes out the oldest.  (A plain dict slows down when it loses its first.)"""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self.limit = limit

    def put(self, key: _Key, value: _Value) -> None:
        """Set `key`, as the youngest entry."""
        if key in self:
            self.move_to_end(key)
        elif len(self) >= self.limit:
            self.popitem(last=False)
        self[key] = value


class Place(NamedTuple):
    """Where in a capture a message stands.  `number`: from 0, in the order in which the checker was fed."""

    number: int
    frame: int
    time_ns: int
    source: Endpoint
    destination: Endpoint
    short: str
    clock_ns: int
    """The latest time met so far: where clocks go back, this one stands still."""


class Asked(NamedTuple):
    """What is kept of a request until its answer is seen."""

    place: Place
    command_code: int
    application_id: int
    proxiable: bool
    end_to_end: int
    origin: bytes
    session: bytes
    proxies: tuple[bytes, ...]
    digest: int
    epoch: int


class Connection:
    """One transport connection: who is at its ends and how far they have come."""

    __slots__ = (
        "advertised", "begun", "cea_code", "cer_from", "closed", "disconnecting", "epoch", "gap_ns", "identities",
        "inband_tls", "last", "last_dwr_ns", "parted", "told",
    )  # fmt: skip

    def __init__(self, epoch: int) -> None:
        self.epoch = epoch
        """Tells it from an earlier connection between the same ends."""
        self.begun = False
        """Its beginning is in the capture: no message before was missed."""
        self.closed = False
        self.last: Place | None = None
        """The message before."""
        self.gap_ns = 0
        """When octets were last missing, 0: never."""
        self.identities: dict[Endpoint, bytes] = {}
        """Origin-Host of each end, from messages that are never forwarded."""
        self.advertised: dict[Endpoint, frozenset[int]] = {}
        self.cer_from: Endpoint | None = None
        self.inband_tls = False
        """CEA chose TLS for what follows."""
        self.cea_code = -1
        """Result-Code of the CEA; -1: none was seen."""
        self.disconnecting: set[Endpoint] = set()
        """Who has sent DPR."""
        self.parted: set[Endpoint] = set()
        """Who has sent DPA."""
        self.last_dwr_ns: dict[Endpoint, int] = {}
        self.told: set[Hashable] = set()
        """What is said once only."""

    def once(self, what: Hashable) -> bool:
        """True the first time it is asked for `what`."""
        if what in self.told or len(self.told) > 64:
            return False
        self.told.add(what)
        return True


class Sight:
    """One message on its way through the rules; nothing here raises for any octets."""

    __slots__ = ("asked", "captured", "connection", "key", "message", "past", "place")

    def __init__(self, captured: Captured, message: Message, number: int, past: Past) -> None:
        self.captured = captured
        self.message = message
        self.past = past
        self.place = Place(
            number, captured.frame, captured.time_ns, captured.source, captured.destination, short_name(message),
            past.now_ns,
        )  # fmt: skip
        ends = ends_key(captured.transport, captured.source, captured.destination)
        self.key: Hashable = captured.link or ends
        noted = captured.outgoing is not None and bool(captured.comment)
        self.connection: Connection = past.connection(self.key, ends, noted=noted)
        self.asked: Asked | None = None
        """The request that this answer answers, if it is known."""

    def find(self, key: int) -> int:
        """Header offset of the first top-level AVP with this key, or -1."""
        keys = self.message.keys
        return self.message.heads[keys.index(key)] if key in keys else -1

    def raw(self, key: int) -> bytes:
        """Data of the first top-level AVP with this key; empty where there is none."""
        head = self.find(key)
        if head < 0:
            return b""
        start, end = avp.span(self.message.octets, head)
        return self.message.octets[start:end]

    def every(self, key: int) -> Iterator[tuple[int, bytes]]:
        """(header offset, data) of each top-level AVP with this key."""
        message = self.message
        for one, head in zip(message.keys, message.heads, strict=True):
            if one == key:
                start, end = avp.span(message.octets, head)
                yield head, message.octets[start:end]

    @property
    def result_code(self) -> int:
        """Result-Code, or -1; Experimental-Result does not count."""
        data = self.raw(RESULT_CODE)
        return int.from_bytes(data) if len(data) == 4 else -1

    @property
    def identity(self) -> bytes:
        """Who sent this message on this connection, if that is known: maybe not who made it."""
        return self.connection.identities.get(self.captured.source, b"")

    @property
    def between_neighbours(self) -> bool:
        """CER, DWR, DPR and their answers."""
        return self.message.command_code in LINK_COMMANDS

    @property
    def now_ns(self) -> int:
        """Time of the message, or the latest time before it."""
        return self.place.clock_ns


def ends_key(transport: str, one: Endpoint, other: Endpoint) -> Hashable:
    """The same for both directions."""
    return (transport, *sorted((one, other)))


def text_of(data: bytes) -> str:
    """An identity as text for a finding; at most 120 characters, printable."""
    words = data.decode("utf-8", "replace")
    words = words if words.isprintable() else repr(words)[1:-1]
    return words if len(words) <= 120 else words[:119] + "…"


def seconds(nanoseconds: int) -> str:
    """`12.3 s`, below a second `250 ms`."""
    return f"{nanoseconds / SECOND:.1f} s" if nanoseconds >= SECOND else f"{nanoseconds / 1e6:.0f} ms"
