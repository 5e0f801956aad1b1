"""SMPP over TLS on real sockets: an external entity is in with its own certificate, and out with any other or none."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from twisted.internet.defer import maybeDeferred

from helpers.certificates import Ca, Leaf
from helpers.links import tls_table
from helpers.loop import drive, reactor
from helpers.loose import LooseClient, connect, loose_context
from helpers.programs import until
from helpers.smpp import SME, SUBMIT, Rig
from nfs.sms_sc.smpp.config import SmppTable
from nfs.sms_sc.smpp.pdu import Bind, Body, Command, Pdu, Reader, SmsAnswer, Status, decode
from nfs.sms_sc.smpp.wiring import SmppPort

pytestmark = pytest.mark.link

CA, STRANGERS = Ca(), Ca("Other CA")
SERVER, OWN = CA.issue("smssc.example"), CA.issue("meters.customer.example")
BOUND_S = 60.0
BIND = Pdu(command=Command.BIND_TRANSCEIVER, sequence=1, body=Bind(system_id=b"meters", password=b"secret")).encode()


class Port:
    """The port of an SMS-SC over TLS, with one entity that has a certificate."""

    def __init__(self, folder: Path) -> None:
        self.rig = Rig(folder, replace(SME, certificates=("meters.customer.example",)))
        self._port = SmppPort(self.rig.tsms, SmppTable(port=0), tls_table(folder, "smssc", SERVER, CA), reactor)
        self.server = self._port._server
        self.number = 0

    def listen(self) -> None:
        self.number = int(self._port.listen().rpartition(":")[2])

    async def dial(self, certificate: Leaf | None) -> LooseClient:
        client = LooseClient(loose_context(certificate), BIND)
        await connect(self.number, client)
        return client

    async def close(self, client: LooseClient) -> None:
        if client.ended is None:
            assert client.transport is not None
            client.transport.loseConnection()
        await until(lambda: client.ended is not None and not self.server.open, "the end", BOUND_S)
        await maybeDeferred(self._port.stop)

    async def answer(self, client: LooseClient) -> Pdu:
        reader: list[bytes] = []

        def look() -> bool:
            self.rig.settle()
            reader[:] = []
            octets = Reader()
            octets.feed(client.clear)
            whole = octets.next()
            if whole is not None:
                reader.append(whole)
            return whole is not None

        await until(look, "an answer", BOUND_S)
        client.clear = client.clear[len(reader[0]) :]
        return decode(reader[0])


@pytest.fixture
def port(tmp_path: Path) -> Iterator[Port]:
    port = Port(tmp_path)
    yield port
    port.rig.delivery.stop()
    _ = port.rig.store.close()
    port.rig.audit.close()


def _send(client: LooseClient, command: int, sequence: int, body: Body) -> None:
    client.tls.sendall(Pdu(command=command, sequence=sequence, body=body).encode())
    client.flush()


def test_an_entity_with_its_certificate_submits_over_tls(port: Port) -> None:
    async def scenario() -> None:
        port.listen()
        client = await port.dial(OWN)
        assert (await port.answer(client)).status == Status.OK
        (open_one,) = port.server.open
        assert (open_one.session.secure, open_one.session.names) == (True, ("meters.customer.example",))
        _send(client, Command.SUBMIT_SM, 2, replace(SUBMIT, registered=0))
        answer = await port.answer(client)
        assert (answer.status, type(answer.body)) == (Status.OK, SmsAnswer)
        (kept,) = port.rig.load()
        assert isinstance(answer.body, SmsAnswer)
        assert kept.submission == answer.body.message_id.decode()
        await port.close(client)

    drive(scenario(), 4 * BOUND_S)


def test_the_certificate_of_somebody_else_binds_nobody(port: Port) -> None:
    """Of the right CA, with the right name and password in the bind."""

    async def scenario() -> None:
        port.listen()
        client = await port.dial(CA.issue("other.customer.example"))
        assert (await port.answer(client)).status == Status.BIND_FAILED
        await until(lambda: client.ended is not None, "the end of the connection", BOUND_S)
        await port.close(client)

    drive(scenario(), 4 * BOUND_S)
    (line,) = port.rig.lines()
    assert (line["check"], line["reason"], line["peer"]) == (
        "sme-bind", "the certificate is not of this SME", "other.customer.example",
    )  # fmt: skip


@pytest.mark.parametrize(
    "certificate",
    [None, STRANGERS.issue("meters.customer.example"), CA.issue("meters.customer.example", days=(-3, -1))],
    ids=["none", "another-ca", "expired"],
)
def test_without_a_certificate_of_its_ca_nothing_is_read(port: Port, certificate: Leaf | None) -> None:
    async def scenario() -> None:
        port.listen()
        client = await port.dial(certificate)
        await until(lambda: client.ended is not None, "the end of the connection", BOUND_S)
        assert (client.clear, port.server.open) == (b"", set())
        await port.close(client)

    drive(scenario(), 4 * BOUND_S)
    assert (port.rig.tsms._live, port.rig.load()) == ({}, [])
