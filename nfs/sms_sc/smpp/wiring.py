"""Tsms put together from a configuration: the port, the SMEs and their rights, and reports that find their way."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from diameter.app import Application
from diameter.errors import ConfigError
from nfs.common.audit import AuditLog
from nfs.sms_sc.delivery import Reports
from nfs.sms_sc.keep import Keep
from nfs.sms_sc.logic import ServiceCentre, Trigger
from nfs.sms_sc.marking import Marking
from nfs.sms_sc.outcomes import Outcome
from nfs.sms_sc.s6c import S6c
from nfs.sms_sc.sme import ShortMessage
from nfs.sms_sc.smpp.config import SECRET_OCTETS, SmeTable, SmppTable
from nfs.sms_sc.smpp.server import SmppServer
from nfs.sms_sc.smpp.service import Sme, Tsms
from nfs.sms_sc.smpp.session import Direction

_DIRECTIONS = {"transmitter": Direction.SEND, "receiver": Direction.RECEIVE}


def smes_of(tables: tuple[SmeTable, ...]) -> tuple[Sme, ...]:
    """The SMEs with their passwords.  Raises ConfigError."""
    return tuple(
        Sme(
            system_id=table.system_id,
            password=_password(table.password),
            number=table.number,
            sources=table.sources,
            destinations=table.destinations,
            directions=Direction(sum(_DIRECTIONS[each].value for each in set(table.bind))),
            window=table.window,
            rate=table.rate,
            sessions=table.sessions,
            certificates=tuple(name.lower() for name in table.certificate_names),
            addresses=table.addresses,
        )
        for table in tables
    )


def _password(path: Path) -> str:
    line = path.read_bytes().partition(b"\n")[0].strip()
    if not line or len(line) > SECRET_OCTETS or not line.isascii():
        raise ConfigError(f"{path}: a password of 1 to {SECRET_OCTETS} ASCII characters expected in the first line")
    return line.decode("ascii")


class Told:
    """Reports to whoever the message came from: T4's to the MTC-IWF, Tsms' to the SME."""

    def __init__(self, t4: Reports, tsms: Tsms | None) -> None:
        self._t4 = t4
        self._tsms = tsms

    async def report(self, trigger: Trigger, outcome: Outcome) -> tuple[int, int] | None:
        """As `Reports.report`; what came from an SME when there was a Tsms is over where there is none."""
        if not isinstance(trigger, ShortMessage):
            return await self._t4.report(trigger, outcome)
        return (0, 2001) if self._tsms is None else await self._tsms.report(trigger, outcome)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run beside the handlers."""
        return self._t4.spawn(coroutine)


def make(
    smes: tuple[SmeTable, ...],
    centre: ServiceCentre,
    keep: Keep,
    s6c: S6c,
    marking: Marking,
    audit: AuditLog,
    *,
    clock: Any,
    application: Application,
) -> Tsms:
    """Tsms, whose coroutines run beside those of `application`.  Raises ConfigError."""
    return Tsms(smes_of(smes), centre, keep, s6c, marking, audit, clock=clock, spawn=application.spawn)


def serve(tsms: Tsms, table: SmppTable, reactor: Any) -> SmppServer:
    """The port, not yet listening."""
    return SmppServer(
        tsms,
        reactor,
        system_id=table.system_id,
        connections=table.connections,
        bind_s=table.bind_s,
        enquire_s=table.enquire_s,
        answer_s=table.answer_s,
    )
