"""Subscribers for a request, from memory or from the database; all that one wake-up asks for are read together."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

from sqlalchemy import Connection

from diameter.app import Later
from nfs.common.store import EMPTY, Cache, Store
from nfs.hss import lookup
from nfs.hss.logic import Subscriber, UserId

Asked = dict[UserId, Later[Subscriber | None]]


class Directory:
    """Subscribers by an identity, through a cache that also remembers who does not exist.

    `call_later(0, callable)`: calls after the messages of this wake-up.
    """

    def __init__(
        self,
        store: Store,
        cache: Cache[UserId, Subscriber | None],
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._store = store
        self._cache = cache
        self._call_later = call_later
        self._asked: Asked = {}
        self._forgotten = 0

    async def find(self, user: UserId) -> Subscriber | None:
        """The subscriber with the one identity of `user`, None for nobody.  Raises StoreError."""
        known = self._cache.get(user, EMPTY)
        if known is not EMPTY:
            return cast("Subscriber | None", known)
        waiting = self._asked.get(user)
        if waiting is None:
            if not self._asked:
                self._call_later(0, self._read)
            waiting = self._asked[user] = Later()
        return await waiting

    def forget(self, subscriber: Subscriber) -> None:
        """Read a subscriber anew when it is asked for next, by whatever identity."""
        self._forgotten += 1
        for user in identities(subscriber):
            self._cache.forget(user)

    def clear(self) -> None:
        """Read everybody anew."""
        self._forgotten += 1
        self._cache.clear()

    def _read(self) -> None:
        asked, self._asked = self._asked, {}
        _ = self._store.do(lambda connection: _find_all(connection, asked)).addCallbacks(
            self._found, self._lost, callbackArgs=(asked, self._forgotten), errbackArgs=(asked,)
        )

    def _found(self, found: dict[UserId, Subscriber], asked: Asked, forgotten: int) -> None:
        for user, waiting in asked.items():
            subscriber = found.get(user)
            if forgotten == self._forgotten:  # else it may have been read before what was changed meanwhile
                self._cache.put(user, subscriber)
            waiting.resolve(subscriber)

    def _lost(self, failure: Any, asked: Asked) -> None:
        """What is known from before will do, for a while."""
        self._cache.lost()
        for user, waiting in asked.items():
            known = self._cache.get(user, EMPTY)
            if known is EMPTY:
                waiting.fail(failure.value)
            else:
                waiting.resolve(cast("Subscriber | None", known))


def identities(subscriber: Subscriber) -> list[UserId]:
    """Everything under which a subscriber can be asked for."""
    found = [UserId(external_id=each.identifier) for each in subscriber.external_ids]
    found.append(UserId(imsi=subscriber.imsi))
    if subscriber.msisdn is not None:
        found.append(UserId(msisdn=subscriber.msisdn))
    return found


def _find_all(connection: Connection, asked: Asked) -> dict[UserId, Subscriber]:
    """Who has these identities: a statement for each kind of them, which is one nearly always."""
    by_kind: dict[lookup.Kind, dict[str, UserId]] = {}
    for user in asked:
        identity = lookup.named(user)
        if identity is not None:
            by_kind.setdefault(identity[0], {})[identity[1]] = user
    return {
        users[name]: subscriber
        for kind, users in by_kind.items()
        for name, subscriber in lookup.find_many(connection, kind, users).items()
    }
