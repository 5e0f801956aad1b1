"""What charon 5.9.8 says of its security associations, as it said it, and a daemon for tests that only says."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from twisted.internet.defer import Deferred

from diameter.transport.ipsec.vici_session import Heard, Tree, ViciError, ViciGone

IKE: Final[Mapping[str, str]] = {
    "uniqueid": "1", "version": "2", "state": "ESTABLISHED", "local-host": "10.1.1.1", "local-port": "500",
    "local-id": "a.example", "remote-host": "10.1.1.2", "remote-port": "500", "remote-id": "b.example",
    "initiator": "yes", "initiator-spi": "0a889284255cd28e", "responder-spi": "611ad905efa928cf",
    "encr-alg": "AES_GCM_16", "encr-keysize": "128", "prf-alg": "PRF_HMAC_SHA2_256", "dh-group": "ECP_256",
    "established": "0", "rekey-time": "14196",
}  # fmt: skip
CHILD: Final[Mapping[str, Any]] = {
    "name": "mtc-x", "uniqueid": "1", "reqid": "1", "state": "INSTALLED", "mode": "TRANSPORT", "protocol": "ESP",
    "spi-in": "c5e02a8f", "spi-out": "c5429202", "encr-alg": "AES_GCM_16", "encr-keysize": "128", "bytes-in": "0",
    "packets-in": "0", "bytes-out": "0", "packets-out": "0", "rekey-time": "3245", "life-time": "3960",
    "install-time": "1", "local-ts": ["10.1.1.1/32"], "remote-ts": ["10.1.1.2/32"],
}  # fmt: skip


def changed(tree: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """A copy with other values; None leaves one out."""
    return {key: value for key, value in {**tree, **changes}.items() if value is not None}


def sa(*children: Mapping[str, Any], name: str = "mtc-x", **ike: Any) -> dict[str, Any]:
    """One event of `list-sas`; underlines in names of keys stand for hyphens."""
    found = children or (child(),)
    numbered = {f"{name}-{number}": each for number, each in enumerate(found, 1)}
    return {name: {**changed(IKE, _hyphens(ike)), "child-sas": numbered}}


def child(**changes: Any) -> dict[str, Any]:
    """One child SA."""
    return changed(CHILD, _hyphens(changes))


def _hyphens(changes: Mapping[str, Any]) -> dict[str, Any]:
    return {key.replace("_", "-"): value for key, value in changes.items()}


class FakeCharon:
    """A daemon that does as told, in place of `open_session`.

    `sas`: what `list-sas` says.  `initiating`: called for `initiate`, may raise ViciError or change `sas`.  `there`:
    whether anybody listens.  `commands`: (name, message) of each command.  `refusing`: words for a command refused.
    """

    def __init__(self) -> None:
        self.sas: list[dict[str, Any]] = []
        self.initiating: Callable[[], None] = lambda: None
        self.there = True
        self.commands: list[tuple[str, Mapping[str, Any]]] = []
        self.refusing: dict[str, str] = {}
        self.sessions: list[FakeSession] = []
        self.silent: Deferred[None] | None = None

    async def open(
        self,
        reactor: Any,
        path: str,
        *,
        events: Sequence[str] = (),
        heard: Heard = lambda name, tree: None,
        lost: Callable[[str], None] = lambda reason: None,
    ) -> FakeSession:
        if not self.there:
            raise ViciGone(f"strongSwan at {path}: nobody")
        made = FakeSession(self, events, heard, lost)
        self.sessions.append(made)
        return made

    def tell_now(self, path: str, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Tree]:
        """In place of the function of that name."""
        if not self.there:
            raise ViciGone(f"strongSwan at {path}: nobody")
        self.commands += commands
        refused = [self.refusing[name] for name, _ in commands if name in self.refusing]
        if refused:
            raise ViciError(f"strongSwan: {refused[0]}")
        return [{"id": "k1"}] * len(commands)

    def names(self) -> list[str]:
        """Names of the commands so far."""
        return [name for name, _ in self.commands]

    def happen(self, event: str = "child-updown") -> None:
        """Something has changed."""
        for each in self.sessions:
            if event in each.events and not each.closed:
                each.heard(event, {})

    def die(self) -> None:
        """The daemon is gone."""
        self.there = False
        gone, self.sessions = self.sessions, []
        for each in gone:
            if not each.closed:
                each.closed = True
                each.lost("strongSwan: it closed the connection")


class FakeSession:
    """A connection to it."""

    def __init__(self, charon: FakeCharon, events: Sequence[str], heard: Heard, lost: Callable[[str], None]) -> None:
        self._charon = charon
        self.events, self.heard, self.lost = events, heard, lost
        self.closed = False

    async def request(self, command: str, message: Mapping[str, Any] | None = None, *, limit_s: float = 1) -> Tree:
        return (await self.collect(command, "", message))[0]

    async def collect(
        self, command: str, event: str, message: Mapping[str, Any] | None = None, *, limit_s: float = 1
    ) -> tuple[Tree, tuple[Tree, ...]]:
        self._charon.commands.append((command, message or {}))
        if command in self._charon.refusing:
            raise ViciError(f"strongSwan: {self._charon.refusing[command]}")
        if command == "initiate":
            if self._charon.silent is not None:
                await self._charon.silent
            self._charon.initiating()
        return {"id": "k1"} if command == "load-key" else {}, tuple(self._charon.sas) if command == "list-sas" else ()

    def close(self) -> None:
        self.closed = True
