"""IPsec by strongSwan, over its VICI socket: the hook `vici`.

Certificates, key and proposals are loaded into the daemon for as long as a link or a listener needs them, and nothing
is written to its files.  What protects a link is read from `list-sas` alone (`sas`), at first and after each event.
The end that dials brings the protection up, and up again when it went down; the other end only looks.
"""

from __future__ import annotations

from typing import Any

from twisted.internet.defer import CancelledError, Deferred
from twisted.internet.task import deferLater

from diameter.config import IpsecConfig
from diameter.errors import ConfigError
from diameter.security.link import ProtectionFailed
from diameter.transport.ipsec.hook import Flow, Guarded, Protection
from diameter.transport.ipsec.sas import Child, NothingThere, Proof, prove
from diameter.transport.ipsec.vici_connections import REQID, connections, read_material
from diameter.transport.ipsec.vici_daemon import RETRY_S, Daemon
from diameter.transport.ipsec.vici_session import ViciError, installed


class Vici:
    """The hook; one for a node."""

    reqid = REQID

    def __init__(self, reactor: Any) -> None:
        self._reactor = reactor
        self._daemons: dict[str, Daemon] = {}

    def check(self, options: IpsecConfig, /) -> None:
        """Is everything there that needs no daemon?  Raises ConfigError."""
        if not installed():
            raise ConfigError("hook: strongSwan needs the Python package vici: pip install mtc-diameter[ipsec]")
        if options.ike is None:
            raise ConfigError("ike: missing: certificate, key and trust for the IKE daemon")
        read_material(options.ike)

    def listen(self, flow: Flow, /) -> Protection:
        """Load what others bring protection up to.  Raises ConfigError, also where no daemon listens."""
        assert flow.options.ike is not None
        wanted = connections(flow, read_material(flow.options.ike), "")
        daemon = self._daemon(flow)
        try:
            daemon.hold_now(wanted)
        except ViciError as error:
            raise ConfigError(str(error)) from None
        return Loaded(daemon, [each.name for each in wanted])

    def protect(self, flow: Flow, owner: Guarded, /) -> Protection:
        """Bring protection up or find it, verify it, follow it."""
        return Watched(self._reactor, self._daemon(flow), flow, owner)

    def stop(self) -> Deferred[None]:
        """Fires when what was loaded for this node is unloaded."""
        daemons, self._daemons = list(self._daemons.values()), {}
        return Deferred.fromCoroutine(_stop(daemons))

    def _daemon(self, flow: Flow) -> Daemon:
        path = flow.options.ike.socket if flow.options.ike is not None else ""
        return self._daemons.setdefault(path, Daemon(self._reactor, path))


class Loaded:
    """What a listener has loaded."""

    def __init__(self, daemon: Daemon, names: list[str]) -> None:
        self._daemon = daemon
        self._names = names

    def release(self) -> None:
        """Unload it, once; what others brought up by it ends."""
        names, self._names = self._names, []
        self._daemon.drop(names)


class Watched:
    """The protection of one flow.

    `_proof`: what protects it, None when nothing does.  `_told`: whether `up` was called.
    """

    def __init__(self, reactor: Any, daemon: Daemon, flow: Flow, owner: Guarded) -> None:
        self._reactor = reactor
        self._daemon = daemon
        self._flow = flow
        self._owner = owner
        self._names: list[str] = []
        self._proof: Proof | None = None
        self._told = self._over = self._raising = False
        self._waiting: Deferred[Any] | None = None
        _ = Deferred.fromCoroutine(self._begin())

    def release(self) -> None:
        """Follow it no longer; what was loaded for it alone is ended."""
        self._over = True
        self._daemon.unwatch(self)
        if self._waiting is not None:
            self._waiting.cancel()
        names, self._names = self._names, []
        self._daemon.drop(names)

    # -- from the daemon

    def look(self, found: list[Child], /) -> None:
        """These child SAs are there."""
        if not self._told:
            return
        try:
            proof = prove(found, self._flow)
        except ProtectionFailed as error:
            self.blind(str(error))
            return
        before, self._proof = self._proof, proof
        if before is None or proof.serials - before.serials:
            self._owner.rekeyed(proof.security)

    def blind(self, reason: str, /) -> None:
        """Nothing is known to protect it."""
        if self._told and self._proof is not None:
            self._proof = None
            self._owner.down(reason)
        if self._told and self._flow.dialled and not self._raising and not self._over:
            self._raising = True
            _ = Deferred.fromCoroutine(self._again())

    # -- bringing it up

    async def _begin(self) -> None:
        """Say `up` or `failed`, from the reactor."""
        try:
            await self._wait(deferLater(self._reactor, 0))
            self._daemon.watch(self)
            proof = await self._protected()
        except CancelledError:
            return
        except (ViciError, ProtectionFailed, ConfigError) as error:
            self._daemon.unwatch(self)
            if not self._over:
                self._owner.failed(str(error))
            return
        if not self._over:
            self._proof, self._told = proof, True
            self._owner.up(proof.security)

    async def _protected(self) -> Proof:
        """Return what protects it, brought up if it is ours to do and was not there."""
        if self._flow.dialled and not self._names:
            await self._load()
        try:
            return prove(await self._daemon.listed(), self._flow)
        except NothingThere as error:
            if not self._flow.dialled:
                trouble = f" ({self._daemon.trouble})" if self._daemon.trouble else ""
                raise ProtectionFailed(f"{error}{trouble}") from None
        for name in tuple(self._names):
            limit_s = self._flow.options.establish_s
            await self._wait(Deferred.fromCoroutine(self._daemon.initiate(name, limit_s)))
        return prove(await self._daemon.listed(), self._flow)

    async def _load(self) -> None:
        assert self._flow.options.ike is not None
        wanted = connections(self._flow, read_material(self._flow.options.ike), self._daemon.mark)
        self._names = [each.name for each in wanted]
        await self._daemon.hold(wanted)
        if self._over:
            raise CancelledError

    async def _again(self) -> None:
        """It went down: bring it up until it is, or nobody needs it."""
        try:
            while self._proof is None and not self._over:
                try:
                    self._take(await self._protected())
                except (ViciError, ProtectionFailed, ConfigError):
                    await self._wait(deferLater(self._reactor, RETRY_S))
        except CancelledError:
            return
        finally:
            self._raising = False

    def _take(self, proof: Proof) -> None:
        if self._proof is None and not self._over:
            self._proof = proof
            self._owner.rekeyed(proof.security)

    async def _wait(self, until: Deferred[Any]) -> None:
        """Wait for something that `release` ends.  Raises CancelledError then."""
        self._waiting = until
        try:
            await until
        finally:
            self._waiting = None
        if self._over:
            raise CancelledError


async def _stop(daemons: list[Daemon]) -> None:
    for each in daemons:
        await each.stop()
