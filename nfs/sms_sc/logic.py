"""What the SMS-SC decides about triggers: which to take, what to send next to whom, when to try again, what to report.

Plain values in, plain values out; `now` is seconds since 1970.  TS 23.682 clauses 5.2.1, 5.2.2 and 5.3.1; TS 29.337
clauses 5.2 and 7; TS 23.040 clause 6.2: one SMS-DELIVER outstanding to a UE, and no two with the same SCTS.  The SCTS
of a trigger is fixed when it is accepted and stored with it, so that an SMS sent again after a restart has the same
octets and the UE can drop it.

Recall and replace (TS 23.682 clause 5.2.3) are in `nfs.sms_sc.recall`: they work on `pending` by (SCS, reference, UE).
"""

from collections import Counter, deque
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from nfs.common.sms import Deliver, UserData
from nfs.common.sms_layout import TpduError
from nfs.sms_sc.answers import INVALID_SME_ADDRESS, SC_CONGESTION, SM_PROTOCOL, Acceptance, Refused, Standing
from nfs.sms_sc.message import Attempt, Trigger
from nfs.sms_sc.outcomes import Delivered, Diagnostic, Failure, Outcome, final
from nfs.sms_sc.policy import Policy
from nfs.sms_sc.timers import Timers

__all__ = ["Acceptance", "Attempt", "Policy", "Refused", "ServiceCentre", "Trigger"]


@dataclass(slots=True)
class _Kept:
    """A pending trigger with its progress."""

    trigger: Trigger
    segments: tuple[UserData, ...]
    sent: int = 0
    attempts: int = 0
    retry_at: float = 0.0


