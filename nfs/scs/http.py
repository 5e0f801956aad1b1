"""HTTP of an SCS, for the applications behind it.

POST /v1/triggers                     a trigger (nfs.scs.form) -> 202 accepted, 409 refused, 502 no answer; a report
GET  /v1/triggers/REFERENCE?wait_s=5  200 with the report, of an end or of how far it has come; 404
POST /v1/groups                       the trigger of a group, or its recall -> as above; who was reported
GET  /v1/groups/REFERENCE?members=3   200 with who was reported, once `members` were or `wait_s` is over; 404
GET  /v1/messages?after=7&wait_s=5    200 with the short messages of devices behind number 7; those up to it are taken
GET  /v1/reports?after=N               200 with the ends of triggers behind number N, each once (with a database)
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Callable, Coroutine
from typing import IO, Any, Final, Protocol, TypeVar

from klein import Klein
from twisted.internet.defer import Deferred

from diameter.node import as_deferred
from nfs.common.store import StoreError
from nfs.scs.api import Ended, Report, Scs, Stage
from nfs.scs.form import group_request_from, messages_to, report_to, request_from
from nfs.scs.groups import GroupReport, GroupTriggers
from nfs.scs.groups import report_to as group_to

T = TypeVar("T")
BODY_LIMIT: Final = 65_536
PAGE: Final = 10_000
LARGEST: Final = (1 << 32) - 1
"""Of a Reference-Number, an Unsigned32."""
_STATUS: Final = {Stage.ACCEPTED: 202, Stage.REFUSED: 409, Stage.FAILED: 502, Stage.SENT: 202}
"""Of the answer to a POST; 200 for every other end."""


class Request(Protocol):
    """What is used of Twisted's IRequest, which has no types."""

    args: dict[bytes, list[bytes]] | None
    content: IO[bytes]

    def getHeader(self, key: bytes, /) -> bytes | None: ...
    def setHeader(self, name: bytes, value: bytes, /) -> None: ...
    def setResponseCode(self, code: int, /) -> None: ...


