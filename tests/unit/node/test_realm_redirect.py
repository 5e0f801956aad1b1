"""Redirection to a realm (RFC 7075)."""

from __future__ import annotations

import pytest

from diameter import Message, encode
from diameter._node.overloading import appended
from diameter.errors import ErrorAnswer
from diameter.routing.realm_redirect import realm_indication, to_realm
from diameter.routing.table import Route
from helpers.nodes import REALM, Answering
from helpers.several import Counting, Several, host

OTHER = "other.example"


def named(request: Message, realm: str, code: int = 3011) -> Message:
    """An answer with Redirect-Realm, which the dictionaries read only."""
    data = realm.encode()
    avp = (620).to_bytes(4) + (8 + len(data)).to_bytes(4) + data + bytes(-len(data) & 3)
    return Message(appended(request.answer(code).octets, avp), request.dictionary)


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


def test_only_3011_with_a_realm_is_an_indication() -> None:
    with net(Answering(), Answering()) as several:
        one = several.run(several.ask())
        assert realm_indication(one) is None
        request = several.nodes["a"].applications[0].seen[0]  # type: ignore[attr-defined]
        assert realm_indication(request.answer(3011, {})) is None
        assert realm_indication(named(request, OTHER, 3006)) is None
        assert realm_indication(elsewhere(request)) == OTHER
        assert encode(to_realm(request, OTHER))[20:] != request.octets[20:]
