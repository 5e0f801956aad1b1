"""Redirect indications: read, remembered by usage, in their order, for their time (sections 6.12 to 6.14)."""

from __future__ import annotations

from typing import Any

import pytest

from diameter import Message, decode, encode
from diameter.routing.redirect import (
    CACHE_LIMIT,
    LONGEST_S,
    PRECEDENCE,
    Asked,
    Indication,
    Redirects,
    Usage,
    indication,
)
from diameter.wire.types import parse_uri
from helpers.nodes import dictionary

ASKED = Asked(application=1, realm="Home.example", session="s;1", user="u", host="Agent.example")
SAME: dict[Usage, dict[str, Any]] = {
    Usage.ALL_SESSION: {"application": 9, "realm": "other.example", "session": "s;1"},
    Usage.ALL_USER: {"application": 9, "realm": "other.example", "user": "u"},
    Usage.REALM_AND_APPLICATION: {"application": 1, "realm": "home.EXAMPLE"},
    Usage.ALL_REALM: {"application": 9, "realm": "home.example"},
    Usage.ALL_APPLICATION: {"application": 1, "realm": "other.example"},
    Usage.ALL_HOST: {"application": 9, "realm": "other.example", "host": "agent.example"},
}


def said(usage: Usage, host: str = "new.example", cache_s: float = 10.0) -> Indication:
    return Indication(hosts=(parse_uri(f"aaa://{host}"),), usage=usage, cache_s=cache_s)


def redirect(**avps: Any) -> Message:
    request = dictionary().request("Device-Action", {"Session-Id": "s;1"}, application="Tsp")
    filled = {"Redirect-Host": "aaa://new.example:3870", **{k.replace("_", "-"): v for k, v in avps.items()}}
    answer = request.answer(3006, filled)
    answer.pending = None
    return decode(encode(answer), dictionary())


@pytest.mark.parametrize("usage", PRECEDENCE)
def test_each_usage_is_for_what_it_names(usage: Usage) -> None:
    cache = Redirects()
    cache.learn(said(usage), ASKED, 0.0)
    assert cache.find(ASKED, 1.0) == ("new.example",)
    assert cache.find(Asked(**SAME[usage]), 1.0) == ("new.example",)
    assert cache.find(Asked(application=9, realm="other.example", session="x", user="x", host="x"), 1.0) == ()
    assert cache.find(Asked(application=9, realm=None), 1.0) == ()


def test_what_is_not_to_be_cached_is_not() -> None:
    cache = Redirects()
    cache.learn(said(Usage.DONT_CACHE), ASKED, 0.0)
    cache.learn(said(Usage.ALL_USER), Asked(application=1, realm="home.example"), 0.0)
    assert len(cache) == 0


@pytest.mark.parametrize("usage", PRECEDENCE)
def test_the_cache_time_ends(usage: Usage) -> None:
    cache = Redirects()
    cache.learn(said(usage, cache_s=10), ASKED, 100.0)
    assert cache.find(ASKED, 109.9)
    assert cache.find(ASKED, 110.0) == ()
    assert len(cache) == 0


@pytest.mark.parametrize("first", range(len(PRECEDENCE) - 1))
def test_the_order_of_precedence(first: int) -> None:
    cache = Redirects()
    for usage in reversed(PRECEDENCE[first:]):
        cache.learn(said(usage, f"{usage.name.lower().replace('_', '-')}.example"), ASKED, 0.0)
    assert cache.find(ASKED, 1.0) == (f"{PRECEDENCE[first].name.lower().replace('_', '-')}.example",)


def test_a_host_that_is_gone_is_forgotten() -> None:
    cache = Redirects()
    both = Indication(
        hosts=(parse_uri("aaa://one.example"), parse_uri("aaa://two.example")), usage=Usage.ALL_REALM, cache_s=10
    )
    cache.learn(both, ASKED, 0.0)
    cache.forget("ONE.example")
    assert cache.find(ASKED, 1.0) == ("two.example",)
    cache.forget("two.example")
    assert len(cache) == 0


def test_a_full_cache_gives_way() -> None:
    cache = Redirects()
    for number in range(CACHE_LIMIT + 5):
        cache.learn(said(Usage.ALL_SESSION), Asked(application=1, realm=None, session=str(number)), 0.0)
    assert len(cache) == CACHE_LIMIT
    cache.learn(said(Usage.ALL_USER), ASKED, 20.0)
    assert len(cache) == 1


def test_an_indication_is_read() -> None:
    answer = redirect(Redirect_Host_Usage=2, Redirect_Max_Cache_Time=60)
    found = indication(answer)
    assert found is not None
    assert (found.hosts[0].fqdn, found.hosts[0].port) == ("new.example", 3870)
    assert (found.usage, found.cache_s) == (Usage.ALL_REALM, 60.0)


@pytest.mark.parametrize(
    ("avps", "usage", "cache_s"),
    [
        ({}, Usage.DONT_CACHE, 0.0),
        ({"Redirect_Host_Usage": 3}, Usage.DONT_CACHE, 0.0),
        ({"Redirect_Host_Usage": 77, "Redirect_Max_Cache_Time": 5}, Usage.DONT_CACHE, 5.0),
        ({"Redirect_Host_Usage": 1, "Redirect_Max_Cache_Time": 2**32 - 1}, Usage.ALL_SESSION, LONGEST_S),
    ],
)
def test_a_usage_without_time_or_meaning_is_not_cached(avps: dict[str, Any], usage: Usage, cache_s: float) -> None:
    found = indication(redirect(**avps))
    assert found is not None
    assert (found.usage, found.cache_s) == (usage, cache_s)


def test_what_is_no_indication() -> None:
    request = dictionary().request("Device-Action", {"Session-Id": "s;1"}, application="Tsp")
    assert indication(request.answer(3002)) is None
    assert indication(request.answer(3006)) is None
    assert indication(request.answer(5012)) is None
    octets = encode(redirect()).replace(b"aaa://", b"bbb://")
    assert indication(decode(octets, dictionary())) is None
