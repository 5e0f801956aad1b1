"""Quotas in the store: a trigger counts in the transaction that remembers it, for all processes on that store.

So a quota holds exactly, over a kill and across processes: whether there is room is decided where the trigger is
written down, and one that comes again counts once, also when it came to nothing the first time.  The gateway's check,
which no request waits for, goes by what was last seen of the counts and refuses early; the last word is spoken here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sqlalchemy import BigInteger, Column, Connection, Float, String, Table, bindparam, delete, select, text

from nfs.common.statements import Statement
from nfs.common.store import Store, StoreError
from nfs.mtc_iwf.ports import Trigger, Unavailable
from nfs.mtc_iwf.triggers import METADATA, OverQuota
from nfs.mtc_sgw.logic import Profiles, device_name
from nfs.mtc_sgw.quotas import Claim, Quotas, Used

COUNT: Final = Table(
    "quota_count",
    METADATA,
    Column("scope", String(16), primary_key=True),
    Column("name", String(253), primary_key=True),
    Column("until", Float, nullable=False, index=True),
    Column("count", BigInteger, nullable=False),
)
# One row a quota and length of period.  Clocks of several machines differ: a later period is never gone back from.
_TAKE: Final = Statement(
    text(
        "INSERT INTO quota_count (scope, name, until, count) VALUES (:scope, :name, :until, 1) "
        "ON CONFLICT (scope, name) DO UPDATE SET "
        "count = CASE WHEN excluded.until > quota_count.until THEN 1 ELSE quota_count.count + 1 END, "
        "until = CASE WHEN excluded.until > quota_count.until THEN excluded.until ELSE quota_count.until END "
        "WHERE excluded.until > quota_count.until OR quota_count.count < :most "
        "RETURNING until, count"
    )
)
_NOW: Final = select(COUNT).where(COUNT.c.until > bindparam("now"))
_OVER: Final = delete(COUNT).where(COUNT.c.until <= bindparam("now"))


class Counts:
    """What the ledger counts by.  profiles: those in force.  clock: seconds since 1970.

    on: whether quotas are looked at (`[sgw] checks` has them).
    """

    def __init__(
        self,
        store: Store,
        quotas: Quotas,
        profiles: Callable[[], Profiles],
        clock: Callable[[], float],
        *,
        on: Callable[[], bool] = lambda: True,
    ) -> None:
        self._store = store
        self._quotas = quotas
        self._profiles = profiles
        self._clock = clock
        self._on = on
        quotas.counting = False

    def of(self, trigger: Trigger) -> tuple[Claim, ...]:
        """What this trigger counts in."""
        if not self._on():
            return ()
        device = device_name(trigger.device.external_id, trigger.device.msisdn)
        return self._quotas.claims(self._profiles().by_isdn.get(trigger.scs), device, self._clock())

    def take(self, connection: Connection, claims: Sequence[Claim]) -> list[Used]:
        """Count, in the transaction of `connection`; what was counted then.  Raises OverQuota, and nothing counts."""
        return [_take(connection, claim) for claim in claims]

    def learn(self, used: Sequence[Used]) -> None:
        """Have the gateway's check know."""
        self._quotas.learn(used)

    async def load(self) -> None:
        """Have the gateway's check know what all processes have counted.  Raises Unavailable."""
        await self._look(lambda connection: None)

    async def purge(self) -> None:
        """The same, and forget what is over.  Raises Unavailable."""
        now = self._clock()
        await self._look(lambda connection: connection.execute(_OVER, {"now": now}))

    async def _look(self, first: Callable[[Connection], object]) -> None:
        now = self._clock()

        def work(connection: Connection) -> list[Used]:
            first(connection)
            return [_used(row.scope, row.name, row) for row in connection.execute(_NOW, {"now": now})]

        try:
            self._quotas.learn(await self._store.do(work))
        except StoreError as error:
            raise Unavailable(str(error)) from None


def _take(connection: Connection, claim: Claim) -> Used:
    row = None
    if claim.limit:
        scope = f"{claim.scope}/{claim.period_s}"
        values = {"scope": scope, "name": claim.name, "until": claim.until, "most": claim.limit}
        row = _TAKE.one(connection, values)
    if row is None:
        raise OverQuota(Used(scope=claim.scope, name=claim.name, until=claim.until, count=claim.limit))
    return _used(claim.scope, claim.name, row)


def _used(scope: str, name: str, row: object) -> Used:
    return Used(scope=scope.partition("/")[0], name=name, until=row.until, count=row.count)  # type: ignore[attr-defined]
