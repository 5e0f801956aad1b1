"""Triggers for groups, at the SCS: one answer for the group, and a report for each member (docs/groups.md).

    groups = GroupTriggers(scs)
    request = TriggerRequest(payload=b"wake up", external_identifier="fleet@example.com", group=True)
    report = await groups.submit(request)
    report = await groups.wait(report.reference, members=3)

How many members there are, the SCS knows or does not: the network does not say.  A member's report that comes again is
counted in `duplicates` and seen by nobody.  With a memory, what was reported of a member is on disk before the MTC-IWF
is told that it arrived.
"""

from __future__ import annotations

from collections import OrderedDict
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, Final

from diameter.app import Later
from diameter.errors import EncodeError, RequestError
from nfs.common.store import StoreError
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.api import Memory, Scs
from nfs.scs.form import SCHEMA, named
from nfs.scs.group_memory import GroupMemory
from nfs.scs.logic import Answer, Report, Stage, TriggerRequest, realm_for

REMEMBERED: Final = 1000
"""Groups that are kept in memory: without a database later reports on others are nobody's."""
NAME: Final = 253
"""Characters of an External Identifier at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """How far the trigger of a group has come, or its recall.

    members: Delivery-Outcome by External-Identifier, of those reported; of a recall Request-Status.  recalls: the
    Reference-Number of the trigger that is recalled.
    """

    reference: int
    stage: Stage = Stage.SENT
    status: int | None = None
    result: tuple[int, int] | None = None
    recalls: int | None = None
    members: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0
    error: str = ""

    @property
    def delivered(self) -> int:
        """How many members acknowledged."""
        return 0 if self.recalls is not None else self._good(DeliveryOutcome.SUCCESS)

    @property
    def recalled(self) -> int:
        """How many members will not have the trigger that is recalled."""
        return 0 if self.recalls is None else self._good(RequestStatus.SUCCESS)

    def _good(self, outcome: int) -> int:
        return sum(each == outcome for each in self.members.values())


class GroupTriggers:
    """Triggers groups through an `Scs`, whose Reference-Numbers it shares.

    memory: on the Store of the `Scs`'s; both are remembered together then.
    """

    def __init__(self, scs: Scs, memory: Memory | None = None, groups: GroupMemory | None = None) -> None:
        self._scs = scs
        self._memory = memory
        self._kept = groups
        self._numbers: set[int] = set()
        self._reports: OrderedDict[int, GroupReport] = OrderedDict()
        self._asked_at: dict[int, float] = {}
        self._groups: dict[int, str] = {}
        self._waiting: list[tuple[int, int, Later[GroupReport]]] = []
        self.duplicates = 0
        scs.tsp.members = self._reported
        scs.remembered_first.append(self._remember)

    async def submit(self, request: TriggerRequest) -> GroupReport:
        """Ask, and wait for the answer on the group.  Raises ValueError as `Scs.submit` does."""
        scs, recalls, name = self._scs, request.recall, request.external_identifier or ""
        realm, request = realm_for(request, scs.realm), scs.protect(request)
        reference = scs.ledger.begin(request, scs.clock())
        self._asked_at[reference] = scs.clock()
        self._numbers.add(reference)
        before = self._reports.get(reference)
        again = before is not None and before.stage is Stage.FAILED and self._groups.get(reference) == name
        members = dict(before.members) if before is not None and again else {}  # the network may have had it
        self._groups[reference] = name
        self._put(GroupReport(reference=reference, recalls=recalls, members=members))
        try:
            if self._memory is not None:
                await self._memory.begin(reference, scs.clock(), group=name, recalls=recalls)
            answer = await scs.tsp.device_trigger(reference, request, realm)
        except (RequestError, EncodeError, StoreError) as error:
            await self._ended(scs.ledger.failed(reference, str(error), scs.clock()))
            return self._put(replace(self._reports[reference], stage=Stage.FAILED, error=str(error)))
        return await self._answered(reference, answer)

    async def _answered(self, reference: int, answer: Answer) -> GroupReport:
        """Note what was decided on the group."""
        self._scs.protect.answered(reference)
        if not answer.accepted:
            self._numbers.discard(reference)
            report = self._scs.ledger.answered(reference, answer, self._scs.clock())
            assert report is not None  # a refusal is an end
            await self._ended(report)
        elif self._kept is not None:
            with suppress(StoreError):  # the first report will show it
                await self._kept.accepted(reference)
        stage = Stage.ACCEPTED if answer.accepted else Stage.REFUSED
        found = self._reports[reference]
        return self._put(replace(found, stage=stage, status=answer.status, result=answer.result, error=answer.told))

    async def report(self, reference: int) -> GroupReport:
        """How far a group has come.  Raises KeyError for an unknown number, StoreError."""
        known = self._reports.get(reference)
        if known is not None:
            return known
        found = None if self._kept is None else await self._kept.find(reference)
        if found is None:
            raise KeyError(reference)
        self._asked_at[reference] = found.asked_at
        report = GroupReport(
            reference=reference,
            stage=found.stage,
            status=found.status,
            result=found.result,
            recalls=found.recalls,
            members=found.members,
            error=found.error,
        )
        return self._put(report)

    def wait(self, reference: int, members: int) -> Later[GroupReport]:
        """What resolves once so many members have been reported.  Raises KeyError for an unknown number."""
        later: Later[GroupReport] = Later()
        report = self._reports[reference]
        self._reports.move_to_end(reference)
        self._waiting.append((reference, members, later))
        self._wake(report)
        return later

    def leave(self, later: Later[GroupReport]) -> None:
        """Nobody waits for that any more."""
        self._waiting = [each for each in self._waiting if each[2] is not later]

    def give_up(self, reference: int, why: str) -> None:
        """Stop waiting for more members; whoever waits sees who was reported, with `error` set."""
        report = replace(self._reports[reference], error=why)
        for each in [each for each in self._waiting if each[0] == reference]:
            self._waiting.remove(each)
            each[2].resolve(report)

    def close(self, reference: int) -> None:
        """Let the Reference-Number be used again; what is reported still is nobody's."""
        self._scs.ledger.open.pop(reference, None)
        self._numbers.discard(reference)
        self._drop(reference)

    def _drop(self, reference: int) -> None:
        self._reports.pop(reference, None)
        self._asked_at.pop(reference, None)
        self._groups.pop(reference, None)

    async def _remember(self) -> None:
        """Know again of which groups reports may come.  Raises StoreError."""
        if self._kept is not None:
            self._numbers |= await self._kept.numbers()

    async def _reported(self, reference: int, member: str, outcome: int) -> bool:
        """Take a member's report; False when this is no group's number.  Raises StoreError, and it is not taken."""
        if reference not in self._numbers or self._reused(reference):
            return False
        member, known = member[:NAME], self._reports.get(reference)
        new = known is None or member not in known.members
        if new and self._kept is not None:
            new = await self._kept.member(reference, member, outcome, self._scs.clock())
        self.duplicates += not new
        report = self._reports.get(reference)
        if report is not None and member not in report.members:
            self._wake(self._put(_with(report, member, outcome)))
        return True

    def _reused(self, reference: int) -> bool:
        """Whether a group that had no answer has lost its number to another trigger."""
        known = self._reports.get(reference)
        return known is not None and known.stage is Stage.FAILED and reference in self._scs.ledger.open

    async def _ended(self, report: Report) -> None:
        if self._memory is not None:
            with suppress(StoreError):
                await self._memory.end(report)

    def _put(self, report: GroupReport) -> GroupReport:
        took_s = self._scs.clock() - self._asked_at[report.reference]
        self._reports[report.reference] = now = replace(report, took_s=took_s)
        while len(self._reports) > REMEMBERED:
            oldest = next(iter(self._reports))
            self._drop(oldest) if self._kept is not None else self.close(oldest)
        return now

    def _wake(self, report: GroupReport) -> None:
        for each in [each for each in self._waiting if each[0] == report.reference and len(report.members) >= each[1]]:
            self._waiting.remove(each)
            each[2].resolve(report)


def _with(report: GroupReport, member: str, outcome: int) -> GroupReport:
    """The same with one member more; a group of which somebody is reported was accepted."""
    stage = Stage.ACCEPTED if report.stage is Stage.SENT and report.status is not None else report.stage
    return replace(report, stage=stage, members={**report.members, member: outcome})


def report_to(report: GroupReport) -> dict[str, Any]:
    """The JSON object of a report."""
    recall = report.recalls is not None
    return {
        "schema": SCHEMA,
        "reference": report.reference,
        "recalls": report.recalls,
        "stage": report.stage.value,
        "request_status": named(RequestStatus, report.status),
        "result": None if report.result is None else {"vendor": report.result[0], "code": report.result[1]},
        "members": [
            {
                "external_identifier": name,
                "delivery_outcome": None if recall else named(DeliveryOutcome, outcome),
                "request_status": named(RequestStatus, outcome) if recall else None,
            }
            for name, outcome in report.members.items()
        ],
        "reported": len(report.members),
        "delivered": report.delivered,
        "recalled": report.recalled,
        "took_s": round(report.took_s, 6),
        "error": report.error or None,
    }
