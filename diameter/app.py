"""Applications: one class for a reference point, one method for a command.  Nothing of Twisted is in here.

    class Tsp(Application):
        dictionary = "ts29368_tsp"

        @answers("Device-Action-Request")
        async def device_action(self, request: Message) -> Message:
            answer = await self.request("Subscriber-Information", {...}, realm="example.org")
            return request.answer(2001)

A handler is `def` or `async def`, decided once when its class is made.  An `async def` that never has to wait costs no
more than a `def`; one that waits gives the thread back and goes on when what it awaits is there.  It may await
`self.request(...)`, any `Later`, and, when a node runs it, a Twisted Deferred.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final, Protocol, TypeVar

from diameter.errors import ApplicationFault, DictionaryError, LocalError
from diameter.routing.later import Later

if TYPE_CHECKING:
    from diameter.dictionary.load import Definitions
    from diameter.message import Message

T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])
_MARK: Final = "_answers_command"

__all__ = [
    "Application",
    "Bound",
    "Handler",
    "Later",
    "Neighbour",
    "Port",
    "Screen",
    "answers",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Neighbour:
    """The adjacent peer a message came from or goes to: who it proved to be, and over which link.

    `remote` is the far address of the link, "" where it has none (in memory, or in another process of the node).
    `security` is what the transport knows of the link (`diameter.security.link.LinkSecurity`), None in memory.
    Screens and handlers decide by this, not by the Origin-Host of a message, which a peer can write as it likes.
    """

    host: str
    realm: str
    link: int = 0
    transport: str = "memory"
    secure: bool = False
    security: object = None
    applications: frozenset[int] = frozenset()
    remote: str = ""


class Port(Protocol):
    """What an application asks of whoever runs it: a node, or `diameter.testing.FakeRequester`."""

    @property
    def origin_host(self) -> str: ...

    @property
    def origin_realm(self) -> str: ...

    def request(
        self,
        application: int,
        command: str,
        avps: Mapping[str, Any],
        *,
        to: str | None,
        realm: str | None,
        timeout_s: float | None,
    ) -> Later[Message]: ...

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Later[T]: ...

    def peer_of(self, request: Message) -> Neighbour: ...


@dataclass(frozen=True, slots=True)
class Handler:
    """One row of an application's table: the command as written behind @answers, the method, and whether it is a
    coroutine.
    """

    command: str
    method: str
    waits: bool


@dataclass(frozen=True, slots=True)
class Bound:
    """A handler of one application object: `call` returns a Message, or a coroutine for one when `waits`."""

    command: str
    call: Callable[[Message], Any]
    waits: bool


def answers(command: str) -> Callable[[F], F]:
    """Mark a method as the handler of `command` ("Device-Action-Request", or without "-Request").

    The name is checked against the application's dictionary when the node starts.
    """

    def mark(function: F) -> F:
        setattr(function, _MARK, command if command.endswith("-Request") else f"{command}-Request")
        return function

    return mark


class Application:
    """Base class of a reference point.  `dictionary`: the stem of its `.dia` file, or the application's name in it."""

    dictionary: ClassVar[str] = ""
    handlers: ClassVar[Mapping[str, Handler]] = {}
    _port: Port | None = None
    application_id: int = -1

    def __init_subclass__(cls) -> None:
        """Build the table of the class: inherited rows first, then its own.  Raises LocalError for two handlers of one
        command.
        """
        super().__init_subclass__()
        table = dict(cls.handlers)
        own: dict[str, str] = {}
        for name, function in vars(cls).items():
            command: str | None = getattr(function, _MARK, None)
            if command is None:
                continue
            if command in own:
                raise LocalError(f"{cls.__name__}: {own[command]} and {name} both answer {command}")
            own[command] = name
            table[command] = Handler(command, name, inspect.iscoroutinefunction(function))
        for (
            command,
            row,
        ) in table.items():  # a method overridden without @answers still answers, and may have become async
            if row.method in vars(cls) and command not in own:
                table[command] = Handler(command, row.method, inspect.iscoroutinefunction(vars(cls)[row.method]))
        cls.handlers = table

    def bind(self, port: Port, definitions: Definitions) -> dict[int, Bound]:
        """Join this application to `port`; return its handlers by command code.

        Raises DictionaryError for an application or a command that the dictionaries do not define, LocalError when it
        is bound already.
        """
        if self._port is not None:
            raise LocalError(f"{type(self).__name__} is bound already: one instance for each node")
        name = type(self).__name__
        if not self.dictionary:
            raise DictionaryError(f"{name}: `dictionary` names no application")
        application = definitions.application(self.dictionary)
        scope = definitions.scope(application.id)
        codes = {c.name: c.code for c in scope.commands.values() if c.request}
        unknown = sorted(set(self.handlers) - set(codes))
        if unknown:
            raise DictionaryError(f"{name}: {application.stem} defines no {', '.join(unknown)}")
        self.application_id = application.id
        self._port = port
        return {
            codes[row.command]: Bound(row.command, getattr(self, row.method), row.waits)
            for row in self.handlers.values()
        }

    @property
    def port(self) -> Port:
        """Whoever runs this application.  Raises LocalError before `bind`."""
        if self._port is None:
            raise LocalError(
                f"{type(self).__name__} is not bound: give it to a Node, or to diameter.testing.FakeRequester"
            )
        return self._port

    def request(
        self,
        command: str,
        avps: Mapping[str, Any],
        *,
        to: str | None = None,
        realm: str | None = None,
        timeout_s: float | None = None,
    ) -> Later[Message]:
        """Send a request of this application; await what this returns for the answer, whatever its Result-Code.

        Sent at once, so that two requests run beside each other when both are made before the first is awaited.
        Filled in when absent: Session-Id, Origin-Host, Origin-Realm, Destination-Realm (`realm`; else that of peer
        `to`; else what follows the "@" in User-Name; else that of the peer chosen), Destination-Host (`to`), where the
        grammar requires them Auth-Session-State (NO_STATE_MAINTAINED), Auth-Application-Id and Acct-Application-Id, and
        where it has a place for it Vendor-Specific-Application-Id.

        Raises EncodeError at once when the message cannot be built.  Awaiting raises RequestTimeout, Undeliverable
        (nobody could take it; the text says why for each candidate) or ErrorAnswer (the answer has the E bit).
        """
        return self.port.request(self.application_id, command, avps, to=to, realm=realm, timeout_s=timeout_s)

    def spawn(self, coroutine: Coroutine[Any, Any, T]) -> Later[T]:
        """Run a coroutine beside the handlers, starting after the messages of this wake-up (to ask somebody after
        answering).

        What it raises goes to whoever awaits the result; with nobody waiting it is logged.
        """
        return self.port.spawn(coroutine)

    def peer_of(self, request: Message) -> Neighbour:
        """The adjacent peer that brought `request`, while its handler runs.  Raises LocalError afterwards."""
        return self.port.peer_of(request)

    def on_batch(self) -> None:
        """Called once for each wake-up, after its messages were handled and before their answers are written."""


class Screen(Protocol):
    """A pipeline stage between the links and the applications (a security gateway): override what it should look at.

    Each returns the message to go on with (the same, or an edited one), or an ApplicationFault: nothing goes further,
    the sender gets the fault as its answer, and the refusal is audited.
    """

    def inbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Look at a request from `neighbour`, before its handler."""
        return message

    def outbound(self, message: Message, neighbour: Neighbour) -> Message | ApplicationFault:
        """Look at a request or an answer of ours, before it goes to `neighbour`."""
        return message
