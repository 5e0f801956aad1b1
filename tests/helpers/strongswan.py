"""strongSwan's charon as Debian packages it (charon-systemd, strongswan-swanctl), one daemon to a folder and network.

It is started without systemd, by a configuration of its own, and knows nothing but what comes over its VICI socket.
`libipsec`: ESP in user space on a device `ipsec0`, for kernels that have none.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from diameter.config import IpsecConfig
from diameter.security.link import LinkSecurity
from diameter.security.pki import Pki
from diameter.transport.ipsec.hook import Flow
from diameter.transport.ipsec.sas import Child, children
from diameter.transport.ipsec.vici_session import ViciSession, open_session
from helpers.loop import reactor
from helpers.network_spaces import Cables, Space
from helpers.programs import Program, until

CHARON: Final = "charon-systemd"
PLUGINS: Final = (
    "random nonce aes gcm sha1 sha2 hmac kdf openssl pem pkcs1 pkcs8 x509 pubkey constraints revocation{} "
    "kernel-netlink socket-default vici"
)
CONF: Final = """
charon-systemd {{
  load = {plugins}
  retransmit_timeout = {again_s}
  retransmit_base = 1.4
  retransmit_tries = 4
  filelog {{ l {{ path = {folder}/charon.log
    default = 1
    flush_line = yes }} }}
  journal {{ default = -1 }}
  syslog {{ daemon {{ default = -1 }} }}
  plugins {{ vici {{ socket = unix://{folder}/vici }}
    kernel-libipsec {{ allow_peer_ts = yes }} }}
}}
"""


class Charon:
    """One daemon in a network.  `socket`: of VICI.  `again_s`: time until it sends again what is not answered."""

    def __init__(self, space: Space, folder: Path, *, libipsec: bool = False, again_s: float = 1.5) -> None:
        folder.mkdir(exist_ok=True)
        self.socket = folder / "vici"
        self._folder = folder
        self._space = space
        self._from = 0
        plugins = PLUGINS.format(" kernel-libipsec" if libipsec else "")
        (folder / "strongswan.conf").write_text(CONF.format(plugins=plugins, folder=folder, again_s=again_s))
        self.program = self._start()

    def _start(self) -> Program:
        self.socket.unlink(missing_ok=True)  # one that was killed leaves it behind
        environment = {**os.environ, "STRONGSWAN_CONF": str(self._folder / "strongswan.conf")}
        with self._space:
            return Program([CHARON], self._folder / "output", environment)

    @property
    def log(self) -> str:
        """What it has written."""
        path = self._folder / "charon.log"
        return path.read_text(errors="replace") if path.exists() else self.program.text

    @property
    def since(self) -> str:
        """What it has written since `forget`."""
        return self.log[self._from :]

    def forget(self) -> None:
        """Begin `since` here."""
        self._from = len(self.log)

    async def ready(self) -> None:
        """Wait until its socket is there."""
        await until(lambda: self.socket.exists() or self.program.process.poll() is not None, "charon")
        assert self.program.process.poll() is None, self.log

    async def session(self) -> ViciSession:
        """A connection of the test's own to its socket."""
        return await open_session(reactor, str(self.socket), events=("list-sa", "list-conn"))

    async def tell(self, command: str, **message: Any) -> None:
        """A command of the operator's."""
        session = await self.session()
        await session.request(command, {key.replace("_", "-"): value for key, value in message.items()})
        session.close()

    async def knows(self) -> tuple[list[Any], list[Any]]:
        """Security associations and connections that it has."""
        session = await self.session()
        _, sas = await session.collect("list-sas", "list-sa")
        _, connections = await session.collect("list-conns", "list-conn")
        session.close()
        return list(sas), list(connections)

    async def child(self) -> str:
        """The name of the only connection, which is that of its child."""
        _, connections = await self.knows()
        (name,) = (name for each in connections for name in each)
        return str(name)

    async def children(self) -> list[Child]:
        """Child SAs that it has."""
        return children((await self.knows())[0])

    async def load(
        self, name: str, pki: Pki, us: str, peer: str, hosts: tuple[str, str], ike: str, esp: str, **more: Any
    ) -> None:
        """A connection of the operator's own, past our program."""
        mine = issued(pki, us)
        here, there = hosts
        child = {
            "local_ts": [f"{here}/32"], "remote_ts": [f"{there}/32"], "esp_proposals": [esp], "mode": "transport",
            "rekey_time": "3600", **more,
        }  # fmt: skip
        tree = {
            "version": "2", "local_addrs": [here], "remote_addrs": [there], "proposals": [ike],
            "local": {"auth": "pubkey", "id": us, "certs": [mine["certificate"].read_bytes()]},
            "remote": {"auth": "pubkey", "id": peer, "cacerts": [pki.ca_path.read_bytes()]}, "children": {name: child},
        }  # fmt: skip
        session = await self.session()
        await session.request("load-key", {"type": "any", "data": mine["key"].read_bytes()})
        await session.request("load-conn", {name: tree})
        session.close()

    async def kill(self) -> None:
        """End it without a word to anybody."""
        await self.program.end(9)

    async def again(self) -> None:
        """Start it anew; it knows nothing of before."""
        self.program = self._start()
        await self.ready()

    def release(self) -> None:
        """Make sure that nothing of it is left."""
        self.program.release()
        self.socket.unlink(missing_ok=True)


def issued(pki: Pki, host: str) -> dict[str, Any]:
    """The table `ike` of somebody with a certificate of this PKI, made when there is none; paths."""
    certificate, key = pki.folder / f"{host}.pem", pki.folder / f"{host}.key"
    if not certificate.exists():
        pki.issue(host)
    return {"certificate": certificate, "key": key, "trust": [pki.ca_path]}


def written(table: Mapping[str, Any]) -> dict[str, Any]:
    """The same for a configuration in a file: paths as text."""
    return {
        key: [str(each) for each in value]
        if isinstance(value, list)
        else str(value)
        if isinstance(value, Path)
        else value
        for key, value in table.items()
    }


class Daemons:
    """Two of them, at the two ends of a cable; `left` and `right` as in `Cables`."""

    def __init__(self, cables: Cables, folder: Path, **options: Any) -> None:
        self.left = Charon(cables.left, folder / "left", **options)
        self.right = Charon(cables.right, folder / "right", **options)

    async def __aenter__(self) -> Daemons:
        await self.left.ready()
        await self.right.ready()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.left.release()
        self.right.release()


class Owner:
    """Whoever asked a hook for protection: what it was told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, Any]] = []

    def up(self, security: LinkSecurity, /) -> None:
        self.told.append(("up", security))

    def rekeyed(self, security: LinkSecurity, /) -> None:
        self.told.append(("rekeyed", security))

    def down(self, reason: str, /) -> None:
        self.told.append(("down", reason))

    def failed(self, reason: str, /) -> None:
        self.told.append(("failed", reason))

    def of(self, name: str) -> list[Any]:
        """What was said with each call of a name."""
        return [what for each, what in self.told if each == name]

    async def until(self, name: str, count: int = 1, timeout_s: float = 180.0) -> Any:
        """Wait for the `count`th call of a name; what was said with it."""
        await until(lambda: len(self.of(name)) >= count, f"{count} x {name}, was told {self.told}", timeout_s)
        return self.of(name)[count - 1]


def flow(us: str, peer: str, **more: Any) -> Flow:
    """TCP from 10.1.1.1 to port 3868 of 10.1.1.2, dialled; `options` are those of `[peer.ipsec]`."""
    options = IpsecConfig.model_validate(more.pop("options"))
    filled: dict[str, Any] = {
        "peer": peer, "identity": peer, "local_identity": us, "local": ("10.1.1.1",), "remote": ("10.1.1.2",),
        "protocol": "tcp", "local_port": 0, "remote_port": 3868, "dialled": True, **more,
    }  # fmt: skip
    return Flow(options=options, **filled)


def listener(us: str, **more: Any) -> Flow:
    """Port 3868 of TCP at 10.1.1.2, for whoever is trusted."""
    filled = {"identity": "", "local": ("10.1.1.2",), "remote": (), "local_port": 3868, "remote_port": 0, **more}
    return flow(us, "", dialled=False, **filled)
