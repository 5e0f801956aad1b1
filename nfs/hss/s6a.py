"""S6a and S6d, HSS side (TS 29.272): what MMEs and SGSNs ask, AIR, ULR, PUR and NOR.

What the HSS asks of them is in `nfs.hss.s6a_orders`, which this class has as `orders`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from sqlalchemy import Connection

from diameter import Message, ResultCode
from diameter.app import Application, answers
from diameter.message import Grouped
from nfs.common.aka import RESYNC_OCTETS
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.identities import IdentityError, decode_number, decode_plmn, imsi
from nfs.common.store import Store, StoreError
from nfs.hss import binding, registrations, tables
from nfs.hss.authentication import MOST_VECTORS, AuthenticationCentre
from nfs.hss.groups import imsi_groups
from nfs.hss.logic import Subscriber, UserId
from nfs.hss.mobility import (
    Cancellation,
    Error,
    Refused,
    cancelled,
    in_eps,
    may_attach,
    may_visit,
    registered_at,
    subscribed,
)
from nfs.hss.monitoring.follow import Follow, failures, seen_in
from nfs.hss.profiles import ProfileTable, subscription
from nfs.hss.registrations import Kind, Registration
from nfs.hss.s6a_orders import Orders

TGPP: Final = 10415
FEATURES: Final = {1: 1 << 0 | 1 << 28, 2: 1 << 0 | 1 << 19}
"""ODB-all-APN and State/Location-Information-Retrieval; SMS-in-MME and Monitoring-Event (7.3.10)."""
MONITORING_EVENT: Final = 1 << 19
E_UTRAN, UTRAN = "Requested-EUTRAN-Authentication-Info", "Requested-UTRAN-GERAN-Authentication-Info"
SINGLE, S6A, SKIP, INITIAL = 1 << 0, 1 << 1, 1 << 2, 1 << 5  # ULR-Flags
SEPARATION, FOR_SMS = 1 << 0, 1 << 1  # ULA-Flags
FREEZE: Final = {"mme": 1 << 0, "sgsn": 1 << 1}  # PUA-Flags
REACHABLE: Final = {"mme": 1 << 3 | 1 << 6, "sgsn": 1 << 2 | 1 << 5}  # NOR-Flags
NO_SMS_IN_MME: Final = 1 << 9
MEMORY_AVAILABLE: Final = 1  # Alert-Reason
NOT_PREFERRED: Final = 1  # SMS-Register-Request


class Wrong(ValueError):
    """An AVP of the request cannot be: the answer has `code` and the AVP."""

    def __init__(self, name: str, code: int = ResultCode.INVALID_AVP_VALUE) -> None:
        super().__init__(name)
        self.name = name
        self.code = code


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What became of a location update."""

    subscriber: Subscriber
    data: dict[str, Any]
    """Subscription-Data"""
    strange: bool
    """in another terminal than the one that is bound to it"""
    noted: bool
    """somebody who watches the device is to hear of it"""
    sms: bool
    known: bool
    """registered there before: its data are there already"""
    gone: list[tuple[Registration, Cancellation]]


