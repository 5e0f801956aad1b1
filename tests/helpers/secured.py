"""Two nodes on a real protected link, TLS over TCP or DTLS over SCTP over UDP, perhaps with somebody in the middle."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Literal

import pytest
from cryptography import x509

from diameter.app import Application
from diameter.config import NodeConfig, PeerConfig, TlsConfig
from diameter.node import Node, as_deferred
from diameter.security import dtls, tls
from diameter.transport import keys
from helpers.certificates import Ca, Leaf, pem, rsa_key
from helpers.interfaces import INTERFACES
from helpers.loop import reactor, settle
from helpers.loose import Wire
from helpers.middle import Middle
from helpers.nodes import LEFT, REALM, RIGHT, Said, dictionary
from helpers.programs import until
from helpers.sctp_ways import Way
from helpers.udp import TwoSockets

Kind = Literal["tls", "dtls"]
KINDS: Final[tuple[Kind, ...]] = ("tls", "dtls")
CA: Final = Ca()
RSA_CA: Final = Ca("RSA CA", key=rsa_key(2048))
CLEAR: Final = {"physical_protection": True, "physical_protection_reason": "loopback of a test"}


class Secured:
    """A client (LEFT) that dials a server (RIGHT); `async with` starts the server alone."""

    def __init__(
        self,
        kind: str,
        folder: Path,
        *,
        client: Leaf | None = None,
        server: Leaf | None = None,
        interface: str = "Tsp",
        crls: Sequence[x509.CertificateRevocationList] = (),
        careless: str = "",
        middle: bool = False,
        association: Mapping[str, Any] | None = None,
        way: Way | None = None,
        client_tls: Mapping[str, Any] | None = None,
        listen: Mapping[str, Any] | None = None,
        peer: Mapping[str, Any] | None = None,
        **node: Any,
    ) -> None:
        """`careless`: "client" or "server", who shows what it is given without looking at it; `listen`, `peer`: keys of
        the server's listener and of its row for the client.
        """
        self.kind, self.folder, self._middle = kind, folder, middle
        self._way = way or TwoSockets()
        self.interface = INTERFACES[interface]
        self.said, self.client_said = Said(), Said()
        self.asking, self.answering = self.interface.asking(), self.interface.answering()
        self._leaves = {"client": client or CA.issue(LEFT), "server": server or CA.issue(RIGHT)}
        self._crls, self._careless = crls, careless
        self._association, self._client_tls = dict(association or {}), dict(client_tls or {})
        self._wires: list[Wire | Middle] = []
        self._clients: list[Node] = []
        row = {"host": LEFT, "realm": REALM, "transport": kind, **(peer or {})}
        table = {"listen": [{**self._listener(), **(listen or {})}], "peer": [row], **node}
        self.server = self._node("server", RIGHT, [self.answering], self.said, **table)

    def keys(self, name: str) -> dict[str, Any]:
        """The `[node.tls]` table of an end, its files written."""
        leaf = self._leaves[name]
        (self.folder / f"{name}-trust.pem").write_bytes(pem(CA.certificate) + pem(RSA_CA.certificate))
        table: dict[str, Any] = {**leaf.write(self.folder, name), "trust": [str(self.folder / f"{name}-trust.pem")]}
        if self._crls:
            (self.folder / "crl.pem").write_bytes(b"".join(pem(one) for one in self._crls))
            table["crl"] = [str(self.folder / "crl.pem")]
        return table | (self._client_tls if name == "client" else {})

    def _listener(self) -> dict[str, Any]:
        if self.kind != "dtls":
            return {"transport": self.kind, "port": 0, **(CLEAR if self.kind == "tcp" else {})}
        return self._way.listening(transport="dtls", **self._association).model_dump()

    def _node(self, name: str, host: str, applications: list[Application], said: Said, **tables: Any) -> Node:
        tls_table = TlsConfig.model_validate(self.keys(name), strict=False)
        table = {"origin_host": host, "origin_realm": REALM, "tls": tls_table, "product_name": "unmistakable", **tables}
        config = NodeConfig.model_validate(table, strict=False)
        with carelessly() if self._careless == name else _as_always():
            made = Node(
                config, applications, dictionary(), reactor=reactor, observe=said.observe, audit=said.refused.append
            )
            if self._careless == name:
                assert made._links._keys.dtls  # made when it is first asked for
        return made

    async def dial(self, **keys: Any) -> PeerConfig:
        """The client's row for the server, through the middle if there is one."""
        found: dict[str, Any] = {"host": RIGHT, "realm": REALM, "connect": True, "addresses": ["127.0.0.1"]}
        if self.kind == "dtls":
            ports = {"remote_udp_port": (await self._udp()).port} if self._middle else {}
            ours = {name: value for name, value in self._association.items() if name != "outbound_streams"}
            made = self._way.dialling(transport="dtls", **ours, **ports)
            found = {**made.model_dump(), "host": RIGHT, "realm": REALM}
        else:
            port = self.server.listening[0][1].port
            if self._middle:
                wire = Wire(port)
                self._wires.append(wire)
                port = await wire.open()
            found |= {"transport": self.kind, "port": port, **(CLEAR if self.kind == "tcp" else {})}
        return PeerConfig.model_validate({**found, **keys}, strict=False)

    async def _udp(self) -> Middle:
        assert isinstance(self._way, TwoSockets)
        middle = Middle(self._way.udp_port)
        self._wires.append(middle)
        return middle

    @property
    def wire(self) -> Any:
        """Who is in the middle: a Wire of TCP, a Middle of SCTP."""
        return self._wires[-1]

    async def client(self, **keys: Any) -> Node:
        """A client that has started to dial."""
        if self._clients:
            self.asking = self.interface.asking()
        made = self._node("client", LEFT, [self.asking], self.client_said, peer=[await self.dial(**keys)])
        self._clients.append(made)
        await made.start()
        return made

    async def open(self, **keys: Any) -> Node:
        """A client whose peer is open, at both ends."""
        made = await self.client(**keys)
        await made.when_open(RIGHT)
        await until(lambda: any(peer.usable for peer in self.server.peers), "the server's peer is open")
        return made

    def ask(self) -> Any:
        """A request of the client; fires with the answer."""
        return as_deferred(self.asking.request(self.interface.command, self.interface.avps, realm=REALM))

    def metric(self, name: str) -> float:
        """A counter of the server as Prometheus reads it."""
        from diameter.metrics import exposition

        lines = exposition(self.server).decode().splitlines()
        return float(next(line.split()[-1] for line in lines if line.startswith(f"{name} ")))

    async def __aenter__(self) -> Secured:
        await self.server.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        for node in (*self._clients, self.server):
            await node.stop()
        for wire in self._wires:
            await wire.close()
        settle()


@contextmanager
def carelessly() -> Iterator[None]:
    """Within: a context is made of any certificate, as OpenSSL lets it be when it is told to look away."""
    real = tls.apply_profile

    def lax(context: Any, credentials: Any) -> None:
        real(context, credentials)
        context.set_cipher_list(b"ALL:@SECLEVEL=0")

    def chain(credentials: Any) -> list[x509.Certificate]:
        return x509.load_pem_x509_certificates(credentials.chain)

    def always(certificate: x509.Certificate) -> tuple[Any, Any]:
        return datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tls, "own_chain", chain)
        patch.setattr(tls, "apply_profile", lax)
        patch.setattr(dtls, "apply_profile", lax)
        patch.setattr(keys, "lifetime", always)
        yield


@contextmanager
def _as_always() -> Iterator[None]:
    yield
