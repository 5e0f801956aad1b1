"""The book of what is charged: events enter it with the transaction that makes an acknowledgement good, and leave it
for files.

An event is one row, written in the transaction of what it tells of: so after a kill it is there exactly when the
acknowledged thing is.  Rows are brought to the file in order, numbered one after the other, and deleted in a
transaction that also says which number was the last.  When a kill falls between file and transaction, the file knows
better: as many of the oldest rows as it is ahead are in it already, and are passed over.  A file is closed only between
two such transactions, so that it is always the open one that is ahead.  Each event is in the files once.

All methods that take a connection run in the thread of the store, where the files are written too.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection, bindparam, delete, insert, select, update

from nfs.common.charging.asn1 import RecordError, decode, encode
from nfs.common.charging.events import Event, from_text, to_text
from nfs.common.charging.files import NUMBERS, CdrFiles
from nfs.common.charging.headers import MAX_RECORD_OCTETS, RecordHeader
from nfs.common.charging.reader import SEQUENCE_NUMBER
from nfs.common.charging.records import Maker
from nfs.common.charging.tables import COUNT, OLDEST, RECORD, STATE
from nfs.common.statements import Statement

BATCH: Final = 100
"""Records brought to the file in one transaction."""

# Statements are made once: to make one costs as much as to run it.
_INSERT: Final = Statement(insert(RECORD))
_DELETE: Final = delete(RECORD).where(RECORD.c.node == bindparam("of"), RECORD.c.id <= bindparam("up_to"))
_STATE: Final = select(STATE.c.number).where(STATE.c.node == bindparam("node"))
_MOVE: Final = update(STATE).where(STATE.c.node == bindparam("of"))
_RECORD_HEADER_OCTETS: Final = RecordHeader(0).octets_long


@dataclass(slots=True)
class Figures:
    """What is counted.  lost: events that were not kept, because as many as are kept were waiting, or that make no
    record.
    """

    records: int = 0
    lost: int = 0
    passed_over: int = 0
    """Rows that a file had already, after a kill."""


class Book:
    """The book of one node.  waiting: events kept at most."""

    def __init__(self, node: str, maker: Maker, files: CdrFiles, *, waiting: int = 100_000) -> None:
        self.node = node
        self.maker = maker
        self.files = files
        self.most = waiting
        self.waiting = 0
        self.figures = Figures()
        self._untold = 0

    @property
    def full(self) -> bool:
        """Whether as many events wait as are kept."""
        return self.waiting >= self.most

    def begin(self, connection: Connection) -> None:
        """Count what an earlier process left."""
        self.waiting = connection.execute(COUNT, {"node": self.node}).scalar_one()

    def enter(self, connection: Connection, event: Event) -> None:
        """Write an event down, in the transaction of what it tells of."""
        if self.waiting >= self.most:
            self._lose()
            return
        _INSERT.count(connection, {"node": self.node, "event": to_text(event)})
        self.waiting += 1

    def bring(self, connection: Connection, now: float) -> bool:
        """Bring the oldest events to the file; whether there are more.  Raises OSError, and then nothing has moved."""
        files = self.files
        number = connection.execute(_STATE, {"node": self.node}).scalar_one_or_none()
        ahead, newest = self._ahead(number)
        if not ahead and newest != number:  # the store is new, or old
            self._settle(connection, newest, there=number is not None)
            return True  # committed before the next record is written: it could not be told from one written twice
        why = files.due(now)
        if why is not None and not ahead:
            files.close(why, self.told())
        rows = connection.execute(OLDEST, {"node": self.node, "at_most": BATCH}).all()
        if not rows:
            self.waiting = 0
            return False
        octets, last, newest = self._taken([(row.id, row.event) for row in rows], ahead, newest)
        files.append(octets, now)
        connection.execute(_DELETE, {"of": self.node, "up_to": last})
        self._settle(connection, newest, there=True)
        moved = sum(1 for row in rows if row.id <= last)
        every = len(rows) < BATCH  # then it is known, and what was entered and taken back is out of the count
        self.waiting = len(rows) - moved if every else self.waiting - moved
        self.figures.records += len(octets)
        return moved < len(rows) or len(rows) == BATCH

    def _taken(self, rows: Sequence[tuple[int, str]], ahead: int, newest: int) -> tuple[list[bytes], int, int]:
        """Records that fit into the file, the row of the last one, and its number."""
        room_octets, room_records = self.files.room
        octets: list[bytes] = []
        last = rows[0][0] - 1
        for row, text in rows:
            number = (newest + 1) % NUMBERS
            try:
                record = encode(self.maker.record(from_text(text), number))
                fits = len(record) <= MAX_RECORD_OCTETS
            except (RecordError, ValueError, TypeError, LookupError):
                fits = False
            if not fits:
                self._lose()
            elif ahead:
                ahead -= 1
                self.figures.passed_over += 1
            else:
                room_octets -= len(record) + _RECORD_HEADER_OCTETS
                room_records -= 1
                if octets and (room_octets < 0 or room_records < 0):
                    break
                octets.append(record)
                newest = number
            last = row
        return octets, last, newest

    def _ahead(self, number: int | None) -> tuple[int, int]:
        """How many records the file has that the store does not know of, and the number of the newest in it."""
        before = number or 0
        if self.files.last is None:
            return 0, before
        try:
            _, members = decode(self.files.last)
        except RecordError:
            return 0, before
        newest = int(members.get(SEQUENCE_NUMBER, before))
        if number is None:  # the store is new, the files are not
            return 0, newest
        ahead = (newest - number) % NUMBERS
        if ahead > BATCH:  # one of them was brought back from a copy; numbers go on from the higher one
            return 0, max(newest, number)
        return ahead, newest

    def _settle(self, connection: Connection, newest: int, *, there: bool) -> None:
        if there:
            connection.execute(_MOVE, {"of": self.node, "number": newest})
        else:
            connection.execute(insert(STATE), {"node": self.node, "number": newest})

    def _lose(self) -> None:
        self.figures.lost += 1
        self._untold += 1

    def told(self) -> int:
        """Records lost since the last file was closed, for the header of this one."""
        lost, self._untold = self._untold, 0
        return lost


class NoBook(Book):
    """The book of a node that writes no files: what is charged goes elsewhere."""

    def enter(self, connection: Connection, event: Event) -> None:
        """Nothing."""

    def begin(self, connection: Connection) -> None:
        """Nothing."""

    def bring(self, connection: Connection, now: float) -> bool:
        """Nothing, and no more of it."""
        return False
