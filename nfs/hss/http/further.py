"""Routes beyond single subscribers and groups; `nfs.hss.http.matters` has what they do."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from typing import Final

from nfs.common.identities import ExternalIdentifier
from nfs.common.store import Store, Work
from nfs.hss.http import matters
from nfs.hss.http.imports import SOURCE, Imports
from nfs.hss.http.problems import Problem
from nfs.hss.http.requests import Answer, Request, asked, body_of, is_file, text_of
from nfs.hss.monitoring.access import Row

WHOLE: Final = 1 << 26
"""Octets of a file that is read whole."""


class Further:
    """Handlers by the names of operations."""

    def __init__(
        self, store: Store, reads: Store, imports: Imports, wake: Callable[[], None], clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._reads = reads
        self._imports = imports
        self._wake = wake
        self._clock = clock

    async def _import_subscribers(self, request: Request) -> Answer:
        if not is_file(request):
            raise Problem(415, "the content type of a file expected")
        begun = self._imports.begin(request.content)
        request.content = BytesIO()  # the server closes what it has when it is answered
        return 202, begun.document(), ""

    async def _import(self, _request: Request, number: str) -> Answer:
        return 200, self._imports.find(number).document(), ""

    async def _import_groups(self, request: Request) -> Answer:
        text, replace = _whole(request), asked(request, "replace") == "true"
        done = await self._store.do(lambda connection: matters.bring_groups(connection, text, SOURCE, replace=replace))
        return 200, done, ""

    async def _export_groups(self, _request: Request) -> Answer:
        return 200, await self._store.do(matters.every_group), ""

    async def _import_access(self, request: Request) -> Answer:
        text, now = _whole(request), int(self._clock())
        done = await self._store.do(lambda connection: matters.bring_rows(connection, text, SOURCE, now))
        self._wake()
        return 200, done, ""

    async def _access(self, request: Request) -> Answer:
        identity = asked(request, "identity")
        return 200, await self._reads.do(lambda connection: matters.rows(connection, identity)), ""

    async def _allow(self, request: Request) -> Answer:
        return await self._change(request, take=False)

    async def _withdraw(self, request: Request) -> Answer:
        return await self._change(request, take=True)

    async def _change(self, request: Request, *, take: bool) -> Answer:
        row, now = Row.model_validate(body_of(request)), int(self._clock())
        if row.services and row.scef is None:
            raise Problem(422, "the body is not what is expected", ("services", "of which scef"))
        done = await self._store.do(lambda connection: matters.change(connection, row, now, take=take))
        self._wake()
        return 200, done, ""

    async def _group_members(self, _request: Request, name: str) -> Answer:
        key = str(ExternalIdentifier.parse(name))
        return 200, await self._store.do(lambda connection: matters.now_in(connection, key)), ""

    async def _put_imsi_group(self, request: Request, name: str) -> Answer:
        row, key = matters.ImsiGroupRow.model_validate(body_of(request)), str(ExternalIdentifier.parse(name))
        return await self._done(lambda connection: matters.set_imsi_group(connection, key, row))

    async def _watched(self, request: Request) -> Answer:
        identity = asked(request, "identity")
        return 200, await self._reads.do(lambda connection: matters.watched(connection, identity)), ""

    async def _bind(self, request: Request, imsi: str) -> Answer:
        row = matters.BindingRow.model_validate(body_of(request))
        return await self._done(lambda connection: matters.bind(connection, imsi, row))

    async def _release(self, _request: Request, imsi: str) -> Answer:
        return await self._done(lambda connection: matters.release(connection, imsi))

    async def _order(self, request: Request) -> Answer:
        row = matters.OrderRow.model_validate(body_of(request))
        placed = await self._store.do(lambda connection: matters.place(connection, row))
        self._wake()
        return 202, placed, ""

    async def _ordered(self, _request: Request, number: str) -> Answer:
        return 200, await self._store.do(lambda connection: matters.came(connection, number)), ""

    async def _cancel(self, _request: Request, number: str) -> Answer:
        return 200, await self._store.do(lambda connection: matters.forget(connection, number)), ""

    async def _done(self, work: Work[None]) -> Answer:
        await self._store.do(work)
        return 204, None, ""


def _whole(request: Request) -> str:
    if not is_file(request):
        raise Problem(415, "the content type of a file expected")
    if len(request.content.read(WHOLE + 1)) > WHOLE:
        raise Problem(413, f"at most {WHOLE} octets")
    request.content.seek(0)
    return text_of(request)
