"""Rf, CDF side: each record is on disk before it is acknowledged, and there once (RFC 6733 sections 9.1 to 9.4)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from diameter import Message, ResultCode
from diameter.app import Application, answers
from nfs.cdf.tables import Record, keep
from nfs.common.store import Store, StoreError


class Rf(Application):
    """Takes records.  clock: seconds since 1970.  `counted`: requests by what became of them."""

    dictionary = "rfc6733_accounting"

    def __init__(self, store: Store, clock: Callable[[], float]) -> None:
        self._store = store
        self._clock = clock
        self.counted: Counter[str] = Counter()

    @answers("Accounting-Request")
    async def accounting(self, request: Message) -> Message:
        """Answer an Accounting-Request (9.7.1)."""
        same = ("Accounting-Record-Type", "Accounting-Record-Number", "Acct-Application-Id")
        echoed = {name: request[name] for name in same if name in request}
        record = Record(
            session=request.text("Session-Id"),
            number=request.number("Accounting-Record-Number"),
            kind=request.number("Accounting-Record-Type"),
            origin=request.text("Origin-Host"),
            taken=int(self._clock()),
            request=request.to_json(),
        )
        try:
            new = await self._store.do(lambda connection: keep(connection, record))
        except StoreError:
            self.counted["refused"] += 1
            return request.answer(ResultCode.OUT_OF_SPACE, echoed)
        self.counted["taken" if new else "repeated"] += 1
        return request.answer(ResultCode.SUCCESS, echoed)
