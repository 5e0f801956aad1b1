"""What the HSS has said of pairs of SCS and device, so that it need not be asked again, nor be flooded with questions.

S6m tells nobody of a change of data.  So what was refused is refused again for `refused_s` at most, and what was
granted is asked again each time unless `granted_s` says how old an answer may be; an answer of the HSS that differs, a
failure that smells of old data (`forget`) and a reload (`clear`) end it sooner.

The budget counts questions about pairs that the HSS has never confirmed: a token is taken with the question and put
back when the device turns out to be the SCS's.  Devices that were confirmed once cost nothing, so that an SCS that
asks for foreign ones is still served for its own, and no other SCS is touched.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Generic, TypeVar

from nfs.mtc_sgw import bucket
from nfs.mtc_sgw.bounded import Bounded
from nfs.mtc_sgw.logic import Rate

T = TypeVar("T")
Pair = tuple[str, str]
"""ISDN number of the SCS, name of the device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownLimits:
    """How long an answer of the HSS is good for, and how often each SCS may have it asked in vain (None: always)."""

    refused_s: float = 0.0
    granted_s: float = 0.0
    budget: Rate | None = None


class Known(Generic[T]):
    """The pairs.  T: what the HSS says of a device that it grants.  `limits` may be replaced while running.

    remembered: so many granted and so many refused pairs at most.  `asked`, `spared` and `over` count questions that
    went to the HSS, were answered from here, and were over the budget.
    """

    def __init__(self, limits: KnownLimits, *, remembered: int) -> None:
        self.limits = limits
        self.asked = self.spared = self.over = 0
        self._refused: Bounded[Pair, tuple[float, int]] = Bounded(remembered)
        self._granted: Bounded[Pair, tuple[float, dict[bool, T]]] = Bounded(remembered)
        self._budgets: dict[str, float] = {}
        self._taken: dict[Pair, int] = {}  # tokens of questions that are under way

    def refusal(self, pair: Pair, now: float) -> int | None:
        """The Experimental-Result-Code with which the HSS refused not long ago."""
        found = self._refused.get(pair)
        if found is None or not found[0] <= now < found[0] + self.limits.refused_s:
            return None
        self.spared += 1
        return found[1]

    def grant(self, pair: Pair, now: float, *, priority: bool) -> T | None:
        """What the HSS said not long ago; it says other things of a trigger with priority."""
        found = self._granted.get(pair)
        if found is None or not found[0] <= now < found[0] + self.limits.granted_s:
            return None
        value = found[1].get(priority)
        self.spared += value is not None
        return value

    def may_ask(self, pair: Pair, now: float) -> bool:
        """Whether the HSS may be asked; takes from the budget of the SCS when the pair was never confirmed."""
        if self.limits.budget is not None and self._granted.get(pair) is None:
            may, full_at = bucket.take(self._budgets.get(pair[0]), now, self.limits.budget)
            self._budgets[pair[0]] = full_at
            if not may:
                self.over += 1
                return False
            self._taken[pair] = self._taken.get(pair, 0) + 1
        self.asked += 1
        return True

    def granted(self, pair: Pair, now: float, value: T, *, priority: bool) -> None:
        """The HSS has confirmed the pair: every question about it that is under way gets its token back."""
        self._refused.drop(pair)
        found, taken = self._granted.get(pair), self._taken.pop(pair, 0)
        if taken and self.limits.budget is not None:
            self._budgets[pair[0]] = bucket.give_back(self._budgets[pair[0]], self.limits.budget, taken)
        if self.limits.granted_s == 0:
            self._granted.put(pair, (now, {}))  # confirmed, but to be asked again
            return
        others = {} if found is None or found[0] + self.limits.granted_s <= now else found[1]
        since = found[0] if others and found is not None else now
        self._granted.put(pair, (since, {**others, priority: value}))

    def refused(self, pair: Pair, now: float, code: int) -> None:
        """The HSS has refused the pair."""
        self._taken.pop(pair, None)
        self._granted.drop(pair)
        if self.limits.refused_s > 0:
            self._refused.put(pair, (now, code))

    def unanswered(self, pair: Pair) -> None:
        """The HSS has said nothing of the pair: the token of one question is spent."""
        left = self._taken.pop(pair, 0) - 1
        if left > 0:
            self._taken[pair] = left

    def forget(self, pair: Pair) -> None:
        """What is remembered of this pair may be old: ask again.  That it was once confirmed still counts."""
        self._refused.drop(pair)
        found = self._granted.get(pair)
        if found is not None:
            self._granted.put(pair, (found[0], {}))

    def clear(self) -> None:
        """As `forget`, for every pair."""
        self._refused.clear()
        for pair, found in self._granted.items():
            self._granted.put(pair, (found[0], {}))