class Http:
    """The routes.  token: octets that a bearer must present; compared in constant time."""

    app = Klein()

    def __init__(self, scs: Scs, token: bytes, wait_s: float, clock: Any, groups: GroupTriggers | None = None) -> None:
        self._scs = scs
        self._groups = GroupTriggers(scs) if groups is None else groups
        self._token = token
        self._wait_s = wait_s
        self._clock = clock
        self._listening: list[Callable[[], None]] = []
        scs.tsp.messages.arrived = self._arrived

    @app.route("/v1/triggers", methods=["POST"])
    async def submit(self, request: Request) -> bytes:
        """Take one trigger."""
        octets = self._body(request)
        if octets is None:
            return self._no_body(request)
        try:
            wait_s = self._wait(request)
            report = await self._run(self._scs.submit(request_from(json.loads(octets))))
        except (ValueError, RecursionError) as error:
            return _problem(request, 400, str(error))
        return _shown(request, await self._end_of(report, wait_s))

    @app.route("/v1/triggers/<int:reference>", methods=["GET"])
    async def progress(self, request: Request, reference: int) -> bytes:
        """Report on one trigger, waiting for its end for `wait_s` at most."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            wait_s = self._wait(request)
            report = self._scs.progress(reference)
        except KeyError:
            return _problem(request, 404, "no such reference")
        except ValueError as error:
            return _problem(request, 400, str(error))
        return _shown(request, await self._end_of(report, wait_s), 200)

    @app.route("/v1/groups", methods=["POST"])
    async def submit_group(self, request: Request) -> bytes:
        """Take the trigger of a group, or its recall."""
        octets = self._body(request)
        if octets is None:
            return self._no_body(request)
        try:
            wait_s, members = self._wait(request), _whole_number(request, b"members")
            report = await self._run(self._groups.submit(group_request_from(json.loads(octets))))
        except (ValueError, RecursionError) as error:
            return _problem(request, 400, str(error))
        report = await self._members_of(report, wait_s, members)
        request.setResponseCode(_STATUS[report.stage])
        return _json(request, group_to(report))

    @app.route("/v1/groups/<int:reference>", methods=["GET"])
    async def group(self, request: Request, reference: int) -> bytes:
        """Who of a group was reported, waiting for so many as `members` says for `wait_s` at most."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            wait_s, members = self._wait(request), _whole_number(request, b"members")
            if reference > LARGEST:
                raise KeyError(reference)
            report = await self._run(self._groups.report(reference))
        except KeyError:
            return _problem(request, 404, "no such reference")
        except ValueError as error:
            return _problem(request, 400, str(error))
        except StoreError as error:
            return _problem(request, 503, str(error))
        return _json(request, group_to(await self._members_of(report, wait_s, members)))

    async def _members_of(self, report: GroupReport, wait_s: float, members: int) -> GroupReport:
        """The report once so many are in it (0: whoever there is), or after `wait_s`."""
        if report.stage not in (Stage.SENT, Stage.ACCEPTED) or wait_s <= 0 or len(report.members) >= (members or 1):
            return report
        fire, fired = self._bounded(wait_s)
        later = self._groups.wait(report.reference, members or 1)
        later.then(fire)
        await fired
        self._groups.leave(later)
        return await self._run(self._groups.report(report.reference))

    @app.route("/v1/reports", methods=["GET"])
    async def reports(self, request: Request) -> bytes:
        """The ends of triggers in their order, each once; `after` is the number of the last one dealt with."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            after, limit = _whole_number(request, b"after"), _whole_number(request, b"limit", 1000)
            if not 1 <= limit <= PAGE:
                raise ValueError(f"limit: 1 to {PAGE} expected")
            found = await self._scs.reports(after, limit)
        except ValueError as error:
            return _problem(request, 400, str(error))
        except StoreError as error:
            return _problem(request, 503, str(error))
        request.setResponseCode(200)
        return _json(request, {"schema": 1, "reports": [_numbered(one) for one in found]})

    @app.route("/v1/messages", methods=["GET"])
    async def messages(self, request: Request) -> bytes:
        """Short messages of devices behind `after`, waiting for one for `wait_s` at most; the others are forgotten."""
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        try:
            wait_s = self._wait(request)
            after = _whole_number(request, b"after")
        except ValueError as error:
            return _problem(request, 400, str(error))
        try:
            found = await self._scs.tsp.messages.behind(after)
            if not found and wait_s > 0:
                fire, fired = self._bounded(wait_s)
                self._listening.append(fire)
                await fired
                self._listening.remove(fire)
                found = await self._scs.tsp.messages.behind(after)
        except StoreError as error:
            return _problem(request, 503, str(error))
        return _json(request, messages_to(found, after))

    def _arrived(self) -> None:
        for fire in tuple(self._listening):
            fire()

    def _wait(self, request: Request) -> float:
        """The seconds that the client wants to wait, bounded; raises ValueError."""
        text = (request.args or {}).get(b"wait_s", [b"0"])[0]
        try:
            return max(0.0, min(float(text), self._wait_s))
        except ValueError:
            raise ValueError("wait_s: a number of seconds expected") from None

    async def _end_of(self, report: Report, wait_s: float) -> Report:
        """The report, once the trigger has ended or `wait_s` is over."""
        if report.stage not in (Stage.SENT, Stage.ACCEPTED) or wait_s <= 0:
            return report
        await self._ended(report.reference, wait_s)
        return self._scs.progress(report.reference)

    def _ended(self, reference: int, wait_s: float) -> Deferred[None]:
        """Fires when the trigger has ended, or after `wait_s`."""
        fire, fired = self._bounded(wait_s)
        self._scs.wait(reference).then(fire)
        return fired

    def _bounded(self, wait_s: float) -> tuple[Callable[[], None], Deferred[None]]:
        """What fires a Deferred, and that, which fires after `wait_s` in any case."""
        fired: Deferred[None] = Deferred()

        def fire() -> None:
            if not fired.called:
                fired.callback(None)

        timer = self._clock.callLater(wait_s, fire)
        return fire, fired.addBoth(lambda result: (timer.active() and timer.cancel(), result)[1])

    def _body(self, request: Request) -> bytes | None:
        """What was sent, where it may be and is not too long."""
        octets = request.content.read(BODY_LIMIT + 1) if self._allowed(request) else None
        return None if octets is None or len(octets) > BODY_LIMIT else octets

    def _no_body(self, request: Request) -> bytes:
        if not self._allowed(request):
            return _problem(request, 401, "a bearer token is needed")
        return _problem(request, 413, f"at most {BODY_LIMIT} octets")

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> Deferred[T]:
        return as_deferred(self._scs.tsp.spawn(coroutine))

    def _allowed(self, request: Request) -> bool:
        scheme, _, token = (request.getHeader(b"authorization") or b"").partition(b" ")
        return hmac.compare_digest(token.strip(), self._token) and scheme.lower() == b"bearer"


def _numbered(one: Ended) -> dict[str, Any]:
    member = {"member": one.member} if one.member else {}
    return {"seq": one.seq, "report": report_to(one.report), **member}


def _shown(request: Request, report: Report, code: int | None = None) -> bytes:
    request.setResponseCode(_STATUS.get(report.stage, 200) if code is None else code)
    return _json(request, report_to(report))


def _problem(request: Request, code: int, text: str) -> bytes:
    request.setResponseCode(code)
    if code == 401:
        request.setHeader(b"www-authenticate", b"Bearer")
    return _json(request, {"schema": 1, "error": text})


def _json(request: Request, value: dict[str, Any]) -> bytes:
    request.setHeader(b"content-type", b"application/json")
    return json.dumps(value).encode() + b"\n"


def _whole_number(request: Request, name: bytes, rest: int = 0) -> int:
    """A query argument, `rest` when it is not there; raises ValueError."""
    text = (request.args or {}).get(name, [b"%d" % rest])[0]
    if not text.isdigit() or len(text) > 18:
        raise ValueError(f"{name.decode()}: a number expected")
    return int(text)
