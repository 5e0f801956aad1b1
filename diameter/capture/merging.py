"""One capture out of several, as if someone had listened in the middle.

Where both ends of a link wrote a message down it is in two files.  One copy is kept: the first in time, which is the
sender's unless clocks differ; whatever the receiver does because of it then stands behind it.  Copies are told by
addresses and octets, and counted per file: the second message of the same octets in one file (a repetition on the
wire) is the same as the second in any other, so a repetition stays.  Equal times are ordered by the order of `paths`,
then of the file: the same captures always give the same result, octet for octet.

Behind address translation both ends disagree about addresses; then both copies stay, because dropping a message is
worse than showing it twice.
"""

from __future__ import annotations

import heapq
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Final

from diameter.capture.read import CaptureReader
from diameter.capture.records import Captured, CaptureError, LinkEvent
from diameter.capture.write import CaptureWriter

WINDOW_NS: Final = 600_000_000_000
"""Ten minutes: how far apart two copies of a message may be; older ones are forgotten."""


def merge(paths: Sequence[str | Path], out: str | Path) -> int:
    """Write the messages of the captures at `paths` to `out` in time order, each once; return how many.

    Raises CaptureError: a file cannot be read or is damaged, `out` cannot be written (`out` may be incomplete then).
    """
    readers = [CaptureReader(path) for path in paths]
    messages = [list(reader) for reader in readers]
    events = [event for reader in readers for event in reader.events]
    complaints: list[str] = []
    with CaptureWriter(out, complain=complaints.append) as writer:
        records: Iterator[Captured | LinkEvent]
        records = heapq.merge(merged(messages), sorted(events, key=_time), key=_time)
        for record in records:
            if isinstance(record, Captured):
                writer.record(record)
            else:
                writer.record_event(record)
    if complaints:
        raise CaptureError(complaints[0])
    return writer.messages


def merged(sources: Sequence[Iterable[Captured]]) -> Iterator[Captured]:
    """The messages of several sources in time order, each once.

    Each source is put in order by itself first, so it is held in memory: a capture is in order but for the moment
    when a clock was set, and a demonstration is small.
    """
    ordered = [
        sorted(((one.time_ns, number, index, one) for index, one in enumerate(source)), key=lambda row: row[:3])
        for number, source in enumerate(sources)
    ]
    seen: dict[bytes, list[int]] = {}
    recent: deque[tuple[int, bytes]] = deque()
    for time_ns, number, _, captured in heapq.merge(*ordered, key=lambda row: row[:3]):
        while recent and recent[0][0] < time_ns - WINDOW_NS:
            seen.pop(recent.popleft()[1], None)
        key = _key(captured)
        counts = seen.get(key)
        if counts is None:
            counts = seen[key] = [0] * len(ordered)
            recent.append((time_ns, key))
        before = max(counts)
        counts[number] += 1
        if counts[number] > before:
            yield captured


def _time(record: Captured | LinkEvent) -> int:
    return record.time_ns


def _key(captured: Captured) -> bytes:
    addresses = f"{captured.source}{captured.destination}".encode()
    return blake2b(captured.octets, digest_size=16, key=blake2b(addresses, digest_size=16).digest()).digest()
