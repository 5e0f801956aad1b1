"""Redirection to a realm (RFC 7075)."""

from __future__ import annotations

import pytest

from diameter import Message, encode
from diameter._node.overloading import appended
from diameter.errors import ErrorAnswer
from diameter.routing.realm_redirect import realm_indication, to_realm
from diameter.routing.redirect import Usage
from diameter.routing.table import Route
from helpers.agents import HOME, Chain, server_name
from helpers.nodes import REALM, Answering
from helpers.several import Counting, Several, host

OTHER = "other.example"


def named(request: Message, realm: str, code: int = 3011, usage: Usage = Usage.DONT_CACHE, cache_s: int = 0) -> Message:
    """An answer with Redirect-Realm, which the dictionaries read only."""
    said = {"Redirect-Host-Usage": int(usage), "Redirect-Max-Cache-Time": cache_s} if cache_s else {}
    data = realm.encode()
    avp = (620).to_bytes(4) + (8 + len(data)).to_bytes(4) + data + bytes(-len(data) & 3)
    return Message(appended(request.answer(code, said).octets, avp), request.dictionary)


def elsewhere(request: Message) -> Message:
    return named(request, OTHER)


def net(a: Answering, b: Answering) -> Several:
    routes = [Route(realm=OTHER, hosts=(host("b"),)), Route(realm=REALM, hosts=(host("a"),))]
    return Several({"a": a, "b": b}, realms={"b": OTHER}, options={"routes": routes})


def test_a_request_follows_to_the_realm_named() -> None:
    b = Counting()
    with net(Answering(elsewhere), b) as several:
        answer = several.run(several.ask(to=host("a")))
        assert answer["Origin-Host"] == host("b")
        (seen,) = b.seen
        assert seen["Destination-Realm"] == OTHER
        assert "Destination-Host" not in seen
        assert several.client.stats.redirected == 1


def test_a_realm_nobody_leads_to_is_for_whoever_asked() -> None:
    with Several({"a": Answering(lambda request: named(request, "nowhere.example"))}) as several:
        with pytest.raises(ErrorAnswer) as caught:
            several.run(several.ask(to=host("a")))
        assert caught.value.answer["Redirect-Realm"] == "nowhere.example"


def test_realms_that_name_each_other_do_not_go_on_for_ever() -> None:
    a = Answering(elsewhere)
    b = Answering(lambda request: named(request, REALM))
    with net(a, b) as several, pytest.raises(ErrorAnswer, match="3011"):
        several.run(several.ask())
    assert several.client.stats.requests_out == 3
    assert several.nodes["a"].stats.duplicates == 1  # it has redirected this request before


@pytest.mark.parametrize("usage", list(Usage)[1:])
def test_a_realm_is_remembered_as_the_answer_says(usage: Usage) -> None:
    a = Answering(lambda request: named(request, OTHER, usage=usage, cache_s=60))
    with net(a, b := Counting()) as several:

        def ask() -> Message:
            avps = {"Session-Id": "client;1;1", "User-Name": "u"}
            answer: Message = several.run(several.ask(avps=avps))
            return answer

        assert {ask()["Origin-Host"] for _ in range(3)} == {host("b")}
        assert (len(a.seen), len(b.seen)) == (1, 3)
        assert {seen["Destination-Realm"] for seen in b.seen} == {OTHER}
        several.pass_time(61)
        ask()
        assert (len(a.seen), len(b.seen)) == (2, 4)


def test_a_relay_remembers_for_others() -> None:
    """The servers here serve one realm: the second refuses what comes for the other, and shows that it was asked."""
    first = Answering(lambda request: named(request, OTHER, usage=Usage.ALL_REALM, cache_s=60))
    routes = [Route(realm=HOME, hosts=(server_name(0),)), Route(realm=OTHER, hosts=(server_name(1),))]
    with Chain([first, Answering()], routes=routes) as chain:
        for _ in range(3):
            (answer,) = chain.inject(chain.request(Destination_Host=server_name(0)))
            assert (answer["Result-Code"], answer["Origin-Host"]) == (3003, server_name(1))
        assert len(first.seen) == 1


def test_only_3011_with_a_realm_is_an_indication() -> None:
    with net(Answering(), Answering()) as several:
        one = several.run(several.ask())
        assert realm_indication(one) is None
        request = several.nodes["a"].applications[0].seen[0]  # type: ignore[attr-defined]
        assert realm_indication(request.answer(3011, {})) is None
        assert realm_indication(named(request, OTHER, 3006)) is None
        found = realm_indication(elsewhere(request))
        assert found is not None
        assert (found.realm, found.usage, found.cache_s) == (OTHER, Usage.DONT_CACHE, 0)
        assert encode(to_realm(request, OTHER))[20:] != request.octets[20:]