class S6a(Application):
    """Answers from the database; a subscriber's keys and data are kept for a second.

    `profiles`: by name, of the configuration.  `changed`: told of a subscriber whose serving nodes changed;
    `back`: of an IMSI that short messages reach again, through a kind of node, or with None that has memory again.
    `follow`: what SCEFs watch (S6t), None without.  `initial_attach`: whether a CLR says so of one.
    """

    dictionary = "ts29272_s6a"

    def __init__(
        self,
        store: Store,
        centre: AuthenticationCentre,
        profiles: Mapping[str, ProfileTable],
        audit: AuditLog,
        changed: Callable[[Subscriber], None],
        back: Callable[[str, Kind | None], None] = lambda _imsi, _kind: None,
        follow: Follow | None = None,
        initial_attach: bool = True,
    ) -> None:
        self._store = store
        self._centre = centre
        self.profiles = profiles
        self._audit = audit
        self._changed = changed
        self._back = back
        self._follow = follow
        self._initial_attach = initial_attach
        self.orders = Orders(self, store)

    @answers("Authentication-Information-Request")
    async def authentication_information(self, request: Message) -> Message:
        """Answer an Authentication-Information-Request (5.2.3.1)."""
        return await self._answered(request, self._vectors, Error.AUTHENTICATION_DATA_UNAVAILABLE)

    @answers("Update-Location-Request")
    async def update_location(self, request: Message) -> Message:
        """Answer an Update-Location-Request (5.2.1.1)."""
        return await self._answered(request, self._update)

    @answers("Purge-UE-Request")
    async def purge_ue(self, request: Message) -> Message:
        """Answer a Purge-UE-Request (5.2.1.3)."""
        return await self._answered(request, self._purge)

    @answers("Notify-Request")
    async def notify(self, request: Message) -> Message:
        """Answer a Notify-Request (5.2.5.1)."""
        return await self._answered(request, self._notify)

    async def _answered(
        self, request: Message, work: Callable[[Message], Awaitable[Message]], broken: Error | None = None
    ) -> Message:
        """The answer of `work`, or the one to what it raises; `broken`: of a database that fails, else 5012."""
        try:
            return await work(request)
        except Refused as refused:
            return self._refuse(request, refused)
        except Wrong as wrong:
            return request.answer(wrong.code, {"Failed-AVP": _failed(request, wrong.name)})
        except StoreError:
            if broken is not None:
                return self._refuse(request, Refused(broken, "database"))
            return request.answer(ResultCode.UNABLE_TO_COMPLY, {"Error-Message": "database"})

    async def _vectors(self, request: Message) -> Message:
        known = await self._centre.find(_imsi(request))
        if known is None:
            raise Refused(Error.USER_UNKNOWN, "no such subscriber")
        profile = self._profile(in_eps(known.profile))
        may_visit(profile, _plmn(request))
        asked = {name: request.get(name) for name in (E_UTRAN, UTRAN)}
        if asked[E_UTRAN] is None and asked[UTRAN] is None:
            raise Wrong(E_UTRAN, ResultCode.MISSING_AVP)
        for name, group in asked.items():
            info = None if group is None else group.get("Re-Synchronization-Info")
            if info is not None:
                if len(info) != RESYNC_OCTETS:
                    raise Wrong(name, ResultCode.INVALID_AVP_LENGTH)
                known = await self._centre.resynchronise(known, info)
        node, plmn = request.text("Origin-Host"), request.raw("Visited-PLMN-Id")
        e_utran = await self._centre.e_utran(known, _count(asked[E_UTRAN]), plmn, node)
        utran = await self._centre.utran(known, _count(asked[UTRAN]), node)
        if len(e_utran) + len(utran) > 1:
            for item, vector in enumerate((*e_utran, *utran), 1):
                vector["Item-Number"] = item
        avps: dict[str, Any] = {}
        if found := {name: each for name, each in (("E-UTRAN-Vector", e_utran), ("UTRAN-Vector", utran)) if each}:
            avps["Authentication-Info"] = found
        if request.get("AIR-Flags", 0) & 1 and profile.usage_type is not None:
            avps["UE-Usage-Type"] = profile.usage_type
        return request.answer(ResultCode.SUCCESS, self._with_features(request, avps))

    async def _update(self, request: Message) -> Message:
        name, flags, features = _imsi(request), request.number("ULR-Flags"), _features(request)
        terminal = request.get("Terminal-Information")
        new = Registration(
            kind="mme" if flags & S6A else "sgsn",
            host=request.text("Origin-Host"),
            realm=request.text("Origin-Realm"),
            plmn=_plmn(request),
            rat=request.number("RAT-Type"),
            features=features.get(2, 0),
            imei=None if terminal is None else terminal.get("IMEI"),
            software=None if terminal is None else terminal.get("Software-Version"),
        )
        number = _sms_number(request, new)

        def work(connection: Connection) -> Update:
            subscriber = subscribed(tables.find(connection, UserId(imsi=name)))
            profile = self._profile(in_eps(subscriber.profile))
            may_attach(profile, subscriber, plmn=new.plmn, rat=new.rat, features=features.get(1, 0))
            strange = binding.strange(connection, name, new.imei)
            before = registrations.of(connection, name)
            gone = cancelled(
                before, new, single=bool(flags & SINGLE), initial=bool(flags & INITIAL), said=self._initial_attach
            )
            sms = number if subscriber.sms else None
            for each, _ in gone:
                registrations.drop(connection, name, each.kind)
            registrations.put(connection, name, new, sms)
            same = before.get(new.kind)
            watches = registrations.watched(connection, name) if new.features & MONITORING_EVENT else ()
            data = subscription(profile, subscriber, sms=sms is not None, watches=watches)
            imsi_groups.extend(connection, subscriber, data)
            noted = self._follow is not None and self._follow.registered(
                connection, name, new, data, sms=sms is not None
            )
            return Update(
                subscriber=subscriber,
                data=data,
                noted=noted,
                strange=strange,
                sms=sms is not None,
                known=same is not None and same.host == new.host and not same.purged,
                gone=gone,
            )

        update = await self._store.do(work)
        self._changed(update.subscriber)
        if update.sms:
            self._back(name, new.kind)
        if update.strange:
            self._alarm(request, name)
        if update.noted and self._follow is not None:
            self._follow.noted()
        for each, why in update.gone:
            _ = self.spawn(self.orders.cancel(name, each, why))
        avps: dict[str, Any] = {"ULA-Flags": SEPARATION | (FOR_SMS if update.sms and new.kind == "mme" else 0)}
        if not (flags & SKIP and update.known):
            avps["Subscription-Data"] = update.data
        return request.answer(ResultCode.SUCCESS, self._with_features(request, avps))

    async def _purge(self, request: Message) -> Message:
        name, host = _imsi(request), request.text("Origin-Host")

        def work(connection: Connection) -> tuple[Subscriber, str]:
            subscriber, own = _registered(connection, name, host)
            registrations.change(connection, name, own.kind, purged=True)
            registrations.no_messages(connection, name, own.kind)
            return subscriber, own.kind

        subscriber, kind = await self._store.do(work)
        self._changed(subscriber)
        return request.answer(ResultCode.SUCCESS, self._with_features(request, {"PUA-Flags": FREEZE[kind]}))

    async def _notify(self, request: Message) -> Message:
        name, host, flags = _imsi(request), request.text("Origin-Host"), request.get("NOR-Flags", 0)
        terminal = request.get("Terminal-Information")
        statuses = request.all("Monitoring-Event-Config-Status")

        def work(connection: Connection) -> tuple[Subscriber, Kind, bool, bool, bool]:
            subscriber, own = _registered(connection, name, host)
            back = bool(flags & REACHABLE[own.kind]) or "Alert-Reason" in request
            strange = False
            if terminal is not None:
                strange = binding.strange(connection, name, terminal.get("IMEI"))
                found = {"imei": terminal.get("IMEI"), "software": terminal.get("Software-Version")}
                registrations.change(connection, name, own.kind, **found)
            if flags & NO_SMS_IN_MME and own.kind == "mme":
                registrations.no_messages(connection, name, "mme")
            if back:
                registrations.reachable(connection, name, own.kind)
            for status in statuses:
                if _has_failed(status):
                    registrations.failed(connection, name, status.get("SCEF-ID", ""), status["SCEF-Reference-ID"])
            noted = self._follow is not None and self._follow.notified(
                connection, name, own.kind, seen_in(request, back=back), failures(request)
            )
            return subscriber, own.kind, back, noted, strange

        subscriber, kind, back, noted, strange = await self._store.do(work)
        self._changed(subscriber)
        if strange:
            self._alarm(request, name)
        if noted and self._follow is not None:
            self._follow.noted()
        if back:
            self._back(name, None if request.get("Alert-Reason") == MEMORY_AVAILABLE else kind)
        return request.answer(ResultCode.SUCCESS, self._with_features(request, {}))

    def _profile(self, name: str) -> ProfileTable:
        found = self.profiles.get(name)
        if found is None:
            raise Refused(Error.UNKNOWN_EPS_SUBSCRIPTION, f"profile {name} is in no configuration")
        return found

    def _with_features(self, request: Message, avps: dict[str, Any]) -> dict[str, Any]:
        """`avps`, with our features where the node names its own (7.2.1)."""
        if "Supported-Features" in request:
            avps["Supported-Features"] = [
                {"Vendor-Id": TGPP, "Feature-List-ID": number, "Feature-List": bits}
                for number, bits in FEATURES.items()
            ]
        return avps

    def _alarm(self, request: Message, name: str) -> None:
        """A device is in a terminal that is not bound to it, and was let in."""
        self._audit.refuse(
            Refusal(
                check="binding",
                stage=Stage.AUTHORISATION,
                area=Area.CORE,
                peer=self.peer_of(request).host,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=name,
                result="let in",
                reason=binding.OTHER,
                alarm=True,
            )
        )

    def _refuse(self, request: Message, refused: Refused) -> Message:
        self._audit.refuse(
            Refusal(
                check="authentication-information" if request.command_code == 318 else "mobility",
                stage=Stage.AUTHENTICATION if request.command_code == 318 else Stage.AUTHORISATION,
                area=Area.CORE,
                peer=self.peer_of(request).host,
                origin=request.text("Origin-Host"),
                command=request.command,
                target=request.text("User-Name"),
                result=refused.error.name,
                reason=refused.why,
            )
        )
        avps: dict[str, Any] = {}
        if refused.diagnostic is not None and request.command_code in (316, 318):
            avps["Error-Diagnostic"] = int(refused.diagnostic)
        return request.answer(refused.error, self._with_features(request, avps), vendor=TGPP)