@dataclass(slots=True)
class ServiceCentre:
    """The triggers of one SMS-SC.  Every method takes the time; none does I/O."""

    policy: Policy
    pending: dict[str, _Kept] = field(default_factory=dict)
    owed: dict[str, Trigger] = field(default_factory=dict)
    finished: dict[str, Trigger] = field(default_factory=dict)
    _queues: dict[str, deque[str]] = field(default_factory=dict)
    _busy: dict[str, str] = field(default_factory=dict)
    _last_scts: dict[str, int] = field(default_factory=dict)
    _msisdns: dict[str, str] = field(default_factory=dict)
    _back: set[str] = field(default_factory=set)
    _unwritten: set[str] = field(default_factory=set)
    _held: Counter[str] = field(default_factory=Counter)
    _timers: Timers = field(init=False)
    _concatenation: int = 0

    def __post_init__(self) -> None:
        self._timers = Timers(self.pending)

    def accept(self, trigger: Trigger, now: float) -> tuple[Acceptance, Trigger]:
        """Take a trigger, or recognise one; the trigger returned is the one to store before the answer leaves.

        Raises Refused: 5530 for a foreign SME address, 5532 for what no SMS can carry, 5531 when full.
        """
        if trigger.of_scs:
            self.admit(trigger.scs)
        known = self._find(trigger)
        if known is not None:
            if known.key in self.finished:
                self.owed[known.key] = again = replace(self.finished.pop(known.key), finished_at=None)
                self._held[known.scs] += 1
                return Acceptance.REPORT_AGAIN, again
            return Acceptance.PENDING, known
        if trigger.key in self.pending or trigger.key in self.owed:
            raise Refused(SM_PROTOCOL, "another trigger with this reference is pending for this UE")
        if len(self.pending) + len(self.owed) >= self.policy.capacity:
            raise Refused(SC_CONGESTION, "as many triggers as this SMS-SC keeps are pending")
        renewed = trigger.key in self.finished
        return Acceptance.RENEWED if renewed else Acceptance.NEW, self._take(trigger, now)

    def admit(self, scs: str) -> None:
        """Raise Refused for an SME address of no SCS served."""
        if self.policy.scs and scs not in self.policy.scs:
            raise Refused(INVALID_SME_ADDRESS, "SM-RP-SMEA belongs to no SCS of this SMS-SC")

    def standing(self, key: str) -> Standing:
        """How far a trigger has come."""
        kept = self.pending.get(key)
        if kept is not None:
            return Standing.SENDING if self._busy.get(kept.trigger.imsi) == key else Standing.WAITING
        finished = self.finished.get(key)
        return Standing.WITHDRAWN if finished is not None and finished.withdrawn else Standing.OVER

    def take_out(self, key: str, now: float) -> _Kept:
        """Withdraw a trigger that is waiting; what `put_back` needs to take that back."""
        kept = self.pending[key]
        self._drop(kept)
        self.finished[key] = replace(kept.trigger, finished_at=now)
        return kept

    def put_back(self, kept: _Kept) -> None:
        """The trigger could not be withdrawn: it waits again, behind the others; ask `next` for its UE after it."""
        self.finished.pop(kept.trigger.key, None)
        self._enqueue(kept)
        self._timers.add(kept.retry_at, kept.trigger.key)

    def withdraw(self, trigger: Trigger) -> None:
        """Take an acceptance back: the trigger could not be stored, so nobody was told that it was taken."""
        kept = self.pending.get(trigger.key)
        if kept is not None and not kept.sent and self._busy.get(trigger.imsi) != trigger.key:
            self._drop(kept)

    def hold(self, key: str) -> None:
        """Send nothing of this trigger before `written`: a kill would leave a device with what nobody knows of."""
        self._unwritten.add(key)

    def written(self, taken: Trigger, stored: Trigger, said: Acceptance | None) -> None:
        """The store has a trigger: `stored`, maybe with another SCTS; `said` is what it knows better than we did."""
        first = taken.key in self._unwritten
        if said is Acceptance.PENDING:
            self.withdraw(taken)  # its delivery and its report are another one's
        elif said is Acceptance.REPORT_AGAIN and taken.key not in self.owed:
            self.withdraw(taken)
            self.owed[stored.key] = stored
            self._held[stored.scs] += 1
        elif (kept := self.pending.get(taken.key)) is None:
            if taken.key not in self.owed and taken.key not in self.finished:
                self._enqueue(_Kept(stored, stored.segments()))
        elif first and stored is not taken:
            kept.trigger, kept.segments = stored, stored.segments()
            last = stored.scts + len(kept.segments) - 1
            self._last_scts[stored.imsi] = max(self._last_scts.get(stored.imsi, 0), last)
        self._unwritten.discard(taken.key)

    def clear(self) -> None:
        """Forget everything: it is another one's."""
        for each in (self.pending, self.owed, self.finished, self._queues, self._busy, self._last_scts, self._msisdns):
            each.clear()
        for group in (self._back, self._unwritten, self._held):
            group.clear()

    def held(self, scs: str) -> int:
        """How much of the capacity messages of one origin take."""
        return self._held[scs]

    def waiting(self) -> tuple[str, ...]:
        """The IMSIs with something to deliver, now or later."""
        return tuple(self._queues)

    def restore(self, triggers: Iterable[Trigger]) -> None:
        """Take back what the store kept over a restart, in the order of acceptance; ask `next` for each UE after it."""
        for trigger in sorted(triggers, key=lambda kept: (kept.accepted_at, kept.scts)):
            last = trigger.scts + len(trigger.segments()) - 1
            self._last_scts[trigger.imsi] = max(self._last_scts.get(trigger.imsi, 0), last)
            self._concatenation = trigger.concatenation
            if trigger.key in self.owed or trigger.key in self.finished:
                continue  # what is known here is newer than the row
            kept = self.pending.get(trigger.key)
            if kept is not None and trigger.outcome is None:
                self.written(kept.trigger, trigger, None)  # it came from the SCS once more while it was taken over
                continue
            if kept is not None:
                self._drop(kept)
            if trigger.finished_at is not None:
                self.finished[trigger.key] = trigger
            elif trigger.outcome is not None:
                self.owed[trigger.key] = trigger
                self._held[trigger.scs] += 1
            else:
                self._enqueue(_Kept(trigger, trigger.segments()))

    def next(self, imsi: str, now: float) -> Attempt | None:
        """The SMS to send to this UE now, if none is outstanding; the UE is busy until `ended`."""
        queue = self._queues.get(imsi)
        if imsi in self._busy or not queue:
            return None
        for key in queue:
            kept = self.pending[key]
            serving = kept.trigger.serving
            if key in self._unwritten:
                continue
            if (serving is not None or self.policy.routed) and kept.retry_at <= now:
                self._busy[imsi] = key
                return Attempt(
                    trigger=kept.trigger,
                    segment=kept.sent,
                    serving=serving,
                    deliver=self._deliver(kept),
                    tried=kept.attempts,
                )
        return None

    def ended(self, attempt: Attempt, result: Delivered, now: float) -> Trigger | None:
        """Note how an attempt ended; the trigger with its outcome when that settles it (store it, then report)."""
        self._busy.pop(attempt.trigger.imsi, None)
        kept = self.pending[attempt.trigger.key]
        if result.failure is None:
            kept.sent += 1
            if kept.sent < len(kept.segments):
                return None
            return self._settle(kept, Outcome.SUCCESSFUL_TRANSFER, None)
        kept.attempts += 1
        once = kept.trigger.validity_s == 0
        if once or result.failure is Failure.PERMANENT:
            return self._settle(kept, *final(result))
        if kept.trigger.expires_at <= now:
            return self._settle(kept, Outcome.VALIDITY_TIME_EXPIRED, None)
        delays = self.policy.waits(result.failure)
        asked = result.retry_at  # one that is over would have us send as fast as the node refuses
        later = now + delays[min(kept.attempts, len(delays)) - 1]
        kept.retry_at = asked if asked is not None and asked > now else later
        if attempt.trigger.imsi in self._back:
            self._back.discard(attempt.trigger.imsi)
            kept.retry_at = now
        if kept.retry_at < kept.trigger.expires_at:
            self._timers.add(kept.retry_at, kept.trigger.key)
        return None

    def alerted(self, imsi: str | None, msisdn: str | None, now: float) -> str | None:
        """A device is back: everything for it is due now, also what fails just now; its IMSI, None for nothing."""
        imsi = imsi if imsi is not None else self._msisdns.get(msisdn or "")
        if imsi is None or imsi not in self._queues:
            return None
        for key in self._queues[imsi]:
            kept = self.pending[key]
            kept.retry_at = min(kept.retry_at, now)
        if imsi in self._busy:
            self._back.add(imsi)
        return imsi

    def deadline(self) -> float | None:
        """When `expire` has something to do at the earliest."""
        return self._timers.first

    def expire(self, now: float) -> tuple[tuple[Trigger, ...], tuple[str, ...]]:
        """Triggers whose validity ended (to store and report), and the IMSIs to ask `next` for again."""
        over, again = [], []
        while (key := self._timers.due(now)) is not None:
            kept = self.pending.get(key)
            if kept is None:
                continue
            if kept.trigger.expires_at > now:
                again.append(kept.trigger.imsi)
            elif self._busy.get(kept.trigger.imsi) != key:  # else `ended` will say
                over.append(self._settle(kept, *self._expired(kept)))
        return tuple(over), tuple(again)

    def reported(self, key: str, now: float) -> Trigger:
        """The MTC-IWF has acknowledged the report; the trigger to store as finished.  KeyError when none is owed."""
        self.finished[key] = done = replace(self.owed.pop(key), finished_at=now)
        self._let_go(done.scs)
        return done

    def forget(self, now: float) -> tuple[str, ...]:
        """Drop what finished long enough ago; the keys, for the store."""
        limit = now - self.policy.keep_finished_s
        old = tuple(
            key for key, kept in self.finished.items() if kept.finished_at is not None and kept.finished_at < limit
        )
        for key in old:
            del self.finished[key]
        for imsi in [imsi for imsi, scts in self._last_scts.items() if scts < limit and imsi not in self._queues]:
            del self._last_scts[imsi]
        return old

    def _find(self, trigger: Trigger) -> Trigger | None:
        """The kept trigger this one repeats: same key and payload (a repeat after a crash has another Session-Id)."""
        kept = self.pending.get(trigger.key)
        known = kept.trigger if kept else self.owed.get(trigger.key) or self.finished.get(trigger.key)
        return known if known is not None and known.payload == trigger.payload and not known.withdrawn else None

    def _take(self, trigger: Trigger, now: float) -> Trigger:
        validity = self.policy.default_validity_s if trigger.validity_s is None else trigger.validity_s
        self._concatenation = (self._concatenation + 1) % 0x100
        scts = max(int(now), self._last_scts.get(trigger.imsi, 0) + 1)
        taken = replace(
            trigger,
            accepted_at=now,
            expires_at=now + min(validity, self.policy.max_validity_s),
            scts=scts,
            concatenation=self._concatenation,
        )
        try:
            segments = taken.segments()
            taken.origin.encode()
        except TpduError as wrong:
            raise Refused(SM_PROTOCOL, str(wrong)) from None
        self.finished.pop(taken.key, None)
        self._last_scts[taken.imsi] = scts + len(segments) - 1
        self._enqueue(_Kept(taken, segments))
        return taken

    def _enqueue(self, kept: _Kept) -> None:
        """Behind what has the same priority and before what has less; never between the segments of one that began."""
        self.pending[kept.trigger.key] = kept
        self._held[kept.trigger.scs] += 1
        queue = self._queues.setdefault(kept.trigger.imsi, deque())
        if kept.trigger.msisdn is not None:
            self._msisdns[kept.trigger.msisdn] = kept.trigger.imsi
        at = len(queue)
        while kept.trigger.priority and at and self._yields(self.pending[queue[at - 1]]):
            at -= 1
        queue.insert(at, kept.trigger.key)
        unreachable = kept.trigger.serving is None and not self.policy.routed
        if kept.trigger.validity_s != 0 or unreachable:  # a single attempt waits for its turn
            self._timers.add(kept.trigger.expires_at, kept.trigger.key)

    def _yields(self, kept: _Kept) -> bool:
        outstanding = self._busy.get(kept.trigger.imsi) == kept.trigger.key
        return not kept.trigger.priority and not kept.sent and not outstanding

    def _deliver(self, kept: _Kept) -> Deliver:
        more = kept.sent + 1 < len(kept.segments)
        return Deliver(
            originator=kept.trigger.origin,
            pid=kept.trigger.pid,
            dcs=kept.trigger.dcs,
            scts=datetime.fromtimestamp(kept.trigger.scts + kept.sent, UTC),
            user_data=kept.segments[kept.sent],
            more_messages=more,
        )

    def _settle(self, kept: _Kept, outcome: Outcome, diagnostic: Diagnostic | None) -> Trigger:
        self._drop(kept)
        self._held[kept.trigger.scs] += 1
        self.owed[kept.trigger.key] = trigger = replace(kept.trigger, outcome=outcome, diagnostic=diagnostic)
        return trigger

    def _drop(self, kept: _Kept) -> None:
        del self.pending[kept.trigger.key]
        self._unwritten.discard(kept.trigger.key)
        self._let_go(kept.trigger.scs)
        queue = self._queues[kept.trigger.imsi]
        queue.remove(kept.trigger.key)
        if not queue:
            del self._queues[kept.trigger.imsi]
            self._msisdns.pop(kept.trigger.msisdn or "", None)
            self._back.discard(kept.trigger.imsi)

    def _let_go(self, scs: str) -> None:
        self._held[scs] -= 1
        if not self._held[scs]:
            del self._held[scs]

    @staticmethod
    def _expired(kept: _Kept) -> tuple[Outcome, Diagnostic | None]:
        """One attempt only and nowhere to send it: the subscriber was absent; otherwise the time ran out."""
        if kept.trigger.validity_s == 0:
            return Outcome.ABSENT_SUBSCRIBER, None
        return Outcome.VALIDITY_TIME_EXPIRED, None
