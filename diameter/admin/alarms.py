"""What a person should look at in a node, worst first; true as long as it is listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final

from diameter.capture.write import CaptureWriter
from diameter.node import Node
from diameter.standing import SEVERITIES, Alarm

PEER_DOWN: Final = "peer-down"
PEERS_NAMED: Final = 50
"""Peers that are down, one alarm each; the rest share one."""
FULL: Final = 0.9
"""Part of a bound from which on it is an alarm."""


def of_node(node: Node, now: datetime) -> Iterator[Alarm]:
    """The alarms of a node; those of its function come on top.  `now`: with a time zone."""
    if node._core.draining:
        yield Alarm("warning", "stopping", node.origin_host, "is stopping and takes no new requests")
    yield from _peers(node)
    yield from _papers(node, now)
    writer = writer_of(node)
    if writer is not None and writer.resting:
        yield Alarm("minor", "capture-rests", str(writer.path), writer.resting)
    limit = node.config.limits.requests_in_work
    if node.in_work >= FULL * limit:
        yield Alarm("major", "requests-in-work", node.origin_host, f"{node.in_work:,} requests in work of {limit:,}")
    if bugs := node.stats.bugs:
        text = f"{bugs:,} exceptions nobody declared since the start, each answered 5012; the log has them"
        yield Alarm("major", "bugs", node.origin_host, text)


def ordered(alarms: Iterable[Alarm]) -> list[Alarm]:
    """Worst first, then by name and subject."""
    return sorted(alarms, key=lambda one: (SEVERITIES.index(one.severity), one.name, one.subject))


def writer_of(node: Node) -> CaptureWriter | None:
    """The capture that the node writes, if it writes one."""
    tap = node._core.tap
    tap = getattr(tap, "writer", tap)
    return tap if isinstance(tap, CaptureWriter) else None


def _peers(node: Node) -> Iterator[Alarm]:
    down = [one for one in node.peers if one.static and not one.usable]
    for one in down[:PEERS_NAMED]:
        yield Alarm("major", PEER_DOWN, one.host, one.trouble or f"is {one.state}")
    if (more := len(down) - PEERS_NAMED) > 0:
        yield Alarm("major", PEER_DOWN, f"{more:,} more", "/peers has all of them")


def _papers(node: Node, now: datetime) -> Iterator[Alarm]:
    tls = node.config.tls
    for one in node.papers() if tls is not None else ():
        assert tls is not None
        left_s = one.left_s(now)
        if left_s <= 0:
            yield Alarm("critical", "certificate", f"{one.kind} {one.name}", one.said(now))
        elif left_s < one.warn_s(tls.warn_days):
            yield Alarm("warning", "certificate", f"{one.kind} {one.name}", one.said(now))
