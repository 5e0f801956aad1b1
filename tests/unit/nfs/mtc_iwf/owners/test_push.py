"""Refusals on their way to an owner's webhook."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from nfs.mtc_iwf.owners import push as module
from nfs.mtc_iwf.owners.push import Push

URL = "https://hooks.customer.example/mtc"
KEY = hashlib.sha256(b"token").hexdigest().encode()


class Rig:
    """A webhook that answers when told to."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.posts: list[tuple[Deferred[int], str, bytes, dict[bytes, bytes]]] = []
        self.keys: dict[str, bytes] = {"meters": KEY, "fleet": KEY}
        self.push = Push(self._post, self.clock, self.keys.get)

    def _post(self, url: str, body: bytes, headers: dict[bytes, bytes]) -> Deferred[int]:
        waiting: Deferred[int] = Deferred()
        self.posts.append((waiting, url, body, headers))
        return waiting

    def tell(self, *ids: int, owner: str = "meters") -> None:
        for each in ids:
            self.push.tell({"id": each}, owner, URL)
        self.clock.advance(0)

    def answer(self, status: int) -> list[int]:
        """Answer the newest POST; the refusals that were in it."""
        waiting, _, body, _ = self.posts[-1]
        waiting.callback(status)
        self.clock.advance(0)
        ids: list[int] = [each["id"] for each in json.loads(body)["refusals"]]
        return ids


@pytest.mark.requirement("R-TRIG-10")
def test_several_at_a_time_signed_and_in_order() -> None:
    rig = Rig()
    rig.tell(1, 2)
    _, url, body, headers = rig.posts[0]
    rig.tell(3)
    assert (len(rig.posts), url) == (1, URL)
    assert json.loads(body) == {"schema": 1, "owner": "meters", "refusals": [{"id": 1}, {"id": 2}]}
    assert headers[b"mtc-signature"] == b"sha256=" + hmac.new(KEY, body, "sha256").hexdigest().encode()
    assert rig.answer(204) == [1, 2]
    assert rig.answer(200) == [3]
    assert (rig.push.pushed, rig.push.lost, len(rig.posts)) == (3, 0, 2)


@pytest.mark.parametrize("trouble", [500, 302, 404])
def test_tried_again_ever_later_and_given_up_at_last(trouble: int) -> None:
    rig = Rig()
    rig.tell(1)
    waits = []
    for _ in range(module.TRIES - 1):
        rig.answer(trouble)
        (call,) = rig.clock.getDelayedCalls()
        waits.append(call.getTime() - rig.clock.seconds())
        rig.clock.advance(waits[-1])
    assert waits == [1, 2, 4, 8, 16, 32, 64]
    rig.answer(trouble)
    assert (rig.push.lost, len(rig.posts), rig.clock.getDelayedCalls()) == (1, 8, [])
    rig.tell(2)
    assert rig.answer(200) == [2]


def test_one_that_never_answers_is_timed_out() -> None:
    rig = Rig()
    rig.tell(1)
    rig.clock.advance(module.TIMEOUT_S)
    rig.clock.advance(module.FIRST_S)
    assert len(rig.posts) == 2
    assert rig.answer(200) == [1]


def test_owners_do_not_wait_for_each_other() -> None:
    rig = Rig()
    rig.tell(1)
    rig.tell(2, owner="fleet")
    assert [json.loads(body)["owner"] for _, _, body, _ in rig.posts] == ["meters", "fleet"]


def test_a_full_queue_loses_the_oldest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "QUEUE", 3)
    rig = Rig()
    rig.tell(1, 2, 3, 4)
    assert rig.push.lost == 1
    assert rig.answer(200) == [2, 3, 4]
    assert rig.push.pushed == 3


def test_an_owner_who_is_gone_and_the_end() -> None:
    rig = Rig()
    del rig.keys["meters"]
    rig.tell(1)
    assert rig.posts == []
    rig.push.tell({"id": 2}, "fleet", URL)
    rig.push.stop()
    rig.push.tell({"id": 3}, "fleet", URL)
    rig.clock.advance(100)
    assert (rig.posts, rig.clock.getDelayedCalls()) == ([], [])


def test_nothing_is_tried_again_after_the_end() -> None:
    rig = Rig()
    rig.tell(1)
    rig.push.stop()
    rig.answer(500)
    assert rig.clock.getDelayedCalls() == []
