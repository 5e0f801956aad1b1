"""Groups counted apart from all else (R-GRP-08): what was asked and how it was answered, and what came of members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Final

from nfs.common.tsp import DeliveryOutcome, RequestStatus

REQUESTS: Final = "mtc_group_requests", "Requests for groups, by how they were answered (Request-Status)"
MEMBERS: Final = "mtc_group_members", "Members of groups: handed over, left out, or reported (Delivery-Outcome)"
RECALLS: Final = "mtc_group_recalls", "Members of groups by what came of the recall of their trigger (Request-Status)"


class GroupCounts:
    """Plain additions; `families` is what the operator's port shows of them (see `diameter.metrics`)."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.members: Counter[str] = Counter()
        self.recalls: Counter[str] = Counter()

    @property
    def families(self) -> tuple[tuple[str, str, Callable[[], Mapping[str, int]]], ...]:
        """Name, what it says, and what reads the numbers by outcome."""
        return (
            (*REQUESTS, lambda: self.requests),
            (*MEMBERS, lambda: self.members),
            (*RECALLS, lambda: self.recalls),
        )

    def ended(self, outcome: int, *, recall: bool) -> None:
        """The SCS has heard of a member."""
        if recall:
            self.recalls[RequestStatus(outcome).name] += 1
        else:
            self.members[DeliveryOutcome(outcome).name] += 1
