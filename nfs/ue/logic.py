"""What a simulated UE does with a short message (TS 23.040 clauses 3.3, 9.2.3.9, 9.2.3.24; TS 23.682 clause 5.2.1
step 9).

It decodes the TPDU, drops what it has had already, joins segments, hands a whole trigger to the application of its
port and acknowledges.  How a UE reacts on purpose (absent, memory full) is its `Behaviour`.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from hashlib import blake2b
from typing import Final

from nfs.common.sms import FCS_UNSPECIFIED, TRIGGER_PID, Deliver, DeliverReport, decode_deliver
from nfs.common.sms_layout import SmsAddress, TpduError

REMEMBERED: Final = 64  # TPDUs a UE recognises when they come again
DIGEST: Final = 8  # octets by which it does
OPEN_MESSAGES: Final = 8  # concatenated messages a UE collects at once; the oldest gives way


class Behaviour(Enum):
    """How a UE of a scenario meets a short message."""

    NORMAL = "normal"
    ABSENT = "absent"  # detached: the MME answers for it
    NO_PAGING = "no-paging"  # attached, does not answer paging
    BUSY = "busy"
    MEMORY_FULL = "memory-full"
    SILENT = "silent"  # the MME never answers
    ASLEEP = "asleep"  # it saves power
    UNKNOWN = "unknown"  # the MME does not know it
    BARRED = "barred"
    ILLEGAL_EQUIPMENT = "illegal-equipment"
    NO_SMS = "no-sms"  # it, or the MME, cannot do short messages
    PROTOCOL_ERROR = "protocol-error"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """A trigger as the application of its port sees it."""

    imsi: str
    port: int | None
    payload: bytes
    originator: SmsAddress
    sent: datetime
    group: str = ""
    """External Group Identifier, where it went to a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reaction:
    """The SMS-DELIVER-REPORT (None: a bare RP-ACK), whether with RP-ERROR, and the trigger that is now whole."""

    report: bytes | None
    error: bool = False
    trigger: Trigger | None = None
    duplicate: bool = False


@dataclass(slots=True, kw_only=True)
class Ue:
    """One UE.  `deliver` is called once for each whole trigger."""

    imsi: str
    deliver: Callable[[Trigger], None]
    behaviour: Behaviour = Behaviour.NORMAL
    failures_left: int | None = None  # attempts the behaviour lasts; None: for good
    reports: bool = True  # acknowledges with an SMS-DELIVER-REPORT, which RP-ACK may carry or not
    _had: bytes = b""  # digests of the TPDUs that came last, one after the other
    _parts: dict[tuple[str, int | None, int, int], dict[int, bytes]] | None = None

    def meet(self) -> Behaviour:
        """How this UE meets the next attempt; one counted failure is used up by asking."""
        if self.behaviour is Behaviour.NORMAL or self.failures_left == 0:
            return Behaviour.NORMAL
        if self.failures_left is not None:
            self.failures_left -= 1
        return self.behaviour

    def receive(self, tpdu: bytes) -> Reaction:
        """Take one SMS-DELIVER; never raises: octets that are none are answered with a failure cause."""
        digest = blake2b(tpdu, digest_size=DIGEST).digest()
        if self._has_had(digest):
            return Reaction(report=self._acknowledgement, duplicate=True)
        try:
            message = decode_deliver(tpdu)
        except TpduError:
            return Reaction(report=DeliverReport(failure_cause=FCS_UNSPECIFIED).encode(), error=True)
        if message.user_data.group and message.pid != TRIGGER_PID:  # no trigger, and says it is one of a group
            return Reaction(report=DeliverReport(failure_cause=FCS_UNSPECIFIED).encode(), error=True)
        self._had = (self._had + digest)[-REMEMBERED * DIGEST :]
        payload = self._whole(message)
        if payload is None or message.pid != TRIGGER_PID:
            return Reaction(report=self._acknowledgement)
        trigger = Trigger(
            imsi=self.imsi,
            port=message.user_data.port,
            payload=payload,
            originator=message.originator,
            sent=message.scts,
            group=message.user_data.group,
        )
        self.deliver(trigger)
        return Reaction(report=self._acknowledgement, trigger=trigger)

    def _has_had(self, digest: bytes) -> bool:
        at = self._had.find(digest)
        while at >= 0 and at % DIGEST:
            at = self._had.find(digest, at + 1)
        return at >= 0

    @property
    def _acknowledgement(self) -> bytes | None:
        return _ACKNOWLEDGED if self.reports else None

    def _whole(self, message: Deliver) -> bytes | None:
        """The payload once every part of it is here."""
        part = message.user_data.part
        if part is None:
            return message.user_data.data
        key = (message.originator.digits, message.user_data.port, part.reference, part.total)
        every = self._parts = {} if self._parts is None else self._parts
        parts = every.setdefault(key, {})
        parts[part.number] = message.user_data.data
        if len(parts) < part.total:
            if len(every) > OPEN_MESSAGES:
                del every[next(iter(every))]
            return None
        del every[key]
        return b"".join(parts[number] for number in range(1, part.total + 1))


@dataclass(slots=True, kw_only=True)
class Inbox:
    """The application on a UE's port: counts everything, keeps the last `kept` triggers."""

    kept: int = 1000
    count: int = 0
    by_port: dict[int | None, int] = field(default_factory=dict)
    triggers: deque[Trigger] = field(default_factory=deque)
    listener: Callable[[Trigger], None] | None = None

    def __call__(self, trigger: Trigger) -> None:
        """Take one trigger."""
        self.count += 1
        self.by_port[trigger.port] = self.by_port.get(trigger.port, 0) + 1
        self.triggers.append(trigger)
        if len(self.triggers) > self.kept:
            self.triggers.popleft()
        if self.listener is not None:
            self.listener(trigger)


_ACKNOWLEDGED: Final = DeliverReport().encode()
