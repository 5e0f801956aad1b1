"""How much an MTC-IWF has to do, and whom it sends to another one (TS 29.368 5.4).

Device-Actions in work are those that wait for HSS, SMS-SC or store.  From `at` of them on, further ones are answered
with a redirect indication to the other MTC-IWFs, which find every trigger on the same store; so nobody waits behind a
queue that grows.  The bound of that queue is the node's own (`limits.requests_in_work`), beyond which it says TOO_BUSY,
and the Load in its answers is what is in use of it.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import TracebackType

from diameter.routing.redirect import Redirection


@dataclass(frozen=True, slots=True, kw_only=True)
class Relief:
    """From how many Device-Actions in work on others are asked, and who they are."""

    at: int
    to: Redirection


class Busy:
    """Counts what is in work while it is entered.  `relief` may be replaced while running; None sends nobody away."""

    def __init__(self, relief: Relief | None = None) -> None:
        self.relief = relief
        self.in_work = 0
        self.redirected = 0

    def elsewhere(self) -> Redirection | None:
        """Where the next one goes; None for here."""
        if self.relief is None or self.in_work < self.relief.at:
            return None
        self.redirected += 1
        return self.relief.to

    def __enter__(self) -> None:
        self.in_work += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.in_work -= 1
