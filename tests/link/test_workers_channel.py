"""The sockets between the processes of one node: descriptors travel, nonsense ends them, nobody else can find them."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import Any

import pytest
from twisted.internet.defer import Deferred

from diameter.config import NodeConfig
from diameter.workers import frames
from diameter.workers.channel import Channel, pair
from diameter.workers.frames import Claim, Deny, Grant, Handed, Mesh, Ready, Release, Row, Told, unpack
from diameter.workers.member import Place
from diameter.workers.parent import Child, Parent
from helpers.loop import reactor, settle, turn

pytestmark = pytest.mark.link


class End:
    """One end that keeps what it hears."""

    def __init__(self, end: socket.socket) -> None:
        self.heard = b""
        self.reason: str | None = None
        self.channel = Channel(reactor, end, self._hear, self._lost)

    def _hear(self, data: bytes) -> None:
        self.heard += data

    def _lost(self, reason: str) -> None:
        self.reason = reason


def until(done: Callable[[], bool]) -> None:
    end = reactor.seconds() + 20
    while not done():
        assert reactor.seconds() < end
        turn(0.05)


def test_descriptors_arrive_no_later_than_the_octets_behind_them() -> None:
    one, two = map(End, pair())
    pipes = [os.pipe() for _ in range(40)]
    for read, write in pipes:
        one.channel.send(b"x" * 1000, read)
        os.write(write, b"%d" % write)
        os.close(write)
    until(lambda: len(two.heard) == 40_000)
    assert len(two.channel.arrived) == 40
    for _, write in pipes:
        arrived = two.channel.arrived.popleft()
        assert os.read(arrived, 10) == b"%d" % write
        os.close(arrived)
    one.channel.loseConnection()
    until(lambda: None not in (one.reason, two.reason))
    settle()
    read, write = os.pipe()
    one.channel.send(b"late", read)  # closed at once, because nobody hears it
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.read(read, 1)
    os.close(write)


def test_what_nobody_took_is_closed_with_the_channel() -> None:
    one, two = map(End, pair())
    read, write = os.pipe()
    one.channel.send(b"x", read)
    until(lambda: bool(two.channel.arrived))
    kept = two.channel.arrived[0]
    two.channel.abortConnection("enough")
    until(lambda: None not in (one.reason, two.reason))
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(kept)
    os.close(write)


class Fake:
    """In place of a worker's process: the other end of its socket, in this one."""

    def __init__(self) -> None:
        self.pid: int | None = None
        self.end: End
        self.killed = False
        self.protocol: Any = None
        self.told: list[Any] = []

    def signalProcess(self, name: str) -> None:
        """The parent has had enough."""
        self.killed = self.killed or name == "KILL"

    def say(self, *controls: Any) -> None:
        self.end.channel.send(b"".join(map(frames.pack, controls)))

    def hear(self, *kinds: type[Any]) -> list[Any]:
        """Wait for one of these kinds; all that has been said until then."""

        def heard() -> list[Any]:
            return [unpack(*each) for each in frames.Reader().feed(self.end.heard)]

        until(lambda: any(isinstance(each, kinds) for each in heard()))
        found = heard()
        self.end.heard = b""
        return found


class Family:
    """A parent whose workers are in this process."""

    def __init__(self, processes: int = 2, **node: Any) -> None:
        self.fakes: list[Fake] = []
        self.codes: list[int] = []
        clear = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "test"}
        tables = {"origin_host": "m.example", "origin_realm": "example", "drain_s": 0.1, **node}
        config = NodeConfig.model_validate({**tables, "listen": [{"port": 0, **clear}]})
        self.parent = Parent(reactor, config, processes, self._spawn, self.codes.append)

    def _spawn(self, protocol: Any, place: Place, descriptor: int) -> Fake:
        fake = Fake()
        fake.end = End(socket.socket(fileno=os.dup(descriptor)))
        fake.protocol = protocol
        fake.pid = None
        self.fakes.append(fake)
        return fake

    def start(self) -> None:
        whole: Deferred[None] = self.parent.start()
        for fake in self.fakes:
            fake.say(Ready(()))
        until(lambda: whole.called)

    def child(self, at: int) -> Child:
        return self.parent._children[at]

    def end(self) -> None:
        self.parent.stop()
        for fake in self.fakes:
            fake.end.channel.abortConnection()
        for child in self.parent._children:
            if child.process is not None:
                self.parent.exited(child, "told to", 0)
        until(lambda: bool(self.codes))
        settle()
        assert [call for call in reactor.getDelayedCalls() if call.active()] == []


