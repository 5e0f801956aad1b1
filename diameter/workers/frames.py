"""What the processes of one node say to each other: frames on a stream socket.

A frame is its length (4 octets, of what follows), its kind (1 octet) and a body.  What is said once in a connection's
life is a tuple whose body is the JSON array of its fields; requests and answers of Diameter travel as the octets they
are.  Whatever does not fit raises GarbledFrame, and the socket it came by is given up.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from struct import Struct
from typing import Any, Final, NamedTuple

from diameter.errors import DiameterError

LIMIT: Final = 67_108_864
"""Octets of one frame, at most; the longest are the tables of peers that an operator asks for."""
REQUESTS: Final = 1
ANSWERS: Final = 2
REFUSED: Final = 3
"""Kinds with a body of octets, between two workers."""
LONGEST_HOST: Final = 255
HEAD: Final = Struct(">IB")
_left = Struct(">I")
_refused = Struct(">IB")


class GarbledFrame(DiameterError):
    """Octets that no process of this node wrote."""


class Claim(NamedTuple):
    """Worker to parent: a connection of `host` is about to open; `dial`: we connect; `replace`: newer ones win."""

    host: str
    dial: bool
    replace: bool


class Release(NamedTuple):
    """Worker to parent: nothing connects us with `host` any more, or the claim is not wanted."""

    host: str


class Grant(NamedTuple):
    """Parent to worker: go on."""

    host: str


class Deny(NamedTuple):
    """Parent to worker: another worker has that host."""

    host: str


class Yield(NamedTuple):
    """Parent to worker: end what you have of `host`, then release it."""

    host: str


class Probe(NamedTuple):
    """Parent to worker: ask whether `host` is still there, because it has connected again."""

    host: str


class Dial(NamedTuple):
    """Parent to worker: from now on you connect to these."""

    hosts: tuple[str, ...]


class Row(NamedTuple):
    """Of one peer that is open, or was: worker to parent, and parent to the other workers.

    `worker`: whose it is; `applications`: common ones; `state`: the word for people.
    """

    worker: int
    host: str
    realm: str
    state: str
    is_open: bool
    usable: bool
    applications: tuple[int, ...]
    transport: str
    secure: bool


class Gone(NamedTuple):
    """Parent to workers: no worker has `host` now."""

    host: str
    reason: str


class Mesh(NamedTuple):
    """Parent to worker, with a descriptor: the socket to another worker; it replaces the one before."""

    worker: int


class Broken(NamedTuple):
    """Worker to parent: the socket to another worker is of no use any more."""

    worker: int


class Handed(NamedTuple):
    """Parent to worker, with a descriptor: somebody has connected to this listener."""

    listener: int


class Took(NamedTuple):
    """Worker to parent: the connection handed over is here; in the order in which they were handed over."""

    listener: int


class Ended(NamedTuple):
    """Worker to parent: a connection that was handed over has ended."""

    listener: int


class Ready(NamedTuple):
    """Worker to parent: send connections.  `listening`: further things it listens on, for the ready line."""

    listening: tuple[str, ...]


class Ask(NamedTuple):
    """Parent to worker: a page of the operator's port."""

    number: int
    what: str


class Told(NamedTuple):
    """Worker to parent: that page."""

    number: int
    page: dict[str, Any]


Control = (
    Claim | Release | Grant | Deny | Yield | Probe | Dial | Row | Gone | Mesh | Broken | Handed | Took | Ended | Ready
    | Ask | Told
)  # fmt: skip
TEXTS: Final = "a list of texts"
NUMBERS: Final = "a list of numbers"
HOST: Final = "a DiameterIdentity"
SHAPES: Final[dict[type[Control], tuple[object, ...]]] = {
    Claim: (HOST, bool, bool),
    Release: (HOST,),
    Grant: (HOST,),
    Deny: (HOST,),
    Yield: (HOST,),
    Probe: (HOST,),
    Dial: (TEXTS,),
    Row: (int, HOST, HOST, str, bool, bool, NUMBERS, str, bool),
    Gone: (HOST, str),
    Mesh: (int,),
    Broken: (int,),
    Handed: (int,),
    Took: (int,),
    Ended: (int,),
    Ready: (TEXTS,),
    Ask: (int, str),
    Told: (int, dict),
}
KINDS: Final = dict(enumerate(SHAPES, 16))
NUMBER_OF: Final = {kind: number for number, kind in KINDS.items()}


