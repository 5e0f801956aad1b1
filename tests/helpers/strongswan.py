"""strongSwan's charon as Debian packages it (charon-systemd, strongswan-swanctl), one daemon to a folder and network.

It is started without systemd, by a configuration of its own, and knows nothing but what comes over its VICI socket.
`libipsec`: ESP in user space on a device `ipsec0`, for kernels that have none.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from helpers.network_spaces import Space
from helpers.programs import Program, until

CHARON: Final = "charon-systemd"
PLUGINS: Final = (
    "random nonce aes gcm sha1 sha2 hmac kdf openssl pem pkcs1 pkcs8 x509 pubkey constraints revocation{} "
    "kernel-netlink socket-default vici"
)
CONF: Final = """
charon-systemd {{
  load = {plugins}
  retransmit_timeout = 0.5
  retransmit_base = 1.2
  retransmit_tries = 3
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
    """One daemon in a network.  `socket`: of VICI."""

    def __init__(self, space: Space, folder: Path, *, libipsec: bool = False) -> None:
        folder.mkdir(exist_ok=True)
        self.socket = folder / "vici"
        self._folder = folder
        self._space = space
        plugins = PLUGINS.format(" kernel-libipsec" if libipsec else "")
        (folder / "strongswan.conf").write_text(CONF.format(plugins=plugins, folder=folder))
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

    async def ready(self) -> None:
        """Wait until its socket is there."""
        await until(lambda: self.socket.exists() or self.program.process.poll() is not None, "charon", 20)
        assert self.program.process.poll() is None, self.log

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
