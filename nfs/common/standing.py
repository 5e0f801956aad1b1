"""What a function's audit log and counters say to its operator (see `diameter.standing`)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from diameter.standing import Alarm, Count, Queue, Standing
from nfs.common.audit import AuditLog

REFUSALS = "mtc_refusals"
REFUSALS_TEXT = "Requests, links and messages refused, by check and stage, each in the audit log"


def standing(
    audit: AuditLog | None = None,
    *,
    queues: Callable[[], Iterable[Queue]] = tuple,
    alarms: Callable[[], Iterable[Alarm]] = tuple,
    counts: Callable[[], Iterable[Count]] = tuple,
) -> Standing:
    """What the audit log counts, and what else there is."""
    if audit is None:
        return Standing(queues=queues, alarms=alarms, counts=counts)
    return Standing(
        queues=queues,
        alarms=lambda: (*of_audit(audit), *alarms()),
        counts=lambda: (*refusals(audit), *counts()),
    )


def of_audit(audit: AuditLog) -> Iterator[Alarm]:
    """What a person should know of an audit log."""
    if audit.lost:
        yield Alarm("critical", "audit-lost", "audit log", f"{audit.lost:,} lines could not be written")
    if audit.alarms:
        yield Alarm(
            "warning", "audit-alarm", "audit log", f"{audit.alarms:,} refusals since the start ask for a person"
        )


def refusals(audit: AuditLog) -> Iterator[Count]:
    """What was refused."""
    for (check, stage), number in sorted(audit.refusals.items()):
        yield Count(REFUSALS, REFUSALS_TEXT, {"check": check, "stage": stage}, number)


def counted(name: str, text: str, label: str, counter: Mapping[str, int]) -> Iterator[Count]:
    """A counter by one label."""
    for value, number in sorted(counter.items()):
        yield Count(name, text, {label: value}, number)
