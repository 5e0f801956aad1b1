"""Says to SCEFs what is to be said, until they have taken it or its time is over (7.2.2).

What is to be said is in the database before anybody hears of it, so that a process that is killed leaves it to the
next one; processes that share a database each take what no other has taken.  One SCEF that does not answer holds up
nobody else's reports.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.app import Application
from diameter.errors import RequestError
from nfs.common.store import Store, StoreError
from nfs.hss import binding
from nfs.hss.monitoring import access, avps, coverage, outbox_tables, revoke, tables
from nfs.hss.monitoring.config import MonitoringTable
from nfs.hss.monitoring.logic import Error
from nfs.hss.monitoring.outbox_tables import Note

AT_ONCE: Final = 200
LEASE_S: Final = 60
TIDY_S: Final = 60
COUNT_S: Final = 10
"""How old what the operator sees of the notes may be."""
IN_PROGRESS: Final = 1
"""Bit 0 of RIR-Flags: more of this group is to come."""


class Outbox:
    """`nodes`: takes notes for serving nodes.  `clock`: seconds since 1970.  `counted`: by what
    became of a note.
    """

    def __init__(
        self,
        application: Application,
        store: Store,
        config: MonitoringTable,
        clock: Callable[[], float],
        call_later: Callable[[float, Callable[[], None]], Any],
        nodes: Callable[[Note], Awaitable[bool]],
    ) -> None:
        self._application = application
        self._store = store
        self.config = config
        self._clock = clock
        self._call_later = call_later
        self._nodes = nodes
        self._busy: set[str] = set()
        self._looking = False
        self._again = False
        self._tidy_at = self._count_at = 0.0
        self._timer: Any = None
        self.stopped = False
        self.counted: Counter[str] = Counter()
        self.census: list[tuple[str, outbox_tables.What, int, int]] = []
        """What waited a moment ago, as `outbox_tables.census` says it."""

    def start(self) -> None:
        """Look now, and every `poll_s` from now on."""
        if not self.stopped:
            self.wake()
            self._timer = self._call_later(self.config.poll_s, self.start)

    def stop(self) -> None:
        """Take no new work."""
        self.stopped = True
        if self._timer is not None and self._timer.active():
            self._timer.cancel()

    def wake(self) -> None:
        """Look for notes that are due."""
        if self.stopped:
            return
        self._again = True
        if not self._looking:
            self._looking = True
            _ = self._application.spawn(self._look())

    async def _look(self) -> None:
        try:
            while self._again and not self.stopped:
                self._again = False
                await self._tidy()
                by_scef: dict[str, list[Note]] = {}
                for note in await self._due():
                    by_scef.setdefault(note.scef, []).append(note)
                self._busy.update(by_scef)
                for scef, some in by_scef.items():
                    _ = self._application.spawn(self._serve(scef, some))
                await self._count()
        except StoreError:
            self.counted["database"] += 1
        finally:
            self._looking = False

    async def _count(self) -> None:
        if self._clock() >= self._count_at:
            self._count_at = self._clock() + COUNT_S
            self.census = await self._store.do(outbox_tables.census)

    async def _due(self) -> list[Note]:
        busy, now = tuple(self._busy), int(self._clock())
        return await self._store.do(lambda connection: outbox_tables.claim(connection, now, LEASE_S, AT_ONCE, busy))

    async def _tidy(self) -> None:
        if self._clock() < self._tidy_at:
            return
        self._tidy_at = self._clock() + TIDY_S
        now = int(self._clock())

        def work(connection: Any) -> int:
            tables.lapse(connection, now)
            access.tidy(connection)
            binding.tidy(connection)
            coverage.tidy(connection)
            revoke.cancel(connection, tables.orphans(connection, AT_ONCE), now)
            return outbox_tables.expire(connection, now)

        self.counted["expired"] += await self._store.do(work)

    async def _serve(self, scef: str, notes: Sequence[Note]) -> None:
        """Notes of one SCEF, one after the other; when it does not answer the others wait too."""
        left, until = list(notes), self._clock() + LEASE_S / 2
        try:
            while left:
                if self._clock() >= until:  # before anybody else may take them
                    await self._free(left)
                    break
                some = await self._with_others(left)
                left = [each for each in left if each not in some]
                if not await self._one(some):
                    await self._later([*some, *left])
                    break
        except StoreError:
            self.counted["database"] += 1  # the lease runs out, and somebody takes them again
        finally:
            self._busy.discard(scef)
        self.wake()

    async def _later(self, notes: Sequence[Note]) -> None:
        now = int(self._clock())
        await self._store.do(lambda connection: outbox_tables.again(connection, notes, now))

    async def _free(self, notes: Sequence[Note]) -> None:
        await self._store.do(lambda connection: outbox_tables.free(connection, notes))

    async def _with_others(self, left: Sequence[Note]) -> list[Note]:
        """The first note, and of a group's report as many of its items as one message may have."""
        first = left[0]
        if first.what != "group":
            return [first]
        mine = [each for each in left if (each.what, each.grp, each.reference) == ("group", first.grp, first.reference)]
        mine = mine[: self.config.group_items]
        room, now = self.config.group_items - len(mine), int(self._clock())
        if room <= 0:
            return mine
        more = await self._store.do(lambda connection: outbox_tables.claim_group(connection, first, now, LEASE_S, room))
        return [*mine, *more]

    async def _one(self, notes: Sequence[Note]) -> bool:
        """Say one thing; False when it is to be tried again.  Raises StoreError."""
        note = notes[0]
        if note.what in outbox_tables.FOR_NODES:
            good = await self._nodes(note)
            if not good:  # others of this SCEF need not wait for a node
                await self._later([note])
                self.counted["again"] += 1
                return True
        else:
            good = await self._say(note, notes)
        if good:
            await self._store.do(lambda connection: outbox_tables.done(connection, notes))
        self.counted["taken" if good else "again"] += 1
        return good

    async def _say(self, note: Note, notes: Sequence[Note]) -> bool:
        def work(connection: Any) -> tuple[tables.Known | None, bool]:
            busy = note.what == "group" and outbox_tables.more(connection, note, [each.id for each in notes])
            return tables.known(connection, note.scef), busy

        known, more = await self._store.do(work)
        command = "NIDD-Information" if note.what == "nidd" else "Reporting-Information"
        realm = None if known is None else known.realm
        members = _members(note, notes, more=more)
        if known is not None and known.features:
            members["Supported-Features"] = avps.supported(avps.OURS)
        try:
            answer = await self._application.request(command, members, to=note.scef, realm=realm)
        except RequestError:
            return False
        vendor, code = answer.result or (0, 0)
        if vendor == 0 and 3000 <= code < 5000:
            return False
        unknown = _unknown(answer, note)
        if unknown:
            await self._store.do(lambda connection: self._forget(connection, notes, unknown))
        if (vendor, code) != (0, ResultCode.SUCCESS) and not unknown:
            self.counted["refused"] += 1
        return True

    def _forget(self, connection: Any, notes: Sequence[Note], unknown: set[int]) -> None:
        """Events that the SCEF does not know (5515) go, here and in the serving node."""
        now = int(self._clock())
        for note in notes:
            for item in tables.of(connection, note.imsi, now):
                if item.kind == "event" and item.scef == note.scef and item.reference in unknown:
                    tables.remove(connection, item)
                    outbox_tables.add(connection, [revoke.forgotten(item, now)])


