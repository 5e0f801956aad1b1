"""What owners have said, in memory for the gateway's check and in the store for good; and the refusals kept for them.

A change made here is in force when its Deferred fires, hence before whoever asked for it is answered; one by another
process on the same database is seen at the next `look`.  Refusals wait in a bounded queue for one transaction after
the other, so that a flood of them costs neither memory nor triggers; what finds no room is counted in `lost`.

A gateway that is a process of its own has a book on the same database: it keeps what it refuses there, and the MTC-IWF,
which speaks with the owners, tells them.  Rejected: handing refusals over on a link of their own (one more protocol
from the outside in, for what both have a database for).
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from datetime import datetime
from typing import Any, Final

from nfs.common.audit import Refusal
from nfs.common.store import Store, StoreError, Work
from nfs.mtc_sgw.owners import tables
from nfs.mtc_sgw.owners.lists import OwnerCheck
from nfs.mtc_sgw.owners.tables import OwnerError

WAITING: Final = 10_000
"""Refusals that wait for the store at most."""
AT_ONCE: Final = 500


class Book:
    """All owners.  `tell` is called with each kept refusal (as `refusals` shows it), its owner and the owner's webhook.

    `prime` comes before the first request, so that no list is missing when it counts.  in_front: refusals kept here
    are told by the MTC-IWF behind.
    """

    def __init__(self, store: Store, check: OwnerCheck, *, in_front: bool = False) -> None:
        self._store = store
        self._in_front = in_front
        self._check = check
        self._generation = -1
        self._tokens: dict[str, str] = {}
        self._webhooks: dict[str, str] = {}
        self._waiting: deque[dict[str, Any]] = deque()
        self._writing = False
        self.tell: Callable[[dict[str, Any], str, str], None] | None = None
        self.kept = 0
        self.lost = 0

    def prime(self, found: tables.Everything) -> None:
        """Take over what was read from the database at the start."""
        self._generation, self._check.lists, self._tokens, self._webhooks = found

    def key(self, owner: str) -> bytes | None:
        """What pushes to an owner are signed with: the hash of the token, as octets of its hexadecimal digits."""
        return next((kept.encode() for kept, whose in self._tokens.items() if whose == owner), None)

    async def look(self) -> None:
        """Read everything anew if something has changed, and tell what a gateway in front kept.  Raises StoreError."""
        if await self._store.do(tables.generation) != self._generation:
            await self._change(lambda connection: None)
        while not self._in_front:
            rows = await self._store.do(lambda connection: tables.take_untold(connection, AT_ONCE))
            self._told(rows)
            if len(rows) < AT_ONCE:
                break

    def whose(self, token: str) -> str | None:
        """The owner with this token."""
        return self._tokens.get(tables.hash_token(token))

    def devices(self, owner: str) -> list[str]:
        """The devices of an owner."""
        return sorted(device for device, whose in self._check.lists.owners.items() if whose == owner)

    def allowed(self, owner: str) -> list[str] | None:
        """The numbers of the SCSs that an owner lets in; None without a list."""
        found = self._check.lists.allowed.get(owner)
        return None if found is None else sorted(found)

    def webhook(self, owner: str) -> str:
        """Where the refusals of an owner are pushed, "" for nowhere."""
        return self._webhooks.get(owner, "")

    async def allow(self, owner: str, scs: Iterable[str] | None) -> None:
        """Have an owner's list be these; None takes the list away.  Raises OwnerError, StoreError."""
        numbers = None if scs is None else list(scs)
        await self._change(lambda connection: tables.allow(connection, owner, numbers))

    async def put(self, owner: str, scs: str) -> None:
        """Add one SCS to the list, which begins with it when there is none.  Raises OwnerError, StoreError."""
        await self._one(owner, scs, lambda found, one: {*(found or ()), one})

    async def take(self, owner: str, scs: str) -> None:
        """Take one SCS from the list.  Raises OwnerError, also without a list, and StoreError."""

        def without(found: set[str] | None, one: str) -> set[str]:
            if found is None:
                raise OwnerError("there is no list yet, and everybody may: first allow those that are to stay")
            return found - {one}

        await self._one(owner, scs, without)

    async def push_to(self, owner: str, url: str) -> None:
        """Set an owner's webhook.  Raises StoreError."""
        await self._change(lambda connection: tables.webhook(connection, owner, url))

    async def refusals(self, owner: str, **asked: Any) -> list[dict[str, Any]]:
        """What was refused, with everything that was refused before the question.  Raises StoreError."""
        self._write()
        return await self._store.do(lambda connection: tables.refusals(connection, owner, **asked))

    def record(self, refusal: Refusal, time: datetime) -> None:
        """Keep a refusal for the owner of its target, if it has one."""
        owner = self._check.lists.owner(refusal.target) if refusal.target else None
        if owner is None:
            return
        if len(self._waiting) >= WAITING:
            self.lost += 1
            return
        row = {
            "owner": owner,
            "time": time.isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "device": refusal.target[:253],
            "peer": refusal.peer[:255],
            "address": refusal.address[:64],
            "origin": refusal.origin[:255],
            "command": refusal.command[:64],
            "reference": refusal.reference,
            "check": refusal.check[:64],
            "reason": refusal.reason[:500],
            "result": refusal.result[:64],
        }
        self._waiting.append(row)
        if not self._writing:
            self._write()

    def close(self) -> Any:
        """Hand over what waits and close the store; the Deferred fires when both are done."""
        while self._waiting:
            self._write()
        return self._store.close()

    def _write(self) -> None:
        """Hand over what waits, up to a bound, in one piece of work."""
        if not self._waiting:
            return
        rows = [self._waiting.popleft() for _ in range(min(AT_ONCE, len(self._waiting)))]
        self._writing = True
        doing = self._store.do(lambda connection: tables.record(connection, rows, untold=self._in_front))
        _ = doing.addCallbacks(self._written, lambda _failure: self._failed(len(rows)))

    def _written(self, rows: list[dict[str, Any]]) -> None:
        self._writing = False
        self.kept += len(rows)
        self._told(rows)
        self._write()

    def _told(self, rows: list[dict[str, Any]]) -> None:
        for row in rows if self.tell is not None else ():
            owner = row.pop("owner")
            url = self.webhook(owner)
            if url and self.tell is not None:
                self.tell(row, owner, url)

    def _failed(self, count: int) -> None:
        self._writing = False
        self.lost += count

    async def _one(self, owner: str, scs: str, change: Callable[[set[str] | None, str], set[str]]) -> None:
        one = tables.number(scs)

        def work(connection: Any) -> None:
            lists = tables.read(connection)[1]
            found = lists.allowed.get(owner)
            tables.allow(connection, owner, change(None if found is None else set(found), one))

        await self._change(work)

    async def _change(self, work: Work[None]) -> None:
        def changed(connection: Any) -> Any:
            work(connection)
            return tables.read(connection)

        found = await self._store.do(changed)
        if found[0] >= self._generation:
            self.prime(found)


__all__ = ["Book", "OwnerError", "StoreError"]
