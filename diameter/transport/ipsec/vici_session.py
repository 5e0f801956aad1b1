"""One connection to the VICI socket of strongSwan's charon, as a Twisted protocol.

Packets have their length in front of them; what is in a packet is written and read by the package `vici` of the extra
`ipsec`.  Its own client is not used for what takes time, because it blocks: a thread in the middle of `initiate` cannot
be called back when the node stops.  A connection carries one command at a time, and those that come meanwhile wait;
events may come at any moment.

The only module that imports vici.  Nothing sent or received is ever logged: keys are among it.
"""

from __future__ import annotations

import socket
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, TypeAlias, Union, cast

from twisted.internet.defer import Deferred, DeferredLock
from twisted.internet.endpoints import UNIXClientEndpoint
from twisted.internet.error import ConnectError
from twisted.internet.interfaces import IStreamClientEndpoint, ITCPTransport
from twisted.internet.protocol import Factory, connectionDone
from twisted.protocols.basic import Int32StringReceiver
from twisted.python.failure import Failure

try:
    from vici.exception import CommandException, DeserializationException, SessionException
    from vici.protocol import Message, Packet
    from vici.session import Session
except ImportError:
    Packet = None  # type: ignore[assignment, misc]  # tested before each use

Tree: TypeAlias = Mapping[str, Union[str, list[str], "Tree"]]
"""A message of VICI: sections, lists and values, all of it text."""
Heard: TypeAlias = Callable[[str, Tree], None]
"""Takes an event that no command asked for: its name and what it says."""
SOCKET: Final = "/var/run/charon.vici"
"""Where charon listens unless its configuration says otherwise."""
LARGEST: Final = 512 * 1024
"""Octets of the longest packet, as charon itself has it."""
COMMAND_S: Final = 10.0
"""Time for a command that waits for no other machine."""
CONNECT_S: Final = 5


class ViciError(Exception):
    """The daemon did not do what was asked; the text says why, in words for an operator.

    `said`: what it reported on the way.
    """

    def __init__(self, words: str, said: Sequence[Tree] = ()) -> None:
        super().__init__(words)
        self.said = tuple(said)


class ViciGone(ViciError):
    """There is no daemon, or it is gone."""


def installed() -> bool:
    """True where the package `vici` can be imported."""
    return Packet is not None


def flag(on: bool) -> str:
    """Return a truth value as the daemon writes it."""
    return "yes" if on else "no"