def _members(note: Note, notes: Sequence[Note], *, more: bool) -> dict[str, Any]:
    """The AVPs of the request."""
    if note.what == "nidd":
        # the SCEF asked by the IMSI where the device has no other name
        user = avps.identifier(note.called) if note.called else {"User-Name": note.imsi}
        return {"User-Identifier": user, **note.body}
    if note.what == "report":
        return {"User-Identifier": avps.identifier(note.called), "Monitoring-Event-Report": note.body}
    report = {**avps.reference(note.reference, extended=note.extended), "SCEF-ID": note.scef}
    report["Group-Report-Item"] = [each.body for each in notes]
    flags = {"RIR-Flags": IN_PROGRESS} if more else {}
    return {"User-Identifier": avps.identifier(note.grp, group=True), "Group-Report": report, **flags}


def _unknown(answer: Message, note: Note) -> set[int]:
    """References that the SCEF says it does not know."""
    if answer.result == (avps.TGPP, Error.SCEF_REFERENCE_ID_UNKNOWN):
        return {note.reference}
    found = set()
    for status in answer.all("Monitoring-Event-Report-Status"):
        if status.get("Experimental-Result-Code") == Error.SCEF_REFERENCE_ID_UNKNOWN:
            wide = status.get("SCEF-Reference-ID-Ext")
            found.add(status.get("SCEF-Reference-ID", -1) if wide is None else wide)
    return found - {-1}
