"""Rf: what is charged told to a charging data function (CDF) in accounting requests (TS 32.299, RFC 6733 section 9).

Each event is one session of one record: EVENT_RECORD, Accounting-Record-Number 0.  It is written down with its
Session-Id in the transaction of what it tells of, and deleted when the CDF has taken it.  So nothing is lost while the
CDF is away or when this process is killed; what is sent twice has the same Session-Id and number, by which the CDF
knows it (RFC 6733 section 9.4).  The rows lie beside those on their way to files, under a node name of their own.
"""

from __future__ import annotations

import json
from collections import Counter, deque
from collections.abc import Callable
from secrets import randbits
from typing import Any, Final

from sqlalchemy import Connection, bindparam, delete, insert

from diameter import Message, ResultCode
from diameter.app import Application
from diameter.errors import EncodeError, RequestError
from nfs.common.charging.config import RfTable
from nfs.common.charging.events import Event, from_text, to_text
from nfs.common.charging.rf_avps import avps_of
from nfs.common.charging.tables import COUNT, OLDEST, RECORD
from nfs.common.statements import Statement
from nfs.common.store import Store, StoreError

AT_ONCE: Final = 16
"""Requests that wait for their answers at a time."""
BATCH: Final = 200
_INSERT: Final = Statement(insert(RECORD))
_DELETE: Final = delete(RECORD).where(RECORD.c.id == bindparam("which"))


class Rf(Application):
    """Tells a CDF what is charged.

    clock: Twisted's IReactorTime, with seconds since 1970.  waiting: events kept at most.  say: writes a line to the
    log.  `counted`: events by what became of them: "taken", "refused" by the CDF for good, "lost" because as many as
    are kept were waiting or they made no request.  `trouble`: why the CDF takes nothing now, "" when it does.
    """

    dictionary = "rfc6733_accounting"

    def __init__(
        self, table: RfTable, node: str, store: Store, *, clock: Any, waiting: int, say: Callable[[str], None]
    ) -> None:
        self.table = table
        self.most = waiting
        self.waiting = 0
        self.trouble = ""
        self.counted: Counter[str] = Counter()
        self._host = node
        self._key = f"{node} rf"
        self._store = store
        self._clock = clock
        self._say = say
        self._left: deque[tuple[int, str]] = deque()
        self._sending = 0
        self._more = self._stopped = False
        self._failed = ""
        self._timer: Any = None
        self._wait_s = 0.0

    @property
    def full(self) -> bool:
        """Whether as many events wait as are kept."""
        return self.waiting >= self.most

    def enter(self, connection: Connection, event: Event) -> None:
        """Write an event down, in the transaction of what it tells of."""
        if self.full:
            self.counted["lost"] += 1
            return
        session = f"{self._host};{int(event.at)};{randbits(32)};{randbits(64):016x}"
        kept = json.dumps({"session": session, "event": to_text(event)})
        _INSERT.count(connection, {"node": self._key, "event": kept})
        self.waiting += 1

    def start(self) -> None:
        """Send what there is, what an earlier process left first, and go on looking."""
        if not self._stopped:
            _ = self.spawn(self._look())

    def stop(self) -> None:
        """Send nothing more; what is there is for the next process."""
        self._stopped = True
        self._left.clear()
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    async def _look(self) -> None:
        """Read the oldest events and have them sent; the last sender says how that went."""
        self._failed = ""
        try:
            rows = await self._store.do(self._oldest)
        except StoreError as error:
            rows, self._failed = [], str(error)
        self._more = len(rows) == BATCH
        if self._stopped or not rows:
            self._over()
            return
        self._left.extend(rows)
        self._sending = min(AT_ONCE, len(rows))
        for _ in range(self._sending):
            _ = self.spawn(self._send())

    def _oldest(self, connection: Connection) -> list[tuple[int, str]]:
        rows = connection.execute(OLDEST, {"node": self._key, "at_most": BATCH}).all()
        self.waiting = len(rows)
        if len(rows) == BATCH:
            self.waiting = connection.execute(COUNT, {"node": self._key}).scalar_one()
        return [(row.id, row.event) for row in rows]

    async def _send(self) -> None:
        try:
            while self._left:
                number, text = self._left.popleft()
                if not await self._one(number, text):
                    self._left.clear()
        except StoreError as error:
            self._left.clear()
            self._failed = str(error)
        self._sending -= 1
        if not self._sending:
            self._over()

    def _over(self) -> None:
        """Say it when the CDF begins or ceases to take records; look again at once, or later."""
        if bool(self._failed) != bool(self.trouble):
            self._say(f"charging: the CDF takes {f'nothing: {self._failed}' if self._failed else 'records'}")
        self.trouble = self._failed
        if self._stopped:
            return
        if not self.trouble:
            self._wait_s = 0.0
            if self._more:
                self.start()
                return
        else:
            self._wait_s = min(self._wait_s * 2 or float(self.table.retry_s), self.table.retry_max_s)
        self._timer = self._clock.callLater(self._wait_s or self.table.poll_s, self.start)

    async def _one(self, number: int, text: str) -> bool:
        """Send one; False when it is to be sent again.  Raises StoreError."""
        try:
            kept = json.loads(text)
            avps = avps_of(from_text(kept["event"]), self.table.service_context) | {"Session-Id": kept["session"]}
            answer: Message = await self.request("Accounting", avps, to=self.table.host, realm=self.table.realm)
        except (EncodeError, ValueError, TypeError, LookupError, OverflowError):
            return await self._passed_over(number)
        except RequestError as error:
            self._failed = str(error)
            return False
        vendor, code = answer.result or (0, 0)
        good = (vendor, code) == (0, ResultCode.SUCCESS)
        if not good and not 5000 <= code < 6000:  # the classes are those of a vendor's codes too (section 7.6)
            self._failed = f"answered {code}"
            return False
        if not good:
            self._say(f"charging: the CDF refuses a record for good: {code}, session {kept['session']}")
        await self._store.do(lambda connection: self._forget(connection, number))
        self.counted["taken" if good else "refused"] += 1
        return True

    async def _passed_over(self, number: int) -> bool:
        """An event that makes no request: it is to hold nobody up.  Raises StoreError."""
        self._say("charging: an event makes no record for the CDF, and is lost")
        await self._store.do(lambda connection: self._forget(connection, number))
        self.counted["lost"] += 1
        return True

    def _forget(self, connection: Connection, number: int) -> None:
        connection.execute(_DELETE, {"which": number})
        self.waiting = max(0, self.waiting - 1)
