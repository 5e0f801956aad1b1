"""Tsms put together from a configuration: the port, the SMEs and their rights, and reports that find their way."""

from __future__ import annotations

from collections.abc import Coroutine
from pathlib import Path
from typing import Any

from diameter.config import TlsConfig
from diameter.errors import ConfigError
from nfs.sms_sc.delivery import Reports
from nfs.sms_sc.logic import Trigger
from nfs.sms_sc.outcomes import Outcome
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
            messages=table.messages,
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


class SmppPort:
    """The port with its Tsms.  tls: the keys of the node, for a table without its own."""

    def __init__(self, tsms: Tsms, table: SmppTable, tls: TlsConfig | None, reactor: Any) -> None:
        self.tsms = tsms
        self._table = table
        self._tls = (table.tls or tls) if table.transport == "tls" else None
        self._server = SmppServer(
            tsms,
            reactor,
            system_id=table.system_id,
            connections=table.connections,
            bind_s=table.bind_s,
            enquire_s=table.enquire_s,
            answer_s=table.answer_s,
        )

    def listen(self) -> str:
        """Listen; where, for the ready line.  Raises ConfigError, CannotListenError."""
        return self._server.listen(self._table.host, self._table.port, self._tls)

    def stop(self) -> Any:
        """As `SmppServer.stop`."""
        return self._server.stop()

    def renew(self, tables: tuple[SmeTable, ...]) -> None:
        """Take over other SMEs, and read the keys anew; sessions go on.  Raises ConfigError and changes nothing."""
        smes = smes_of(tables)
        if self._server.keys is not None:
            self._server.keys.reload()
        self.tsms.smes = {sme.system_id: sme for sme in smes}


class Told:
    """Reports to whoever the message came from: T4's to the MTC-IWF, Tsms' to the SME."""

    def __init__(self, t4: Reports, port: SmppPort | None) -> None:
        self._t4 = t4
        self._port = port

    async def report(self, trigger: Trigger, outcome: Outcome) -> tuple[int, int] | None:
        """As `Reports.report`; what came from an SME is over where there is no port any more."""
        if not isinstance(trigger, ShortMessage):
            return await self._t4.report(trigger, outcome)
        return (0, 2001) if self._port is None else await self._port.tsms.report(trigger, outcome)

    def spawn(self, coroutine: Coroutine[Any, Any, None]) -> object:
        """Run beside the handlers."""
        return self._t4.spawn(coroutine)