@pytest.fixture
def family() -> Any:
    made = Family()
    made.start()
    yield made
    made.end()


GARBLED = {
    "noise": b"\xff" * 64,
    "no length": bytes(8),
    "kind": frames.frame(99, b"[]"),
    "for a worker": frames.pack(Grant("a.example")),
    "diameter": frames.requests("a.example", []),
    "fields": frames.frame(frames.NUMBER_OF[Claim], b'["a.example"]'),
    "no JSON": frames.frame(frames.NUMBER_OF[Claim], b"\x80\x81"),
}


@pytest.mark.parametrize("what", GARBLED)
def test_a_worker_that_talks_nonsense_is_ended_and_its_claims_are_free(family: Family, what: str) -> None:
    bad, good = family.fakes
    bad.say(Claim("a.example", False, False), Row(7, "a.example", "example", "R-Open", True, True, (), "tcp", False))
    shown = good.hear(Row)[-1]
    assert (shown.worker, shown.host) == (0, "a.example")  # whatever it says of itself
    bad.end.channel.send(GARBLED[what])
    until(lambda: bad.killed)
    assert family.parent.claims.owner("a.example") is None
    good.say(Claim("a.example", False, False))
    assert Grant("a.example") in good.hear(Grant)
    assert family.parent.claims.owner("a.example") == 1


def test_claims_by_way_of_the_parent(family: Family) -> None:
    one, two = family.fakes
    one.say(Claim("a.example", False, False), Row(0, "a.example", "e", "R-Open", True, True, (), "tcp", False))
    two.hear(Row)
    two.say(Claim("A.example", False, False))
    assert Deny("A.example") in two.hear(Deny)
    one.say(Release("a.example"))
    until(lambda: family.parent.claims.owner("a.example") is None)
    two.say(Claim("a.example", False, False))
    assert Grant("a.example") in two.hear(Grant)


def test_connections_go_to_the_worker_with_the_fewest_and_survive_its_end(family: Family) -> None:
    one = family.fakes[0]
    address = family.parent.listening[0][1]
    clients = [socket.create_connection((address.host, address.port)) for _ in range(4)]
    until(lambda: family.child(0).handed + family.child(1).handed == 4)
    assert (family.child(0).handed, family.child(1).handed) == (2, 2)
    assert [type(each) for each in one.hear(Handed) if not isinstance(each, Mesh)].count(Handed) == 2
    assert len(one.end.channel.arrived) == 3  # two connections, and the socket to the other worker
    one.end.channel.abortConnection()  # it has not said that it took them
    until(lambda: family.child(1).handed == 4)
    for client in clients:
        client.close()


def test_a_page_of_those_that_answer(family: Family) -> None:
    one, two = family.fakes
    asked = family.parent.ask("health")
    number = one.hear(frames.Ask)[-1].number
    one.say(Told(number, {"x": 1}), Told(number, {"x": 2}), Told(99, {}))
    two.end.channel.abortConnection()
    found: list[Any] = []
    _ = asked.addCallback(found.append)
    until(lambda: bool(found))
    assert found == [{0: {"x": 1}}]
    assert [state["state"] for state in family.parent.states()] == ["ready", "starting"]


def test_a_socket_between_two_workers_that_broke_is_replaced(family: Family) -> None:
    one, two = family.fakes
    one.hear(Mesh)
    two.hear(Mesh)
    one.say(frames.Broken(1), frames.Broken(0), frames.Broken(50))
    assert Mesh(1) in one.hear(Mesh)
    assert Mesh(0) in two.hear(Mesh)
    assert len(one.end.channel.arrived) == 2


def test_no_socket_has_a_name() -> None:
    for end in pair():
        with end:
            assert (end.getsockname(), end.getpeername()) == ("", "")
            assert end.get_inheritable() is False
