"""Groups counted apart from all else (R-GRP-08): what was asked and how it was answered, and what came of members."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Final

from diameter.standing import Count
from nfs.common.standing import counted
from nfs.common.tsp import DeliveryOutcome, RequestStatus

REQUESTS: Final = "mtc_group_requests", "Requests for groups, by how they were answered (Request-Status)"
MEMBERS: Final = "mtc_group_members", "Members of groups: handed over, left out, or reported (Delivery-Outcome)"
RECALLS: Final = "mtc_group_recalls", "Members of groups by what came of the recall of their trigger (Request-Status)"


class GroupCounts:
    """Plain additions; `shown` is what the operator's port has of them."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        self.members: Counter[str] = Counter()
        self.recalls: Counter[str] = Counter()

    def shown(self) -> Iterator[Count]:
        """All of them (see `diameter.standing`)."""
        for (name, text), counter in ((REQUESTS, self.requests), (MEMBERS, self.members), (RECALLS, self.recalls)):
            yield from counted(name, text, "outcome", counter)

    def ended(self, outcome: int, *, recall: bool) -> None:
        """The SCS has heard of a member."""
        if recall:
            self.recalls[RequestStatus(outcome).name] += 1
        else:
            self.members[DeliveryOutcome(outcome).name] += 1
