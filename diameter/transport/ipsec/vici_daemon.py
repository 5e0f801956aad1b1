"""One charon, as the links of one node see it: what is loaded into it for them, what it says of its security
associations, and whether it is there at all.

Events are only a sign that something has changed: what is true is asked for anew, once for all that wait.  A daemon
that is gone is looked for every RETRY_S; one that is back is told everything again.  Connections are unloaded when
nobody needs them; keys are not, because nothing tells whether another program has loaded the same one.
"""

from __future__ import annotations

from collections.abc import Coroutine, Iterable
from dataclasses import dataclass, field
from secrets import token_hex
from typing import Any, Final, Protocol

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.task import deferLater

from diameter.transport.ipsec.sas import Child, children
from diameter.transport.ipsec.vici_connections import Connection
from diameter.transport.ipsec.vici_session import SOCKET, Tree, ViciError, ViciGone, ViciSession, open_session, tell_now

EVENTS: Final = ("ike-updown", "child-updown", "child-rekey", "ike-rekey", "ike-update")
LIST: Final = "list-sa"
LOG: Final = "control-log"
RETRY_S: Final = 1.0
GOODBYE_MS: Final = 1000
"""Time that the other end has to hear that an IKE SA is over."""
TELLING: Final = (
    "notify error", "no trusted", "constraint check failed", "peer not responding", "certificate was revoked",
    "no private key", "no acceptable", "revocation", "not confirmed by certificate", "unable to", "no matching",
)  # fmt: skip
"""What in the daemon's own report says why, not what."""


class Watcher(Protocol):
    """Somebody who follows the security associations of a flow."""

    def look(self, found: list[Child], /) -> None:
        """These are all that there are now."""

    def blind(self, reason: str, /) -> None:
        """Nobody knows any more which there are."""


@dataclass(slots=True)
class _Held:
    """A connection that is wanted by so many."""

    connection: Connection
    users: int = 0
    loaded: bool = False


