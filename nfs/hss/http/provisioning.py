"""The HTTP interface for provisioning; `nfs.hss.http.operations` lists what it does.

A change is in force here when its answer is sent, and on the other front ends of the database when what they have in
memory is `cache_s` old.  What is there is changed only by who names its ETag in If-Match.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import replace
from typing import Any

from klein import Klein
from pydantic import ValidationError

from diameter.node import as_deferred
from diameter.security.certificate import identities
from diameter.transport.gate import Refusal
from nfs.common import audit as audits
from nfs.common.aka import Seal
from nfs.common.audit import Area, AuditLog, Stage
from nfs.common.cards import KeysRow
from nfs.common.identities import ExternalIdentifier, IdentityError, e164
from nfs.common.store import Store, StoreError
from nfs.hss import cards, lookup, provisioning
from nfs.hss.groups import form
from nfs.hss.groups import tables as groups
from nfs.hss.http import changes
from nfs.hss.http.changes import Changed, tag_of
from nfs.hss.http.further import Further
from nfs.hss.http.imports import Imports
from nfs.hss.http.operation import Operation
from nfs.hss.http.operations import OPERATIONS, description
from nfs.hss.http.problems import Problem, of_identity, of_validation
from nfs.hss.http.requests import (
    BODY_LIMIT,
    FILE_LIMIT,
    Answer,
    Request,
    asked,
    body_of,
    condition_of,
    is_file,
    page_of,
)
from nfs.hss.logic import Subscriber


class Provisioning(Further):
    """The routes.

    `changed`: is called with what a change did, before it is answered.  `spawn`: runs a coroutine on the node.  `token`
    and `clients`: who may, see `ProvisioningTable`; an empty one asks for nothing.  `reads`: a store that only reads.
    `clock`: seconds since 1970.  `audit`: hears of who may not.  `imports`: carries out imports.  `wake`: there are
    orders, or something for SCEFs.
    """

    def __init__(
        self,
        store: Store,
        reads: Store,
        seal: Seal | None,
        changed: Callable[[Changed], None],
        spawn: Callable[[Coroutine[Any, Any, Any]], Any],
        *,
        clock: Callable[[], float],
        audit: AuditLog,
        token: bytes = b"",
        clients: frozenset[str] = frozenset(),
        imports: Imports,
        wake: Callable[[], None] = lambda: None,
    ) -> None:
        super().__init__(store, reads, imports, wake, clock)
        self._seal = seal
        self._changed = changed
        self._spawn = spawn
        self._audit = audit
        self._token = token
        self._clients = clients
        self.app: Any = Klein()
        for each in OPERATIONS:
            self._route(each, getattr(self, f"_{each.name}"))

    def _route(self, operation: Operation, handler: Callable[..., Coroutine[Any, Any, Answer]]) -> None:
        path = operation.path.replace("{", "<").replace("}", ">")

        def serve(request: Request, **names: str) -> Any:
            return as_deferred(self._spawn(self._served(request, operation.name, handler, names)))

        self.app.route(path, methods=[operation.method], endpoint=operation.name)(serve)

    async def _served(
        self, request: Request, what: str, handler: Callable[..., Coroutine[Any, Any, Answer]], names: Mapping[str, str]
    ) -> bytes:
        request.setHeader(b"cache-control", b"no-store")
        try:
            self._admit(request, what)
            status, body, tag = await handler(request, **names)
        except ValidationError as error:
            return _refused(request, of_validation(error))
        except IdentityError as error:
            return _refused(request, of_identity(error))
        except StoreError as error:
            return _refused(request, Problem(503, str(error)))
        except Problem as problem:
            if problem.status == 401:
                request.setHeader(b"www-authenticate", b"Bearer")
            return _refused(request, problem)
        request.setResponseCode(status)
        if tag:
            request.setHeader(b"etag", tag.encode())
        if body is None:
            return b""
        request.setHeader(b"content-type", b"application/json")
        return json.dumps(body).encode() + b"\n"

    def _admit(self, request: Request, what: str) -> None:
        """Raises Problem for who may not, and audits it."""
        names = _names(request.transport)
        if self._clients and not self._clients & names:
            self._note(Stage.AUTHORISATION, what, names, 403, "this certificate may not")
            raise Problem(403, "this certificate may not")
        if self._token:
            scheme, _, token = (request.getHeader(b"authorization") or b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(token.strip(), self._token):
                self._note(Stage.AUTHENTICATION, what, names, 401, "no bearer token, or another one")
                raise Problem(401, "a bearer token is needed")

    def gate(self, request: Request, octets: int) -> Refusal | None:
        """What is answered to a request before its body is read; None where it is to be read."""
        try:
            self._admit(request, "a body")
            most = FILE_LIMIT if is_file(request) else BODY_LIMIT
            if octets > most:
                raise Problem(413, f"at most {most} octets")
        except Problem as problem:
            body = json.dumps(problem.document()).encode() + b"\n"
            headers = [("content-type", "application/problem+json"), ("cache-control", "no-store")]
            headers += [("www-authenticate", "Bearer")] if problem.status == 401 else []
            return Refusal(status=problem.status, headers=tuple(headers), body=body)
        return None

    def _note(self, stage: Stage, what: str, names: frozenset[str], code: int, reason: str) -> None:
        peer = ",".join(sorted(names))
        self._audit.refuse(
            audits.Refusal(
                check="provisioning", stage=stage, area=Area.CORE, peer=peer, command=what, result=str(code),
                reason=reason,
            )
        )  # fmt: skip

    async def _describe(self, _request: Request) -> Answer:
        return 200, description(), ""

    async def _subscribers(self, request: Request) -> Answer:
        after, limit = page_of(request)
        msisdn, name = asked(request, "msisdn"), asked(request, "external_id")
        if msisdn or name:
            kind: lookup.Kind = "msisdn" if msisdn else "external_id"
            one = e164(msisdn) if msisdn else str(ExternalIdentifier.parse(name))
            by_name = await self._reads.do(lambda connection: lookup.find_many(connection, kind, (one,)))
            found = list(by_name.values())
        else:
            found = await self._reads.do(lambda connection: lookup.page(connection, after, limit))
        rows = [provisioning.to_row(each) for each in found]
        more = rows[-1]["imsi"] if len(rows) == limit else None
        return 200, {"schema": 1, "subscribers": rows, "next": more}, ""

    async def _subscriber(self, _request: Request, imsi: str) -> Answer:
        return _shown(200, await self._reads.do(lambda connection: changes.subscriber(connection, imsi)))

    async def _put_subscriber(self, request: Request, imsi: str) -> Answer:
        body = body_of(request)
        if body.setdefault("imsi", imsi) != imsi:
            raise Problem(422, "the body is not what is expected", ("imsi", "another one than in the path"))
        row = provisioning.SubscriberRow.model_validate(body)
        wanted = row.to_subscriber()
        card = None if row.keys is None else row.keys.to_card()
        seal = None if card is None else self._sealing()
        condition = condition_of(request)

        def work(connection: Any) -> Changed:
            changed = changes.put(connection, imsi, lambda _before: wanted, condition)
            if card is not None and seal is not None:
                cards.save(connection, imsi, card, seal)
            return changed

        changed = await self._store.do(work)
        self._changed(changed)
        return _shown(201 if changed.before is None else 200, wanted)

    async def _remove_subscriber(self, request: Request, imsi: str) -> Answer:
        condition = condition_of(request)
        now = self._clock()
        self._changed(await self._store.do(lambda connection: changes.remove(connection, imsi, condition, now)))
        return 204, None, ""

    async def _external_ids(self, _request: Request, imsi: str) -> Answer:
        return await self._part(imsi, "external_ids")

    async def _rights(self, _request: Request, imsi: str) -> Answer:
        return await self._part(imsi, "rights")

    async def _put_external_ids(self, request: Request, imsi: str) -> Answer:
        return await self._put_part(request, imsi, "external_ids")

    async def _put_rights(self, request: Request, imsi: str) -> Answer:
        return await self._put_part(request, imsi, "rights")

    async def _part(self, imsi: str, key: str) -> Answer:
        _, row, tag = await self._subscriber(None, imsi)  # type: ignore[arg-type]
        assert row is not None
        return 200, {key: row[key]}, tag

    async def _put_part(self, request: Request, imsi: str, key: str) -> Answer:
        """Have one list of a subscriber be another, and all else of it stay."""
        body, condition = body_of(request), condition_of(request)
        if list(body) != [key]:
            raise Problem(422, "the body is not what is expected", (key, "this key alone expected"))

        def changed(before: Subscriber | None) -> Subscriber:
            if before is None:
                raise Problem(404, "no such subscriber")
            kept = provisioning.to_row(before)
            new = provisioning.SubscriberRow.model_validate(kept | body).to_subscriber()
            return replace(before, external_ids=new.external_ids, rights=new.rights)

        done = await self._store.do(lambda connection: changes.put(connection, imsi, changed, condition))
        self._changed(done)
        assert done.after is not None
        row = provisioning.to_row(done.after)
        return 200, {key: row[key]}, tag_of(row)

    async def _put_keys(self, request: Request, imsi: str) -> Answer:
        card = KeysRow.model_validate(body_of(request)).to_card()
        seal = self._sealing()
        self._changed(await self._store.do(lambda connection: changes.put_keys(connection, imsi, card, seal)))
        return 204, None, ""

    def _sealing(self) -> Seal:
        if self._seal is None:
            raise Problem(409, "this HSS has no key_file, and keys are kept under seal only")
        return self._seal

    async def _groups(self, request: Request) -> Answer:
        after, limit = page_of(request)
        found = await self._store.do(lambda connection: groups.page(connection, after, limit))
        rows = [form.to_row(each) for each in found]
        return 200, {"schema": 1, "groups": rows, "next": rows[-1]["group"] if len(rows) == limit else None}, ""

    async def _group(self, _request: Request, name: str) -> Answer:
        key = str(ExternalIdentifier.parse(name))
        row = form.to_row(await self._store.do(lambda connection: changes.group(connection, key)))
        return 200, row, tag_of(row)

    async def _put_group(self, request: Request, name: str) -> Answer:
        body, condition = body_of(request), condition_of(request)
        wanted = form.GroupRow.model_validate({"group": name} | body).to_group()
        if wanted.external_id != str(ExternalIdentifier.parse(name)):
            raise Problem(422, "the body is not what is expected", ("group", "another one than in the path"))
        new = await self._store.do(lambda connection: changes.put_group(connection, wanted, condition))
        row = form.to_row(wanted)
        return 201 if new else 200, row, tag_of(row)

    async def _remove_group(self, request: Request, name: str) -> Answer:
        key, condition = str(ExternalIdentifier.parse(name)), condition_of(request)
        await self._store.do(lambda connection: changes.remove_group(connection, key, condition))
        return 204, None, ""


def _shown(status: int, subscriber: Subscriber) -> Answer:
    row = provisioning.to_row(subscriber)
    return status, row, tag_of(row)


def _refused(request: Request, problem: Problem) -> bytes:
    request.setResponseCode(problem.status)
    request.setHeader(b"content-type", b"application/problem+json")
    return json.dumps(problem.document()).encode() + b"\n"


def _names(transport: Any) -> frozenset[str]:
    """The DNS names of the certificate that a client has shown."""
    shown = getattr(transport, "getPeerCertificate", lambda: None)()
    if shown is None:
        return frozenset()
    return frozenset(identities(shown.to_cryptography()))