class ViciSession(Int32StringReceiver):
    """A connection that is up, made by `open_session`."""

    MAX_LENGTH = LARGEST

    def __init__(self, path: str, clock: Any, heard: Heard, lost: Callable[[str], None]) -> None:
        self._path = path
        self._clock = clock
        self._heard = heard
        self._lost = lost
        self._turn = DeferredLock()
        self._answer: Deferred[tuple[int, Any]] | None = None
        self._wanted = ""  # the kind of event that the command under way makes
        self._said: list[Tree] = []
        self.gone = ""

    async def request(
        self, command: str, message: Mapping[str, Any] | None = None, *, limit_s: float = COMMAND_S
    ) -> Tree:
        """Return the daemon's answer.  Raises ViciError with its words, ViciGone when the connection is lost."""
        return (await self.collect(command, "", message, limit_s=limit_s))[0]

    async def collect(
        self, command: str, event: str, message: Mapping[str, Any] | None = None, *, limit_s: float = COMMAND_S
    ) -> tuple[Tree, tuple[Tree, ...]]:
        """Return the answer and the events of one kind that the command made.  Raises as `request`."""
        await self._turn.acquire()
        try:
            self._wanted = event
            packet = Packet.request(command, None if message is None else Message.serialize(message))
            kind, answer = await self._exchange(packet, limit_s)
            if kind != Packet.CMD_RESPONSE:
                raise ViciError(f"strongSwan knows no command {command}")
            if answer.get("success", "yes") != "yes":
                raise ViciError(f"strongSwan: {answer.get('errmsg') or 'failed'}", self._said)
            return answer, tuple(self._said)
        finally:
            self._wanted, self._said = "", []
            self._turn.release()

    async def register(self, events: Sequence[str]) -> None:
        """Hear these kinds of events from now on.  Raises ViciError for one the daemon does not know."""
        for event in events:
            kind, _ = await self._exchange(Packet.register_event(event), COMMAND_S)
            if kind != Packet.EVENT_CONFIRM:
                raise ViciError(f"strongSwan knows no event {event}")

    def close(self) -> None:
        """Let the connection go; what waits fails, and `lost` is not called."""
        self._lost = lambda reason: None
        self._end("closed by us")
        self._drop()

    # -- from the reactor

    def stringReceived(self, string: bytes) -> None:
        """A packet: the answer to what was asked, or an event."""
        try:
            packet = Packet.parse(string)
            tree = text(Message.deserialize(packet.payload)) if packet.payload.has_more() else {}
        except (DeserializationException, struct.error, ValueError):
            self._fail("what it sent is no VICI")
            return
        if packet.response_type == Packet.EVENT:
            assert isinstance(packet, Packet.ParsedEventPacket)
            self._event(packet.event_type.decode(errors="replace"), tree)
        elif self._answer is not None:
            waiting, self._answer = self._answer, None
            waiting.callback((packet.response_type, tree))

    def lengthLimitExceeded(self, length: int) -> None:
        """A packet that is none."""
        self._fail("what it sent is no VICI")

    def connectionLost(self, reason: Failure = connectionDone) -> None:
        """The daemon is gone, or it closed the connection."""
        self._end("it closed the connection; is charon running?")

    # -- inside

    def _event(self, name: str, tree: Tree) -> None:
        if name == self._wanted:
            self._said.append(tree)
        else:
            self._heard(name, tree)

    async def _exchange(self, packet: bytes, limit_s: float) -> tuple[int, Any]:
        """Send a packet and wait for the answer; one that is late, or not waited for, ends the connection."""
        if self.gone:
            raise ViciGone(self.gone)
        self._answer = waiting = Deferred[tuple[int, Any]](self._given_up)
        self.sendString(packet)  # type: ignore[no-untyped-call]  # Twisted has no types there
        late = self._clock.callLater(limit_s, self._fail, f"no answer in {limit_s:g} s")
        try:
            return await waiting
        finally:
            if late.active():
                late.cancel()

    def _given_up(self, _: Deferred[tuple[int, Any]]) -> None:
        self._answer = None
        self._fail("a command was given up")

    def _fail(self, why: str) -> None:
        self._end(why)
        self._drop()

    def _drop(self) -> None:
        cast(ITCPTransport, self.transport).abortConnection()

    def _end(self, why: str) -> None:
        if self.gone:
            return
        self.gone = f"strongSwan at {self._path}: {why}"
        waiting, self._answer = self._answer, None
        if waiting is not None:
            waiting.errback(ViciGone(self.gone))
        self._lost(self.gone)


async def open_session(
    reactor: Any,
    path: str,
    *,
    events: Sequence[str] = (),
    heard: Heard = lambda name, tree: None,
    lost: Callable[[str], None] = lambda reason: None,
) -> ViciSession:
    """Connect to the daemon's socket and hear `events`.

    `heard` takes those that no command asked for.  `lost` is called once, when the connection ends by itself.
    Raises ViciGone where nobody listens, ViciError where the daemon or this machine lacks something.
    """
    if not installed():
        raise ViciError("IPsec by strongSwan needs the Python package vici: pip install mtc-diameter[ipsec]")
    factory = Factory.forProtocol(lambda: ViciSession(path, reactor, heard, lost))
    try:
        endpoint: IStreamClientEndpoint = UNIXClientEndpoint(reactor, path, CONNECT_S)  # type: ignore[no-untyped-call]
        session = await endpoint.connect(factory)
    except (ConnectError, OSError) as error:
        known = getattr(error, "osError", None) or error
        why = getattr(known, "strerror", None) or str(error)
        raise ViciGone(f"strongSwan at {path}: {why}; is charon running?") from None
    assert isinstance(session, ViciSession)
    await session.register(events)
    return session


def tell_now(path: str, commands: Sequence[tuple[str, Mapping[str, Any]]]) -> list[Tree]:
    """Give commands by a connection of their own, and wait for the answers: for a few that the daemon obeys at once.

    Raises ViciError, ViciGone, as the others do.
    """
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(CONNECT_S)
            sock.connect(path)
            session = Session(sock)
            return [text(session.request(command, message)) for command, message in commands]
    except OSError as error:
        raise ViciGone(f"strongSwan at {path}: {error.strerror or error}; is charon running?") from None
    except (CommandException, SessionException, DeserializationException, struct.error, ValueError) as error:
        raise ViciError(f"strongSwan: {str(error).removeprefix('Command failed: ')}") from None


def text(tree: Mapping[str, Any]) -> Tree:
    """Return what `vici` read with text in place of octets; what is no UTF-8 is replaced."""
    return {key: _text(value) for key, value in tree.items()}


def _text(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.decode(errors="replace")
    return [_text(each) for each in value] if isinstance(value, list) else text(value)
