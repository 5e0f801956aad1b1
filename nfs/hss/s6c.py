"""S6c, HSS side (TS 29.338 clause 5): the way to a device, delivery reports, and alerts when a device is back.

What is waited for is in the database, so that any HSS on it knows the list of every device, and an alert that was not
acknowledged before a restart goes out after it.  Other reference points say by `back` that a device can be reached.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final

from diameter import Message, ResultCode
from diameter.app import Application, answers
from diameter.errors import RequestError
from diameter.standing import Queue
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import IdentityError, encode_number
from nfs.common.nodes import NodeKind
from nfs.common.store import Cache, Store, StoreError
from nfs.hss import s6c_avps, tables, waiting_tables
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.waiting import Cause, Centre, Error, Refused, Routing, Waiting
from nfs.hss.waiting import back as back_again
from nfs.hss.waiting import report as reported
from nfs.hss.waiting import route as routed

TGPP: Final = 10415
RDR_SINGLE_ATTEMPT: Final = 1
ONLY_IMSI: Final = 0  # SM-Delivery-Not-Intended
FIRST_ALERT_AGAIN_S: Final = 30.0
LAST_ALERT_AGAIN_S: Final = 3600.0
AT_ONCE: Final = 100
"""Devices whose centres are alerted at once when an HSS starts."""
_IMMUNE: Final = frozenset({Error.ABSENT_USER, Error.MWD_LIST_FULL})
"""What says something of the device or of us, and nothing of who asks: not audited."""


class S6c(Application):
    """See the module.  `limit`: service centres on the list of one subscriber.  `call_later(seconds, callable)`."""

    dictionary = "ts29338_s6c"

    def __init__(
        self,
        store: Store,
        cache: Cache[UserId, Subscriber | None],
        audit: AuditLog,
        *,
        limit: int,
        call_later: Callable[[float, Callable[[], None]], object],
    ) -> None:
        self._store = store
        self._cache = cache
        self._audit = audit
        self._limit = limit
        self._call_later = call_later
        self._alerting: dict[str, bool] = {}
        self._repeating: set[str] = set()
        self.stopped = False

    def queues(self) -> tuple[Queue, ...]:
        """Subscribers whose waiting service centres are being told that they are back."""
        return (Queue("alerts to service centres", len(self._alerting)),)

    @answers("Send-Routing-Info-for-SM-Request")
    async def send_routing_info(self, request: Message) -> Message:
        """Say through which nodes a short message goes, or why it does not (5.2.1)."""
        if "SMSMI-Correlation-ID" in request or request.get("SM-Delivery-Not-Intended", ONLY_IMSI) != ONLY_IMSI:
            return self._refuse(request, Refused(Error.FACILITY_NOT_SUPPORTED))
        try:
            question = s6c_avps.question(request)
        except IdentityError:
            return self._refuse(request, Refused(Error.USER_UNKNOWN))

        def work(connection: Any) -> tuple[Subscriber | None, Routing | Refused]:
            subscriber = tables.find(connection, question.user)
            before = Waiting()
            if subscriber is not None:
                before = waiting_tables.read(connection, subscriber.imsi, change=not question.imsi_only)
            try:
                return subscriber, routed(question, subscriber, before, self._limit)
            except Refused as refused:
                if refused.waiting is not None and subscriber is not None:
                    waiting_tables.write(connection, subscriber.imsi, before, refused.waiting)
                return subscriber, refused

        try:
            subscriber, found = await self._store.do(work)
        except StoreError:
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "database"})
        if isinstance(found, Routing):
            return request.answer(ResultCode.SUCCESS, s6c_avps.routing(found))
        if subscriber is not None:
            self._forget(subscriber)
        return self._refuse(request, found)

    @answers("Report-SM-Delivery-Status-Request")
    async def report_delivery(self, request: Message) -> Message:
        """Take what became of a delivery into the waiting data (5.2.3)."""
        try:
            user, centre, attempts = s6c_avps.user(request), s6c_avps.centre(request), s6c_avps.attempts(request)
        except IdentityError:
            return self._refuse(request, Refused(Error.USER_UNKNOWN))
        once = bool(request.get("RDR-Flags", 0) & RDR_SINGLE_ATTEMPT)

        def work(connection: Any) -> tuple[Subscriber, bool] | None:
            subscriber = tables.find(connection, user)
            if subscriber is None:
                return None
            before = waiting_tables.read(connection, subscriber.imsi)
            after, included = reported(before, attempts, centre, self._limit, once=once)
            waiting_tables.write(connection, subscriber.imsi, before, after)
            return subscriber, included

        try:
            found = await self._store.do(work)
        except StoreError:
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "database"})
        if found is None:
            return self._refuse(request, Refused(Error.USER_UNKNOWN))
        subscriber, included = found
        self._forget(subscriber)
        if any(each.cause is Cause.SUCCESS for each in attempts):
            _ = self.spawn(self._alert(subscriber.imsi, FIRST_ALERT_AGAIN_S))
        if not included:
            return self._refuse(request, Refused(Error.MWD_LIST_FULL))
        alert = {} if subscriber.msisdn is None else {"User-Identifier": {"MSISDN": encode_number(subscriber.msisdn)}}
        return request.answer(ResultCode.SUCCESS, alert)

    async def back(self, imsi: str, kind: NodeKind | None) -> None:
        """A device is reachable through a node of `kind` (ULR, NOR), or, with None, has memory again: alert (5.2.2).

        Raises StoreError.
        """

        def work(connection: Any) -> tuple[Subscriber | None, bool]:
            before = waiting_tables.read(connection, imsi)
            after = back_again(before, kind)
            if after != before:
                waiting_tables.write(connection, imsi, before, after)
            return tables.find(connection, UserId(imsi=imsi)), any(each.due for each in after.centres)

        subscriber, wanted = await self._store.do(work)
        if subscriber is not None:
            self._forget(subscriber)
        if wanted:
            await self._alert(imsi, FIRST_ALERT_AGAIN_S)

    async def resume(self) -> None:
        """Send the alerts that were not acknowledged before a restart.  Raises StoreError."""
        await self._store.do(waiting_tables.tidy)
        due = await self._store.do(waiting_tables.due)
        left = iter(due)
        for _ in range(min(AT_ONCE, len(due))):
            _ = self.spawn(self._one_by_one(left))

    async def _one_by_one(self, imsis: Iterator[str]) -> None:
        for each in imsis:
            await self._alert(each, FIRST_ALERT_AGAIN_S)

    async def _alert(self, imsi: str, again_s: float) -> None:
        """Alert the centres that are due; again later where no answer came, by one timer however often it is asked."""
        if self.stopped:
            return
        more = imsi in self._alerting
        self._alerting[imsi] = more  # somebody is due since whoever is at it looked
        if more:
            return
        try:
            left = await self._alert_due(imsi)
            while self._alerting[imsi] and not left:
                self._alerting[imsi] = False
                left = await self._alert_due(imsi)
        except StoreError:
            left = True
        finally:
            del self._alerting[imsi]
        if left and imsi not in self._repeating:
            self._repeating.add(imsi)
            self._call_later(again_s, lambda: self._again(imsi, min(again_s * 2, LAST_ALERT_AGAIN_S)))

    def _again(self, imsi: str, again_s: float) -> None:
        self._repeating.discard(imsi)
        if not self.stopped:
            _ = self.spawn(self._alert(imsi, again_s))

    async def _alert_due(self, imsi: str) -> bool:
        """Alert the centres that are due, one after the other; True when one has not answered.  Raises StoreError."""
        subscriber, waiting = await self._store.do(
            lambda connection: (
                tables.find(connection, UserId(imsi=imsi)),
                waiting_tables.read(connection, imsi, change=False),
            )
        )
        if subscriber is None:
            return False
        left = False
        for centre in {each.address: each for each in waiting.centres if each.due}.values():
            if await self._alerted(subscriber, centre):
                await self._store.do(partial(waiting_tables.acknowledged, imsi=imsi, address=centre.address))
            else:
                left = True
        return left

    async def _alerted(self, subscriber: Subscriber, centre: Centre) -> bool:
        """Send an Alert-Service-Centre-Request; whether the centre answered."""
        avps = {"SC-Address": encode_number(centre.address), "User-Identifier": s6c_avps.identity(subscriber)}
        try:
            answer = await self.request("Alert-Service-Centre", avps, to=centre.host, realm=centre.realm)
        except RequestError:
            return False
        vendor, code = answer.result or (0, 0)
        return not (vendor == 0 and 3000 <= code < 5000)

    def _forget(self, subscriber: Subscriber) -> None:
        """Let S6m read anew who can be reached."""
        self._cache.forget(UserId(imsi=subscriber.imsi))
        self._cache.forget(UserId(msisdn=subscriber.msisdn))
        for each in subscriber.external_ids:
            self._cache.forget(UserId(external_id=each.identifier))

    def _refuse(self, request: Message, refused: Refused) -> Message:
        if refused.error not in _IMMUNE:
            self._audit.refuse(
                Refusal(
                    check="routing-information",
                    stage=Stage.AUTHORISATION,
                    area=Area.CORE,
                    peer=self.peer_of(request).host,
                    origin=request.text("Origin-Host"),
                    command=request.command,
                    target=s6c_avps.named(request),
                    result=refused.error.name,
                    reason=f"{refused.error.value}",
                )
            )
        return request.answer(refused.error, s6c_avps.absence(refused), vendor=TGPP)
