"""One peer core in any state, and messages of the other side to feed it."""

from __future__ import annotations

import itertools
import random
from typing import TypeVar

from diameter.message import Message
from diameter.peer import watchdog
from diameter.peer.connection import Connection
from diameter.peer.fsm import State
from diameter.peer.inputs import DisconnectCause, Output, Timers, Write
from diameter.peer.peer import Peer
from diameter.wire import header
from helpers.pair import ADDRESS, base, local, read

O = TypeVar("O")  # noqa: E741  # an output's type
I_LINK, R_LINK, THIRD_LINK = 1, 2, 3
OURS = "m.example.org"
OPEN = [State.I_OPEN, State.R_OPEN]
SLOW = Timers(tc_jitter=0, tw_jitter_s=0)
"""The default waiting times to the second."""


class Rig:
    """A `Peer` on a clock of its own.  remote: the other identity; "a..." loses an election against us, "z..." wins."""

    def __init__(
        self, *, remote: str = "z.example.org", timers: Timers | None = None, initiate: bool = True, **theirs: object
    ) -> None:
        self.remote = remote
        self.theirs = base(local(remote, **theirs))
        self.timers = timers or Timers()
        self.peer = Peer(
            remote, base(local(OURS)), uniform=random.Random(1).uniform, timers=self.timers, initiate=initiate
        )
        self.now = 1000.0
        self.log: list[Output] = []
        self._hops = itertools.count(0x5000)

    def out(self) -> list[Output]:
        """What came out since the last call."""
        found = self.peer.drain()
        self.log += found
        return found

    def first(self, kind: type[O]) -> O:
        """The first output of this kind since the last call; AssertionError when there is none."""
        return next(one for one in self.out() if isinstance(one, kind))

    def written(self) -> list[tuple[int, Message]]:
        """Links and messages written since the last call."""
        return [(one.link, read(one.send.data)) for one in self.out() if isinstance(one, Write)]

    def answers(self) -> list[tuple[str, int, int]]:
        """Command, link and Result-Code of the answers written since the last call."""
        return [(one.command, link, (one.result or (0, 0))[1]) for link, one in self.written() if not one.request]

    # ---- messages of the other side

    def cer(self, **theirs: object) -> Message:
        """Their CER."""
        builder = base(local(self.remote, **theirs)) if theirs else self.theirs
        return read(builder.cer(connection(R_LINK))[0])

    def answer(self, request: Message, code: int = 2001) -> Message:
        """Their answer to a request of ours."""
        if request.command_code == 257 and code == 2001:
            return read(self.theirs.cea(connection(I_LINK), request))
        return read(request.answer(code, {"Origin-Host": self.remote, "Origin-Realm": "example.org"}).octets)

    def dwr(self) -> Message:
        return read(self.theirs.dwr()[0])

    def dpr(self, cause: DisconnectCause = DisconnectCause.REBOOTING) -> Message:
        return read(self.theirs.dpr(cause)[0])

    def application(self, *, request: bool = True) -> Message:
        """A message of Tsp; the peer layer does not look inside."""
        flags = header.FLAG_P | (header.FLAG_R if request else 0)
        return read(header.build(flags, 8388639, 16777309, next(self._hops), 9, b""))

    # ---- inputs

    def wait(self, seconds: float) -> None:
        """Let time pass in one jump."""
        self.now += seconds
        self.peer.expire(self.now)

    def due(self) -> float:
        """Jump to the deadline; return how long that was."""
        deadline = self.peer.deadline()
        assert deadline is not None
        waited, self.now = deadline - self.now, deadline
        self.peer.expire(self.now)
        return waited

    def start(self) -> None:
        self.peer.start(self.now)

    def connect(self, *, message_oriented: bool = False) -> Message:
        """Our link is up; return the CER written on it."""
        self.out()
        self.peer.connected(connection(I_LINK, message_oriented=message_oriented), self.now)
        return self.written()[0][1]

    def accept(self, cer: Message | None = None, *, link: int = R_LINK, message_oriented: bool = False) -> None:
        self.peer.accept(connection(link, message_oriented=message_oriented), cer or self.cer(), self.now)

    def receive(self, link: int, message: Message) -> None:
        self.peer.receive(link, message, self.now)

    def lose(self, link: int) -> None:
        self.peer.link_lost(link, self.now, "reset")

    # Calls, so that a type checker does not remember what it has seen.

    def state(self) -> State:
        return self.peer.state

    def link(self) -> int:
        """The link that is open."""
        return I_LINK if self.peer.state is State.I_OPEN else R_LINK

    def usable(self) -> bool:
        return self.peer.usable

    def ordered(self) -> bool:
        return self.peer.ordered

    def dog(self) -> watchdog.State:
        """State of the watchdog."""
        return self.peer.watchdog_state


def connection(link: int, *, message_oriented: bool = False) -> Connection:
    """One end of a link; number 1 is ours."""
    return Connection(link, initiator=link == I_LINK, addresses=(ADDRESS,), message_oriented=message_oriented)


def rig_in(state: State, **settings: object) -> Rig:
    """A rig brought to a state by the shortest way; nothing waits to be drained."""
    rig = Rig(**settings)  # type: ignore[arg-type]  # a test names its own settings
    if state is State.R_OPEN:
        rig.accept()
    elif state is not State.CLOSED:
        rig.start()
        if state is State.WAIT_CONN_ACK_ELECT:
            rig.accept()
        elif state is not State.WAIT_CONN_ACK:
            cer = rig.connect()
            if state is State.WAIT_RETURNS:
                rig.accept()
            elif state is not State.WAIT_I_CEA:
                rig.receive(I_LINK, rig.answer(cer))
                if state is State.CLOSING:
                    rig.peer.stop(rig.now)
    rig.out()
    assert rig.state() is state
    return rig


def events(outputs: list[Output]) -> list[type[Output]]:
    """Kinds of the outputs, in order."""
    return [type(one) for one in outputs]
