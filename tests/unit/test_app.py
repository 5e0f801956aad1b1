"""Applications: the table of a class, binding to a node, and the small awaitable."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from typing import Any

import pytest

from diameter import Message
from diameter.app import Application, Later, Neighbour, Screen, answers
from diameter.errors import DictionaryError, LocalError
from diameter.testing import run
from helpers.nodes import dictionary


class Port:
    """The least an application can be bound to."""

    origin_host, origin_realm = "node.example.org", "example.org"

    def request(self, application: int, command: str, avps: Mapping[str, Any], **how: Any) -> Later[Message]:
        self.asked = (application, command, avps, how)
        return Later()

    def spawn(self, coroutine: Coroutine[Any, Any, Any]) -> Later[Any]:
        later: Later[Any] = Later()
        later.resolve(run(coroutine))
        return later

    def peer_of(self, request: Message) -> Neighbour:
        return Neighbour(host="peer.example.org", realm="example.org")


class Tsp(Application):
    dictionary = "ts29368_tsp"

    @answers("Device-Action-Request")
    def device_action(self, request: Message) -> Message:
        return request.answer(2001)

    @answers("Device-Notification")
    async def device_notification(self, request: Message) -> Message:
        return request.answer(2001)


def test_the_table_says_which_handlers_may_wait() -> None:
    rows = {row.command: (row.method, row.waits) for row in Tsp.handlers.values()}
    assert rows == {
        "Device-Action-Request": ("device_action", False),
        "Device-Notification-Request": ("device_notification", True),
    }
    assert Application.handlers == {}


def test_two_handlers_of_one_command_fail_when_the_class_is_made() -> None:
    with pytest.raises(LocalError, match="one and two both answer Device-Action-Request"):

        class Twice(Application):
            dictionary = "ts29368_tsp"

            @answers("Device-Action-Request")
            def one(self, request: Message) -> Message:
                return request.answer(2001)

            @answers("Device-Action")
            def two(self, request: Message) -> Message:
                return request.answer(2001)


def test_a_subclass_inherits_handlers_and_may_replace_them() -> None:
    class Child(Tsp):
        async def device_action(self, request: Message) -> Message:  # type: ignore[override]  # has become async
            return request.answer(5012)

        @answers("Device-Notification-Request")
        def other(self, request: Message) -> Message:
            return request.answer(5012)

    rows = {row.command: (row.method, row.waits) for row in Child.handlers.values()}
    assert rows == {
        "Device-Action-Request": ("device_action", True),
        "Device-Notification-Request": ("other", False),
    }
    assert Tsp.handlers["Device-Action-Request"].waits is False


def test_binding_checks_the_names_and_gives_handlers_by_code() -> None:
    tsp = Tsp()
    bound = tsp.bind(Port(), dictionary())
    assert tsp.application_id == 16777309
    assert {code: one.command for code, one in bound.items()} == {
        8388639: "Device-Action-Request",
        8388640: "Device-Notification-Request",
    }
    with pytest.raises(LocalError, match="bound already"):
        tsp.bind(Port(), dictionary())


def test_a_command_the_dictionary_lacks_fails_at_start() -> None:
    class Wrong(Application):
        dictionary = "ts29368_tsp"

        @answers("Update-Location-Request")
        def update(self, request: Message) -> Message:
            return request.answer(2001)

    with pytest.raises(DictionaryError, match="Wrong: ts29368_tsp defines no Update-Location-Request"):
        Wrong().bind(Port(), dictionary())


def test_an_application_without_dictionary_or_with_an_unknown_one_fails_at_start() -> None:
    class Nameless(Application):
        pass

    class Unknown(Application):
        dictionary = "no_such"

    with pytest.raises(DictionaryError, match="names no application"):
        Nameless().bind(Port(), dictionary())
    with pytest.raises(DictionaryError, match="no_such"):
        Unknown().bind(Port(), dictionary())


def test_an_unbound_application_says_what_is_missing() -> None:
    with pytest.raises(LocalError, match="give it to a Node"):
        _ = Tsp().request("Device-Action", {})


def test_an_application_asks_its_port() -> None:
    async def work() -> int:
        return 7

    tsp, port = Tsp(), Port()
    tsp.bind(port, dictionary())
    _ = tsp.request("Device-Action", {}, to="a.example.org", timeout_s=3)
    assert port.asked == (16777309, "Device-Action", {}, {"to": "a.example.org", "realm": None, "timeout_s": 3})
    assert tsp.spawn(work()).result() == 7
    assert tsp.peer_of(dictionary().request("Device-Watchdog", {})).host == "peer.example.org"
    tsp.on_batch()


def test_a_screen_lets_pass_what_nobody_looks_at() -> None:
    class Open(Screen):
        pass

    message = dictionary().request("Device-Watchdog", {})
    neighbour = Neighbour(host="a.example.org", realm="example.org")
    assert Open().inbound(message, neighbour) is message
    assert Open().outbound(message, neighbour) is message


# ---- Later


def test_a_later_gives_its_value_to_all_who_wait() -> None:
    later: Later[int] = Later()
    woken: list[str] = []
    later.then(lambda: woken.append("first"))
    assert later.wanted
    later.resolve(5)
    later.then(lambda: woken.append("second"))
    assert woken == ["first", "second"]
    assert (later.done, later.result(), later.wanted) == (True, 5, False)


def test_what_comes_after_the_first_outcome_is_ignored() -> None:
    later: Later[int] = Later()
    later.fail(ValueError("first"))
    later.resolve(5)
    later.fail(ValueError("second"))
    with pytest.raises(ValueError, match="first"):
        later.result()


def test_a_later_can_be_awaited_before_and_after() -> None:
    later: Later[int] = Later()

    async def wait() -> int:
        return await later + await later

    coroutine = wait()
    assert coroutine.send(None) is later
    later.resolve(4)
    with pytest.raises(StopIteration) as end:
        coroutine.send(None)
    assert end.value.value == 8


def test_a_loop_that_does_not_know_laters_is_told_who_does() -> None:
    async def wait() -> int:
        return await Later[int]()

    coroutine = wait()
    coroutine.send(None)
    with pytest.raises(LocalError, match=r"Node\.spawn"):
        coroutine.send(None)