class Reader:
    """Cuts a stream into frames."""

    __slots__ = ("_buffer", "_limit")

    def __init__(self, limit: int = LIMIT) -> None:
        self._buffer = bytearray()
        self._limit = limit

    def feed(self, data: bytes) -> Iterator[tuple[int, bytes]]:
        """(kind, body) of each frame that `data` completes.  Raises GarbledFrame."""
        buffer = self._buffer
        buffer += data
        at = 0
        try:
            while len(buffer) - at >= HEAD.size:
                length, kind = HEAD.unpack_from(buffer, at)
                if not 1 <= length <= self._limit:
                    raise GarbledFrame(f"a frame of {length} octets")
                end = at + 4 + length
                if end > len(buffer):
                    break
                body = bytes(buffer[at + HEAD.size : end])
                at = end
                yield kind, body
        finally:
            del buffer[:at]


def frame(kind: int, *parts: bytes) -> bytes:
    """One frame."""
    return b"".join((HEAD.pack(1 + sum(map(len, parts)), kind), *parts))


def pack(control: Control) -> bytes:
    """One frame that says `control`."""
    return frame(NUMBER_OF[type(control)], json.dumps(control, separators=(",", ":")).encode())


def unpack(kind: int, body: bytes) -> Control:
    """What a frame says.  Raises GarbledFrame for one that says nothing, or carries Diameter."""
    made: Any = KINDS.get(kind)
    if made is None:
        raise GarbledFrame(f"kind {kind}")
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        raise GarbledFrame(f"{made.__name__} without fields") from None
    shape = SHAPES[made]
    if not isinstance(fields, list) or len(fields) != len(shape):
        raise GarbledFrame(f"{made.__name__} with other fields")
    if not all(_fits(field, kind) for field, kind in zip(fields, shape, strict=True)):
        raise GarbledFrame(f"{made.__name__} with a field of another type")
    control: Control = made(*(tuple(field) if isinstance(field, list) else field for field in fields))
    return control


def _fits(field: object, kind: object) -> bool:
    if kind is TEXTS or kind is NUMBERS:
        inner = str if kind is TEXTS else int
        return isinstance(field, list) and all(type(each) is inner for each in field)
    if kind is HOST:
        return isinstance(field, str) and 0 < len(field) <= LONGEST_HOST
    return type(field) is kind


# ---- Diameter, between two workers


def requests(host: str, messages: Iterable[tuple[int, bytes]]) -> bytes:
    """A frame of requests for the peer `host`: (milliseconds that its answer has, octets) each."""
    name = host.encode()
    parts = [bytes((len(name),)), name]
    for left_ms, octets in messages:
        parts += (_left.pack(left_ms), octets)
    return frame(REQUESTS, *parts)


def requests_of(body: bytes) -> tuple[str, list[tuple[int, bytes]]]:
    """Undo `requests`.  Raises GarbledFrame."""
    end = 1 + (body[0] if body else 0)
    try:
        host = body[1:end].decode()
    except UnicodeDecodeError:
        raise GarbledFrame("requests for nobody") from None
    if not host:
        raise GarbledFrame("requests for nobody")
    found = []
    while end < len(body):
        if end + 24 > len(body):
            raise GarbledFrame("half a request")
        octets, after = _message(body, end + 4)
        found.append((_left.unpack_from(body, end)[0], octets))
        end = after
    return host, found


def answers_of(body: bytes) -> list[bytes]:
    """The messages of a frame of answers.  Raises GarbledFrame."""
    found, at = [], 0
    while at < len(body):
        octets, at = _message(body, at)
        found.append(octets)
    return found


def refused(hop_by_hop: int, busy: bool, reason: str) -> bytes:
    """A frame that gives a request back."""
    return frame(REFUSED, _refused.pack(hop_by_hop, busy), reason.encode(errors="replace"))


def refused_of(body: bytes) -> tuple[int, bool, str]:
    """Undo `refused`.  Raises GarbledFrame."""
    if len(body) < _refused.size:
        raise GarbledFrame("half a refusal")
    hop_by_hop, busy = _refused.unpack_from(body)
    return hop_by_hop, bool(busy), body[_refused.size :].decode(errors="replace")


def _message(body: bytes, at: int) -> tuple[bytes, int]:
    """The message that begins at `at`, and where the next thing begins."""
    length = int.from_bytes(body[at + 1 : at + 4])
    if length < 20 or length & 3 or at + length > len(body):
        raise GarbledFrame(f"a message of {length} octets where {len(body) - at} are left")
    return body[at : at + length], at + length
