"""Short messages that simulated UEs send: from the scenario to SGd, and what the UE hears of each (TS 29.338 6.2.1)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Protocol

from diameter import Message
from diameter.app import Application, Later
from diameter.errors import ErrorAnswer, RequestError, Undeliverable
from nfs.common.identities import encode_number
from nfs.common.sms_layout import TpduError
from nfs.common.sms_reports import decode_submit_report
from nfs.ue.mo_sms import Outbox, Sent, is_short_code


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """A short message that the scenario wants from a UE, `after_s` after the SMS-SC is there.  `to`: digits."""

    imsi: str
    to: str
    payload: bytes
    port: int | None = None
    report: bool = True
    after_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What a UE hears of one SMS-SUBMIT.

    `event`: "confirmed", "refused", or "report".  `result`: (vendor, code) of the answer, None when none came.
    `failure_cause`: TP-FCS; `status`: TP-ST.
    """

    imsi: str
    to: str
    reference: int
    event: str
    result: tuple[int, int] | None = None
    failure_cause: int | None = None
    status: int | None = None

    def form(self) -> dict[str, Any]:
        """The JSON object, but for its `schema`."""
        return {
            "imsi": self.imsi,
            "to": self.to,
            "reference": self.reference,
            "event": self.event,
            "result": None if self.result is None else {"vendor": self.result[0], "code": self.result[1]},
            "failure_cause": self.failure_cause,
            "status": self.status,
        }


class Link(Protocol):
    """The link between the UEs and their MME; None: it was lost there."""

    def sent(self, imsi: str, tpdu: bytes, /) -> bytes | None:
        """What the MME gets of a UE."""

    def told(self, imsi: str, tpdu: bytes, /) -> bytes | None:
        """What a UE gets."""


@dataclass(slots=True)
class Sender:
    """Sends for UEs through one SMS-SC.  sms_sc: (Origin-Host, realm, E.164 digits).  heard: called with each event.

    link: between UEs and the MME; at once without one.
    """

    sgd: Application
    sms_sc: tuple[str, str, str]
    heard: Callable[[Heard], None] = lambda heard: None
    outboxes: dict[str, Outbox] = field(default_factory=dict)
    link: Link | None = None

    async def send(self, order: Order) -> bool:
        """One message of one UE, part after part; a part that is refused ends it: False.  Raises TpduError."""
        outbox = self.outboxes.setdefault(order.imsi, Outbox(imsi=order.imsi))
        international = not is_short_code(order.to)
        parts = outbox.write(order.to, order.payload, port=order.port, international=international, report=order.report)
        good = True
        for part in parts:
            if good:
                good = await self._submit(outbox, part)
            else:
                outbox.refused(part.reference)  # it is not sent
        return good

    async def _submit(self, outbox: Outbox, part: Sent) -> bool:
        tpdu = part.tpdu if self.link is None else self.link.sent(outbox.imsi, part.tpdu)
        answer = None if tpdu is None else await self._forward(outbox.imsi, tpdu)
        result = None if answer is None else answer.result
        good = result == (0, 2001)
        if not good:
            outbox.refused(part.reference)
        self.heard(
            Heard(
                imsi=outbox.imsi,
                to=part.to,
                reference=part.reference,
                event="confirmed" if good else "refused",
                result=result,
                failure_cause=None if answer is None else _failure_cause(answer),
            )
        )
        return good

    async def _forward(self, imsi: str, tpdu: bytes) -> Message | None:
        """OFR; its answer, None when none came."""
        host, realm, number = self.sms_sc
        avps = {"SC-Address": encode_number(number), "User-Identifier": {"User-Name": imsi}, "SM-RP-UI": tpdu}
        answer: Message | None = None
        try:
            answer = await self.sgd.request("MO-Forward-Short-Message", avps, to=host, realm=realm)
        except ErrorAnswer as error:
            answer = error.answer
        except RequestError:
            pass
        return answer

    def status(self, imsi: str, tpdu: bytes) -> bool:
        """Take an SMS-STATUS-REPORT for a UE; False for octets that are none.  One about nothing is let go."""
        outbox = self.outboxes.get(imsi)
        try:
            found = None if outbox is None else outbox.hear(tpdu)
        except TpduError:
            return False
        if found is not None:
            sent, report = found
            self.heard(
                Heard(imsi=imsi, to=sent.to, reference=sent.reference, event="report", status=int(report.status))
            )
        return True


def _failure_cause(answer: Message) -> int | None:
    """TP-FCS of the SMS-SUBMIT-REPORT in a refusal."""
    if answer.result == (0, 2001):
        return None
    cause = answer.get("SM-Delivery-Failure-Cause")
    place = answer if cause is None else cause
    name = "SM-RP-UI" if cause is None else "SM-Diagnostic-Info"
    try:
        return decode_submit_report(place.raw(name), error=True).failure_cause if name in place else None
    except TpduError:
        return None


FOR_GOOD_S: Final = 1e9
"""How long the first short message waits for the SMS-SC."""


class Opening(Protocol):
    """A node, as far as it is needed here."""

    def when_open(self, host: str | None = None, timeout_s: float = 10.0) -> Awaitable[object]:
        """Fires once the peer takes requests."""


class Timer(Protocol):
    """What `call_later` returns."""

    def cancel(self) -> None:
        """Never call."""


class Plan:
    """The short messages of a scenario, each at its time.  call_later(seconds, callable): of the reactor."""

    def __init__(self, sender: Sender, orders: Sequence[Order], call_later: Callable[..., Timer]) -> None:
        self._sender = sender
        self._orders = orders
        self._call_later = call_later
        self._waiting: dict[Later[bool], Timer] = {}

    def start(self, node: Opening) -> None:
        """Begin."""
        for order in self._orders:
            _ = self._sender.sgd.spawn(self._send(node, order))

    def stop(self) -> None:
        """Send nothing more."""
        waiting, self._waiting = self._waiting, {}
        for later, timer in waiting.items():
            timer.cancel()
            later.resolve(False)

    async def _send(self, node: Opening, order: Order) -> None:
        try:
            await node.when_open(self._sender.sms_sc[0], timeout_s=FOR_GOOD_S)
        except Undeliverable:  # this node has stopped
            return
        if order.after_s <= 0 or await self._pause(order.after_s):
            await self._sender.send(order)

    def _pause(self, seconds: float) -> Later[bool]:
        later: Later[bool] = Later()

        def over() -> None:
            del self._waiting[later]
            later.resolve(True)

        self._waiting[later] = self._call_later(seconds, over)
        return later
