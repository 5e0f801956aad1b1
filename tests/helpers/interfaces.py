"""The reference points that a link can carry: for each a client, a server that keeps what it sees, and a request."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from diameter import Message
from diameter.app import Application, answers
from helpers.nodes import ACTION, RIGHT, Answering, Asking

SECRET: Final = "meter-4711"


class Interface:
    """A reference point: who asks, who answers, what is asked."""

    def __init__(self, asking: type[Application], answering: type[Application], command: str, avps: Any) -> None:
        self.asking, self.answering, self.command, self.avps = asking, answering, command, avps


class S6tServer(Application):
    """An HSS on S6t, as far as a link needs one."""

    dictionary = "ts29336_s6t"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("Configuration-Information-Request")
    def configure(self, request: Message) -> Message:
        self.seen.append(request)
        return request.answer(2001)


class S6tClient(Application):
    """An SCEF on S6t."""

    dictionary = "ts29336_s6t"


class T6aServer(Application):
    """An SCEF on T6a."""

    dictionary = "ts29128_t6a"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("Connection-Management-Request")
    def connect(self, request: Message) -> Message:
        self.seen.append(request)
        return request.answer(2001)


class T6aClient(Application):
    """An MME on T6a."""

    dictionary = "ts29128_t6a"


class S6mServer(Application):
    """An HSS on S6m."""

    dictionary = "ts29336_s6m"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("Subscriber-Information-Request")
    def inform(self, request: Message) -> Message:
        self.seen.append(request)
        return request.answer(2001)


class S6mClient(Application):
    """An MTC-IWF on S6m."""

    dictionary = "ts29336_s6m"


class T4Server(Application):
    """An SMS-SC on T4."""

    dictionary = "ts29337_t4"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("Device-Trigger-Request")
    def trigger(self, request: Message) -> Message:
        self.seen.append(request)
        return request.answer(2001)


class T4Client(Application):
    """An MTC-IWF on T4."""

    dictionary = "ts29337_t4"


class SgdServer(Application):
    """An MME on SGd."""

    dictionary = "ts29338_sgd"

    def __init__(self) -> None:
        self.seen: list[Message] = []

    @answers("MT-Forward-Short-Message-Request")
    def forward(self, request: Message) -> Message:
        self.seen.append(request)
        return request.answer(2001)


class SgdClient(Application):
    """An SMS-SC on SGd."""

    dictionary = "ts29338_sgd"


DEVICE: Final = {"External-Identifier": f"{SECRET}@asp.example"}
INTERFACES: Final[Mapping[str, Interface]] = {
    "Tsp": Interface(Asking, Answering, "Device-Action", {"Device-Action": {**ACTION["Device-Action"], **DEVICE}}),
    "S6t": Interface(S6tClient, S6tServer, "Configuration-Information", {"User-Identifier": DEVICE}),
    "T6a": Interface(
        T6aClient, T6aServer, "Connection-Management", {"User-Identifier": DEVICE, "Bearer-Identifier": b"\5"}
    ),
    "S6m": Interface(S6mClient, S6mServer, "Subscriber-Information", {"User-Identifier": DEVICE, "SIR-Flags": 1}),
    "T4": Interface(
        T4Client, T4Server, "Device-Trigger", {"User-Identifier": DEVICE, "SM-RP-SMEA": b"\x91\x51", "Payload": b"wake"}
    ),
    "SGd": Interface(
        SgdClient,
        SgdServer,
        "MT-Forward-Short-Message",
        {"User-Name": SECRET, "SC-Address": b"\x51", "SM-RP-UI": b"\4", "Destination-Host": RIGHT},
    ),
}