def _imsi(request: Message) -> str:
    """Raises Refused: what is no IMSI belongs to nobody."""
    try:
        return imsi(request.text("User-Name"))
    except IdentityError:
        raise Refused(Error.USER_UNKNOWN, "User-Name is no IMSI") from None


def _plmn(request: Message) -> str:
    try:
        return decode_plmn(request.raw("Visited-PLMN-Id"))
    except IdentityError:
        raise Wrong("Visited-PLMN-Id") from None


def _count(group: Grouped | None) -> int:
    """How many vectors are given to who asks so (7.3.14)."""
    return 0 if group is None else min(max(group.get("Number-Of-Requested-Vectors", 1), 1), MOST_VECTORS)


def _features(request: Message) -> dict[int, int]:
    """Feature-List by Feature-List-ID, 3GPP's."""
    return {
        group["Feature-List-ID"]: group["Feature-List"]
        for group in request.all("Supported-Features")
        if group.get("Vendor-Id") == TGPP
    }


def _sms_number(request: Message, new: Registration) -> str | None:
    """The number under which the node takes short messages for the subscriber; None: it does not want to."""
    name = "MME-Number-for-MT-SMS" if new.kind == "mme" else "SGSN-Number"
    if name not in request or request.get("SMS-Register-Request") == NOT_PREFERRED:
        return None
    try:
        return registrations.serving(new, decode_number(request.raw(name), name)).number
    except IdentityError:
        raise Wrong(name) from None


def _registered(connection: Connection, name: str, host: str) -> tuple[Subscriber, Registration]:
    """The subscriber, and its registration in the node that asks.  Raises Refused."""
    subscriber = tables.find(connection, UserId(imsi=name))
    if subscriber is None:
        raise Refused(Error.USER_UNKNOWN, "no such subscriber")
    return subscriber, registered_at(registrations.of(connection, name), host)


def _has_failed(status: Grouped) -> bool:
    """Whether a Monitoring-Event-Config-Status has a result that is no success."""
    for report in status.all("Service-Report"):
        result = report.get("Service-Result")
        if result is not None and result.get("Service-Result-Code", ResultCode.SUCCESS) != ResultCode.SUCCESS:
            return True
    return False


def _failed(request: Message, name: str) -> dict[str, Any] | bytes:
    return request.quote(name)
