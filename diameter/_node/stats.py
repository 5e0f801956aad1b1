"""Counters of a node in plain attributes: one addition each on the hot path, read by `metrics.py` and by people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator


class Stats:
    """Everything counted since the node was made.

    `refused`: Result-Codes (or "vendor:code") of requests that the node itself refused.  `dropped`: messages thrown
    away, by a reason of the closed list in `trace.Drop`.
    """

    __slots__ = (
        "answers_in", "answers_out", "bugs", "connections_in", "connections_out", "crossed", "dropped", "duplicates",
        "failed_over", "faults", "held", "links_broken", "links_refused", "octets_in", "octets_out", "peers_opened",
        "records_replayed", "redirected", "refused", "relayed", "requests_in", "requests_out", "timeouts",
        "undeliverable", "wake_ups", "writes",
    )  # fmt: skip

    def __init__(self) -> None:
        self.wake_ups = self.writes = self.octets_in = self.octets_out = 0
        self.requests_in = self.answers_out = self.requests_out = self.answers_in = 0
        self.faults = self.failed_over = self.duplicates = self.redirected = self.relayed = 0
        self.timeouts = self.undeliverable = self.held = self.bugs = self.crossed = 0
        self.connections_in = self.connections_out = self.links_refused = self.peers_opened = 0
        self.links_broken = self.records_replayed = 0
        self.refused: Counter[str] = Counter()
        self.dropped: Counter[str] = Counter()

    def numbers(self) -> Iterator[tuple[str, int]]:
        """(name, value) of every plain counter."""
        for name in self.__slots__:
            value = getattr(self, name, None)
            if isinstance(value, int):
                yield name, value
