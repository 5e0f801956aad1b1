"""What waits to be said to SCEFs, for the operator: queues, a SCEF that takes nothing, and what became of the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from diameter.standing import Alarm, Count, Queue, Standing
from nfs.common.audit import AuditLog
from nfs.common.standing import counted, standing
from nfs.hss.monitoring.outbox import Outbox
from nfs.hss.monitoring.outbox_tables import FOR_NODES

STUCK: Final = 5
"""Tries after which a person should know: about a minute."""
NOTES: Final = ("mtc_s6t_notes", "Reports to SCEFs, and what serving nodes are told for them, by what became of them")


def beside(audit: AuditLog, queues: Callable[[], Iterable[Queue]], outbox: Outbox | None) -> Standing:
    """What an HSS shows, with what S6t has where there is S6t."""
    if outbox is None:
        return standing(audit, queues=queues)
    return standing(
        audit,
        queues=lambda: (*queues(), *of_outbox(outbox)),
        alarms=lambda: stuck(outbox),
        counts=lambda: counts(outbox),
    )


def of_outbox(outbox: Outbox) -> Iterator[Queue]:
    """What waits for SCEFs, and what waits for serving nodes."""
    nodes = sum(many for _, what, many, _ in outbox.census if what in FOR_NODES)
    yield Queue("reports to SCEFs", sum(many for _, _, many, _ in outbox.census) - nodes)
    yield Queue("events to tell serving nodes of", nodes)


def stuck(outbox: Outbox) -> Iterator[Alarm]:
    """SCEFs that have not taken what they were told again and again."""
    by_scef: dict[str, tuple[int, int]] = {}
    for scef, what, many, tries in outbox.census:
        if what not in FOR_NODES:
            before = by_scef.get(scef, (0, 0))
            by_scef[scef] = before[0] + many, max(before[1], tries)
    for scef, (many, tries) in by_scef.items():
        if tries >= STUCK:
            yield Alarm("major", "scef-silent", scef, f"{many:,} reports wait for it, one of them tried {tries} times")


def counts(outbox: Outbox) -> Iterator[Count]:
    """What became of what was to be said."""
    return counted(*NOTES, "outcome", outbox.counted)
