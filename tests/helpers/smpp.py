"""An SMS-SC with Tsms on one clock, its store and delivery real, and SMEs on transports in memory."""

from __future__ import annotations

import json
from collections.abc import Coroutine
from dataclasses import replace
from pathlib import Path
from typing import Any

from twisted.internet.testing import StringTransport

from diameter.app import Later
from diameter.testing import run
from helpers.inline import InlineReactor, InlineThreads
from nfs.common.audit import AuditLog
from nfs.common.database import database_url, open_engine
from nfs.common.store import Store
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.keep import MIGRATIONS, Keep
from nfs.sms_sc.logic import Attempt, Policy, ServiceCentre, Trigger
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.outcomes import Delivered, Outcome
from nfs.sms_sc.s6c import Way
from nfs.sms_sc.smpp.config import SmppTable
from nfs.sms_sc.smpp.pdu import Bind, Body, Command, Empty, Pdu, Reader, Sms, SmsAnswer, decode
from nfs.sms_sc.smpp.server import SmppProtocol
from nfs.sms_sc.smpp.service import Sme, Tsms
from nfs.sms_sc.smpp.wiring import SmppPort, Told

IMSI = "001010000000001"
SME = Sme(
    system_id="meters", password="secret", number="15550001", sources=("METERS", "15559*"),
    destinations=("155501*",), window=2, sessions=2,
)  # fmt: skip
SUBMIT = Sms(destination=b"15550100001", text=b"hello", registered=1)
ANSWER = 0x8000_0000


class Subscribers:
    """An HSS."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.way = Way(imsi=IMSI)

    async def identify(self, msisdn: str) -> Way:
        self.asked.append(msisdn)
        return self.way


class Ways:
    """Delivers as told, with success once the script is used up."""

    def __init__(self) -> None:
        self.script: list[Delivered] = []
        self.attempts: list[Attempt] = []

    async def deliver(self, attempt: Attempt) -> Delivered:
        self.attempts.append(attempt)
        return self.script.pop(0) if self.script else Delivered()


class T4Stub:
    """Where coroutines run, each until it waits, and where reports of triggers go."""

    def __init__(self, clock: InlineReactor) -> None:
        self._clock = clock

    async def report(self, trigger: Trigger, outcome: Outcome) -> tuple[int, int] | None:
        return 0, 2001

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        return self._clock.callLater(0, self._step, coroutine)

    def _step(self, coroutine: Coroutine[Any, Any, None]) -> None:
        try:
            awaited: Any = coroutine.send(None)
        except StopIteration:
            return
        if isinstance(awaited, Later):
            awaited.then(lambda: self.spawn(coroutine))
            return
        awaited.addBoth(lambda result: (self.spawn(coroutine), result)[1])


class Client:
    """An SME on a transport in memory; `names` as if from a certificate."""

    def __init__(self, rig: Rig, *, names: tuple[str, ...] = ()) -> None:
        self.rig = rig
        protocol = rig.server.buildProtocol(None)
        assert protocol is not None
        self.protocol: SmppProtocol = protocol
        self.transport: Any = StringTransport()  # type: ignore[no-untyped-call]
        self.protocol.makeConnection(self.transport)  # type: ignore[no-untyped-call]
        self.protocol.session.names = names
        self.protocol.session.secure = bool(names)
        self._reader, self._sequence = Reader(), 0
        self._inbox: list[Pdu] = []

    def send(self, command: int, body: Body, sequence: int | None = None, status: int = 0) -> None:
        if sequence is None:
            self._sequence = sequence = self._sequence + 1
        self.protocol.dataReceived(Pdu(command=command, sequence=sequence, status=status, body=body).encode())
        self.rig.settle()

    def got(self) -> list[Pdu]:
        """What came since."""
        self._reader.feed(self.transport.value())
        self.transport.clear()
        found, self._inbox = self._inbox, []
        while (whole := self._reader.next()) is not None:
            found.append(decode(whole))
        return found

    def ask(self, command: int, body: Body) -> Pdu:
        self.send(command, body)
        found = self.got()
        (answer,) = [pdu for pdu in found if pdu.command == command | ANSWER]
        self._inbox = [pdu for pdu in found if pdu is not answer]
        return answer

    def bind(self, command: Command = Command.BIND_TRANSCEIVER, **changes: Any) -> Pdu:
        return self.ask(command, replace(Bind(system_id=b"meters", password=b"secret"), **changes))

    def submit(self, **changes: Any) -> Pdu:
        return self.ask(Command.SUBMIT_SM, replace(SUBMIT, **changes))

    def receipts(self, status: int = 0) -> list[Sms]:
        """Receipts that came since, each answered."""
        found = []
        for pdu in self.got():
            if pdu.command == Command.DELIVER_SM:
                assert isinstance(pdu.body, Sms)
                found.append(pdu.body)
                self.send(Command.DELIVER_SM | ANSWER, SmsAnswer() if not status else Empty(), pdu.sequence, status)
        return found

    @property
    def closed(self) -> bool:
        return bool(self.transport.disconnecting)


class Rig:
    """An SMS-SC whose Tsms, store and delivery are real, on one clock."""

    def __init__(self, folder: Path, *smes: Sme) -> None:
        self.folder = folder
        self.clock = InlineReactor()
        self.clock.rightNow = 1_767_323_045.0
        engine = open_engine(database_url("sms-sc.db", folder), migrations=MIGRATIONS, name="sms-sc")
        self.store = Store(engine, self.clock, InlineThreads())
        self.audit = AuditLog(folder / "audit", "smssc.example")
        self.centre, self.keep = ServiceCentre(Policy(routed=True, retry_s=(10,))), Keep(self.store)
        self.t4, self.hss, self.ways = T4Stub(self.clock), Subscribers(), Ways()
        marking = Marking(self.audit, (16000,))
        self.tsms = Tsms(
            smes or (SME,), self.centre, self.keep, self.hss, marking, self.audit,
            clock=self.clock.seconds, spawn=self.t4.spawn,
        )  # fmt: skip
        table = SmppTable(
            transport="tcp", physical_protection=True, physical_protection_reason="test", port=0,
            connections=3, bind_s=30, enquire_s=60, answer_s=20,
        )  # fmt: skip
        self.port = SmppPort(self.tsms, table, None, self.clock)
        self.server = self.port._server
        told = Told(self.t4, self.port)
        self.delivery = self.tsms.delivery = Delivery(
            self.centre, self.keep, told, self.ways, clock=self.clock.seconds, call_later=self.clock.callLater
        )

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "audit").read_text().splitlines()]

    def settle(self) -> None:
        """Let everything run that does not wait for time."""
        while any(call.getTime() <= self.clock.seconds() for call in self.clock.getDelayedCalls()):
            self.clock.advance(0)

    def advance(self, seconds: float) -> None:
        self.clock.advance(seconds)
        self.settle()

    def load(self) -> list[Trigger]:
        async def main() -> list[Trigger]:
            return await self.keep.load()

        return run(main(), self.clock)
