"""The SCS as a library: `await scs.trigger(...)` gives the delivery report.

    scs = Scs(number="15550000100", realm="operator.example", mtc_iwf="iwf.operator.example", clock=reactor.seconds)
    node = Node(config, [scs.tsp], dictionary, reactor=reactor)
    request = TriggerRequest(payload=b"wake up", external_identifier="meter-7@example.com", port=8000)
    report = await node.run(scs.trigger(request))          # a Deferred; in a handler: await scs.trigger(request)

Whatever the network repeats, the caller of `trigger` sees one report.  `TriggerRequest(recall=7, ...)` withdraws the
trigger with that reference, `replace=7` puts another one in its place.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import Protocol

from diameter.app import Later
from diameter.errors import EncodeError, RequestError
from diameter.standing import Queue
from nfs.common.store import StoreError
from nfs.scs.logic import Ledger, Report, Stage, TriggerRequest, realm_for
from nfs.scs.memory import Ended, Memory
from nfs.scs.message_memory import MessageMemory
from nfs.scs.tsp import Tsp

__all__ = ["Ended", "Memory", "Report", "Scs", "Stage", "TriggerRequest"]


class Protecting(Protocol):
    """What is done with requests before they are sent."""

    def __call__(self, request: TriggerRequest, /) -> TriggerRequest:
        """The request as it is to be sent.  Raises ValueError for one that must not be."""

    def answered(self, reference: int, /) -> None:
        """The answer to the request with this number has come."""


class AsItIs:
    """Nothing is done with them."""

    def __call__(self, request: TriggerRequest) -> TriggerRequest:
        """The same request."""
        return request

    def answered(self, reference: int) -> None:
        """Nothing."""


class Scs:
    """One SCS.  `tsp` goes to the node.  clock: seconds from anywhere.  ledger: its reference numbers.

    memory: what outlives a restart; `remember` comes before the first trigger then, no report is taken earlier, and the
    clock counts from 1970.  remembered_first: what else `remember` waits for before a report is taken.

    protect: what is done with a request before it is sent (see `nfs.scs.protection`), attribute; nothing at first.

    realm: where the MTC-IWF is; None takes the domain of each External-Identifier, whose MTC-IWF the node finds by DNS
    when its configuration says so (`[[peer]]` with `realm` and `discover = true`).
    """

    def __init__(
        self,
        *,
        number: str,
        realm: str | None,
        clock: Callable[[], float],
        mtc_iwf: str | None = None,
        ledger: Ledger | None = None,
        memory: Memory | None = None,
    ) -> None:
        self.ledger = Ledger() if ledger is None else ledger
        self.tsp = Tsp(number, mtc_iwf, self._reported)
        self.realm = realm
        self.clock = clock
        self._waiting: dict[int, list[Later[Report]]] = {}
        self._memory = memory
        self._remembering = memory is None
        self.remembered_first: list[Callable[[], Awaitable[None]]] = []
        self.protect: Protecting = AsItIs()

    def queues(self) -> tuple[Queue, ...]:
        """What waits in this SCS, for its operator."""
        return (Queue("messages of devices nobody fetched", len(self.tsp.messages), self.tsp.messages.limit or None),)

    async def trigger(self, request: TriggerRequest) -> Report:
        """Ask for a trigger and wait for its end: refused, failed or reported.  Raises ValueError, see `submit`."""
        report = await self.submit(request)
        return report if report.stage is not Stage.ACCEPTED else await self.wait(report.reference)

    async def submit(self, request: TriggerRequest) -> Report:
        """Ask for a trigger and wait for the answer only; `stage` says what came of it.

        Raises ValueError (ReferenceInUse among them) for a request that names no device, one of no known realm, an
        impossible reference, or the recall of a trigger whose SMS-SC takes none; a replace there is a trigger of its
        own (TS 29.368 6.4.13).
        """
        realm, request = realm_for(request, self.realm), self.protect(request)
        old = request.old_reference
        if old is not None and not self.ledger.can_be_taken_back(old):
            if request.recall is not None:
                raise ValueError(f"reference {old} cannot be recalled: its SMS-SC takes no recalls")
            request = replace(request, replace=None)
        reference = self.ledger.begin(request, self.clock())
        try:
            if self._memory is not None:
                await self._memory.begin(reference, self.clock())
            answer = await self.tsp.device_trigger(reference, request, realm)
            self.protect.answered(reference)
        except (RequestError, EncodeError, StoreError) as error:
            return await self._settled(self.ledger.failed(reference, str(error), self.clock()))
        gone = self.ledger.taken_back(request, answer, self.clock())
        if gone is not None:
            await self._settled(gone)
        report = self.ledger.answered(reference, answer, self.clock())
        if report is not None:
            return await self._settled(report)
        return self.progress(reference)

    def wait(self, reference: int) -> Later[Report]:
        """What resolves when this trigger ends; at once when it has.  Raises KeyError for an unknown number."""
        later: Later[Report] = Later()
        finished = self.ledger.finished.get(reference)
        if finished is not None:
            later.resolve(finished)
        elif reference in self.ledger.open:
            self._waiting.setdefault(reference, []).append(later)
        else:
            raise KeyError(reference)
        return later

    def progress(self, reference: int) -> Report:
        """How far a trigger has come; raises KeyError for an unknown number."""
        report = self.ledger.progress(reference, self.clock())
        if report is None:
            raise KeyError(reference)
        return report

    def give_up(self, reference: int, why: str) -> None:
        """Stop waiting for the report of an accepted trigger; whoever waits sees how far it had come, with `error` set.

        The trigger stays open: a later report still ends it.
        """
        report = self.ledger.progress(reference, self.clock())
        for later in self._waiting.pop(reference, ()):
            if report is not None:
                later.resolve(replace(report, error=why))

    async def remember(self) -> None:
        """Take back what the memory has from before.  Raises StoreError."""
        if self._memory is not None and not self._remembering:
            before = await self._memory.load(self.clock())
            for each in self.remembered_first:
                await each()
            self.ledger.restore(*before)
            self._remembering = True

    def keep_messages(self, memory: MessageMemory) -> None:
        """Have the short messages of devices outlive a restart; before `remember`, with a memory of triggers beside."""
        self.tsp.messages.memory = memory
        self.remembered_first.append(self.tsp.messages.remember)

    async def reports(self, after: int, limit: int) -> list[Ended]:
        """The ends of triggers after number `after`, each once and in their order, `limit` at most.

        Raises ValueError without a memory, StoreError.
        """
        if self._memory is None:
            raise ValueError("this SCS has no database, and so no list of reports")
        return await self._memory.since(after, limit)

    async def _reported(self, reference: int, outcome: int) -> None:
        """Take a report; it is written down when this returns.  Raises StoreError."""
        if not self._remembering:
            raise StoreError("what is remembered is still being read")
        if self._memory is not None and reference in self.ledger.open:
            known = self.progress(reference)
            await self._memory.end(replace(known, stage=Stage.REPORTED, outcome=outcome))
        report = self.ledger.reported(reference, outcome, self.clock())
        if report is not None:
            self._end(report)

    async def _settled(self, report: Report) -> Report:
        """The end of a trigger that no report is owed for: whoever waits hears of it, also when it cannot be kept."""
        if self._memory is not None:
            with suppress(StoreError):
                await self._memory.end(report)
        return self._end(report)

    def _end(self, report: Report) -> Report:
        for later in self._waiting.pop(report.reference, ()):
            later.resolve(report)
        return report
