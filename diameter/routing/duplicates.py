"""Duplicates (RFC 6733 sections 3 and 5.5.4): a request that comes twice is executed once, and answered twice.

The End-to-End Identifier and Origin-Host name a request, T or no T: after a failover the copy with T may well arrive
first.  Command, application and Session-Id are compared as well (`marks.marks_of`), so that a sender that starts over
with its identifiers (a restart, a test tool) is not given the answer to another question.

Answers are kept in two generations.  When the young one is full, in number, octets or time, it becomes the old one and
the old one goes: no time stamp and no timer for each answer, and an answer is remembered for at least `window_s`, or as
long as the bounds allow.  Rejected: an ordered dictionary with a time stamp for each answer, which is more work for
each request; and remembering only what came with T set, because the original may come second.
"""

from __future__ import annotations

from typing import Final, Generic, TypeVar

from diameter.message.message import Message
from diameter.wire import header

T = TypeVar("T")
PROXY_INFO: Final = 284


def again(answer: bytes, request: Message) -> bytes:
    """The stored `answer` for another copy of its request: the Hop-by-Hop Identifier and Proxy-Info are of the copy."""
    octets = header.with_identifiers(answer, request.hop_by_hop, request.end_to_end)
    stored = Message(octets, request.dictionary)
    if PROXY_INFO not in request.keys and PROXY_INFO not in stored.keys:
        return octets
    body = b"".join((*_avps(stored, proxy=False), *_avps(request, proxy=True)))
    return octets[:1] + (header.LENGTH + len(body)).to_bytes(3) + octets[4 : header.LENGTH] + body


def _avps(message: Message, *, proxy: bool) -> list[bytes]:
    """The Proxy-Info AVPs of a message, or all others, each padded."""
    heads, wire = message.heads, message.wire
    parts = [
        wire[head:end]
        for key, head, end in zip(message.keys, heads, [*heads[1:], len(wire)], strict=True)
        if (key == PROXY_INFO) is proxy
    ]
    return [part + bytes(-len(part) & 3) for part in parts]


class Duplicates(Generic[T]):
    """Answers given, and requests in work, by `marks.marks_of`.  T: what is kept of a copy that waits."""

    __slots__ = (
        "_answers",
        "_held",
        "_held_limit",
        "_octets",
        "_octets_limit",
        "_old",
        "_size",
        "_until",
        "_window_s",
        "_young",
    )

    def __init__(self, *, answers: int = 0, octets: int = 0, window_s: float = 0.0, held: int = 0) -> None:
        """Bounds: see `bound`."""
        self.bound(answers=answers, octets=octets, window_s=window_s, held=held)
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._octets = self._size = 0
        self._until = 0.0
        self._held: dict[bytes, list[T]] = {}

    def bound(self, *, answers: int, octets: int, window_s: float, held: int) -> None:
        """From now on: `answers` remembered (0: none, nothing is recognised), their `octets`, for `window_s` at least;
        `held` copies of requests in work.  What is kept already goes as it would have.
        """
        self._answers = max(answers // 2, 1) if answers else 0
        self._octets_limit = octets // 2
        self._window_s = window_s
        self._held_limit = held

    def __len__(self) -> int:
        return len(self._young) + len(self._old)

    @property
    def held(self) -> int:
        """Copies that wait for the answer of the first."""
        return self._size

    def known(self, key: bytes) -> bool:
        """True when a request with this key is in work or has been answered."""
        return key in self._young or key in self._held or key in self._old

    def answer(self, key: bytes) -> bytes | None:
        """The answer given, or None."""
        return self._young.get(key) or self._old.get(key)

    def keep(self, key: bytes, answer: bytes, now: float) -> None:
        """Remember an answer given."""
        if now >= self._until or len(self._young) >= self._answers or self._octets > self._octets_limit:
            if not self._answers:
                return
            self._old = self._young if now < self._until + self._window_s else {}
            self._young = {}
            self._octets = 0
            self._until = now + self._window_s
        if key:
            self._young[key] = answer
            self._octets += len(answer)

    def begin(self, key: bytes) -> None:
        """A request goes into work that will not be answered at once."""
        if key and self._answers:
            self._held.setdefault(key, [])

    def hold(self, key: bytes, copy: T) -> bool:
        """Keep a copy of a request in work until that ends; False when too many are kept already."""
        if self._size >= self._held_limit:
            return False
        self._held[key].append(copy)
        self._size += 1
        return True

    def end(self, key: bytes) -> list[T]:
        """A request is in work no longer: its copies, which want the same answer."""
        copies = self._held.pop(key, [])
        self._size -= len(copies)
        return copies
