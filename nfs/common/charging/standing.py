"""What charging shows the operator of its function: events that wait, what keeps them, and what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from diameter.standing import Alarm, Count, Queue, Standing
from nfs.common.audit import AuditLog
from nfs.common.charging.service import Charging
from nfs.common.standing import standing

RECORDS: Final = "mtc_charging_records", "Charging records written to files"
LOST: Final = "mtc_charging_lost", "Events that got no record: too many waited, or they made none"
FILES: Final = "mtc_charging_files", "Files of charging records closed"


class Shown:
    """The same for a function that charges, and nothing for one that does not."""

    def __init__(self, charging: Charging | None) -> None:
        self._charging = charging

    def queues(self) -> Iterator[Queue]:
        """Events on their way."""
        if self._charging is None:
            return
        book = self._charging.book
        yield Queue("charging events to record", book.waiting, book.most)

    def alarms(self) -> Iterator[Alarm]:
        """What keeps records from where they belong, and what that has cost."""
        charging = self._charging
        if charging is None:
            return
        if charging.trouble:
            yield Alarm("major", "charging-held", "charging records", f"cannot be written: {charging.trouble}")
        if charging.book.full:
            yield Alarm("critical", "charging-full", "charging", "as many events wait as are kept")
        if charging.book.figures.lost:
            yield Alarm("major", "charging-lost", "charging", f"{charging.book.figures.lost:,} events were lost")

    def counts(self) -> Iterator[Count]:
        """What was counted since the start."""
        if self._charging is None:
            return
        book = self._charging.book
        yield Count(*RECORDS, {}, book.figures.records)
        yield Count(*LOST, {}, book.figures.lost)
        yield Count(*FILES, {}, book.files.closed)

    def beside(
        self,
        audit: AuditLog,
        queues: Callable[[], Iterable[Queue]],
        counts: Callable[[], Iterable[Count]] = tuple,
    ) -> Standing:
        """The standing of a function with an audit log, queues and counters of its own."""
        return standing(
            audit,
            queues=lambda: (*queues(), *self.queues()),
            alarms=self.alarms,
            counts=lambda: (*self.counts(), *counts()),
        )
