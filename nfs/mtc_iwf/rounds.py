"""What one MTC-IWF on a store does for all: looking for what lapsed, forgetting what is over.

Whoever comes first has the round for as long as it says, and again when it comes back; another one takes it over once
that time is past.  So a process that is gone is missed for one round, and nobody waits for it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from sqlalchemy import Column, Connection, Float, String, Table, bindparam, insert, or_, update
from sqlalchemy.exc import IntegrityError

from nfs.common.store import Store, StoreError
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_iwf.triggers import METADATA

LAPSED: Final = "lapsed"
"""Triggers of devices whose time is over."""
GROUPS: Final = "groups"
"""The same for members of groups."""

ROUND: Final = Table(
    "round",
    METADATA,
    Column("name", String(32), primary_key=True),
    Column("claimant", String(255), nullable=False),
    Column("claimed_until", Float(53), nullable=False),
)
_TAKE: Final = (
    update(ROUND)
    .where(
        ROUND.c.name == bindparam("which"),
        or_(ROUND.c.claimed_until <= bindparam("now"), ROUND.c.claimant == bindparam("me")),
    )
    .values(claimant=bindparam("me"), claimed_until=bindparam("until"))
)
_THERE: Final = ROUND.select().where(ROUND.c.name == bindparam("which"))


class Rounds:
    """Whose turn it is.  clock: seconds since 1970.  me: a name that no other process on the store has."""

    def __init__(self, store: Store, clock: Callable[[], float], me: str) -> None:
        self._store = store
        self._clock = clock
        self.me = me

    async def mine(self, name: str, for_s: float) -> bool:
        """Whether this process does the round `name` now, and for `for_s` seconds.  Raises Unavailable."""
        now = self._clock()
        row = {"which": name, "me": self.me, "now": now, "until": now + for_s}

        def work(connection: Connection) -> bool:
            if connection.execute(_TAKE, row).rowcount:
                return True
            if connection.execute(_THERE, row).one_or_none() is not None:
                return False
            connection.execute(insert(ROUND), {"name": name, "claimant": self.me, "claimed_until": now + for_s})
            return True

        try:
            return await self._store.do(work)
        except IntegrityError:  # another process was quicker
            return False
        except StoreError as error:
            raise Unavailable(str(error)) from None
