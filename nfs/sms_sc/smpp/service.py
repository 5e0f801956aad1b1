"""Tsms: who may bind and submit what; messages are stored before they are acknowledged, receipts go back to the SME."""

from __future__ import annotations

import hmac
import secrets
from collections import Counter, deque
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from diameter.app import Later
from diameter.errors import Undeliverable
from nfs.common.audit import Area, AuditLog, Refusal, Stage
from nfs.common.store import EMPTY, Cache
from nfs.common.t4 import T4Result
from nfs.sms_sc.answers import Refused
from nfs.sms_sc.keep import Keep
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.outcomes import Failure, Outcome
from nfs.sms_sc.s6c import Way
from nfs.sms_sc.sme import Receipt, ShortMessage
from nfs.sms_sc.smpp.convert import ALPHANUMERIC, Rejected, Wanted, read, receipt
from nfs.sms_sc.smpp.pdu import Bind, Sms, Status
from nfs.sms_sc.smpp.session import Direction, Session
from nfs.sms_sc.taking import NotStored, take

AGAIN: Final = (0, 3004)
DONE: Final = (0, 2001)
RECEIPT_S: Final = 86_400.0
"""How long beyond the validity of a message its receipt waits for an SME that does not come."""
_LATER: Final = frozenset({Status.THROTTLED, Status.QUEUE_FULL, Status.SYSTEM_ERROR})
"""Answers to a deliver_sm after which it is sent again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sme:
    """An external entity and its rights: nothing but what is written here.

    `sources`, `destinations`: numbers, or beginnings of numbers that end with "*"; sources may be alphanumeric.
    `rate`: messages a second, 0 for any; `window`: unanswered PDUs each way; `messages`: kept at once, with the
    receipts that are owed.  `certificates`: names of which its certificate must carry one.  `addresses`: where it may
    come from, everywhere when empty.
    """

    system_id: str
    password: str = field(repr=False)
    number: str
    sources: tuple[str, ...] = ()
    destinations: tuple[str, ...] = ()
    directions: Direction = Direction.SEND | Direction.RECEIVE
    window: int = 10
    rate: float = 0.0
    messages: int = 10_000
    sessions: int = 2
    certificates: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()


def covers(patterns: tuple[str, ...], number: str) -> bool:
    """True when a pattern is the number, or the beginning of it with "*" behind."""
    return any(number == pattern or (pattern.endswith("*") and number.startswith(pattern[:-1])) for pattern in patterns)


class Subscribers(Protocol):
    """S6c, as far as it is needed here."""

    async def identify(self, msisdn: str) -> Way:
        """Whose number this is."""


class Delivering(Protocol):
    """Delivery, as far as it is needed here."""

    def attempt(self, imsi: str) -> None:
        """Send what is due."""

    def report(self, trigger: Trigger) -> None:
        """Tell how it ended."""


@dataclass(slots=True)
class _Live:
    """One SME while it is bound."""

    sessions: list[Session] = field(default_factory=list)
    queue: deque[Later[None]] = field(default_factory=deque)
    tokens: float = 0.0
    filled_at: float = 0.0


class Tsms:
    """See the module.  `delivery` is set before the first connection.  `clock`: seconds since 1970."""

    delivery: Delivering

    def __init__(
        self,
        smes: tuple[Sme, ...],
        centre: ServiceCentre,
        keep: Keep,
        subscribers: Subscribers,
        marking: Marking,
        audit: AuditLog,
        *,
        clock: Callable[[], float],
        spawn: Callable[[Coroutine[Any, Any, None]], object],
    ) -> None:
        self.smes: Mapping[str, Sme] = {sme.system_id: sme for sme in smes}
        self._centre = centre
        self._keep = keep
        self._subscribers = subscribers
        self._marking = marking
        self._audit = audit
        self._clock = clock
        self.spawn = spawn
        self._live: dict[str, _Live] = {}
        self._imsis: Cache[str, str] = Cache(50_000, 60.0, clock)
        self._reporting: set[str] = set()
        self.counters: Counter[str] = Counter()

    # -- sessions

    def bind(self, session: Session, bind: Bind, direction: Direction) -> tuple[Status, int]:
        """Whether this SME may bind (4.1); every refusal is audited."""
        name = bind.system_id.decode("ascii")
        sme = self.smes.get(name)
        reason, status = self._refusal(session, sme, bind.password, direction)
        if sme is None or reason:
            self._refuse("sme-bind", Stage.AUTHENTICATION, session, name, reason, status)
            return status, 0
        live = self._live.setdefault(name, _Live(tokens=max(1.0, sme.rate), filled_at=self._clock()))
        live.sessions.append(session)
        if direction & Direction.RECEIVE:
            for trigger in tuple(self._centre.owed.values()):
                if isinstance(trigger, ShortMessage) and trigger.sme == name:
                    self.delivery.report(trigger)
        return Status.OK, sme.window

    def _refusal(self, session: Session, sme: Sme | None, password: bytes, direction: Direction) -> tuple[str, Status]:
        if sme is None:
            return "no such SME", Status.INVALID_SYSTEM_ID
        if sme.addresses and session.address not in sme.addresses:
            return "not from an address of this SME", Status.BIND_FAILED
        if session.secure and not set(sme.certificates) & set(session.names):
            return "the certificate is not of this SME", Status.BIND_FAILED
        if not hmac.compare_digest(password, sme.password.encode()):
            return "wrong password", Status.INVALID_PASSWORD
        if direction & ~sme.directions:
            return "not for this direction", Status.BIND_FAILED
        if len(self._live.get(sme.system_id, _Live()).sessions) >= sme.sessions:
            return "as many sessions as it may have", Status.BIND_FAILED
        return "", Status.OK

    def freed(self, session: Session) -> None:
        """Let the next receipt go, or everyone who waits for a session that is gone."""
        live = self._live.get(session.sme)
        if live is None:
            return
        if session.ended and session in live.sessions:
            live.sessions.remove(session)
        waiting = len(live.queue) if not self._receivers(live) else min(1, len(live.queue))
        for _ in range(waiting):
            live.queue.popleft().resolve(None)

    # -- messages in

    async def submit(self, session: Session, sms: Sms) -> tuple[Status, str]:
        """Check, store, then say so (4.4); delivery starts beside the answer."""
        sme = self.smes.get(session.sme)
        if sme is None:
            return Status.SYSTEM_ERROR, ""
        if not self._in_rate(sme):
            self.counters["throttled"] += 1
            return Status.THROTTLED, ""
        try:
            wanted = read(sms, self._clock())
            self._allow(session, sme, wanted)
            return Status.OK, await self._store(sme, wanted)
        except Rejected as rejected:
            self.counters["rejected"] += 1
            return rejected.status, ""

    def _in_rate(self, sme: Sme) -> bool:
        if not sme.rate:
            return True
        live, now = self._live[sme.system_id], self._clock()
        live.tokens = min(max(1.0, sme.rate), live.tokens + (now - live.filled_at) * sme.rate)
        live.filled_at = now
        if live.tokens < 1.0:
            return False
        live.tokens -= 1.0
        return True

    def _allow(self, session: Session, sme: Sme, wanted: Wanted) -> None:
        """No trigger in disguise, and only the numbers this SME has a right to; raises Rejected."""
        marked = self._marking.reason(wanted.pid, wanted.ports)
        if marked:
            status = Status.SUBMIT_FAILED
            self._marking.drop(
                marked,
                peer=session.sme,
                origin=session.address,
                command="submit_sm",
                target=wanted.msisdn,
                result=status.name,
            )
            raise Rejected(status, marked)
        if not covers(sme.destinations, wanted.msisdn):
            self._refuse(
                "sme-destination", Stage.AUTHORISATION, session, sme.system_id, "not a device it may reach",
                Status.INVALID_DESTINATION, target=wanted.msisdn,
            )  # fmt: skip
            raise Rejected(Status.INVALID_DESTINATION, "not a device of this SME")
        if wanted.source and wanted.source != sme.number and not covers(sme.sources, wanted.source):
            self._refuse(
                "sme-source", Stage.AUTHORISATION, session, sme.system_id, "not an address of this SME",
                Status.INVALID_SOURCE, target=wanted.msisdn,
            )  # fmt: skip
            raise Rejected(Status.INVALID_SOURCE, "not an address of this SME")

    async def _store(self, sme: Sme, wanted: Wanted) -> str:
        """Keep the message; its message_id.  Raises Rejected."""
        imsi = await self._imsi(wanted.msisdn)
        origin = f"sme:{sme.system_id}"
        if self._centre.held(origin) >= sme.messages:
            raise Rejected(Status.QUEUE_FULL, "as many messages as are kept for one SME")
        message_id = secrets.token_hex(8)
        message = ShortMessage(
            scs=origin,
            reference=None,
            imsi=imsi,
            external_identifier=None,
            msisdn=wanted.msisdn,
            payload=wanted.payload,
            port=wanted.port,
            priority=wanted.priority,
            validity_s=wanted.validity_s,
            serving=None,
            iwf_host="",
            iwf_realm="",
            submission=message_id,
            sme=sme.system_id,
            originator=wanted.source or sme.number,
            originator_ton=wanted.source_ton if wanted.source else 1,
            originator_npi=(0 if wanted.source_ton == ALPHANUMERIC else wanted.source_npi) if wanted.source else 1,
            pid=wanted.pid,
            dcs=wanted.dcs,
            elements=wanted.elements,
            receipt=wanted.receipt,
        )
        try:
            await take(self._centre, self._keep, message, self._clock)
        except NotStored:
            raise Rejected(Status.SYSTEM_ERROR, "cannot store") from None
        except Refused as refused:
            full = refused.code == T4Result.SC_CONGESTION
            raise Rejected(Status.QUEUE_FULL if full else Status.INVALID_MESSAGE_LENGTH, str(refused)) from None
        self.counters["accepted"] += 1
        self.delivery.attempt(imsi)
        return message_id

    async def _imsi(self, msisdn: str) -> str:
        known = self._imsis.get(msisdn, EMPTY)
        if isinstance(known, str):
            return known
        way = await self._subscribers.identify(msisdn)
        if way.refused is not None or way.imsi is None:
            lost = way.refused is None or way.refused.failure is Failure.TEMPORARY
            raise Rejected(Status.SYSTEM_ERROR if lost else Status.INVALID_DESTINATION, "no such device")
        self._imsis.put(msisdn, way.imsi)
        return way.imsi

    # -- receipts out

    async def report(self, message: ShortMessage, outcome: Outcome) -> tuple[int, int]:
        """Send the receipt, if the SME wants one; (vendor, code) as of a Delivery-Report-Answer.

        Raises Undeliverable while no session of the SME can take it.
        """
        if message.receipt is Receipt.NEVER or (
            message.receipt is Receipt.ON_FAILURE and outcome is Outcome.SUCCESSFUL_TRANSFER
        ):
            return DONE
        sme = self.smes.get(message.sme)
        if sme is None or not sme.directions & Direction.RECEIVE:
            return DONE  # nobody will ever ask for it
        if self._clock() > message.expires_at + RECEIPT_S:
            self.counters["receipts_dropped"] += 1
            return DONE
        if message.key in self._reporting:
            raise Undeliverable("the receipt is on its way")
        self._reporting.add(message.key)
        try:
            session = await self._session(message.sme)
            status = await session.deliver(receipt(message, outcome, self._clock()))
        finally:
            self._reporting.discard(message.key)
        if status < 0:
            raise Undeliverable("the session ended")
        return AGAIN if status in _LATER else DONE

    async def _session(self, name: str) -> Session:
        while True:
            live = self._live.get(name)
            receivers = [] if live is None else self._receivers(live)
            if live is None or not receivers:
                raise Undeliverable("the SME is not bound as a receiver")
            free = next((session for session in receivers if session.room), None)
            if free is not None:
                return free
            waiting: Later[None] = Later()
            live.queue.append(waiting)
            await waiting

    @staticmethod
    def _receivers(live: _Live) -> list[Session]:
        return [each for each in live.sessions if not each.ended and each.direction & Direction.RECEIVE]

    def _refuse(
        self, check: str, stage: Stage, session: Session, sme: str, reason: str, status: Status, *, target: str = ""
    ) -> None:
        self.counters[check] += 1
        self._audit.refuse(
            Refusal(
                check=check,
                stage=stage,
                area=Area.B2,
                peer=session.names[0] if session.names else session.address,
                origin=sme,
                address=session.address,
                command="bind" if stage is Stage.AUTHENTICATION else "submit_sm",
                target=target,
                result=status.name,
                reason=reason,
            )
        )
