"""Quotas over a restart: their counts are written to the store every few seconds and at the end, and read at the start.

Not with every trigger, which would cost a write for what nobody was promised: a kill forgets what was counted since
the last round, `KEEP_S` at most.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from sqlalchemy import BigInteger, Column, Connection, Float, String, Table, bindparam, delete, insert, select

from nfs.common.store import Store, StoreError
from nfs.mtc_iwf.ports import Unavailable
from nfs.mtc_iwf.triggers import METADATA
from nfs.mtc_sgw.quotas import Quotas, Used

KEEP_S: Final = 5.0
"""Time between two rounds of writing."""
COUNT: Final = Table(
    "quota_count",
    METADATA,
    Column("scope", String(16), primary_key=True),
    Column("name", String(253), primary_key=True),
    Column("until", Float, nullable=False, index=True),
    Column("count", BigInteger, nullable=False),
)
_OLD: Final = delete(COUNT).where(COUNT.c.scope == bindparam("key_scope"), COUNT.c.name == bindparam("key_name"))


class Counts:
    """The counts of `quotas` in a Store.  clock: seconds since 1970."""

    def __init__(self, store: Store, quotas: Quotas, clock: Callable[[], float]) -> None:
        self._store = store
        self._quotas = quotas
        self._clock = clock

    async def load(self) -> None:
        """Add what was written down to what has been counted since the start.  Raises Unavailable."""
        now = self._clock()
        try:
            self._quotas.restore(await self._store.do(lambda connection: _read(connection, now)))
        except StoreError as error:
            raise Unavailable(str(error)) from None

    def save(self) -> Any:
        """Write down what has changed; a Deferred that fires when it is on disk, None when there was nothing."""
        changed, now = self._quotas.changed(), self._clock()
        return self._store.do(lambda connection: _write(connection, changed, now)) if changed else None


def _read(connection: Connection, now: float) -> list[Used]:
    rows = connection.execute(select(COUNT).where(COUNT.c.until > now))
    return [Used(**row) for row in rows.mappings()]


def _write(connection: Connection, changed: list[Used], now: float) -> None:
    connection.execute(delete(COUNT).where(COUNT.c.until <= now))
    connection.execute(_OLD, [{"key_scope": each.scope, "key_name": each.name} for each in changed])
    connection.execute(
        insert(COUNT),
        [{"scope": each.scope, "name": each.name, "until": each.until, "count": each.count} for each in changed],
    )
