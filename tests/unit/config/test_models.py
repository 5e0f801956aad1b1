"""The tables: bounds, defaults, and what must agree."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from diameter.config import (
    FunctionConfig,
    Limits,
    ListenConfig,
    NodeConfig,
    PeerConfig,
    SecurityConfig,
    TlsConfig,
)

CLEAR = {"transport": "tcp", "physical_protection": True, "physical_protection_reason": "one rack"}
PEER = {"host": "scs.asp.example", "realm": "asp.example"}


def _node(**more: Any) -> dict[str, Any]:
    return {"origin_host": "iwf.mno.example", "origin_realm": "mno.example", **more}


def _complaint(model: type[Any], table: dict[str, Any]) -> str:
    with pytest.raises(ValidationError) as wrong:
        model.model_validate(table)
    return str(wrong.value.errors()[0]["ctx"]["error"])


@pytest.mark.parametrize("name", ["a", "iwf.mno.example", "A-1_b.example", "1.2.3.4", "x" * 63])
def test_identities(name: str) -> None:
    assert PeerConfig(host=name + ".", realm=name).host == name


@pytest.mark.parametrize(
    "name", ["", ".", "a..b", "*.a", "-a.b", "a-.b", "a b", "ü.example", "x" * 64, "a." * 128 + "a"]
)
def test_what_is_no_identity(name: str) -> None:
    assert "not a DiameterIdentity" in _complaint(PeerConfig, {**PEER, "host": name})


def test_registered_ports() -> None:
    assert ListenConfig().port_number == PeerConfig.model_validate(PEER).port_number == 5868
    assert ListenConfig.model_validate(CLEAR).port_number == 3868
    assert ListenConfig(port=0).port_number == 0


def test_redirects_may_name_peers_only_where_there_is_protection() -> None:
    assert not NodeConfig.model_validate(_node()).redirects.connect
    assert "needs tls" in _complaint(NodeConfig, _node(redirects={"connect": True}))
    bare = {"connect": True, "physical_protection": True}
    assert "needs physical_protection_reason" in _complaint(NodeConfig, _node(redirects=bare))
    said = {**bare, "physical_protection_reason": "one rack"}
    assert NodeConfig.model_validate(_node(redirects=said)).redirects.peers == 16


@pytest.mark.requirement("R-TSP-13", "S-EXP-17")
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "192.0.2.1"])
def test_clear_text_needs_a_declaration_and_a_reason_loopback_included(host: str) -> None:
    table = {"host": host, "transport": "tcp"}
    assert "is clear text" in _complaint(ListenConfig, table)
    assert "needs physical_protection_reason" in _complaint(ListenConfig, {**table, "physical_protection": True})
    blank = {**CLEAR, "physical_protection_reason": " \n"}
    assert "needs physical_protection_reason" in _complaint(PeerConfig, {**PEER, **blank})
    assert ListenConfig.model_validate({**table, **CLEAR}).physical_protection_reason == "one rack"


def test_a_listener_listens_on_an_address() -> None:
    assert ListenConfig(host="fe80::1%lo").host == "fe80::1%lo"
    assert "host: not an IPv4 or IPv6 address" in _complaint(ListenConfig, {"host": "localhost"})


@pytest.mark.requirement("C-GEN-01")
def test_a_peer_is_outside_unless_it_is_said_to_be_inside() -> None:
    assert PeerConfig.model_validate(PEER).placement == "outside"
    assert PeerConfig.model_validate({**PEER, "placement": "inside"}).placement == "inside"


def test_only_an_agent_brings_requests_of_others() -> None:
    assert "only an agent" in _complaint(PeerConfig, {**PEER, "agent_realms": ("a.example",)})
    agent = PeerConfig.model_validate({**PEER, "agent": True, "agent_realms": ["a.example"]})
    assert agent.agent_realms == ("a.example",)
    assert agent.dial == ("scs.asp.example",)


def test_limits_leave_room_for_messages() -> None:
    assert Limits().send_limit >= 4 * Limits().message_limit
    assert "at least four times" in _complaint(Limits, {"send_limit": 8192, "message_limit": 4096})


@pytest.mark.requirement("R-TSP-11")
@pytest.mark.parametrize(
    ("inside", "outside", "complaint"),
    [
        ({"minimum_tls": "1.3"}, {}, "outside.minimum_tls: weaker than inside.minimum_tls"),
        ({"rsa_bits": 3072}, {}, "outside.rsa_bits: weaker than inside.rsa_bits"),
        ({"ec_bits": 384}, {"ec_bits": 256}, "outside.ec_bits: weaker than inside.ec_bits"),
        ({"physical_protection": False}, {}, "outside.physical_protection: weaker than inside.physical_protection"),
    ],
)
def test_outside_is_never_protected_less_than_inside(
    inside: dict[str, Any], outside: dict[str, Any], complaint: str
) -> None:
    assert _complaint(SecurityConfig, {"inside": inside, "outside": outside}) == complaint
    assert SecurityConfig.model_validate({"inside": inside, "outside": inside}).outside.ec_bits >= 256


@pytest.mark.parametrize("threshold", [{"rsa_bits": 1024}, {"ec_bits": 224}, {"minimum_tls": "1.1"}])
@pytest.mark.requirement("E-TSP-12")
def test_no_policy_goes_below_the_profile(threshold: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        SecurityConfig.model_validate({"inside": threshold})


def test_versions_of_tls_stand_in_order() -> None:
    files = {"certificate": "a", "key": "b", "trust": ["c"]}
    table = {**files, "minimum_version": "1.3", "maximum_version": "1.2"}
    assert "lower than minimum_version" in _complaint(TlsConfig, table)
    assert TlsConfig.model_validate({**files, "maximum_version": "1.2"}).minimum_version == "1.2"


@pytest.mark.parametrize(
    ("node", "peers", "complaint"),
    [
        (_node(listen=[{}]), [], 'tls: missing, but {node}listen.0 has transport = "tls"'),
        (_node(), [PEER], 'tls: missing, but peer.0 has transport = "tls"'),
        (_node(listen=[CLEAR, CLEAR]), [], "listen.1: same address and port as {node}listen.0"),
        (
            _node(),
            [{**PEER, **CLEAR}, {**PEER, **CLEAR, "host": "SCS.asp.example"}],
            "peer.1.host: same host as peer.0",
        ),
        (_node(), [{**PEER, **CLEAR, "host": "iwf.MNO.example"}], "peer.0.host: is our own {node}origin_host"),
    ],
)
def test_parts_must_agree(node: dict[str, Any], peers: list[dict[str, Any]], complaint: str) -> None:
    flat = _complaint(NodeConfig, {**node, "peer": peers})
    nested = _complaint(FunctionConfig, {"node": node, "peer": peers})
    for text, prefix in ((flat, ""), (nested, "node.")):
        where = complaint if complaint.startswith("peer") else prefix + complaint
        assert where.format(node=prefix) in text


def test_two_free_ports_on_one_address_are_fine() -> None:
    free = {**CLEAR, "port": 0}
    assert len(NodeConfig.model_validate(_node(listen=[free, free])).listen) == 2


def test_a_model_is_frozen_and_names_unknown_keys() -> None:
    node = NodeConfig.model_validate(_node())
    with pytest.raises(ValidationError):
        node.origin_host = "x"
    with pytest.raises(ValidationError):
        NodeConfig.model_validate(_node(x=1))
    assert node.peer_named("scs.asp.example") is None


def test_timers_keep_the_bounds_of_their_specification() -> None:
    assert NodeConfig.model_validate(_node()).tw_s == 30
    for key, value in (("tw_s", 5.9), ("tc_s", 0), ("request_timeout_s", float("inf"))):
        with pytest.raises(ValidationError):
            NodeConfig.model_validate(_node(**{key: value}))


def test_every_key_has_a_description() -> None:
    schema = FunctionConfig.model_json_schema()
    tables = [schema, *schema["$defs"].values()]
    bare = [
        f"{table['title']}.{key}"
        for table in tables
        for key, value in table["properties"].items()
        if "description" not in value and "$ref" not in value
    ]
    assert bare == []


def test_a_discovered_realm_has_no_host_of_its_own() -> None:
    row = {"realm": "asp.example", "discover": True, "discover_limit": 3}
    peer = PeerConfig.model_validate(row)
    assert (peer.host, peer.realm, peer.discover_limit, peer.certificate_names) == ("asp.example", "asp.example", 3, ())
    for key, value in (("host", "scs.asp.example"), ("connect", True), ("addresses", ["192.0.2.1"])):
        assert f"{key}: is found by DNS" in _complaint(PeerConfig, {**row, key: value})
    for wrong in ({"discover": True}, {**row, "discover": "yes"}, "row"):
        with pytest.raises(ValidationError):
            PeerConfig.model_validate(wrong)


def test_two_rows_for_one_realm_to_discover_are_one_too_many() -> None:
    row = {"realm": "asp.example", "discover": True, **CLEAR}
    assert "peer.1.host: same host as peer.0" in _complaint(NodeConfig, {**_node(), "peer": [row, row]})


def test_routes_name_peers_and_do_not_shadow_each_other() -> None:
    node = {"origin_host": "a.example.org", "origin_realm": "example.org", "peer": [PEER | CLEAR]}
    route = {"realm": "*", "hosts": [PEER["host"]]}
    made = NodeConfig.model_validate({**node, "route": [route, {**route, "application": "Tsp", "balance": "weight"}]})
    assert [(one.realm, one.application, one.balance) for one in made.route] == [
        ("*", "", "order"), ("*", "Tsp", "weight"),
    ]  # fmt: skip
    assert "route.0.hosts" in _complaint(NodeConfig, {**node, "route": [{**route, "hosts": ["other.example"]}]})
    assert "same realm and application as route.0" in _complaint(NodeConfig, {**node, "route": [route, route]})
