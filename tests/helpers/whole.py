"""The network of `helpers.network` with a real SMS-SC, its store, and an MME that answers as a test says."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from sqlalchemy import Executable, delete, text, update

from diameter import Dictionary, Message, decode
from diameter.app import Application, Later, answers
from helpers.network import IWF, IWF_TOML, REALM, SMS_SC, Network, node, peer
from nfs.hss.logic import Subscriber
from nfs.mtc_iwf.ports import State
from nfs.mtc_iwf.triggers import TRIGGER
from nfs.sms_sc.__main__ import build as build_sms_sc
from nfs.sms_sc.config import SmsScConfig
from nfs.sms_sc.delivery import Delivery
from nfs.sms_sc.logic import ServiceCentre
from nfs.sms_sc.t4 import T4

MME: Final = f"mme1.{REALM}"
SMS_SC_TOML: Final = f"""
{node(SMS_SC, "127.0.0.4")}
{peer(IWF)}
{peer(MME, dial="127.0.0.5")}
[sms_sc]
number = "15550000300"
retry_s = [30]
"""
EVERYTHING: Final = IWF_TOML.replace('commands = ["trigger"]', 'commands = ["trigger", "recall", "replace"]').replace(
    "commands = []", 'commands = ["trigger", "recall", "replace"]'
)
"""The MTC-IWF's file where both SCSs may ask everything."""


class MmeStub(Application):
    """An MME: takes short messages as `answers_with` says, success once that is used up; holds them where told."""

    dictionary = "ts29338_sgd"

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.answers_with: list[tuple[int, int, dict[str, Any]]] = []
        self.held: Later[None] | None = None

    @answers("MT-Forward-Short-Message-Request")
    async def forward(self, request: Message) -> Message:
        """Take a short message."""
        self.messages.append(request)
        if self.held is not None:
            await self.held
        vendor, code, avps = self.answers_with.pop(0) if self.answers_with else (0, 2001, {})
        return request.answer(code, avps, vendor=vendor)


class Whole(Network):
    """SCSs, MTC-IWF, HSS, SMS-SC and MME.  sms_sc_toml: further keys of its `[sms_sc]` table, at the end."""

    def __init__(
        self,
        folder: Path,
        dictionary: Dictionary,
        subscribers: tuple[Subscriber, ...],
        iwf: str = EVERYTHING,
        sms_sc_toml: str = "",
    ) -> None:
        self.mme = MmeStub()
        super().__init__(folder, dictionary, subscribers, iwf)
        config = self._parse(SMS_SC_TOML + sms_sc_toml, SmsScConfig)
        self.sms_sc_parts = build_sms_sc(config, self.around)
        self.nodes[1] = self._function(config, self.sms_sc_parts)
        self.nodes.insert(0, self._node(f"{node(MME, '127.0.0.5')}\n{peer(SMS_SC)}", self.mme))

    def open(self) -> Whole:
        """Start everything and wait until all are connected."""
        mme = self.nodes.pop(0)
        self.wait(mme.start())
        super().open()
        self.nodes.append(mme)
        started = self.sms_sc_parts.started
        assert started is not None
        self.wait(started(self.nodes[1]))
        self.wait(self.nodes[1].when_open(MME))
        return self

    def close(self) -> None:
        """Stop everything."""
        assert self.sms_sc_parts.stopping is not None
        assert self.sms_sc_parts.stopped is not None
        self.sms_sc_parts.stopping()
        super().close()
        self.wait(self.sms_sc_parts.stopped())

    @property
    def outcomes(self) -> list[tuple[int, int]]:
        """Reference-Number and Delivery-Outcome of each report that the first SCS has had."""
        found = [report["Device-Notification"] for report in self.scs1.reports]
        return [(each["Reference-Number"], each["Delivery-Outcome"]) for each in found]

    def requests(self, command: str) -> list[Message]:
        """The requests of this name that went over any link, in order, once each."""
        found = {}
        for _, octets in self.wire.passed:
            message = decode(octets, self.dictionary)
            if message.command == command and message.request:
                found[message.end_to_end, str(message["Session-Id"])] = message
        return list(found.values())

    def answers(self, command: str) -> list[Message]:
        """The answers of this name that went over any link, in order."""
        found = [decode(octets, self.dictionary) for _, octets in self.wire.passed]
        return [each for each in found if each.command == command and not each.request]

    def results(self, command: str) -> list[tuple[int, int] | None]:
        """What they say."""
        return [each.result for each in self.answers(command)]

    @property
    def _sms_sc_t4(self) -> T4:
        t4 = self.sms_sc_parts.applications[0]
        assert isinstance(t4, T4)
        return t4

    @property
    def sms_sc_centre(self) -> ServiceCentre:
        """What the SMS-SC has in memory."""
        return self._sms_sc_t4._centre

    @property
    def sms_sc_delivery(self) -> Delivery:
        """What moves it."""
        return self._sms_sc_t4.delivery

    def forget_withdrawn(self) -> None:
        """Open every trigger again in the ledger of the MTC-IWF, as if it had died before it wrote the answer down."""
        states = [State.RECALLED.value, State.REPLACED.value]
        self._change("mtc-iwf", update(TRIGGER).where(TRIGGER.c.state.in_(states)).values(state=State.OPEN.value))

    def lose_ledger(self) -> None:
        """The MTC-IWF forgets every trigger."""
        self._change("mtc-iwf", delete(TRIGGER))

    def break_hss(self) -> None:
        """The HSS finds no table in its database."""
        self._change("hss", text("DROP TABLE subscriber"))

    def _change(self, name: str, statement: Executable) -> None:
        migrations = f"nfs.{name.replace('-', '_')}:migrations"
        store = self.around.open_store(f"{name}.db", migrations=migrations, name=name)
        self.wait(store.do(lambda connection: connection.execute(statement).rowcount))
        self.wait(store.close())
