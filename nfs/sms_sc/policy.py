"""The numbers by which an SMS-SC takes, keeps and tries again."""

from __future__ import annotations

from dataclasses import dataclass

from nfs.sms_sc.outcomes import Failure


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """The numbers the operator sets.  An empty `scs` accepts every SME address.

    `absent_retry_s` and `memory_full_retry_s` take the place of `retry_s` for their causes where they are given.
    `routed`: the HSS is asked for serving nodes, so that a device without one can be tried.
    """

    scs: frozenset[str] = frozenset()
    capacity: int = 100_000
    default_validity_s: int = 86_400
    max_validity_s: int = 604_800
    retry_s: tuple[int, ...] = (30, 60, 120, 300, 600)
    keep_finished_s: int = 600
    absent_retry_s: tuple[int, ...] = ()
    memory_full_retry_s: tuple[int, ...] = ()
    routed: bool = False

    def waits(self, failure: Failure) -> tuple[int, ...]:
        """Seconds to wait after each failed attempt, by why it failed; the last one repeats."""
        causes = {Failure.ABSENT: self.absent_retry_s, Failure.MEMORY_FULL: self.memory_full_retry_s}
        return causes.get(failure) or self.retry_s
