"""Triggers for groups, at the SCS: one answer for the group, and a report for each member (docs/groups.md).

    groups = GroupTriggers(scs)
    request = TriggerRequest(payload=b"wake up", external_identifier="fleet@example.com", group=True)
    report = await groups.submit(request)
    report = await groups.wait(report.reference, members=3)

How many members there are, the SCS knows or does not: the network does not say.  A member's report that comes again is
counted in `duplicates` and seen by nobody.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field, replace
from typing import Any, Final

from diameter.app import Later
from diameter.errors import EncodeError, RequestError
from nfs.common.tsp import DeliveryOutcome, RequestStatus
from nfs.scs.api import Scs
from nfs.scs.form import SCHEMA, named
from nfs.scs.logic import Stage, TriggerRequest, realm_for

REMEMBERED: Final = 1000
"""Groups of which later reports are still taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupReport:
    """How far the trigger of a group has come.  members: Delivery-Outcome by External-Identifier, of those reported."""

    reference: int
    stage: Stage = Stage.SENT
    status: int | None = None
    result: tuple[int, int] | None = None
    members: dict[str, int] = field(default_factory=dict)
    took_s: float = 0.0
    error: str = ""

    @property
    def delivered(self) -> int:
        """How many members acknowledged."""
        return sum(outcome == DeliveryOutcome.SUCCESS for outcome in self.members.values())


class GroupTriggers:
    """Triggers groups through an `Scs`, whose Reference-Numbers it shares."""

    def __init__(self, scs: Scs) -> None:
        self._scs = scs
        self._reports: OrderedDict[int, GroupReport] = OrderedDict()
        self._asked_at: dict[int, float] = {}
        self._waiting: list[tuple[int, int, Later[GroupReport]]] = []
        self.duplicates = 0
        scs.tsp.members = self._reported

    async def submit(self, request: TriggerRequest) -> GroupReport:
        """Ask, and wait for the answer on the group.  Raises ValueError as `Scs.submit` does."""
        scs = self._scs
        realm = realm_for(request, scs.realm)
        reference = scs.ledger.begin(request, scs.clock())
        self._asked_at[reference] = scs.clock()
        self._put(GroupReport(reference=reference))
        try:
            answer = await scs.tsp.device_trigger(reference, request, realm)
        except (RequestError, EncodeError) as error:
            scs.ledger.failed(reference, str(error), scs.clock())
            return self._put(replace(self._reports[reference], stage=Stage.FAILED, error=str(error)))
        stage = Stage.ACCEPTED if answer.accepted else Stage.REFUSED
        if stage is Stage.REFUSED:
            scs.ledger.answered(reference, answer, scs.clock())
        found = self._reports[reference]
        return self._put(replace(found, stage=stage, status=answer.status, result=answer.result, error=answer.told))

    def wait(self, reference: int, members: int) -> Later[GroupReport]:
        """What resolves once so many members have been reported.  Raises KeyError for an unknown number."""
        later: Later[GroupReport] = Later()
        report = self._reports[reference]
        self._waiting.append((reference, members, later))
        self._wake(report)
        return later

    def give_up(self, reference: int, why: str) -> None:
        """Stop waiting for more members; whoever waits sees who was reported, with `error` set."""
        report = replace(self._reports[reference], error=why)
        for each in [each for each in self._waiting if each[0] == reference]:
            self._waiting.remove(each)
            each[2].resolve(report)

    def close(self, reference: int) -> None:
        """Let the Reference-Number be used again; what is reported still is nobody's."""
        self._scs.ledger.open.pop(reference, None)
        self._reports.pop(reference, None)
        self._asked_at.pop(reference, None)

    def _reported(self, reference: int, member: str, outcome: int) -> bool:
        """Take a member's report; False when this is no group's number."""
        report = self._reports.get(reference)
        if report is None:
            return False
        if member in report.members:
            self.duplicates += 1
            return True
        self._wake(self._put(replace(report, members={**report.members, member: outcome})))
        return True

    def _put(self, report: GroupReport) -> GroupReport:
        took_s = self._scs.clock() - self._asked_at[report.reference]
        self._reports[report.reference] = now = replace(report, took_s=took_s)
        while len(self._reports) > REMEMBERED:
            self.close(next(iter(self._reports)))
        return now

    def _wake(self, report: GroupReport) -> None:
        for each in [each for each in self._waiting if each[0] == report.reference and len(report.members) >= each[1]]:
            self._waiting.remove(each)
            each[2].resolve(report)


def report_to(report: GroupReport) -> dict[str, Any]:
    """The JSON object of a report."""
    return {
        "schema": SCHEMA,
        "reference": report.reference,
        "stage": report.stage.value,
        "request_status": named(RequestStatus, report.status),
        "result": None if report.result is None else {"vendor": report.result[0], "code": report.result[1]},
        "members": [
            {"external_identifier": name, "delivery_outcome": named(DeliveryOutcome, outcome)}
            for name, outcome in report.members.items()
        ],
        "reported": len(report.members),
        "delivered": report.delivered,
        "took_s": round(report.took_s, 6),
        "error": report.error or None,
    }
