"""How a function stands, beyond its node, as plain values: what waits, what a person should look at, what was counted.

A function hands a `Standing` to its node's operator port; all of it is asked for only when somebody looks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

SEVERITIES: Final = ("critical", "major", "minor", "warning")
"""Perceived severities as ITU-T X.733 orders them, worst first."""


class Queue(NamedTuple):
    """Something that waits, and how much of it there may be."""

    name: str
    """A few words: "short messages"."""
    length: int
    limit: int | None = None
    """From here on more is refused; None for no bound but the store's."""
    oldest_s: float | None = None
    """Seconds since the oldest came; None when nobody counts them."""


class Alarm(NamedTuple):
    """Something that a person should look at, for as long as it is so."""

    severity: str
    """One of SEVERITIES."""
    name: str
    """What kind of trouble, as a label: "peer-down"."""
    subject: str
    """What is in trouble: an Origin-Host, a file, a queue.  Never a subscriber."""
    text: str


class Count(NamedTuple):
    """One counter of a function; those of one name are one family."""

    name: str
    """As Prometheus wants it, without `_total`: "mtc_refusals"."""
    text: str
    labels: dict[str, str]
    value: int


def _none() -> Iterable[Any]:
    return ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What a function shows beside its node; each is called when somebody asks and returns quickly."""

    queues: Callable[[], Iterable[Queue]] = _none
    alarms: Callable[[], Iterable[Alarm]] = _none
    counts: Callable[[], Iterable[Count]] = _none


NOTHING: Final = Standing()
