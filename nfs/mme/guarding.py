"""What stands before the applications of an MME's UEs, by its configuration."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from diameter.standing import Count
from nfs.common.app_keys import Provisioned, provisioned
from nfs.common.cose_numbers import Numbers
from nfs.common.standing import counted
from nfs.mme.config import MmeConfig, ProtectionTable
from nfs.mme.logic import Deliver
from nfs.ue.application import MESSAGES, Guarded, Strictness
from nfs.ue.logic import Inbox

KEYS: Final = ("protection.signer", "protection.audience", "protection.region")
"""What of a configuration is read again while it runs."""


class Guard:
    """Puts the check of envelopes before an inbox, where there is one."""

    def __init__(self, make: Callable[[Inbox], Guarded] | None, numbers: Numbers | None = None) -> None:
        self._make = make
        self._numbers = numbers
        self._guarded: Guarded | None = None
        self.live = () if make is None else KEYS

    def __call__(self, inbox: Inbox) -> Deliver:
        """What UEs deliver to."""
        if self._make is None:
            return inbox
        self._guarded = self._make(inbox)
        return self._guarded

    def close(self) -> None:
        """Let go of the file of numbers."""
        if self._numbers is not None:
            self._numbers.close()

    def reload(self, config: MmeConfig) -> None:
        """Read the keys again.  Raises ConfigError, and then those of before stay."""
        if self._guarded is not None and config.protection is not None:
            self._guarded.take(_keys(config.protection))

    def counts(self) -> Iterator[Count]:
        """What became of messages."""
        return counted(*MESSAGES, {} if self._guarded is None else self._guarded.counters)


def guarded(table: ProtectionTable | None, clock: Callable[[], float]) -> Guard:
    """As a configuration has it.  clock: seconds since 1970.  Raises ConfigError, and OSError for a file of no use."""
    if table is None:
        return Guard(None)
    keys = _keys(table)
    strictness = Strictness(fresh_s=table.fresh_s, only_groups=table.only_groups)
    numbers = Numbers(table.numbers)
    return Guard(lambda inbox: Guarded(inbox, keys, clock, strictness, numbers), numbers)


def _keys(table: ProtectionTable) -> Provisioned:
    return provisioned(table.signer, table.audience, table.region)