@dataclass(slots=True)
class Daemon:
    """Made with the path of its socket ("" is the usual one).  `mark`: of our own connections in it."""

    reactor: Any
    path: str = ""
    trouble: str = ""
    mark: str = field(default_factory=lambda: token_hex(4))
    _session: ViciSession | None = None
    _held: dict[str, _Held] = field(default_factory=dict)
    _watchers: list[Watcher] = field(default_factory=list)
    _opening: list[Deferred[None]] | None = None
    _tasks: set[Deferred[Any]] = field(default_factory=set)
    _telling: DeferredLock = field(default_factory=DeferredLock)
    _changed: bool = False
    _looking: bool = False
    _over: bool = False

    def __post_init__(self) -> None:
        self.path = self.path or SOCKET

    # -- asked by the hook

    async def hold(self, wanted: Iterable[Connection]) -> None:
        """Load these connections, or count one more user.  Raises ViciError; they are held all the same."""
        mine = list(wanted)
        for each in mine:
            self._book(each).users += 1
        session = await self._up()
        for each in mine:
            held = self._held.get(each.name)
            if held is not None and not held.loaded:
                await self._load(session, held)

    def hold_now(self, wanted: Iterable[Connection]) -> None:
        """The same without a turn of the reactor: a listener must not open before others can bring protection up to it.

        A few milliseconds; raises ViciError and holds nothing.
        """
        for each in wanted:
            known = self._held.get(each.name)
            loaded = known is not None and known.loaded and known.connection == each
            if not loaded:
                tell_now(self.path, each.commands())
            held = self._book(each)
            held.users += 1
            held.loaded = True
        self._start(self._follow())

    def drop(self, names: Iterable[str]) -> None:
        """One user less of each; what nobody uses is ended and unloaded, which `stop` waits for."""
        gone = []
        for name in names:
            held = self._held.get(name)
            if held is not None:
                held.users -= 1
                if held.users <= 0:
                    gone.append(self._held.pop(name))
        loaded = [held for held in gone if held.loaded]
        if loaded:
            self._start(self._unload(loaded))

    async def initiate(self, name: str, limit_s: float) -> None:
        """Bring up the child SA of a connection.  Raises ViciError with the daemon's reason.

        After a failure it is loaded again the next time: an operator who has his files loaded unloads all others.
        """
        held = self._held[name]
        if not held.loaded:
            await self._load(await self._up(), held)
        session = await open_session(self.reactor, self.path, events=(LOG,))
        message = {"child": name, "ike": name, "timeout": str(round(limit_s * 1000)), "loglevel": "1"}
        try:
            await session.collect("initiate", LOG, message, limit_s=limit_s + 1)
        except ViciGone:
            raise
        except ViciError as error:
            held.loaded = False
            raise ViciError(because(str(error), error.said)) from None
        finally:
            session.close()

    async def listed(self) -> list[Child]:
        """All child SAs that there are.  Raises ViciError."""
        session = await self._up()
        return children((await session.collect("list-sas", LIST))[1])

    def watch(self, watcher: Watcher) -> None:
        """Tell this one from now on."""
        self._watchers.append(watcher)

    def unwatch(self, watcher: Watcher) -> None:
        """Tell it no more."""
        if watcher in self._watchers:
            self._watchers.remove(watcher)

    async def stop(self) -> None:
        """Wait for what is being ended, then let the connection go."""
        self._over = True
        while self._tasks:
            task = next(iter(self._tasks))
            waiting: Deferred[None] = Deferred()
            _ = task.addBoth(_passing, waiting)
            await waiting
        if self._session is not None:
            self._session.close()
            self._session = None

    # -- the connection

    async def _follow(self) -> None:
        """Have a connection, so that the end of the daemon is noticed."""
        try:
            await self._up()
        except ViciError:
            self._lost(self.trouble)

    async def _up(self) -> ViciSession:
        """The connection, made if there is none.  Raises ViciError."""
        if self._session is None and self._opening is not None:
            waiting: Deferred[None] = Deferred()
            self._opening.append(waiting)
            await waiting
        elif self._session is None:
            await self._open()
        if self._session is None:
            raise ViciGone(self.trouble)
        return self._session

    async def _open(self) -> None:
        self._opening = []
        try:
            self._session = await open_session(
                self.reactor, self.path, events=(*EVENTS, LIST), heard=self._heard, lost=self._lost
            )
            self.trouble = ""
        except ViciError as error:
            self.trouble = str(error)
        finally:
            waiting, self._opening = self._opening, None
            for each in waiting:
                each.callback(None)

    def _heard(self, name: str, tree: Tree) -> None:
        self._look_again()

    def _lost(self, reason: str) -> None:
        self._session, self.trouble = None, reason
        for held in self._held.values():
            held.loaded = False
        for each in tuple(self._watchers):
            each.blind(reason)
        if not self._over and (self._held or self._watchers):
            self._start(self._return())

    async def _return(self) -> None:
        """Look for the daemon until it is there, or nobody needs it; load again what is held."""
        while self._session is None and (self._held or self._watchers) and not self._over:
            await deferLater(self.reactor, RETRY_S)
            try:
                session = await self._up()
                for held in tuple(self._held.values()):
                    if not held.loaded:
                        await self._load(session, held)
            except ViciError as error:
                self.trouble = str(error)
        self._look_again()

    # -- what it is told

    def _book(self, wanted: Connection) -> _Held:
        """The entry of a connection; one that has other keys or options now has to be loaded again."""
        held = self._held.setdefault(wanted.name, _Held(wanted))
        if held.connection != wanted:
            held.connection, held.loaded = wanted, False
        return held

    async def _load(self, session: ViciSession, held: _Held) -> None:
        """Load it; one after the other, because a key may belong to several."""
        connection = held.connection
        held.loaded = True  # whoever comes meanwhile need not
        await self._telling.acquire()
        try:
            for command, message in connection.commands():
                await session.request(command, message)
        except ViciError as error:
            held.loaded = False
            self.trouble = str(error)
            raise
        finally:
            self._telling.release()
        if self._held.get(connection.name) is not held:  # nobody needs it any more
            await self._unload([held])

    async def _unload(self, gone: list[_Held]) -> None:
        await self._telling.acquire()
        try:
            for held in gone:
                name = held.connection.name
                if name not in self._held:
                    await self._tell("terminate", {"ike": name, "timeout": str(GOODBYE_MS), "force": "yes"})
                if name not in self._held:  # nor has anybody taken it meanwhile
                    await self._tell("unload-conn", {"name": name})
        finally:
            self._telling.release()

    async def _tell(self, command: str, message: dict[str, str]) -> None:
        """A command of which nothing depends any more."""
        if self._session is not None:
            try:
                await self._session.request(command, message)
            except ViciError as error:
                self.trouble = str(error)

    # -- what it says

    def _look_again(self) -> None:
        self._changed = True
        if not self._looking and self._watchers:
            self._looking = True
            self._start(self._look())

    async def _look(self) -> None:
        try:
            while self._changed and self._watchers:
                self._changed = False
                found = await self.listed()
                for each in tuple(self._watchers):
                    each.look(found)
        except ViciError as error:
            self.trouble = str(error)
            for each in tuple(self._watchers):
                each.blind(self.trouble)
        finally:
            self._looking = False

    def _start(self, work: Coroutine[Deferred[Any], Any, None]) -> None:
        task = Deferred.fromCoroutine(work)
        self._tasks.add(task)

        def done(result: Any) -> Any:
            self._tasks.discard(task)
            return result

        _ = task.addBoth(done)


def because(words: str, said: Iterable[Tree]) -> str:
    """Return the daemon's complaint with the line of its report that tells most."""
    lines = [line for line in (each.get("msg") for each in said) if isinstance(line, str)]
    telling = next((line for line in lines if any(word in line for word in TELLING)), lines[-1] if lines else "")
    return f"{words} ({telling})" if telling else words


def _passing(result: Any, waiting: Deferred[None]) -> Any:
    waiting.callback(None)
    return result
