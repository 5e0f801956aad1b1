"""`mtc trigger` without a host: it waits for what DNS finds, of each domain, and says why where it finds nothing."""

from __future__ import annotations

from typing import Any, cast

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from diameter.errors import Undeliverable
from diameter.node import Node
from diameter.trace import Point
from nfs.cli._by_domain import ByDomain

REALM, HOSTS = "operator.example", "iwf1.operator.example, iwf2.operator.example"


class Opening:
    """A node whose peers open when the test says so."""

    def __init__(self) -> None:
        self.asked: dict[str, Deferred[Any]] = {}

    def when_open(self, host: str, timeout_s: float) -> Deferred[Any]:
        self.asked[host] = Deferred()
        return self.asked[host]


@pytest.fixture
def clock() -> Clock:
    return Clock()


def begin(search: ByDomain, node: Opening, realm: str = REALM) -> list[Any]:
    ended: list[Any] = []
    _ = Deferred.fromCoroutine(search.until_open(cast(Node, node), realm, 60.0)).addBoth(ended.append)
    return ended


def failure(ended: list[Any]) -> str:
    assert ended[0].check(Undeliverable)
    return str(ended[0].value)


def found(search: ByDomain) -> None:
    search.observe(Point.DISCOVERED, {"realm": REALM, "count": 2, "reason": HOSTS})


@pytest.mark.parametrize("early", [True, False])
def test_one_of_those_found_is_enough(clock: Clock, early: bool) -> None:
    search, node = ByDomain([REALM.upper(), "other.example"], clock), Opening()
    if early:
        found(search)
    ended = begin(search, node)
    if not early:
        search.observe(Point.DISCOVERED, {"realm": "other.example", "count": 1, "reason": "iwf.other.example"})
        search.observe(Point.DISCOVERY_NOTE, {"realm": REALM, "reason": "a record out of the realm"})
        assert (ended, node.asked) == ([], {})
        found(search)
    assert (ended, sorted(node.asked)) == ([], HOSTS.split(", "))
    node.asked["iwf2.operator.example"].callback(object())
    assert ended == [None]
    node.asked["iwf1.operator.example"].errback(Undeliverable("this node has stopped"))


def test_when_none_of_them_opens_each_says_why(clock: Clock) -> None:
    search, node = ByDomain([REALM], clock), Opening()
    found(search)
    ended = begin(search, node)
    for host, deferred in node.asked.items():
        deferred.errback(Undeliverable(f"peer {host} is closed"))
    assert failure(ended) == "peer iwf1.operator.example is closed; peer iwf2.operator.example is closed"


@pytest.mark.parametrize("early", [True, False])
def test_a_domain_without_an_mtc_iwf_is_said_at_once(clock: Clock, early: bool) -> None:
    search, node = ByDomain([REALM], clock), Opening()
    ended = [] if early else begin(search, node)
    search.observe(Point.DISCOVERY_FAILED, {"realm": REALM, "reason": "no records"})
    ended = ended or begin(search, node)
    assert failure(ended) == "no MTC-IWF of operator.example by DNS: no records"


def test_a_search_without_an_end_is_given_up(clock: Clock) -> None:
    search, node = ByDomain([REALM], clock), Opening()
    ended = begin(search, node)
    clock.advance(60.0)
    assert failure(ended) == "no MTC-IWF of operator.example by DNS: no answer within 60 s"
    found(search)  # nobody waits any more


def test_only_what_the_configuration_says_is_searched(clock: Clock) -> None:
    search = ByDomain([REALM, "other.example"], clock)
    assert search.looked_into(["Operator.Example", "nowhere.example"]) == [REALM]
