"""What charging shows the operator of its function: events that wait, what keeps them, and what was counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Final

from diameter.standing import Alarm, Count, Queue, Standing
from nfs.common.audit import AuditLog
from nfs.common.charging.book import NoBook
from nfs.common.charging.service import Charging
from nfs.common.standing import standing

RECORDS: Final = "mtc_charging_records", "Charging records written to files"
LOST: Final = "mtc_charging_lost", "Events that got no record: too many waited, or they made none"
FILES: Final = "mtc_charging_files", "Files of charging records closed"

TOLD: Final = "mtc_charging_told", "Events by what became of them at the charging data function"


class Shown:
    """The same for a function that charges, and nothing for one that does not."""

    def __init__(self, charging: Charging | None) -> None:
        self._charging = charging

    def queues(self) -> Iterator[Queue]:
        """Events on their way."""
        if self._charging is None:
            return
        book = self._charging.book
        if not isinstance(book, NoBook):
            yield Queue("charging events to record", book.waiting, book.most)
        if self._charging.rf is not None:
            yield Queue("charging events to tell", self._charging.rf.waiting, self._charging.rf.most)

    def alarms(self) -> Iterator[Alarm]:
        """What keeps records from where they belong, and what that has cost."""
        charging = self._charging
        if charging is None:
            return
        if charging.trouble:
            yield Alarm("major", "charging-held", "charging records", f"cannot be written: {charging.trouble}")
        rf = charging.rf
        if rf is not None and rf.trouble:
            yield Alarm("major", "charging-untold", "charging data function", f"takes nothing: {rf.trouble}")
        if charging.book.full or (rf is not None and rf.full):
            yield Alarm("critical", "charging-full", "charging", "as many events wait as are kept")
        lost = charging.book.figures.lost + (0 if rf is None else rf.counted["lost"])
        if lost:
            yield Alarm("major", "charging-lost", "charging", f"{lost:,} events were lost")

    def counts(self) -> Iterator[Count]:
        """What was counted since the start."""
        if self._charging is None:
            return
        book = self._charging.book
        yield Count(*RECORDS, {}, book.figures.records)
        yield Count(*LOST, {}, book.figures.lost)
        yield Count(*FILES, {}, book.files.closed)
        if self._charging.rf is not None:
            for outcome in ("taken", "refused", "lost"):
                yield Count(*TOLD, {"outcome": outcome}, self._charging.rf.counted[outcome])

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
