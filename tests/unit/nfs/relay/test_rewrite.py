"""Rewrite rules: what they change, for whom, and what is wrong with bad ones."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from diameter import Message, decode, encode
from diameter.config.load import validate
from diameter.errors import ConfigError
from diameter.routing.agents import forwarded, route_record
from helpers.agents import AGENT, CLIENT, HOME, Chain, server_name
from helpers.nodes import dictionary
from nfs.relay.config import RelayConfig
from nfs.relay.rewrite import Rewriting

NODE = {"origin_host": AGENT, "origin_realm": "hub.example"}


def rewriting(*rules: dict[str, Any]) -> Rewriting:
    config = RelayConfig.model_validate({"node": NODE, "rewrite": list(rules)})
    return Rewriting(config.rewrite, dictionary())


def through(*rules: dict[str, Any], **changes: Any) -> tuple[Message, Message]:
    """The request as the server saw it, and the answer as the client got it."""
    with Chain(agent=rewriting(*rules)) as chain:
        (answer,) = chain.inject(chain.request(**changes))
        (seen,) = chain.seen()
        return seen, answer


def test_a_realm_is_rewritten_before_the_request_is_routed() -> None:
    rule = {"realm": {"Public.example": HOME}}
    seen, _ = through(rule, Destination_Realm="public.EXAMPLE")
    assert seen["Destination-Realm"] == HOME
    assert seen["Origin-Realm"] == "visited.example"


def test_and_back_in_answers() -> None:
    rule = {"direction": "answer", "realm": {HOME: "public.example"}, "host": {server_name(0): "front.public.example"}}
    seen, answer = through(rule)
    assert seen["Destination-Realm"] == HOME
    assert (answer["Origin-Realm"], answer["Origin-Host"]) == ("public.example", "front.public.example")


def test_a_hidden_host_is_hidden_in_the_route_record_too() -> None:
    seen, answer = through({"host": {CLIENT: "front.visited.example"}})
    assert seen["Origin-Host"] == "front.visited.example"
    assert seen.all("Route-Record") == ("front.visited.example",)
    assert answer["Result-Code"] == 2001


@pytest.mark.parametrize(
    ("record", "text"), [("40000008", ""), ("4000000a 610a0000", "a\n"), ("40000009 00000000", "\0")]
)
def test_beside_a_host_that_is_hidden_what_is_no_identity_is_left_out(record: str, text: str) -> None:
    plain = {"Session-Id": "s;1", "Origin-Host": "a.example", "Origin-Realm": "example"}
    made = dictionary().request("Device-Action", plain, application="Tsp")
    empty = made.octets + bytes.fromhex(f"0000011a {record}")
    odd = decode(empty[:1] + len(empty).to_bytes(3) + empty[4:], dictionary())
    hops = decode(forwarded(odd.octets, 1, route_record("far.example")), dictionary())
    rewritten = rewriting({"host": {"far.example": "near.example"}}).request(hops, CLIENT)
    assert isinstance(rewritten, Message)
    assert rewritten.all("Route-Record") == ("near.example",)
    other = rewriting({"host": {"a.example": "b.example"}}).request(hops, CLIENT)
    assert isinstance(other, Message)
    assert other.all("Route-Record") == (text, "far.example")


def test_avps_are_removed_replaced_and_added() -> None:
    rule = {
        "application": "Tsp",
        "command": "Device-Action",
        "remove": ["User-Name"],
        "replace": {"Auth-Session-State": "STATE_MAINTAINED", "Class": "0x00"},
        "add": {"Class": ["0x0102", "text"], "Origin-State-Id": 7},
    }
    seen, _ = through(rule, User_Name="somebody")
    assert "User-Name" not in seen
    assert seen["Auth-Session-State"] == 0
    assert seen.all("Class") == (b"\1\2", b"text")
    assert seen["Origin-State-Id"] == 7


@pytest.mark.parametrize(
    "narrow",
    [
        {"application": "S6m"},
        {"application": "4242"},
        {"command": "Device-Notification"},
        {"command": "4711"},
        {"asked_by": ["other.example"]},
        {"direction": "answer"},
    ],
)
def test_a_rule_is_for_what_it_names_only(narrow: dict[str, Any]) -> None:
    seen, _ = through({"add": {"User-Name": "added"}, **narrow})
    assert "User-Name" not in seen


def test_rules_apply_in_order_and_to_answers_of_those_asked() -> None:
    first = {"direction": "both", "asked_by": [CLIENT], "add": {"User-Name": "one"}}
    second = {"direction": "both", "replace": {"User-Name": "two"}}
    seen, answer = through(first, second)
    assert (seen.all("User-Name"), answer.all("User-Name")) == (("two",), ("two",))


def test_a_message_that_no_rule_changes_keeps_its_octets() -> None:
    with Chain(agent=rewriting({"realm": {"never.example": "x.example"}, "direction": "both"})) as chain:
        request = chain.request()
        chain.inject(request)
        sent = encode(request)
        assert chain.seen()[0].octets[16:].startswith(sent[16:])


def test_a_failure_in_an_answer_stays() -> None:
    rule = {"direction": "answer", "replace": {"Result-Code": 2001}}
    with Chain(agent=rewriting(rule)) as chain:
        chain.applications[0].then = lambda request: request.answer(5030)
        (answer,) = chain.inject(chain.request())
        assert answer["Result-Code"] == 5030


def test_rules_can_be_replaced_while_running() -> None:
    agent = rewriting()
    assert (agent.asks, agent.edits) == (False, False)
    config = RelayConfig.model_validate({"node": NODE, "rewrite": [{"add": {"User-Name": "x"}}]})
    agent.load(config.rewrite, dictionary())
    assert (agent.asks, agent.edits) == (True, False)
    bad = RelayConfig.model_validate({"node": NODE, "rewrite": [{"add": {"No-Such": "x"}}]})
    with pytest.raises(ConfigError):
        agent.load(bad.rewrite, dictionary())
    assert agent.asks


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ({"remove": ["No-Such"]}, "rewrite.0.remove: no dictionary has an AVP named 'No-Such'"),
        ({"add": {"Origin-State-Id": "seven"}}, "rewrite.0.add.Origin-State-Id: "),
        ({"replace": {"Class": "0xzz"}}, "rewrite.0.replace.Class: '0xzz' is not hexadecimal"),
        ({"add": {"Class": "x"}, "application": "Nothing"}, "rewrite.0.application: "),
        ({"add": {"Class": "x"}, "command": "Nothing"}, "rewrite.0.command: no dictionary has a command named"),
    ],
)
def test_what_is_wrong_is_named(rule: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        rewriting(rule)
    assert str(raised.value).startswith(line)


@pytest.mark.parametrize(
    ("rule", "line"),
    [
        ({}, "rewrite.0: changes nothing"),
        ({"remove": ["Route-Record"]}, "rewrite.0.remove.Route-Record: an agent must pass this AVP on as it came"),
        ({"replace": {"Session-Id": "x"}}, "rewrite.0.replace.Session-Id: an agent must"),
        ({"realm": {"*": "x"}}, "rewrite.0.realm"),
    ],
)
def test_what_no_rule_may_say(rule: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError) as raised:
        validate({"node": NODE, "rewrite": [rule]}, RelayConfig, source="f", base=Path())
    assert line in str(raised.value)


def redirecting(**more: Any) -> Rewriting:
    rule = {"realm": "moved.example", "hosts": ["aaa://new.example"], **more}
    config = RelayConfig.model_validate({"node": NODE, "redirect": [rule]})
    return Rewriting((), dictionary(), config.redirect)


def test_a_realm_to_ask_elsewhere_for() -> None:
    with Chain(agent=redirecting(usage="all_user", cache_s=60)) as chain:
        (answer,) = chain.inject(chain.request(Destination_Realm="Moved.example"))
        assert (answer["Result-Code"], answer["Redirect-Host"]) == (3006, "aaa://new.example")
        assert (answer["Redirect-Host-Usage"], answer["Redirect-Max-Cache-Time"]) == (6, 60)
        (answer,) = chain.inject(chain.request())
        assert answer["Result-Code"] == 2001


def test_only_for_its_application() -> None:
    with Chain(agent=redirecting(application="S6m")) as chain:
        (answer,) = chain.inject(chain.request(Destination_Realm="moved.example"))
        assert answer["Result-Code"] == 3003


@pytest.mark.parametrize(
    ("more", "line"),
    [
        ({"hosts": ["new.example"]}, "is not a DiameterURI"),
        ({"usage": "all_realm"}, "usage and cache_s go together"),
        ({"cache_s": 5}, "usage and cache_s go together"),
        ({"application": "Nothing"}, "redirect.0.application"),
    ],
)
def test_what_is_wrong_with_a_redirection(more: dict[str, Any], line: str) -> None:
    with pytest.raises((ConfigError, ValidationError), match=line):
        redirecting(**more)


def test_two_redirections_for_one_realm() -> None:
    rule = {"realm": "moved.example", "hosts": ["aaa://new.example"]}
    config = RelayConfig.model_validate({"node": NODE, "redirect": [rule, rule]})
    with pytest.raises(ConfigError, match="redirect.1: same realm"):
        Rewriting((), dictionary(), config.redirect)
